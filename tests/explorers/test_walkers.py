"""Two walkers, the dial and the factors: what they show, against walks that are taken here step by step."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mamlkit.explorers.compass import RATES, compass_explorer, compass_scene
from mamlkit.explorers.factors import factor_scene
from mamlkit.explorers.walkers import RATES as WALKER_RATES
from mamlkit.explorers.walkers import STARTS, walkers, walkers_scene


def mark(panels, panel, name):
    return next(mark for mark in panels.scenes[panel].marks if mark.name == name)


@pytest.mark.parametrize("curvature", [0.5, 1.25, 2.0])
@pytest.mark.parametrize("alpha", WALKER_RATES[::5])
def test_the_bars_are_the_distances_of_the_two_walks(alpha, curvature):
    panels = walkers_scene(alpha, curvature, 4)
    gaps, (first, second) = [], STARTS
    for _ in range(5):
        gaps.append((second - first) / (STARTS[1] - STARTS[0]))
        first, second = first - alpha * curvature * first, second - alpha * curvature * second
    assert_allclose(mark(panels, "distance", "left").xy[:, 1], gaps, atol=1e-12)
    ends = [mark(panels, "valley", name).xy[0, 0] for name in ("theta", "nearby")]
    assert_allclose(ends[1] - ends[0], gaps[-1] * (STARTS[1] - STARTS[0]), atol=1e-12)


@pytest.mark.parametrize("product", [0.0, 0.5, 1.0, 1.5, 2.0, 2.2])
def test_the_words_follow_the_product(product):
    said = {
        str(walkers_scene(alpha, curvature, 1).scenes["valley"].readouts[0]).partition(":")[2]
        for alpha, curvature in [(product / 2, 2.0), (product / 1.99, 1.99)]
    }
    assert len(said) == 1
    others = [str(walkers_scene(p / 2, 2.0, 1).scenes["valley"].readouts[0]) for p in (0.0, 0.5, 1.0, 1.5, 2.0, 2.2)]
    assert len({words.partition(":")[2] for words in others}) == 6


@pytest.mark.parametrize("theta", [-180.0, -75.0, 0.0, 120.0])
@pytest.mark.parametrize("alpha", [0.0, float(RATES[5]), float(RATES[10])])
def test_the_arcs_are_gradient_steps(alpha, theta):
    """Against the slope of one minus the cosine, by differences; on the dial headings turn clockwise from north."""
    delta, eps = 110.0, 1e-4
    panels = compass_scene(alpha, delta, theta)
    for task, target in (("a", delta), ("b", -delta)):
        losses = [1 - np.cos(np.radians(theta - target) + shift) for shift in (-eps, eps)]
        end = np.radians(theta) - alpha * (losses[1] - losses[0]) / (2 * eps)
        shown = mark(panels, "dial", f"phi_{task}").xy[0]
        assert_allclose(shown / np.linalg.norm(shown), [np.sin(end), np.cos(end)], atol=1e-6)
        here = mark(panels, "dial", "theta").xy[0]
        assert_allclose(here, [np.sin(np.radians(theta)), np.cos(np.radians(theta))], atol=1e-12)


def test_what_the_prompts_of_the_compass_answer():
    solving, short = float(RATES[10]), float(RATES[5])

    def best(alpha, delta):
        readouts = compass_scene(alpha, delta, 0.0).scenes["curves"].readouts
        return {r.name: float(r.value) for r in readouts}

    north = best(solving, 110.0)
    assert (north["best_fixed"], north["best_adapted"], north["here_adapted"]) == (180, 0, pytest.approx(0, abs=1e-12))
    assert north["length"] == pytest.approx(110)
    assert best(short, 110.0)["best_adapted"] == 180
    assert best(short, 70.0)["best_adapted"] == best(short, 70.0)["best_fixed"] == 0
    curves = [mark(compass_scene(0.0, 110.0, 0.0), "curves", name).xy for name in ("fixed", "adapted")]
    assert_allclose(*curves)


def test_the_factors_are_those_of_a_walk():
    """A unit distance sent through K steps on curvature h, step by step."""
    for alpha, num_steps in [(0.5, 1), (0.9, 2), (1.0, 5)]:
        scene = factor_scene(alpha, 1.5, num_steps)
        for h, shown in next(m for m in scene.marks if m.name == "all").xy:
            left = 1.0
            for _ in range(num_steps):
                left = left - alpha * h * left
            assert shown == pytest.approx(left, abs=1e-12)
        assert next(m for m in scene.marks if m.name == "steep_a").xy[0, 0] == 1.5


def test_the_explorers_open_on_what_their_captions_say():
    assert walkers().scene().scenes["distance"].marks[1].xy.tolist() == [[0.0, 1.0], [1.0, 0.5]]
    assert compass_explorer().scene().scenes["curves"].readouts[-1].value == pytest.approx(110)
