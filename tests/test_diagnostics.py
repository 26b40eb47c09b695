"""Leave-one-task-out against families whose ratio is known by algebra, and its interval against redrawn families."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mamlkit.closed_form.quadratic import Quadratic, QuadraticTask, meta_optimum, outer_loss
from mamlkit.diagnostics import LeftOut, leave_one_task_out


def squared_distance(centre, task):
    return float(np.sum((centre - task) ** 2))


def mean(tasks):
    return np.mean(tasks, axis=0)


@pytest.mark.parametrize("num_tasks", [2, 3, 4, 10])
def test_r14_equal_bowls_have_a_ratio_of_their_number_alone(num_tasks):
    """Without task i the mean moves by (m - m_i) / (T - 1): each held-out loss is (T / (T - 1))^2 training losses."""
    tasks = np.random.default_rng(num_tasks).normal(size=(num_tasks, 3))
    found = leave_one_task_out(mean, squared_distance, tasks)
    inflation = (num_tasks / (num_tasks - 1)) ** 2
    assert_allclose(found.held_out, inflation * found.training)
    assert found.ratio == pytest.approx(inflation)
    assert found.flagged == (num_tasks <= 3)
    assert_allclose(found.interval, inflation)  # the ratio is certain: all tasks agree about it


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.9])
def test_r14_on_quadratic_tasks_it_is_the_leverage(alpha):
    """Allen's formula: a residual e_i with leverage h_i is e_i / (1 - h_i) when row i is left out of least squares."""
    rng = np.random.default_rng(3)
    rows, targets, curvature = rng.normal(size=(9, 3)), rng.normal(size=9), 0.8
    support = Quadratic.with_minimiser(curvature * np.eye(3), np.zeros(3))  # shrinks theta, by the same for all
    tasks = [
        QuadraticTask(support, Quadratic(np.outer(x, x), -y * x, y * y / 2)) for x, y in zip(rows, targets, strict=True)
    ]
    found = leave_one_task_out(
        lambda some: meta_optimum(some, inner_lr=alpha),
        lambda theta, task: outer_loss(theta, support=task.support, query=task.query, inner_lr=alpha),
        tasks,
    )
    hat = rows @ np.linalg.solve(rows.T @ rows, rows.T)
    residuals = targets - hat @ targets
    assert_allclose(found.training, residuals**2 / 2)
    assert_allclose(found.held_out, (residuals / (1 - np.diag(hat))) ** 2 / 2)


def test_r14_costs_one_training_more_than_there_are_tasks():
    seen = []
    leave_one_task_out(lambda tasks: seen.append(tasks) or 0.0, lambda centre, task: 1.0 + task, (1.0, 2.0, 3.0))
    assert seen == [(1.0, 2.0, 3.0), (2.0, 3.0), (1.0, 3.0), (1.0, 2.0)]


def test_the_interval_holds_the_ratio_of_many_families():
    """Independent pairs of losses around a known ratio: 95 % or so of the intervals hold it."""
    rng, hits = np.random.default_rng(0), []
    for _ in range(1000):
        training = rng.gamma(4.0, 1.0, size=12)
        low, high = LeftOut(training, 1.5 * rng.gamma(4.0, 1.0, size=12), 2.0).interval
        hits.append(low < 1.5 < high)
    assert 0.90 < np.mean(hits) < 0.98


def test_a_training_loss_of_zero_is_told_and_not_hidden():
    memorised = LeftOut(np.zeros(3), np.array([1.0, 2.0, 3.0]), 2.0)
    assert (memorised.ratio, memorised.flagged, memorised.interval) == (np.inf, True, (0.0, np.inf))
    solved = LeftOut(np.zeros(3), np.zeros(3), 2.0)
    assert np.isnan(solved.ratio)
    assert not solved.flagged
    assert LeftOut(np.array([1.0, 0.0]), np.array([1.0, 1.0]), 2.0).interval == (0.0, np.inf)


def test_the_threshold_is_the_readers():
    assert not leave_one_task_out(mean, squared_distance, [0.0, 2.0, 4.0], threshold=2.5).flagged


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tasks": [1.0]}, "tasks must be at least two, .* got 1"),
        ({"tasks": []}, "got 0"),
        ({"threshold": 0.0}, "threshold must be positive"),
        ({"evaluate": lambda centre, task: float("nan")}, "training loss of task 0 must be finite"),
        ({"evaluate": lambda centre, task: -1.0}, "training loss of task 0 must not be negative"),
        ({"fit": len, "evaluate": lambda count, task: count - 2.0}, "held-out loss of task 0 must not be negative"),
    ],
)
def test_what_cannot_be_judged_is_refused(change, message):
    settings = {"fit": mean, "evaluate": squared_distance, "tasks": [0.0, 1.0], "threshold": 2.0} | change
    if "fit" in change:
        settings["tasks"] = [0.0, 1.0]
    threshold = settings.pop("threshold")
    with pytest.raises(ValueError, match=message):
        leave_one_task_out(*settings.values(), threshold=threshold)
