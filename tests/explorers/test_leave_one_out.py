"""Leave-one-task-out: what the explorer shows, against regressions that are solved here from their data."""

import gzip

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize

from mamlkit.explorers.leave_one_out import (
    COUNTS,
    OUTLIER,
    RATES,
    TOP,
    family,
    leave_one_out_explorer,
    leave_one_out_scene,
    left_out,
)


def mark(panels, panel, name):
    return next(mark for mark in panels.scenes[panel].marks if mark.name == name)


@pytest.mark.parametrize("outlier", OUTLIER)
@pytest.mark.parametrize("alpha", [0.0, 0.4])
def test_the_bars_are_losses_of_initialisations_found_by_descent(alpha, outlier):
    """Against a numerical search for the best initialisation, which knows no closed form."""
    tasks = family(4, outlier)

    def loss(theta, task):
        return task.query.value(theta - alpha * task.support.grad(theta))

    def best(some):
        return minimize(lambda theta: sum(loss(theta, task) for task in some), np.zeros(4), tol=1e-12).x

    panels = leave_one_out_scene(alpha, 4, outlier)
    together = best(tasks)
    apart = [best(tasks[:i] + tasks[i + 1 :]) for i in range(4)]
    shown = {name: mark(panels, "losses", name).xy[:, 1] for name in ("training", "held_out")}
    assert_allclose(shown["training"], [loss(together, task) for task in tasks], rtol=1e-4)
    assert_allclose(shown["held_out"], [loss(*pair) for pair in zip(apart, tasks, strict=True)], rtol=1e-4)
    here = mark(panels, "ratio", "here").xy[0]
    assert_allclose(here, [4, shown["held_out"].mean() / shown["training"].mean()], rtol=1e-12)


def test_more_tasks_are_the_same_tasks_and_some_more():
    for few, many in zip(family(3), family(16), strict=False):
        assert_allclose(few.query.A, many.query.A)
    assert not np.allclose(family(3, "one")[0].query.b, family(3)[0].query.b)
    assert_allclose(family(3, "one")[2].query.b, family(3)[2].query.b)


def test_everything_stays_in_the_frame():
    found = [left_out(float(a), n, o) for a in RATES for n in COUNTS for o in OUTLIER]
    assert max(max(each.held_out.max(), each.training.max()) for each in found) < TOP


def test_what_the_prompts_answer():
    healthy, few = left_out(0.4, 16), left_out(0.4, 4)
    assert healthy.ratio == pytest.approx(4 / 3, abs=0.05)
    assert not healthy.flagged
    assert few.flagged
    assert few.training.mean() < healthy.training.mean() < healthy.held_out.mean() < few.held_out.mean()
    still = left_out(0.0, 16)
    assert still.ratio < healthy.ratio
    assert still.training.mean() > 2 * healthy.training.mean()
    assert still.held_out.mean() > 2 * healthy.held_out.mean()
    twelve = left_out(0.2, 12, "one")
    assert not twelve.flagged
    assert twelve.ratio == pytest.approx(left_out(0.2, 12).ratio, abs=0.05)
    for losses in (twelve.training, twelve.held_out):
        assert losses.argmax() == 0
        assert losses[0] > 2 * losses[1:].max()
    assert left_out(0.4, 6, "one").flagged
    assert not left_out(0.4, 6).flagged


def test_the_surprises_of_the_docstring():
    for count in (8, 12, 16):
        ratios = [left_out(float(alpha), count).ratio for alpha in RATES]
        assert min(ratios) > ratios[0] - 0.05  # no rate has a clearly better ratio than the one that adapts nothing
    for alpha in (0.2, 0.4):
        assert left_out(alpha, 16, "one").ratio < left_out(alpha, 16).ratio


def test_the_explorer_is_light():
    assert len(gzip.compress(leave_one_out_explorer().html().encode())) < 250_000
