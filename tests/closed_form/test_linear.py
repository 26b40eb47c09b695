"""The best start of linear regressions, against a numerical search, descent on J, and automatic differentiation."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.optimize import minimize

from mamlkit import engine
from mamlkit.closed_form.linear import RegressionTask, after_a_step, optimal_init
from mamlkit.closed_form.quadratic import adapt, meta_optimum

seeds = st.integers(0, 10_000)


def random_tasks(rng, num_tasks=4, size=3, num_support=5, num_query=6):
    def task():
        x, x_query = rng.normal(size=(num_support, size)), rng.normal(size=(num_query, size))
        theta = rng.normal(size=size)
        return RegressionTask(x, x @ theta + rng.normal(size=num_support), x_query, x_query @ theta)

    return [task() for _ in range(num_tasks)]


def outer_loss(theta, tasks, inner_lr):
    """Written out from the data: one step on the mean support loss, then the mean query loss."""
    losses = []
    for task in tasks:
        errors = task.x_support @ theta - task.y_support
        phi = theta - inner_lr * np.mean(errors[:, None] * task.x_support, axis=0)
        losses.append(0.5 * np.mean((task.x_query @ phi - task.y_query) ** 2))
    return np.mean(losses)


@pytest.mark.parametrize("inner_lr", [0.0, 0.1, 0.5, 1.5])
def test_r8_no_search_finds_a_better_start(inner_lr):
    tasks = random_tasks(np.random.default_rng(0))
    found = minimize(outer_loss, np.zeros(3), args=(tasks, inner_lr), tol=1e-12)
    assert_allclose(optimal_init(tasks, inner_lr=inner_lr), found.x, atol=1e-5)


@given(seeds, st.sampled_from([0.0, 0.2, 0.7]))
def test_r8_the_meta_gradient_of_the_engine_vanishes(seed, inner_lr):
    tasks = random_tasks(np.random.default_rng(seed), num_tasks=3)

    def loss_fn(theta, x, y):
        return 0.5 * ((x @ theta - y) ** 2).mean()

    sets = {
        part: tuple(np.stack([getattr(task, f"{letter}_{part}") for task in tasks]) for letter in "xy")
        for part in ("support", "query")
    }
    theta = torch.tensor(optimal_init(tasks, inner_lr=inner_lr))
    found = engine.meta_gradient(loss_fn, theta, **sets, inner_lr=inner_lr, num_steps=1)
    assert_allclose(found.gradient, np.zeros(3), atol=1e-9 * (1 + float(theta.norm())))


def test_r8_is_the_formula_of_the_ledger():
    """With query sets of one size: [sum M]^{-1} sum v, every matrix written out."""
    tasks, alpha = random_tasks(np.random.default_rng(1)), 0.3
    M, v = np.zeros((3, 3)), np.zeros(3)
    for task in tasks:
        X, y, Xq, yq = task.x_support, task.y_support, task.x_query, task.y_query
        T = np.eye(3) - alpha / len(X) * X.T @ X
        M += T.T @ Xq.T @ Xq @ T
        v += T.T @ Xq.T @ (yq - alpha / len(X) * Xq @ X.T @ y)
    assert_allclose(optimal_init(tasks, inner_lr=alpha), np.linalg.solve(M, v), rtol=1e-9)


def test_unequal_query_sets_count_as_one_task_each():
    rng = np.random.default_rng(2)
    tasks = random_tasks(rng, 2, num_query=4) + random_tasks(rng, 2, num_query=40)
    found = minimize(outer_loss, np.zeros(3), args=(tasks, 0.4), tol=1e-12)
    assert_allclose(optimal_init(tasks, inner_lr=0.4), found.x, atol=1e-5)
    quadratics = [task.as_quadratics() for task in tasks]
    assert_allclose(optimal_init(tasks, inner_lr=0.4), meta_optimum(quadratics, inner_lr=0.4), rtol=1e-8)


def test_without_a_step_it_is_least_squares_on_all_query_sets():
    tasks = random_tasks(np.random.default_rng(3))
    x, y = (np.concatenate([getattr(task, f"{letter}_query") for task in tasks]) for letter in "xy")
    assert_allclose(optimal_init(tasks, inner_lr=0.0), np.linalg.lstsq(x, y)[0], rtol=1e-9)


def test_a_singular_sum_gives_the_start_that_descent_from_zero_reaches():
    """Two tasks with one query row each in four dimensions: most directions are never judged."""
    tasks = random_tasks(np.random.default_rng(4), 2, size=4, num_query=1)
    theta, parts = np.zeros(4), [after_a_step(task, inner_lr=0.3) for task in tasks]
    for _ in range(20_000):
        theta = theta - 0.1 * sum(part.inputs.T @ (part.inputs @ theta - part.targets) for part in parts)
    best = optimal_init(tasks, inner_lr=0.3)
    assert_allclose(best, theta, atol=1e-6)
    assert outer_loss(best, tasks, 0.3) == pytest.approx(0, abs=1e-12)


def test_where_a_step_solves_every_task_the_start_is_zero():
    x = np.sqrt(2) * np.eye(2)  # (1/n) X'X = I: a step of rate 1 solves the task from anywhere
    tasks = [RegressionTask(x, x @ optimum, x, x @ optimum) for optimum in ([1.0, 2.0], [3.0, -1.0])]
    assert_allclose(optimal_init(tasks, inner_lr=1.0), [0.0, 0.0], atol=1e-12)


@given(seeds)
def test_the_changed_regression_gives_the_errors_after_a_step(seed):
    rng = np.random.default_rng(seed)
    (task,), theta = random_tasks(rng, 1), rng.normal(size=3)
    phi = adapt(theta, task.as_quadratics().support, inner_lr=0.6)[-1]
    inputs, targets = after_a_step(task, inner_lr=0.6)
    assert_allclose(inputs @ theta - targets, task.x_query @ phi - task.y_query, atol=1e-9)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"x_support": [1.0, 2.0]}, ValueError, "x_support must have 2 axes"),
        ({"x_support": np.zeros((0, 1)), "y_support": []}, ValueError, "x_support must have at least one row"),
        ({"y_query": [1.0, 2.0]}, ValueError, r"y_query must have shape \(1,\)"),
        ({"x_query": [[1.0, 2.0]]}, ValueError, "x_query must have as many columns as x_support"),
        ({"y_support": ["a"]}, TypeError, "y_support must hold real numbers"),
    ],
)
def test_bad_tasks_are_named(change, error, message):
    good = {"x_support": [[1.0]], "y_support": [1.0], "x_query": [[1.0]], "y_query": [1.0]}
    with pytest.raises(error, match=message):
        RegressionTask(**good | change)


def test_bad_calls_are_named():
    rng = np.random.default_rng(5)
    with pytest.raises(ValueError, match=r"tasks must be one or more.*got 0"):
        optimal_init([], inner_lr=0.1)
    with pytest.raises(ValueError, match=r"of one dimension.*\[2, 3\]"):
        optimal_init(random_tasks(rng, 1) + random_tasks(rng, 1, size=2), inner_lr=0.1)
    with pytest.raises(ValueError, match="inner_lr must not be negative"):
        optimal_init(random_tasks(rng, 1), inner_lr=-0.1)
