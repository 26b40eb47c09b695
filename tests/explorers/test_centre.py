"""The weighted centre, against a search over starts whose walks are taken here step by step."""

import gzip

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mamlkit.explorers.centre import OPTIMA, RATES, SPREADS, centre_explorer, centre_scene


def mark(panels, panel, name):
    return next(mark for mark in panels.scenes[panel].marks if mark.name == name)


def said(**state):
    return {readout.name: readout for readout in centre_scene(**state).readouts}


def judged(alpha, spread, num_steps, judge):
    """Return starts and what the judge says of each, mean over the five tasks."""
    starts, total = np.linspace(-2, 2, 4001), 0.0
    for optimum in OPTIMA:
        h, phi = 2.0 ** (spread * optimum / 2), starts
        for _ in range(num_steps):
            phi = phi - alpha * h * (phi - optimum)
        total = total + (phi - optimum) ** 2 * (1 if judge == "distance" else h / 2)
    return starts, total / 5


@pytest.mark.parametrize("judge", ["distance", "loss"])
@pytest.mark.parametrize("num_steps", [1, 2, 5])
@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("alpha", [0.0, 0.25, 0.7, 1.2])
def test_no_start_on_the_line_is_better(alpha, spread, num_steps, judge):
    panels = centre_scene(alpha, spread, num_steps, judge)
    starts, values = judged(alpha, spread, num_steps, judge)
    centre = mark(panels, "valleys", "centre").xy[0, 0]
    assert centre == pytest.approx(starts[values.argmin()], abs=2e-3)
    bars = mark(panels, "weights", "weights").xy
    assert_allclose([bars[:, 1].sum(), bars[:, 0] @ bars[:, 1]], [1.0, centre], atol=1e-12)


def test_dots_are_where_walks_end():
    panels = centre_scene(0.35, 1.0, 2, "distance")
    start = mark(panels, "valleys", "centre").xy[0, 0]
    for optimum, (x, height) in zip(OPTIMA, mark(panels, "valleys", "ends").xy, strict=True):
        h, phi = 2.0 ** (optimum / 2), start
        for _ in range(2):
            phi -= 0.35 * h * (phi - optimum)
        assert_allclose([x, height], [phi, h * (phi - optimum) ** 2 / 2])


def test_what_the_prompts_answer():
    state = {"spread": 1.0, "num_steps": 1, "judge": "distance"}

    def shares(**changes):
        return mark(centre_scene(**state | changes), "weights", "weights").xy[:, 1]

    assert said(alpha=0.5, **state)["centre"].value < -1  # away from the steep tasks, which lie to the right
    assert shares(alpha=0.5)[-1] == pytest.approx(0, abs=1e-12)
    late = shares(alpha=0.8)
    assert late[0] == pytest.approx(late[-1])
    assert late[[0, -1]].min() > 0.3 > late[1:-1].max()
    assert said(alpha=0.8, **state)["centre"].value > said(alpha=0.5, **state)["centre"].value
    diverging = said(alpha=1.2, **state)
    assert (diverging["products"].value, shares(alpha=1.2)[-1] > 0.7) == ("0.60; 2.40", True)
    assert said(alpha=0.5, **state | {"spread": 0.0})["centre"].value == pytest.approx(0, abs=1e-12)
    assert "anywhere" in str(said(alpha=1.0, **state | {"spread": 0.0})["centre"])
    joint = said(alpha=0.0, **state | {"judge": "loss"})
    assert joint["centre"].value > 0.5
    assert_allclose(shares(alpha=0.0, judge="loss"), 2.0 ** (OPTIMA / 2) / (2.0 ** (OPTIMA / 2)).sum())
    assert said(alpha=0.35, **state | {"judge": "loss"})["heaviest"].value == "1.00"
    assert said(alpha=0.0, **state)["heaviest"].value == "all weigh the same"


def test_the_centre_runs_away_and_comes_back():
    """What the docstring calls unexpected."""
    centres = [said(alpha=alpha, spread=1.0, num_steps=1, judge="distance")["centre"].value for alpha in RATES]
    turn = int(np.argmin(centres))
    assert 0 < turn < len(RATES) - 1
    assert (np.diff(centres)[:turn] < 0).all()
    assert (np.diff(centres)[turn:] > 0).all()
    assert centres[-1] > 0


def test_the_page_is_light():
    assert len(gzip.compress(centre_explorer().html().encode())) < 250_000
