"""The first-order gap and the four arrows: what they show, against walks that are taken here step by step."""

import gzip
import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mamlkit.explorers.family import RATES as FAMILY_RATES
from mamlkit.explorers.family import START, family_explorer, family_scene, resting_point
from mamlkit.explorers.first_order import CURVATURES, RATES, WIDEST, gap_explorer, gap_scene
from mamlkit.explorers.quadratic import landscape_tasks


def mark(panels, panel, name):
    return next(mark for mark in panels.scenes[panel].marks if mark.name == name)


def walk(theta, slope, alpha, num_steps):
    for _ in range(num_steps):
        theta = theta - alpha * slope(theta)
    return theta


@pytest.mark.parametrize("num_steps", [1, 2, 3])
@pytest.mark.parametrize("curvature", [CURVATURES[0], CURVATURES[-1]])
@pytest.mark.parametrize("alpha", [RATES[0], RATES[9], RATES[-1]])
def test_the_points_are_gradients_of_a_walk(alpha, curvature, num_steps):
    """With query loss theta^2 / 2 the plain gradient at theta = 1 is 1; corners of the grid included."""
    panels, eps = gap_scene(alpha, curvature, num_steps), 1e-4
    ends = [walk(theta, lambda t: curvature * t, alpha, num_steps) for theta in (1 - eps, 1.0, 1 + eps)]
    maml, fomaml = (ends[2] ** 2 - ends[0] ** 2) / (4 * eps), ends[1]
    assert mark(panels, "gradients", "maml_here").xy[0] == pytest.approx([alpha * curvature, maml], abs=1e-6)
    assert mark(panels, "gradients", "fomaml_here").xy[0, 1] == pytest.approx(fomaml, abs=1e-9)
    assert mark(panels, "gap", "error_here").xy[0, 1] == pytest.approx(abs(maml - fomaml), abs=1e-6)
    if abs(fomaml) > 1e-6:
        shown = mark(panels, "gap", "relative_here").xy[0, 1]
        assert shown == pytest.approx(abs(maml - fomaml) / abs(fomaml), abs=1e-5)


def said(alpha, curvature, num_steps):
    panels = gap_scene(alpha, curvature, num_steps)
    return {readout.name: readout.value for readout in panels.readouts}


def test_what_the_prompts_of_the_gap_answer():
    at_widest, steeper = said(WIDEST, 1.0, 2), said(WIDEST, 2.0, 2)
    assert (at_widest["fomaml"], at_widest["maml"]) == (pytest.approx(0.5), pytest.approx(0.25))
    assert at_widest["absolute"] == pytest.approx(0.25)
    assert steeper["absolute"] < at_widest["absolute"]
    assert steeper["fomaml"] < at_widest["fomaml"]
    assert (at_widest["relative"], steeper["relative"]) == ("50 %", "83 %")
    assert said(1.0, 1.0, 2)["absolute"] == said(1.0, 1.0, 2)["maml"] == 0
    assert said(1.0, 2.0, 2)["absolute"] == 0
    assert said(1.0, 1.5, 1)["fomaml"] < 0 < said(1.0, 1.5, 1)["maml"]
    assert "opposite" in said(1.0, 1.5, 3)["product"]


@pytest.mark.parametrize("num_steps", [1, 2, 5])
@pytest.mark.parametrize("alpha", [FAMILY_RATES[1], FAMILY_RATES[-1]])
def test_the_four_arrows_are_those_of_walks(alpha, num_steps):
    theta, eps, tasks = np.array([0.7, -1.1]), 1e-4, [task.query for task in landscape_tasks(2.0)]

    def outer(theta):
        return np.mean([loss.value(walk(theta, loss.grad, alpha, num_steps)) for loss in tasks])

    ends = [walk(theta, loss.grad, alpha, num_steps) for loss in tasks]
    expected = {
        "maml": [(outer(theta + e) - outer(theta - e)) / (2 * eps) for e in eps * np.eye(2)],
        "fomaml": np.mean([loss.grad(end) for loss, end in zip(tasks, ends, strict=True)], axis=0),
        "reptile": np.mean([theta - end for end in ends], axis=0) / (alpha * num_steps),
        "joint": np.mean([loss.grad(theta) for loss in tasks], axis=0),
    }
    panels = family_scene(alpha, num_steps, theta)
    for name, gradient in expected.items():
        assert_allclose(mark(panels, "plane", name).xy[1], -np.asarray(gradient), atol=1e-7)
        at_rest = family_scene(alpha, num_steps, resting_point(name, alpha, num_steps))
        assert_allclose(mark(at_rest, "plane", name).xy[1], 0, atol=1e-10)


def angles(alpha, num_steps):
    """Degrees between joint training's arrow and each other one, at the start of the figure."""
    panels = family_scene(alpha, num_steps, START)
    joint, *others = (mark(panels, "plane", name).xy[1] for name in ("joint", "reptile", "fomaml", "maml"))
    cosines = [joint @ other / np.linalg.norm(joint) / np.linalg.norm(other) for other in others]
    return np.degrees(np.arccos(np.clip(cosines, -1, 1)))


def test_what_the_prompts_of_the_family_answer():
    assert_allclose(angles(0.0, 2), 0, atol=1e-5)
    assert (np.diff([0, *angles(0.08, 2)]) > 0.1).all()
    assert angles(0.4, 1)[0] == pytest.approx(0, abs=1e-5)
    rests = {name: resting_point(name, 0.4, 2) for name in ("joint", "reptile", "fomaml", "maml")}
    assert np.linalg.norm(rests["reptile"] - rests["joint"]) < 0.1
    for first, second in itertools.combinations(("joint", "fomaml", "maml"), 2):
        assert np.linalg.norm(rests[first] - rests[second]) > 0.3


@pytest.mark.parametrize("explorer", [gap_explorer, family_explorer])
def test_light_enough_for_a_page(explorer):
    assert len(gzip.compress(explorer().html().encode())) < 250_000
