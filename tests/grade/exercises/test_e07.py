"""E7: the references against the closed form and central differences, and what mutants of the solution are told."""

import numpy as np
import pytest

from mamlkit.closed_form import quadratic
from mamlkit.closed_form.linear import RegressionTask, optimal_init

from ..conftest import parts, right_answers, verdicts

MUTANTS = [
    ("e07.a", "r = y_query - rate * X_query @ X.T @ y", "r = y_query", "targets lack what the step does"),
    ("e07.a", "alpha / len(y)", "alpha", "summed over its rows"),
    ("e07.a", " / len(y_query)", "", "pool the query rows"),
    ("e07.a", "Z.T @", "X_query.T @", "where FOMAML comes to rest"),
    ("e07.a", "alpha / len(y)", "alpha / len(y_query)", "number of query rows"),
    ("e07.a", "y_query - rate", "y_query + rate", "wrong sign in your targets"),
    ("e07.a", "        rate = alpha", "        X_query, y_query = X, y\n        rate = alpha", "judge on the support"),
    ("e07.b", "judged - rate * X.T @ (X @ judged)", "judged", "FOMAML"),
    ("e07.b", " / len(batch)", "", "You sum the meta-gradients"),
    ("e07.b", " / len(batch)", " / len(tasks)", "number of all tasks"),
    ("e07.b", "return np.array(path)", "return np.array([path[-1]] * len(path))", "the same array"),
    ("e07.b", "X_query @ phi", "X_query @ here", "taken at theta"),
    ("e07.b", "here - beta", "here - alpha", "the inner rate"),
    ("e07.b", "in batch:", "in range(len(tasks)):", r"wrong (on|where)"),
    ("e07.b", "phi = here - rate * X.T @ (X @ here - y)", "phi = here", "taken at theta"),
    ("e07.c", "return g @ step / 2", "return g @ step", "twice too large"),
    ("e07.c", "return g @ step / 2", "return np.linalg.norm(g)", "how steep J is here"),
    ("e07.c", "len(tasks) * len(y_query)", "len(y_query)", "sum over the tasks"),
    ("e07.c", "theta - step", "np.linalg.pinv(H, rcond=1e-10) @ (H @ theta - g)", "shortest of all lowest points"),
    ("e07.c", "theta - step", "theta + step", "wrong sign"),
]


def test_e07_a_start_that_is_changed_in_place_is_told_so():
    """The student copies first, and then writes `theta -= ...` all the same."""
    source = right_answers("e07")["e07.b"]
    source = source.replace("path = [theta]", "theta = theta.copy(); path = [theta]")
    source = source.replace("here, total = path[-1], 0.0", "here, total = theta, 0.0")
    source = source.replace(
        "path.append(here - beta * total / len(batch))", "theta -= beta * total / len(batch); path.append(theta)"
    )
    found = verdicts("e07", {**right_answers("e07"), "e07.b": source})
    assert "the same array" in found["e07.b"].advice


def regressions(tasks):
    return [RegressionTask(*task) for task in tasks]


def outer_loss(theta, tasks, alpha):
    """J, by walking: nothing of the formulas in the exercise."""
    losses = []
    for X, y, X_query, y_query in tasks:
        phi = theta - alpha * np.mean([(x @ theta - t) * x for x, t in zip(X, y, strict=True)], axis=0)
        losses.append(np.mean((X_query @ phi - y_query) ** 2) / 2)
    return np.mean(losses)


def test_e07_best_start_agrees_with_the_closed_form():
    for trial in parts("e07")["e07.a"].key(seed=3).trials:
        expected = optimal_init(regressions(trial.inputs["tasks"]), inner_lr=trial.inputs["alpha"])
        np.testing.assert_allclose(trial.expected, expected, rtol=1e-8, atol=1e-8)


def test_e07_loop_follows_the_central_differences_of_the_outer_loss_of_each_batch():
    for trial in parts("e07")["e07.b"].key(seed=3).trials:
        given, nudges = trial.inputs, 1e-4 * np.eye(len(trial.inputs["theta"]))
        assert np.array_equal(trial.expected[0], given["theta"])
        for here, after, batch in zip(trial.expected[:-1], trial.expected[1:], given["batches"], strict=True):
            tasks = [given["tasks"][index] for index in batch]
            rises = [outer_loss(here + e, tasks, given["alpha"]) - outer_loss(here - e, tasks, given["alpha"])
                     for e in nudges]  # fmt: skip
            np.testing.assert_allclose(after, here - given["beta"] * np.array(rises) / 2e-4, rtol=1e-7, atol=1e-7)


def test_e07_loop_agrees_with_the_meta_gradient_of_quadratics():
    for trial in parts("e07")["e07.b"].key(seed=4).trials:
        given = trial.inputs
        pairs = [task.as_quadratics() for task in regressions(given["tasks"])]
        gradients = [
            quadratic.meta_gradient(given["theta"], **pairs[index]._asdict(), inner_lr=given["alpha"])
            for index in given["batches"][0]
        ]
        moved = given["theta"] - given["beta"] * np.mean(gradients, axis=0)
        np.testing.assert_allclose(trial.expected[1], moved, rtol=1e-10, atol=1e-12)


def test_e07_diagnosis_agrees_with_the_closed_form_and_with_a_long_descent():
    singular = 0
    for trial in parts("e07")["e07.c"].key(seed=3).trials:
        (excess, goal), given = trial.expected, trial.inputs
        tasks, alpha = given["tasks"], given["alpha"]
        best = optimal_init(regressions(tasks), inner_lr=alpha)
        height = outer_loss(given["theta"], tasks, alpha) - outer_loss(best, tasks, alpha)
        assert excess == pytest.approx(height, rel=1e-7, abs=1e-10)
        assert outer_loss(goal, tasks, alpha) == pytest.approx(outer_loss(best, tasks, alpha), rel=1e-7, abs=1e-10)
        np.testing.assert_allclose(descended(**given), goal, atol=1e-6)
        singular += not np.allclose(best, goal, atol=1e-3)
    assert singular > 0  # where descent ends elsewhere than at the shortest lowest point


def descended(theta, tasks, alpha):
    """Walk down J with the gradient of quadratics until nothing moves."""
    pairs = [task.as_quadratics() for task in regressions(tasks)]

    def gradient(at):
        parts_ = [quadratic.meta_gradient(at, **pair._asdict(), inner_lr=alpha) for pair in pairs]
        return np.mean(parts_, axis=0)

    origin = gradient(np.zeros(len(theta)))
    curvature = np.array([gradient(unit) - origin for unit in np.eye(len(theta))]).T
    rate = 1 / np.linalg.eigvalsh((curvature + curvature.T) / 2).max()
    for _ in range(20_000):
        theta = theta - rate * (curvature @ theta + origin)
    return theta
