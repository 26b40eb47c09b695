"""E17: the references against the closed form of groups, autograd and SciPy, and what mutants are told."""

import numpy as np
import pytest
import torch
from scipy import optimize, stats

from mamlkit.closed_form import groups
from mamlkit.closed_form.quadratic import Quadratic
from mamlkit.grade.accepted import error, fits

from ..conftest import parts

MUTANTS = [
    ("e17.a", "-row[2]", "row[2]", "best-off group comes first"),
    ("e17.a", "np.sqrt(np.mean(error**2))", "error.std()", "leaves the bias out"),
    ("e17.a", "(prediction - truth)", "(truth - prediction)", "wrong sign"),
    ("e17.b", " - floors[1] > sides[0] - floors[0]", " > sides[0]", "floors are left out"),
    ("e17.b", "if second_is_larger(middle)", "if not second_is_larger(middle)", "changed places"),
    ("e17.b", " + c[g]", "", "constants of the losses"),
    ("e17.b", "return start(high)", "return start(0.5)", "reweighting"),
    (
        "e17.b",
        "return start(high)",
        "return (1 - high) * start(0) + high * start(1)",
        "root mean square error of your answer",
    ),
    ("e17.c", "def error(task, alpha):", "validation = test\n\n    def error(task, alpha):", "chosen on the test"),
    ("e17.c", " / len(y)", "", "sum over the support set"),
    ("e17.c", "tried[kinds == k].mean(axis=0)", "tried.mean(axis=0)", "Both rows have one rate"),
    ("e17.c", "for t in test if", "for t in validation if", "those of the validation tasks"),
    ("e17.d", " / np.sqrt(len(change))", "", "single school"),
    ("e17.d", "mean + half < 0", "mean < 0", "wrong at|wrong on|begins"),
    ("e17.d", "2 if gain and harm else 1 if gain", "1 if gain", "wrong at|wrong on|begins"),
    ("e17.d", "2 if gain and harm else 1 if gain else 3 if harm", "3 if harm else 1 if gain", "it is a trade"),
    ("e17.d", "after - before", "before - after", "wrong way round"),
    ("e17.d", "2 if gain and harm else 1 if gain else 3", "3 if gain and harm else 1 if gain else 2", "changed places"),
]


def trials(part):
    return parts("e17")[part].key(seed=3).trials


def test_e17_squared_errors_of_the_groups_add_up_to_the_mean():
    for trial in trials("e17.a"):
        given, table = trial.inputs, trial.expected
        error = given["prediction"] - given["truth"]
        np.testing.assert_allclose((table[:, 1] * table[:, 2] ** 2).sum(), np.mean(error**2))
        np.testing.assert_allclose((table[:, 1] * table[:, 3]).sum(), error.mean(), atol=1e-12)
        sizes = np.bincount(given["group"])
        scatter = [np.std(error[given["group"] == g]) for g in range(len(sizes))]
        order = np.argsort(table[:, 0])
        np.testing.assert_allclose(table[order, 2] ** 2 - table[order, 3] ** 2, np.square(scatter), atol=1e-9)
        np.testing.assert_array_equal(table[order, 1] * len(error), sizes)
        assert (np.diff(table[:, 2]) <= 0).all()


def losses(A, b, c, floors):
    return [Quadratic(A[g], b[g], c[g] - floors[g]) for g in (0, 1)]


def test_e17_start_is_that_of_the_closed_form():
    ends = set()
    for seed in range(5):
        for trial in parts("e17")["e17.b"].key(seed).trials:
            start = groups.minimax_start(*losses(**trial.inputs))
            np.testing.assert_allclose(trial.expected.target, start.theta, atol=1e-6)
            ends.add(round(min(start.weight, 1 - start.weight), 6) == 0)
    assert ends == {True, False}  # one group may get all the weight, or none


def test_e17_no_search_finds_a_better_start():
    for trial in trials("e17.b"):
        first, second = losses(**trial.inputs)
        target = trial.expected.target
        found = optimize.minimize(
            lambda z: z[-1],
            [*np.zeros(len(target)), 20.0],
            constraints=[
                {"type": "ineq", "fun": lambda z, loss=loss: z[-1] - loss.value(z[:-1])} for loss in (first, second)
            ],
            method="SLSQP",
            options={"ftol": 1e-12, "maxiter": 500},
        )
        assert max(loss.value(target) for loss in (first, second)) <= found.x[-1] + 1e-6
        np.testing.assert_allclose(found.x[:-1], target, atol=1e-3)


