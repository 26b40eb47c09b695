"""E6: the references against the closed form, autograd and simulation, and what mutants are told."""

import numpy as np
import pytest
import torch

from mamlkit.closed_form import geometry

from ..conftest import parts

MUTANTS = [
    ("e06.a", "np.linalg.norm(way + alpha * gradient)", "np.linalg.norm(way - alpha * gradient)", "uphill"),
    ("e06.a", "max(c, 0.0)", "c", "negative where the step goes away"),
    ("e06.a", "best, least])", "best, np.sqrt(1 - c**2)])", "all of the distance is left"),
    ("e06.a", "c = -gradient @ way", "c = gradient @ way", "lost its minus"),
    ("e06.a", "best, least])", "best * g, least])", "best length of the step"),
    ("e06.a", "best, least])", "best, 1 - max(c, 0)])", "1 - c"),
    ("e06.a", "alpha * gradient) / D", "alpha * gradient)", "share of D"),
    ("e06.b", "phi = theta - alpha * g_S", "phi = theta - alpha * g_Q", "may only judge"),
    ("e06.b", "loss(theta, *query) - loss(phi, *query)", "loss(theta, *support) - loss(phi, *support)", "support loss"),
    ("e06.b", "alpha * product", "product", "lost its alpha"),
    ("e06.b", "loss(theta, *query) - loss(phi, *query)", "loss(phi, *query) - loss(theta, *query)", "wrong sign"),
    ("e06.b", "fall])", "fall]); theta = phi", "overwritten in the loop"),
    ("e06.c", "y - before", "y - after", "measured after the step"),
    ("e06.c", "ddof=1", "ddof=0", "n - 1"),
    ("e06.c", "/ np.sqrt(len(tasks))", "", "standard deviation of the differences"),
    ("e06.c", "np.std(error, ddof=1)", "np.sqrt(np.var(table[:, :, 1], axis=0, ddof=1).sum())", "task by task"),
    ("e06.c", "*support)", "X, y)", "only judge"),
    ("e06.c", "np.mean((after", "np.sum((after", "Take their mean"),
    ("e06.c", "(table[:, 0] - table[:, 1])", "(table[:, 1] - table[:, 0])", "turned round"),
]


def trials(part, seed=3):
    return parts("e06")[part].key(seed=seed).trials


def test_e06_a_agrees_with_the_closed_form_and_no_rate_leaves_less():
    """R7: the share left is the law of cosines, and a search finds no better rate."""
    for trial in trials("e06.a"):
        given, (c, left, best, least) = trial.inputs, trial.expected
        D, g = np.linalg.norm(given["way"]), np.linalg.norm(given["gradient"])
        assert c == pytest.approx(geometry.alignment(given["gradient"], given["way"]))
        assert left * D == pytest.approx(geometry.distance_after_step(D, g, c, inner_lr=given["alpha"]))
        rates = np.linspace(0, 5 * D / g, 20_001)
        searched = np.array([np.linalg.norm(given["way"] + rate * given["gradient"]) for rate in rates[::20]]) / D
        assert searched.min() >= least - 1e-9
        assert np.linalg.norm(given["way"] + best * given["gradient"]) / D == pytest.approx(least, abs=1e-9)


def tensor(value):
    return torch.as_tensor(value, dtype=torch.float64)


def answers(theta, X):
    return torch.tanh(tensor(X) @ theta)


def error(theta, X, y):
    return torch.nn.functional.mse_loss(answers(theta, X), tensor(y))


def slope(theta, X, y):
    leaf = tensor(theta).clone().requires_grad_()
    return torch.autograd.grad(error(leaf, X, y), leaf)[0]


def test_e06_b_agrees_with_automatic_differentiation():
    for trial in trials("e06.b"):
        theta, alpha = tensor(trial.inputs["theta"]), trial.inputs["alpha"]
        for (support, query), row in zip(trial.inputs["tasks"], trial.expected, strict=True):
            one, other = slope(theta, *support), slope(theta, *query)
            cosine = torch.cosine_similarity(one, other, dim=0)
            fall = error(theta, *query) - error(theta - alpha * one, *query)
            np.testing.assert_allclose(row, [cosine, alpha * one.dot(other), fall], atol=1e-10)


def test_e06_b_the_prediction_is_the_slope_of_the_measured_fall():
    """Halve a short step, and the error of the prediction falls to a quarter."""
    agreement, rng = parts("e06")["e06.b"].reference, np.random.default_rng(0)
    for _ in range(20):
        given = parts("e06")["e06.b"].draws(rng)
        off = [np.abs(np.diff(agreement(**{**given, "alpha": alpha})[:, 1:], axis=1)) for alpha in (2e-4, 1e-4)]
        np.testing.assert_allclose(off[0], 4 * off[1], rtol=0.02, atol=1e-11)


def test_e06_c_agrees_with_torch():
    for trial in trials("e06.c"):
        given, table = trial.inputs, []
        for support, (X, y) in given["tasks"]:
            for theta in map(tensor, given["starts"]):
                phi = theta - given["alpha"] * slope(theta, *support)
                before, after = answers(theta, X), answers(phi, X)
                aim = torch.cosine_similarity(after - before, tensor(y) - before, dim=0)
                table.append([aim.item(), error(phi, X, y).item()])
        apart = tensor(table).reshape(-1, 2, 2).diff(dim=1).neg().squeeze(1)  # tasks, then aim and error
        bar = apart[:, 1].std() / len(apart) ** 0.5
        np.testing.assert_allclose(trial.expected, [*apart.mean(0), bar], atol=1e-10)


def test_e06_c_the_interval_holds_the_truth_as_often_as_it_says():
    """Two paired standard errors hold the mean difference about 19 times in 20, over fresh batches of tasks."""
    compare, rng, alpha = parts("e06")["e06.c"].reference, np.random.default_rng(0), 0.4
    starts = (np.array([0.5, -0.2]), np.array([-0.3, 0.6]))

    def batch(size):
        sets = rng.normal(size=(size, 2, 6, 2))
        return [
            [(X, np.tanh(X @ own)) for X in pair] for pair, own in zip(sets, rng.normal(size=(size, 2)), strict=True)
        ]

    truth = compare(starts=starts, tasks=batch(8000), alpha=alpha)[1]
    found = np.array([compare(starts=starts, tasks=batch(60), alpha=alpha) for _ in range(300)])
    assert 0.9 < np.mean(np.abs(found[:, 1] - truth) < 2 * found[:, 2]) < 0.99
