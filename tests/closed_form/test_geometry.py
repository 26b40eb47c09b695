"""The turning feature against sampled examples and quadrature in the plane; alignment against steps that are taken."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.integrate import dblquad
from scipy.optimize import minimize_scalar

from mamlkit.closed_form.geometry import (
    alignment,
    distance_after_step,
    feature_accuracy,
    feature_gradient,
    turned_feature,
    worst_alignment,
)


def logistic(w1, w2, v, x1, x2):
    return np.logaddexp(0, -np.sign(x2) * v * (w1 * x1 + w2 * x2))


@pytest.mark.parametrize("v", [-1.5, 0.0, 0.3, 2.0, 8.0])
def test_r6_the_gradient_by_monte_carlo(v):
    """Slopes of the loss of a million examples, within four standard errors."""
    x1, x2 = np.random.default_rng(0).normal(size=(2, 1_000_000))
    eps, exact = 1e-5, feature_gradient(v)
    moves = {"w1": (eps, 0, 0), "w2": (0, eps, 0), "v": (0, 0, eps)}
    for name, value in (("w1", exact.w[0]), ("w2", exact.w[1]), ("v", exact.v)):
        a, b, c = moves[name]
        slopes = (logistic(1 + a, b, v + c, x1, x2) - logistic(1 - a, -b, v - c, x1, x2)) / (2 * eps)
        assert slopes.mean() == pytest.approx(value, abs=4 * slopes.std() / 1000 + 1e-9)


@pytest.mark.parametrize("v", [-1.0, 0.5, 2.0, 5.0])
def test_r6_the_gradient_by_quadrature(v):
    """The loss as an integral over the plane; y x is (z, h) with z normal and h the size of one."""

    def loss(w1, w2, v):
        def density(h, z):
            return np.logaddexp(0, -v * (w1 * z + w2 * h)) * np.exp(-(z**2 + h**2) / 2) / np.pi

        return dblquad(density, -8, 8, 0, 8, epsabs=1e-11, epsrel=1e-11)[0]

    eps, exact = 1e-3, feature_gradient(v)
    by_w2 = (loss(1, eps, v) - loss(1, -eps, v)) / (2 * eps)
    assert by_w2 == pytest.approx(exact.w[1], rel=1e-5)
    assert by_w2 == pytest.approx(-v / np.sqrt(2 * np.pi), rel=1e-5)
    assert (loss(1 + eps, 0, v) - loss(1 - eps, 0, v)) / (2 * eps) == pytest.approx(exact.w[0], rel=1e-4)
    assert (loss(1, 0, v + eps) - loss(1, 0, v - eps)) / (2 * eps) == pytest.approx(exact.v, rel=1e-4)


def test_r6_a_head_that_does_not_read_the_feature_is_dead():
    assert_allclose(feature_gradient(0.0).w, 0)
    assert feature_gradient(0.0).v == 0


@pytest.mark.parametrize(
    ("w", "v"), [([1, 0], 2.0), ([0.4, 0.8], 2.0), ([0.4, 0.8], -2.0), ([-1, 3], 1.0), ([0, 1], 1)]
)
def test_accuracy_by_counting(w, v):
    x = np.random.default_rng(1).normal(size=(400_000, 2))
    right = np.sign(v * x @ w) == np.sign(x[:, 1])
    assert feature_accuracy(w, v) == pytest.approx(right.mean(), abs=4 * 0.5 / 632)


def test_frozen_stays_at_a_half_and_a_step_turns_either_way():
    for v in (-3.0, -0.2, 0.2, 3.0):
        assert feature_accuracy([1, 0], v) == 0.5
        assert feature_accuracy(turned_feature(v, inner_lr=0.5), v) > 0.5
    assert feature_accuracy(turned_feature(0.0, inner_lr=0.5), 0.0) == 0.5
    # Far too long a step ends a quarter turn beyond, at 3/4, and no lower.
    assert feature_accuracy(turned_feature(1e6, inner_lr=1.0), 1e6) == pytest.approx(0.75, abs=1e-3)


@given(st.integers(0, 2**32 - 1), st.floats(0, 3))
def test_r7_the_distance_of_a_step_that_is_taken(seed, inner_lr):
    rng = np.random.default_rng(seed)
    theta, optimum, gradient = rng.normal(size=(3, 4))
    c = alignment(gradient, optimum - theta)
    after = np.linalg.norm(theta - inner_lr * gradient - optimum)
    distance, norm = np.linalg.norm(optimum - theta), np.linalg.norm(gradient)
    assert distance_after_step(distance, norm, c, inner_lr=inner_lr) == pytest.approx(after, abs=1e-7)


def test_r7_aligned_but_too_long_a_step_moves_away():
    assert distance_after_step(1.0, 1.0, 1.0, inner_lr=2.1) > 1.0
    # At the best rate, D c / g, what is left is D sin of the angle.
    best = minimize_scalar(lambda a: distance_after_step(3.0, 2.0, 0.8, inner_lr=a), bounds=(0, 5), method="bounded")
    assert best.x == pytest.approx(3.0 * 0.8 / 2.0, abs=1e-4)
    assert best.fun == pytest.approx(3.0 * 0.6, abs=1e-6)


@pytest.mark.parametrize("condition", [1.0, 2.0, 9.0, 100.0])
def test_r7a_the_worst_place_on_a_quadratic(condition):
    """A search over all directions of theta in the plane, then random ones in five dimensions."""

    def aligned(angle):
        theta = np.array([np.cos(angle), np.sin(angle)])
        return alignment(theta * [1, condition], -theta)

    angles = np.linspace(0, np.pi / 2, 40001)
    assert min(map(aligned, angles)) == pytest.approx(worst_alignment(condition), abs=1e-5)
    curvatures = np.geomspace(1, condition, 5)
    for theta in np.random.default_rng(0).normal(size=(2000, 5)):
        assert alignment(curvatures * theta, -theta) >= worst_alignment(condition) - 1e-9
    c = worst_alignment(condition)
    assert np.sqrt(1 - min(c, 1) ** 2) == pytest.approx((condition - 1) / (condition + 1), abs=1e-7)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: alignment([0.0], [1.0]), "gradient must not be zero"),
        (lambda: alignment([1.0], [0.0]), "to_optimum must not be zero"),
        (lambda: alignment([1.0], [0.0, 1.0]), "to_optimum must have shape"),
        (lambda: distance_after_step(1.0, 1.0, 1.5, inner_lr=0.1), "alignment must lie between -1 and 1, got 1.5"),
        (lambda: distance_after_step(-1.0, 1.0, 1.0, inner_lr=0.1), "distance must not be negative"),
        (lambda: worst_alignment(0.5), "condition must be at least 1, got 0.5"),
        (lambda: feature_gradient(np.inf), "v must be finite, got inf"),
        (lambda: feature_accuracy([1.0], 1.0), r"w must have shape \(2,\)"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
