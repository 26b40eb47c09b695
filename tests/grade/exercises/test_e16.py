"""E16: the references against enumeration, autograd and SciPy, and what mutants of the solution are told."""

from itertools import product

import numpy as np
import pytest
import torch
from scipy import stats

from mamlkit.closed_form import policy

from ..conftest import parts, right_answers

MUTANTS = [
    ("e16.a", "total += pathwise + (value - baseline) * scores[m].sum(axis=0)", "total += pathwise", "naive estimator"),
    ("e16.a", "scores[m].sum(axis=0)", "scores[m].mean(axis=0)", "averaged over its trajectories"),
    ("e16.a", "(query_returns.sum() - value) / others", "query_returns.mean()", "own query return"),
    ("e16.a", "alpha * H.T @", "alpha * H @", "not transposed"),
    ("e16.a", "(value - baseline)", "alpha * (value - baseline)", "alpha in front"),
    ("e16.a", "scores[m].sum(axis=0)", "scores.sum(axis=(0, 1))", "it has cancelled"),
    ("e16.b", "(ones - N * p)", "(ones / N - p)", "averaged over the N draws"),
    ("e16.b", "comb(N, k)", "1", "binomial coefficient"),
    ("e16.b", "rewards - baseline", "rewards", "baseline is missing"),
    ("e16.b", "(1 + alpha * H) * gain", "gain", "as in FOMAML"),
    ("e16.c", "scores.sum(axis=1)", "scores.mean(axis=1)", "are averaged"),
    ("e16.c", "uniforms < p", "uniforms > p", "swapped"),
    ("e16.c", "better = gain * (q - p)", "better = rewards[0] + gain * q", "Take J.theta. off"),
    ("e16.c", "(earned * scores).mean(axis=1)", "(earned * scores).mean()", "one step together"),
    ("e16.c", "gain * (q - p)", "gain * (q - q.mean())", "contains the repeat's own draws"),
    ("e16.c", "gain * (q - p)", "gain * (q - (q.sum() - q) / (len(q) - 1))", "needs no repeats"),
    ("e16.d", " / np.sqrt(len(estimates))", "", "single estimates scatter"),
    ("e16.d", "> half_width", "> 0", "sign of the bias alone"),
    ("e16.d", "bias**2 + spread**2 / batch", "(bias**2 + spread**2) / batch", "taken the bias down"),
    ("e16.d", "spread**2 / batch", "spread**2", "for a single estimate"),
]


def trials(part):
    return parts("e16")[part].key(seed=3).trials


@pytest.fixture(scope="module")
def solved():
    """Return the functions of the solution."""
    from math import comb

    space = {"np": np, "comb": comb, "chance": lambda theta: 1 / (1 + np.exp(-theta))}
    for source in right_answers("e16").values():
        exec(source, space)
    return space


def test_e16_estimate_is_the_gradient_of_a_loss_that_autograd_sees():
    """One whose draws have a log-probability: g = H theta, query q . phi, and returns held as numbers."""
    for trial in trials("e16.a"):
        given = {name: torch.tensor(value, dtype=torch.float64) for name, value in trial.inputs.items()}
        size = len(given["query_returns"])
        theta = torch.zeros(given["scores"].shape[-1], dtype=torch.float64, requires_grad=True)
        surrogate = torch.zeros((), dtype=torch.float64)
        for m in range(size):
            phi = theta + given["alpha"] * given["step_derivatives"][m] @ theta
            others = torch.cat([given["query_returns"][:m], given["query_returns"][m + 1 :]]).mean()
            log_probability = (given["scores"][m] @ theta).sum()
            surrogate = surrogate + phi @ given["query_gradients"][m]
            surrogate = surrogate + (given["query_returns"][m] - others) * log_probability
        (gradient,) = torch.autograd.grad(surrogate / size, theta)
        np.testing.assert_allclose(trial.expected, gradient, rtol=1e-10)


def test_e16_estimate_has_the_gradient_of_the_second_objective_for_its_mean(solved):
    """Two bandits, two draws each: all sixteen batches, against central differences. The baseline changes no mean."""
    rewards, theta, alpha, h = np.array([[0.3, 1.4], [-0.2, -1.1]]), 0.4, 1.5, 1e-5
    p, mean = 1 / (1 + np.exp(-theta)), 0.0
    for actions in product((0, 1), repeat=4):
        batch = np.array(actions).reshape(2, 2)
        scores, earned = batch - p, np.take_along_axis(rewards, batch, axis=1)
        phi = theta + alpha * (earned * scores).mean(axis=1)
        worlds = [policy.bandit(one) for one in rewards]
        mean = mean + np.where(batch, p, 1 - p).prod() * solved["outer_estimate"](
            (-p * (1 - p) * earned.mean(axis=1))[:, None, None],
            np.array([policy.return_gradient(w, [at]) for w, at in zip(worlds, phi, strict=True)]),
            np.array([policy.expected_return(w, [at]) for w, at in zip(worlds, phi, strict=True)]),
            scores[:, :, None],
            alpha,
        )
    ends = [
        np.mean([policy.sampled_return(w, [theta + s], inner_lr=alpha, num_trajectories=2) for w in worlds])
        for s in (h, -h)
    ]
    np.testing.assert_allclose(mean, (ends[0] - ends[1]) / (2 * h), rtol=1e-8)


