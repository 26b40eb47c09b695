"""Feature turning and alignment: what they show, against examples that are counted and steps that are taken."""

import gzip

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mamlkit.explorers.alignment import ANGLES, CONDITIONS, WORST_OF_NINE, alignment_explorer, alignment_scene
from mamlkit.explorers.alignment import RATES as STEPS
from mamlkit.explorers.feature import HEADS, RATES, feature_explorer, feature_scene


def mark(panels, panel, name):
    return next(mark for mark in panels.scenes[panel].marks if mark.name == name)


@pytest.fixture(scope="module")
def examples():
    return np.random.default_rng(0).normal(size=(200_000, 2))


@pytest.mark.parametrize("v", [HEADS[0], 0.5, 2.0, HEADS[-1]])
@pytest.mark.parametrize("alpha", [0.0, 1.0, RATES[-1]])
def test_the_boundary_is_that_of_a_step_on_many_examples(alpha, v, examples):
    """Within the error of 200,000 examples; the accuracy is counted."""
    y = np.sign(examples[:, 1])
    pull = -y * v / (1 + np.exp(y * v * examples[:, 0]))
    w = [1.0, 0.0] - alpha * (pull[:, None] * examples).mean(axis=0)
    panels = feature_scene(alpha, v)
    shown = mark(panels, "plane", "after").xy[1]
    assert_allclose(shown, 1.5 * w / np.linalg.norm(w), atol=0.05)
    assert mark(panels, "plane", "turned").xy @ shown == pytest.approx(0, abs=1e-9)
    right = np.mean(np.sign(v * examples @ shown) == y)
    assert mark(panels, "accuracy", "here").xy[0] == pytest.approx([v, 100 * right], abs=0.6)


def accuracy(alpha, v):
    return mark(feature_scene(alpha, v), "accuracy", "here").xy[0, 1]


def turn(alpha, v):
    return {readout.name: readout.value for readout in feature_scene(alpha, v).readouts}["turn"]


def test_what_the_prompts_of_the_feature_answer():
    assert accuracy(3.0, 0.0) == 50
    assert turn(1.0, 0.5) / turn(1.0, 0.25) == pytest.approx(2, abs=0.2)
    assert turn(1.0, -2.0) == pytest.approx(-turn(1.0, 2.0))
    assert accuracy(1.0, -2.0) == pytest.approx(accuracy(1.0, 2.0))
    turned = [(turn(a, v), accuracy(a, v)) for a in RATES for v in HEADS if v > 0]
    assert max(angle for angle, _ in turned) < 135
    assert turn(3.0, 6.0) > 120
    assert min(right for angle, right in turned if angle > 90) > 75


@pytest.mark.parametrize("angle", ANGLES[::4])
@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("alpha", [STEPS[0], STEPS[7], STEPS[-1]])
def test_the_step_is_a_step_and_the_curve_its_distance(alpha, condition, angle):
    panels = alignment_scene(alpha, condition, angle)
    theta, phi = (mark(panels, "valley", name).xy[0] for name in ("theta", "phi"))

    def loss(x, y):
        return x**2 / 2 + y**2 / (2 * condition)

    eps = 1e-5
    slope = [
        (loss(theta[0] + a, theta[1] + b) - loss(theta[0] - a, theta[1] - b)) / (2 * eps)
        for a, b in ((eps, 0), (0, eps))
    ]
    assert_allclose(phi, theta - alpha * np.array(slope), atol=1e-8)
    assert mark(panels, "distance", "here").xy[0] == pytest.approx([alpha, np.hypot(*phi)], abs=1e-7)


def values(alpha, condition, angle):
    return {readout.name: readout.value for readout in alignment_scene(alpha, condition, angle).readouts}


def test_what_the_prompts_of_the_alignment_answer():
    for angle in ANGLES:
        round_valley = values(1.0, 1.0, angle)
        assert round_valley["alignment"] == pytest.approx(1)
        assert "closer" in round_valley["after"]
    flat = alignment_scene(1.0, 9.0, 0.0)
    assert values(1.0, 9.0, 0.0)["alignment"] == pytest.approx(1)
    assert np.hypot(*mark(flat, "valley", "phi").xy[0]) > 1.7
    cosines = {angle: float(values(1.0, 9.0, angle)["alignment"]) for angle in ANGLES}
    assert min(cosines, key=cosines.get) in (15.0, WORST_OF_NINE)
    assert min(cosines.values()) == pytest.approx(0.6, abs=0.02)
    best = mark(alignment_scene(1.0, 9.0, WORST_OF_NINE), "distance", "best").xy[0, 1]
    assert best / 2 == pytest.approx(0.8, abs=0.02)
    steep = values(2.1, 9.0, 90.0)
    assert steep["alignment"] == pytest.approx(1)
    assert "further away" in steep["after"]


@pytest.mark.parametrize("explorer", [feature_explorer, alignment_explorer])
def test_light_enough_for_a_page(explorer):
    assert len(gzip.compress(explorer().html().encode())) < 250_000
