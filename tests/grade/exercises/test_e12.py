"""E12: the references against the package's own diagnosis, closed forms and searches, and what mutants are told."""

import numpy as np
import pytest
from scipy import optimize

from mamlkit.closed_form import joint
from mamlkit.closed_form.quadratic import Quadratic, QuadraticTask, meta_optimum
from mamlkit.diagnostics import LeftOut, leave_one_task_out

from ..conftest import parts

MUTANTS = [
    ("e12.a", "judge(fit(others), task)", "judge(everything, task)", "Both rows are training losses"),
    ("e12.a", "tasks[:i] + tasks[i + 1 :]", "tasks[i : i + 1]", "keep the one task"),
    ("e12.a", "tasks[i + 1 :]", "tasks[i + 2 :]", "Two tasks are missing"),
    ("e12.a", "np.array([training, held_out])", "np.array([held_out, training])", "changed places"),
    ("e12.b", "held_out.sum() / training.sum()", "(held_out / training).mean()", "is wrong on"),
    ("e12.b", "(len(training) - 1) * np.log(without).var()", "np.log(without).var()", "plain spread"),
    (
        "e12.b",
        "(len(training) - 1) * np.log(without).var()",
        "np.log(without).var(ddof=1) / len(training)",
        "know nothing of one another|nothing of one another",
    ),
    ("e12.b", "np.exp(-2 * s), ratio * np.exp(2 * s)", "np.exp(-s), ratio * np.exp(s)", "one s to either side"),
    ("e12.b", "int(low > gamma) - int(high < gamma)", "1 if ratio > gamma else -1", "looks at R alone"),
    ("e12.c", "~flagged & ~of_use", "~of_use * held_out.mean(axis=1)", "largest held-out loss. Was it flagged"),
    ("e12.c", "multiples = held_out / np.median(held_out, axis=1, keepdims=True)", "multiples = held_out", "of all"),
    ("e12.c", "np.median(held_out, axis=1, keepdims=True)", "training", "largest ratio of held-out to training"),
    (
        "e12.c",
        "np.median(held_out, axis=1, keepdims=True)",
        "held_out.mean(axis=1, keepdims=True)",
        "asks for the median",
    ),
    (
        "e12.c",
        "held_out.sum(axis=1) > gamma * training.sum(axis=1)",
        "(held_out / training).mean(axis=1) > gamma",
        "mean of the single ratios",
    ),
    ("e12.c", "held_out.mean(axis=1) <= good_enough", "np.median(held_out, axis=1) <= good_enough", "the median loss"),
    ("e12.d", "(slopes * (minimisers - joint))", "(slopes * minimisers)", "leaves the denominator"),
    ("e12.d", "(2 * num_steps)", "num_steps", "missing a power"),
    ("e12.d", "slopes = -2", "slopes = -1", "half the way"),
    ("e12.d", "slopes = -2 * num_steps", "slopes = -2", "forgotten the number of steps"),
    ("e12.d", "(curvatures * minimisers).sum() / curvatures.sum()", "minimisers.mean()", "no plain mean|is wrong on"),
]


def test_e12_loop_is_the_packages_diagnosis():
    part = parts("e12")["e12.a"]
    given = part.reference.__globals__
    for trial in part.key(seed=3).trials:
        found = leave_one_task_out(given["fit"], given["judge"], trial.inputs["tasks"])
        np.testing.assert_allclose(trial.expected, [found.training, found.held_out], rtol=1e-10)


def test_e12_loop_calls_one_training_more_than_there_are_tasks_and_leaves_them_whole():
    calls, tasks = [], [0.0, 0.0, 0.0, 8.0]

    def fit(some):
        calls.append(list(some))
        return np.mean(some)

    space = parts("e12")["e12.a"].reference.__globals__
    training, held_out = space["leave_one_out"](fit, lambda mean, task: (mean - task) ** 2, tasks)
    assert len(calls) == 5
    assert tasks == [0.0, 0.0, 0.0, 8.0]
    assert training.tolist() == [4.0, 4.0, 4.0, 36.0]
    assert held_out == pytest.approx([64 / 9, 64 / 9, 64 / 9, 64.0])
    assert held_out.sum() / training.sum() == pytest.approx((4 / 3) ** 2)  # R14, what the warm-up is told


def test_e12_interval_and_verdict_are_those_of_the_package():
    told_apart = set()
    for seed in range(5):
        for trial in parts("e12")["e12.b"].key(seed).trials:
            given, (ratio, low, high, verdict) = trial.inputs, trial.expected
            found = LeftOut(given["training"], given["held_out"], given["gamma"])
            assert (ratio, low, high) == pytest.approx((found.ratio, *found.interval), rel=1e-9)
            assert verdict == (1 if given["gamma"] < low else -1 if given["gamma"] > high else 0)
            told_apart.add((verdict, found.flagged))
    assert told_apart == {(1, True), (0, True), (0, False), (-1, False)}


def test_e12_families_hold_what_the_text_promises():
    """One silent failure, one idle alarm, in every draw, and an outlier that is not a matter of rounding."""
    part, rng = parts("e12")["e12.c"], np.random.default_rng(0)
    for _ in range(1000):
        given = part.draws(rng)
        silent, idle, family, task = part.reference(**given)
        kinds = []
        for training, held_out in zip(given["training"], given["held_out"], strict=True):
            flagged = LeftOut(training, held_out, given["gamma"]).flagged
            kinds.append((bool(flagged), bool(np.mean(held_out) <= given["good_enough"])))
        assert [i for i, kind in enumerate(kinds) if kind == (False, False)] == [silent]
        assert [i for i, kind in enumerate(kinds) if kind == (True, True)] == [idle]
        multiples = [loss / np.median(row) for row in given["held_out"] for loss in row]
        first, second = np.sort(multiples)[[-1, -2]]
        assert first > 1.1 * second
        assert multiples[family * given["held_out"].shape[1] + task] == first


def test_e12_limit_is_that_of_the_closed_form():
    for trial in parts("e12")["e12.d"].key(seed=3).trials:
        given, (start, joint_start, prediction) = trial.inputs, trial.expected
        bowls = [
            Quadratic.with_minimiser([[h]], [m]) for h, m in zip(given["curvatures"], given["minimisers"], strict=True)
        ]
        tasks, steps = [QuadraticTask(bowl, bowl) for bowl in bowls], {"num_steps": given["num_steps"]}
        expected = meta_optimum(tasks, inner_lr=given["alpha"], **steps), meta_optimum(tasks, inner_lr=0.0)
        assert (start, joint_start) == pytest.approx([found.item() for found in expected], rel=1e-9)
        drift = joint.drift(tasks, **steps).item()
        assert prediction == pytest.approx(joint_start + given["alpha"] * drift, rel=1e-9)


def test_e12_start_is_where_a_search_finds_it():
    given, (start, *_) = (trial := parts("e12")["e12.d"].key(seed=3).trials[0]).inputs, trial.expected

    def outer(theta):
        phi = np.full(len(given["minimisers"]), theta)
        for _ in range(given["num_steps"]):
            phi = phi - given["alpha"] * given["curvatures"] * (phi - given["minimisers"])
        return np.mean(given["curvatures"] * (phi - given["minimisers"]) ** 2)

    assert optimize.minimize_scalar(outer).x == pytest.approx(start, abs=1e-6)