def test_e16_means_agree_with_the_closed_form_and_with_central_differences():
    for trial in trials("e16.b"):
        given = dict(trial.inputs)
        world, theta, inner_lr = policy.bandit(given["rewards"]), given["theta"], given["alpha"]
        about = {"num_trajectories": given["num_trajectories"], "baseline": given["baseline"], "inner_lr": inner_lr}
        exact = [policy.estimator_mean(world, [theta], **about, score_weight=weight)[0] for weight in (0.0, 1.0)]
        np.testing.assert_allclose(trial.expected, exact, rtol=1e-10)
        high, low = (policy.sampled_return(world, [theta + s], **about) for s in (1e-5, -1e-5))
        np.testing.assert_allclose(trial.expected[1], (high - low) / 2e-5, rtol=1e-7, atol=1e-9)


def test_e16_experiment_agrees_with_autograd_through_each_repeat():
    for trial in trials("e16.c"):
        given = trial.inputs
        rewards = torch.tensor(given["rewards"], dtype=torch.float64)
        for row, uniforms in zip(trial.expected, given["uniforms"], strict=True):
            theta = torch.tensor(given["theta"], dtype=torch.float64, requires_grad=True)
            actions = torch.tensor(uniforms) < torch.sigmoid(theta).detach()
            log_chance = torch.where(actions, torch.sigmoid(theta).log(), torch.sigmoid(-theta).log())
            earned = rewards[actions.long()]
            (g,) = torch.autograd.grad((earned * log_chance).mean(), theta, create_graph=True)
            value = rewards[0] + (rewards[1] - rewards[0]) * torch.sigmoid(theta + given["alpha"] * g)
            start = (rewards[0] + (rewards[1] - rewards[0]) * torch.sigmoid(theta)).detach()
            (naive,) = torch.autograd.grad(value, theta, retain_graph=True)
            (whole,) = torch.autograd.grad(value + (value.detach() - start) * log_chance.sum(), theta)
            np.testing.assert_allclose(row, [naive, whole], rtol=1e-9)


def test_e16_experiment_has_the_exact_means_over_every_sample(solved):
    """Every pattern of four draws, weighted by its probability; numbers below p draw action 1."""
    theta, rewards, alpha, n = -0.7, np.array([0.5, -0.6]), 1.8, 4
    p = 1 / (1 + np.exp(-theta))
    patterns = np.array(list(product((0, 1), repeat=n)))
    weight = np.where(patterns, p, 1 - p).prod(axis=1)
    estimates = solved["experiment"](theta, rewards, alpha, np.where(patterns, p / 2, (1 + p) / 2))
    np.testing.assert_allclose(weight @ estimates, solved["exact_means"](theta, rewards, alpha, 0.0, n), rtol=1e-10)


def test_e16_reading_agrees_with_scipy():
    for trial in trials("e16.d"):
        estimates, exact, batch = (trial.inputs[name] for name in ("estimates", "exact", "batch"))
        for row, column in zip(trial.expected, estimates.T, strict=True):
            low, high = stats.norm.interval(0.95, column.mean() - exact, stats.sem(column))
            bias, half_width, verdict, error = row
            np.testing.assert_allclose([bias - half_width, bias + half_width], [low, high], rtol=1e-3, atol=1e-4)
            assert verdict == (1 if low > 0 else -1 if high < 0 else 0)
            np.testing.assert_allclose(error**2 - bias**2, np.var(column, ddof=1) / batch)


def test_e16_intervals_hold_the_exact_mean_as_often_as_they_say(solved):
    """1,000 experiments of 100 repeats: with the score term about 95 % of the verdicts are 0, without it none is."""
    theta, rewards, alpha, n, rng = -1.0, np.array([0.0, 1.0]), 2.0, 3, np.random.default_rng(0)
    exact = solved["exact_means"](theta, rewards, alpha, 0.0, n)[1]
    verdicts = np.array(
        [
            solved["reading"](solved["experiment"](theta, rewards, alpha, rng.uniform(size=(100, n))), exact, 20)[:, 2]
            for _ in range(1000)
        ]
    )
    assert (verdicts[:, 0] == -1).mean() > 0.99
    assert 0.92 < (verdicts[:, 1] == 0).mean() < 0.97
