"""Surrogates and the score term, held against sums that are written out, differences and the exact bandit."""

import numpy as np
import pytest
import torch

from mamlkit import engine
from mamlkit.applications import navigation, navigation_policy, navigation_score
from mamlkit.applications.navigation_policy import SURROGATES, advantages, gaussian_policy, policy_loss
from mamlkit.closed_form import policy as exact


@pytest.fixture
def setting():
    params, policy = gaussian_policy(torch.Generator().manual_seed(1), hidden=(4,), dtype=torch.float64)
    tasks = navigation.sample_goals(np.random.default_rng(0), num_tasks=3, trajectories=4, horizon=3)
    return params, policy, tasks


def test_advantages_leave_each_trajectory_out_of_its_own_baseline():
    rewards = torch.tensor(np.random.default_rng(0).normal(size=(4, 3)))
    found = advantages(rewards)
    for n in range(4):
        for t in range(3):
            others = [rewards[m, t:].sum() for m in range(4) if m != n]
            assert found[n, t] == pytest.approx(float(rewards[n, t:].sum() - sum(others) / 3), rel=1e-12)


@pytest.mark.parametrize("kind", SURROGATES)
def test_value_is_minus_the_return_and_the_first_derivative_the_policy_gradient(setting, kind):
    params, policy, tasks = setting
    goal, noise = (torch.tensor(part[0]) for part in tasks.query)
    made = navigation.roll_out(policy, params, goal, noise)
    leaves = {name: leaf.clone().requires_grad_() for name, leaf in params.items()}
    loss = policy_loss(policy, kind=kind)(leaves, goal, noise)
    assert float(loss.detach()) == pytest.approx(-float(made.rewards.sum(1).mean()), rel=1e-12)
    found = torch.autograd.grad(loss, list(leaves.values()))
    total = [torch.zeros_like(leaf) for leaf in leaves.values()]
    worth = advantages(made.rewards)
    for n in range(4):
        for t in range(3):  # one action after the other, by torch's own normal distribution
            mean, log_std = policy(leaves, made.states[n, t])
            log = torch.distributions.Normal(mean, log_std.exp()).log_prob(made.actions[n, t]).sum()
            for part, slope in zip(total, torch.autograd.grad(log, list(leaves.values())), strict=True):
                part -= slope * worth[n, t] / 4
    for one, other in zip(found, total, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


def coin(kind, theta, actions):
    """Return the surrogate of a bandit with rewards 0 and 1 without baseline: the log-odds are theta."""
    logs = torch.nn.functional.logsigmoid(torch.where(actions == 1, theta, -theta))[:, None]
    rewards = actions[:, None].double()
    new = logs - logs.detach()
    return {
        "naive": lambda: -(logs * rewards).sum(1).mean(),
        "lvc": lambda: -(new.exp() * rewards).sum(1).mean(),
        "dice": lambda: -(new.cumsum(1).exp() * rewards).sum(1).mean(),
    }[kind]()


@pytest.mark.parametrize("kind", SURROGATES)
def test_second_derivatives_are_those_of_the_exact_bandit(kind, monkeypatch):
    """The mean over all 8 samples of three, through autodiff, equals the estimator's mean in closed form."""
    monkeypatch.setattr(navigation_policy, "advantages", lambda rewards: rewards.flip(1).cumsum(1).flip(1))
    alpha, chance, total = 2.0, 1 / (1 + np.exp(1.0)), 0.0
    for bits in np.ndindex(2, 2, 2):
        theta = torch.tensor(-1.0, dtype=torch.float64, requires_grad=True)
        actions = torch.tensor(bits)
        logs = torch.nn.functional.logsigmoid(torch.where(actions == 1, theta, -theta))[:, None]
        loss = SURROGATES[kind](logs, actions[:, None].double())
        assert float(torch.autograd.grad(loss, theta, create_graph=True)[0].detach()) == pytest.approx(
            float(torch.autograd.grad(coin(kind, theta, actions), theta)[0])
        )
        (slope,) = torch.autograd.grad(loss, theta, create_graph=True)
        phi = theta - alpha * slope
        (found,) = torch.autograd.grad(torch.sigmoid(phi), theta)
        total += float(found) * chance ** sum(bits) * (1 - chance) ** (3 - sum(bits))
    settings = {"inner_lr": alpha, "num_trajectories": 3, "score_weight": 0.0}
    assert total == pytest.approx(exact.estimator_mean(exact.bandit([0, 1]), [-1.0], hessian=kind, **settings)[0])


def test_score_is_the_slope_of_the_log_probability(setting):
    params, policy, tasks = setting
    goals, noise = (torch.tensor(part) for part in tasks.query)
    worth = torch.tensor([0.5, -2.0, 1.0], dtype=torch.float64)
    made = [navigation.roll_out(policy, params, *pair) for pair in zip(goals, noise, strict=True)]

    def total(log_std):
        return sum(
            w
            * navigation_policy.log_probability(
                policy, params | {"log_std": log_std}, m.states[:, :-1], m.actions
            ).sum()
            for w, m in zip(worth, made, strict=True)
        )

    found = navigation_score.score(policy, params, goals, noise, worth)["log_std"]
    for index, unit in enumerate(torch.eye(2, dtype=torch.float64)):
        ends = [total(params["log_std"] + h * unit) for h in (1e-5, -1e-5)]
        assert float(found[index]) == pytest.approx(float(ends[0] - ends[1]) / 2e-5, rel=1e-6)


def test_scored_algorithm_adds_the_score_term_and_nothing_else(setting):
    params, policy, tasks = setting
    loss_fn, options = policy_loss(policy, kind="naive"), {"inner_lr": 0.01, "num_steps": 1, "stream": True}
    sets = {"support": tasks.support, "query": tasks.query}
    plain = engine.meta_gradient(loss_fn, params, **sets, **options)
    found = navigation_score.scored_meta_gradient(policy)(loss_fn, params, **sets, **options)
    torch.testing.assert_close(found.task_losses, plain.task_losses)
    losses = plain.task_losses
    for index in range(3):  # each task against the mean of the other two
        others = [losses[j] for j in range(3) if j != index]
        goal, noise = (torch.tensor(part[index, 0]) for part in tasks.support)
        made = navigation.roll_out(policy, params, goal, noise)
        leaves = {name: leaf.clone().requires_grad_() for name, leaf in params.items()}
        logs = navigation_policy.log_probability(policy, leaves, made.states[:, :-1], made.actions).sum()
        slopes = torch.autograd.grad(logs, list(leaves.values()))
        for name, slope in zip(leaves, slopes, strict=True):
            plain.gradient[name].add_(slope * (losses[index] - sum(others) / 2) / 3)
    for name in params:
        torch.testing.assert_close(found.gradient[name], plain.gradient[name], rtol=1e-9, atol=1e-11)
    nothing = navigation_score.scored_meta_gradient(policy, score_weight=0.0)(loss_fn, params, **sets, **options)
    assert any((nothing.gradient[name] != found.gradient[name]).any() for name in params)


def test_a_step_helps_after_a_short_training():
    params, policy = gaussian_policy(torch.Generator().manual_seed(0))
    loss_fn = policy_loss(policy)
    trained = engine.meta_train(
        loss_fn, params, navigation.sample_goals, inner_lr=0.005, num_steps=1, stream=True, outer_lr=0.01,
        iterations=60, seed=0, backend="eager", progress=False,
    )  # fmt: skip
    tasks = navigation.sample_goals(np.random.default_rng(1), num_tasks=30)
    settings = {"inner_lr": 0.005, "num_steps": 1, "stream": True}
    before, after = engine.evaluate(loss_fn, trained.params, support=tasks.support, query=tasks.query, **settings)
    assert after.mean() < 0.5 * before.mean()


def test_paths_are_rollouts_of_adapted_parameters(setting):
    params, policy, tasks = setting
    loss_fn, (goal, noise) = policy_loss(policy), (torch.tensor(part[0]) for part in tasks.query)
    steps = torch.stack([noise, noise.flip(0)])
    found = navigation_policy.paths(policy, params, goal=goal, noise=steps, query=noise, loss_fn=loss_fn, inner_lr=0.01)
    phi = params
    for index, path in enumerate(found):
        torch.testing.assert_close(path, navigation.roll_out(policy, phi, goal, noise).states)
        if index < 2:
            phi = engine.adapt(loss_fn, phi, (goal, steps[index]), inner_lr=0.01, num_steps=1)


def test_what_does_not_fit_is_refused(setting):
    params, policy, tasks = setting
    with pytest.raises(ValueError, match="kind must be one of naive, lvc, dice, got 'all'"):
        policy_loss(policy, kind="all")
    algorithm = navigation_score.scored_meta_gradient(policy)
    sets = {"support": tasks.support, "query": tasks.query, "inner_lr": 0.1}
    with pytest.raises(ValueError, match="the score term needs num_steps=1 and stream=True, got 2 and True"):
        algorithm(policy_loss(policy), params, **sets, num_steps=2, stream=True)
    with pytest.raises(TypeError, match="score_weight must be a real number"):
        navigation_score.scored_meta_gradient(policy, score_weight="1")