@pytest.mark.slow
def test_e17_another_method_is_right_on_a_thousand_inputs():
    """A search for the weight whose larger side is lowest, stopped early; the floor of the tolerance is far away."""
    part, rng, errors = parts("e17")["e17.b"], np.random.default_rng(0), []
    for _ in range(1000):
        given = part.draws(rng)
        pair = losses(**given)

        def larger(weight, pair=pair):
            return groups.weighted_start(*pair, weight=weight).losses.max()

        found = optimize.minimize_scalar(larger, bounds=(0, 1), method="bounded", options={"xatol": 1e-4})
        theta = groups.weighted_start(*pair, weight=found.x).theta
        accepted = part.accepts(**given)
        assert fits(theta, accepted)
        errors.append(error(theta, accepted.target))
    assert max(errors) < 0.01  # half of what is accepted


def test_e17_a_rate_for_each_kind_can_come_out_worse():
    """As the worked solution says; and it comes out better, too."""
    changes = np.concatenate(
        [
            np.diff(trial.expected[:, 2:], axis=0).ravel()
            for seed in range(10)
            for trial in parts("e17")["e17.c"].key(seed).trials
        ]
    )
    assert (changes > 0).mean() > 0.05
    assert (changes < 0).mean() > 0.05


def test_e17_rates_by_autograd():
    for trial in trials("e17.c"):
        given, rates = trial.inputs, trial.inputs["rates"]

        def query_error(task, alpha, start=given["theta"]):
            theta = torch.tensor(start, requires_grad=True)
            xs, ys, xq, yq = (torch.tensor(task[name]) for name in ("x_support", "y_support", "x_query", "y_query"))
            (gradient,) = torch.autograd.grad(((xs @ theta - ys) ** 2).mean() / 2, theta)
            return torch.nn.functional.mse_loss(xq @ (theta - alpha * gradient).detach(), yq).item()

        def lowest(kinds, given=given, rates=rates, query_error=query_error):
            chosen = [task for task in given["validation"] if task["kind"] in kinds]
            return min(rates, key=lambda rate: sum(query_error(task, rate) for task in chosen))

        pairs = [[lowest({0, 1})] * 2, [lowest({0}), lowest({1})]]
        held = [
            [np.mean([query_error(task, pair[k]) for task in given["test"] if task["kind"] == k]) for k in (0, 1)]
            for pair in pairs
        ]
        np.testing.assert_allclose(trial.expected, np.hstack([pairs, held]), rtol=1e-9)


def test_e17_verdicts_by_scipy():
    seen = set()
    for seed in range(5):
        for trial in parts("e17")["e17.d"].key(seed).trials:
            change = trial.inputs["after"] - trial.inputs["before"]
            low, high = stats.norm.interval(0.95, change.mean(axis=0), stats.sem(change))
            np.testing.assert_allclose(trial.expected[[0, 2]], (low + high) / 2, atol=1e-12)
            np.testing.assert_allclose(trial.expected[[1, 3]], (high - low) / 2, rtol=1e-4)
            better, worse = (high < 0).any(), (low > 0).any()
            assert trial.expected[4] == {(0, 0): 0, (1, 0): 1, (1, 1): 2, (0, 1): 3}[better, worse]
            seen.add(int(trial.expected[4]))
    assert seen == {0, 1, 2, 3}


def test_e17_the_warm_up_says_what_r8b_says():
    assert groups.gap_after_step(1 - (-3), [0.0, -0.6], [1.5, 0.0]) == 4.0
    assert groups.gap_after_step(1 - (-3), [0.0, -0.6], [1.5, 0.5]) == pytest.approx(3.7)


def test_e17_the_picture_stands_where_the_text_says():
    """Minimax takes 4 from group 0; regret takes 1, and leaves group 1 at 6 instead of 5."""
    pair = Quadratic([[2.0]], [0.0], 0.0), Quadratic([[2.0]], [-4.0], 9.0)
    np.testing.assert_allclose(groups.minimax_start(*pair).losses, [4, 5])
    np.testing.assert_allclose(groups.minimax_start(*pair, regret=True).losses, [1, 6], atol=1e-6)


def test_e17_rows_differ_by_rates_inside_the_list():
    """So that a failing input says something: nobody reads a table of two equal rows."""
    for seed in range(5):
        for trial in parts("e17")["e17.c"].key(seed).trials:
            rates, own = trial.inputs["rates"], trial.expected[1, :2]
            assert own[0] != own[1]
            assert rates[0] < min(own)
            assert max(own) < rates[-1]
