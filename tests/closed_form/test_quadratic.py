"""Every formula of closed_form.quadratic against something that does not use it: differences, autodiff, a search."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.optimize import minimize

from mamlkit.closed_form.quadratic import (
    Quadratic,
    QuadraticTask,
    adapt,
    first_order_gap,
    meta_gradient,
    meta_optimum,
    outer_loss,
    shrinkage,
    weighted_centre,
)


def random_loss(rng, size):
    """A quadratic with curvatures in [0.2, 3], turned at random."""
    basis, _ = np.linalg.qr(rng.normal(size=(size, size)))
    matrix = (basis * rng.uniform(0.2, 3.0, size)) @ basis.T
    return Quadratic((matrix + matrix.T) / 2, rng.normal(size=size))


def random_problem(seed, size=3):
    rng = np.random.default_rng(seed)
    return rng.normal(size=size), random_loss(rng, size), random_loss(rng, size)


def central_difference(function, theta, step=1e-4):
    # Exact for quadratics up to rounding, so the step may be large.
    return np.array([(function(theta + e) - function(theta - e)) / (2 * step) for e in step * np.eye(len(theta))])


seeds = st.integers(0, 2**32 - 1)


@given(seeds)
def test_r1_adapt_follows_the_negative_gradient(seed):
    theta, support, _ = random_problem(seed)
    trajectory = adapt(theta, support, inner_lr=0.1, num_steps=3)
    assert trajectory.shape == (4, 3)
    for before, after in pairwise(trajectory):
        assert_allclose(after, before - 0.1 * central_difference(support.value, before), atol=1e-8)


@pytest.mark.parametrize("num_steps", [1, 2, 5, 10])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 1.0, 1.5, 2.0])
def test_r2_r3_meta_gradient_is_the_slope_of_the_outer_loss(num_steps, share):
    """At alpha from 0 to 2 over the largest curvature, to 1e-6 relative, as the page promises."""
    for seed in range(5):
        theta, support, query = random_problem(seed)
        options = {
            "support": support,
            "query": query,
            "inner_lr": share / np.linalg.eigvalsh(support.A)[-1],
            "num_steps": num_steps,
        }
        slope = central_difference(lambda point: outer_loss(point, **options), theta)  # noqa: B023
        assert_allclose(meta_gradient(theta, **options), slope, rtol=1e-6, atol=1e-9 * np.abs(slope).max())


@given(seeds, st.integers(1, 6))
def test_r3_meta_gradient_agrees_with_autodiff(seed, num_steps):
    torch = pytest.importorskip("torch")
    theta, support, query = random_problem(seed)
    point = torch.tensor(theta, requires_grad=True)
    A, b, B, d = (torch.tensor(x) for x in (support.A, support.b, query.A, query.b))
    phi = point
    for _ in range(num_steps):
        (slope,) = torch.autograd.grad(phi @ A @ phi / 2 + b @ phi, phi, create_graph=True)
        phi = phi - 0.3 * slope
    (expected,) = torch.autograd.grad(phi @ B @ phi / 2 + d @ phi, point)
    ours = meta_gradient(theta, support=support, query=query, inner_lr=0.3, num_steps=num_steps)
    assert_allclose(ours, expected.numpy(), rtol=1e-10, atol=1e-10)


@given(seeds)
def test_no_adaptation_gives_the_plain_gradient(seed):
    theta, support, query = random_problem(seed)
    for options in ({"inner_lr": 0.0, "num_steps": 4}, {"inner_lr": 0.5, "num_steps": 0}):
        assert_allclose(meta_gradient(theta, support=support, query=query, **options), query.grad(theta))


def test_one_factor_for_many_steps_points_the_wrong_way():
    """The slip that the chapter shows: past alpha a = 1 an even K turns a single factor's sign over."""
    loss = Quadratic.with_minimiser([[1.0]], [3.0])
    options = {"support": loss, "query": loss, "inner_lr": 1.8, "num_steps": 2}
    right = meta_gradient([0.0], **options)
    one_factor = (1 - 1.8) * meta_gradient([0.0], **options, first_order=True)
    assert (right * one_factor).item() < 0


@given(seeds, st.floats(0, 3), st.integers(0, 5))
def test_r2a_no_meta_gradient_is_longer_than_the_bound(seed, inner_lr, num_steps):
    """Held against unit vectors sent through the walk, and attained along the axis that is stretched most."""
    theta, support, query = random_problem(seed)
    settings = {"inner_lr": inner_lr, "num_steps": num_steps}
    bound = shrinkage(support, **settings)
    full = np.linalg.norm(meta_gradient(theta, support=support, query=query, **settings))
    first = np.linalg.norm(meta_gradient(theta, support=support, query=query, **settings, first_order=True))
    assert full <= bound * first * (1 + 1e-9) + 1e-12
    factors = np.abs(1 - inner_lr * np.linalg.eigvalsh(support.A)) ** num_steps
    assert_allclose(bound, factors.max(), rtol=1e-9, atol=1e-12)
    if inner_lr * np.linalg.eigvalsh(support.A).max() <= 2:
        assert bound <= 1 + 1e-12


def test_the_constant_of_a_loss():
    """It moves every value by the same amount and no gradient: against the formula written out."""
    loss = Quadratic([[2.0]], [1.0], c=-3.0)
    assert loss.value([0.0]) == -3.0
    assert loss.value([2.0]) == 0.5 * 2.0 * 4.0 + 2.0 - 3.0
    assert_allclose(loss.grad([2.0]), Quadratic([[2.0]], [1.0]).grad([2.0]))
    with pytest.raises(ValueError, match="c must be finite, got nan"):
        Quadratic([[2.0]], [1.0], c=np.nan)


@given(st.floats(0, 2), st.floats(0.1, 3), st.floats(-2, 2), st.floats(-3, 3))
def test_r5_gap_of_two_steps_in_one_dimension(inner_lr, curvature, query_curvature, theta):
    """Re-derived by hand: d theta_2 ((1 - alpha a)^2 - 1) with theta_2 = (1 - alpha a)^2 theta."""
    factor = 1 - inner_lr * curvature
    theta_2 = factor**2 * theta
    gap = first_order_gap(
        [theta],
        support=Quadratic([[curvature]], [0.0]),
        query=Quadratic([[query_curvature]], [0.0]),
        inner_lr=inner_lr,
        num_steps=2,
    )
    scale = (1 + factor**4) * abs(query_curvature * theta)
    assert_allclose(gap, query_curvature * theta_2 * (factor**2 - 1), rtol=1e-9, atol=1e-12 * (1 + scale))


def mean_squared_distance(theta, minimisers, hessians, probs, *, inner_lr, num_steps):
    total = 0.0
    for prob, optimum, hessian in zip(probs, minimisers, hessians, strict=True):
        phi = adapt(theta, Quadratic.with_minimiser(hessian, optimum), inner_lr=inner_lr, num_steps=num_steps)[-1]
        total += prob * np.sum((phi - optimum) ** 2)
    return total


@given(seeds, st.integers(0, 3))
def test_r9_weighted_centre_is_the_lowest_point_of_the_mean_distance(seed, num_steps):
    rng = np.random.default_rng(seed)
    minimisers = rng.normal(size=(4, 2))
    hessians = [random_loss(rng, 2).A for _ in range(4)]
    probs = rng.dirichlet(np.ones(4))
    options = {"inner_lr": 0.2, "num_steps": num_steps}
    centre, weights = weighted_centre(minimisers, hessians, probs=probs, **options)
    slope = central_difference(
        lambda theta: mean_squared_distance(theta, minimisers, hessians, probs, **options), centre
    )
    assert_allclose(slope, 0, atol=1e-7)
    assert_allclose(weights.sum(axis=0), np.eye(2), atol=1e-9)


def test_r9_matrices_of_size_one_agree_with_numbers():
    numbers = weighted_centre([0.0, 1.0, 5.0], [0.5, 1.0, 2.0], inner_lr=0.3, num_steps=2)
    matrices = weighted_centre([[0.0], [1.0], [5.0]], [[[0.5]], [[1.0]], [[2.0]]], inner_lr=0.3, num_steps=2)
    assert_allclose(matrices.centre, [numbers.centre])
    assert_allclose(matrices.weights[:, 0, 0], numbers.weights)


def test_r9_a_task_solved_in_one_step_has_no_weight():
    assert_allclose(weighted_centre([0.0, 1.0], [1.0, 2.0], inner_lr=0.5).weights, [1.0, 0.0])


@pytest.mark.parametrize("judge", ["distance", "loss"])
@pytest.mark.parametrize("num_steps", [0, 1, 4])
def test_r9_r9a_no_search_finds_a_better_centre(judge, num_steps):
    """Against SciPy, with the steps taken one by one and the judge written out."""
    rng = np.random.default_rng(3)
    minimisers, hessians = rng.normal(size=(4, 2)), [random_loss(rng, 2).A for _ in range(4)]

    def judged(theta):
        total = 0.0
        for minimiser, hessian in zip(minimisers, hessians, strict=True):
            phi = theta
            for _ in range(num_steps):
                phi = phi - 0.25 * hessian @ (phi - minimiser)
            miss = phi - minimiser
            total += miss @ miss if judge == "distance" else 0.5 * miss @ hessian @ miss
        return total

    found = minimize(judged, np.zeros(2), tol=1e-12)
    centre = weighted_centre(minimisers, hessians, inner_lr=0.25, num_steps=num_steps, judge=judge).centre
    assert_allclose(centre, found.x, atol=1e-5)


def test_r9a_the_loss_as_judge_is_the_optimum_of_j():
    losses = [Quadratic.with_minimiser([[h]], [m]) for h, m in [(0.5, -1.0), (1.0, 0.0), (2.0, 3.0)]]
    by_weights = weighted_centre([-1.0, 0.0, 3.0], [0.5, 1.0, 2.0], inner_lr=0.3, num_steps=2, judge="loss")
    optimum = meta_optimum([QuadraticTask(loss, loss) for loss in losses], inner_lr=0.3, num_steps=2)
    assert_allclose(by_weights.centre, optimum[0])
    at_zero = weighted_centre([-1.0, 0.0, 3.0], [0.5, 1.0, 2.0], inner_lr=0.0, judge="loss")
    assert_allclose(at_zero.weights, np.array([0.5, 1.0, 2.0]) / 3.5)


@pytest.mark.parametrize("num_steps", [1, 2, 5])
def test_r9a_the_heaviest_task_has_alpha_h_of_one_over_2k_plus_one(num_steps):
    h = np.linspace(0.001, 1.0, 1000)
    weights = weighted_centre(np.zeros(1000), h, inner_lr=1.0, num_steps=num_steps, judge="loss").weights
    assert h[weights.argmax()] == pytest.approx(1 / (2 * num_steps + 1), abs=1e-3)


def test_x3_the_weights_favour_the_tasks_that_stay_far_from_their_optimum():
    """The further phi ends from a task's optimum, from a start at equal distance, the more the task weighs."""
    h = np.array([0.2, 0.6, 1.0, 1.3])
    weights = weighted_centre(np.zeros(4), h, inner_lr=1.0).weights
    ends = np.array([abs(adapt([1.0], Quadratic([[c]], [0.0]), inner_lr=1.0)[-1, 0]) for c in h])
    assert (np.argsort(weights) == np.argsort(ends)).all()
    assert weights[2] == 0.0


def test_a_judge_of_no_kind_is_named():
    with pytest.raises(ValueError, match="judge must be 'distance' or 'loss', got 'both'"):
        weighted_centre([0.0], [1.0], inner_lr=0.1, judge="both")


@given(seeds, st.integers(0, 4))
def test_meta_optimum_has_no_slope_and_ignores_the_order_of_tasks(seed, num_steps):
    rng = np.random.default_rng(seed)
    tasks = [QuadraticTask(random_loss(rng, 3), random_loss(rng, 3)) for _ in range(4)]
    options = {"inner_lr": 0.1, "num_steps": num_steps}
    optimum = meta_optimum(tasks, **options)
    slope = np.mean([meta_gradient(optimum, support=s, query=q, **options) for s, q in tasks], axis=0)
    assert_allclose(slope, 0, atol=1e-9)
    assert_allclose(meta_optimum(tasks[::-1], **options), optimum, rtol=1e-9, atol=1e-9)


def test_meta_optimum_without_a_single_lowest_point():
    solved_in_one_step = Quadratic.with_minimiser([[2.0]], [1.0])
    with pytest.raises(ValueError, match=r"inner_lr=0\.5.*no single lowest point"):
        meta_optimum([QuadraticTask(solved_in_one_step, solved_in_one_step)], inner_lr=0.5)


def test_weighted_centre_without_a_best_centre():
    with pytest.raises(ValueError, match=r"inner_lr=0\.5.*singular"):
        weighted_centre([0.0, 1.0], [2.0, 2.0], inner_lr=0.5)


LOSS = Quadratic(np.eye(2), np.zeros(2))
GOOD = {"theta": [0.0, 0.0], "support": LOSS, "query": LOSS, "inner_lr": 0.1, "num_steps": 1}


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"theta": [0.0]}, ValueError, r"theta must have shape \(2,\), got shape \(1,\)"),
        ({"theta": [0.0, np.nan]}, ValueError, "theta must be finite"),
        ({"theta": ["a", "b"]}, TypeError, "theta must hold real numbers"),
        ({"theta": [[0.0], [1.0, 2.0]]}, ValueError, "theta must be a rectangular array"),
        ({"query": Quadratic([[1.0]], [0.0])}, ValueError, "one dimension, got 2 and 1"),
        ({"inner_lr": -0.1}, ValueError, "inner_lr must not be negative, got -0.1"),
        ({"inner_lr": np.inf}, ValueError, "inner_lr must be finite, got inf"),
        ({"inner_lr": "0.1"}, TypeError, "inner_lr must be a real number, got '0.1'"),
        ({"inner_lr": True}, TypeError, "inner_lr must be a real number, got True"),
        ({"num_steps": -1}, ValueError, "num_steps must be at least 0, got -1"),
        ({"num_steps": 1.5}, TypeError, "num_steps must be a whole number, got 1.5"),
    ],
)
def test_bad_arguments_are_named(change, error, message):
    with pytest.raises(error, match=message):
        meta_gradient(**(GOOD | change))


@pytest.mark.parametrize(
    ("A", "b", "message"),
    [
        ([[1.0, 2.0]], [0.0], "A must be square"),
        ([[1.0, 2.0], [0.0, 1.0]], [0.0, 0.0], "A must be symmetric"),
        ([[1.0, np.inf], [np.inf, 1.0]], [0.0, 0.0], "A must be finite"),
        ([[1.0]], [0.0, 0.0], r"b must have shape \(1,\)"),
        ([1.0], [0.0], "A must have 2 axes"),
    ],
)
def test_bad_losses_are_refused(A, b, message):
    with pytest.raises(ValueError, match=message):
        Quadratic(A, b)


@pytest.mark.parametrize(
    ("minimisers", "curvatures", "probs", "message"),
    [
        ([], [], None, "minimisers must hold at least one task"),
        ([0.0, 1.0], [1.0], None, "curvatures must fit minimisers"),
        ([0.0, 1.0], [1.0, 2.0], [0.5, 0.6], "probs must be zero or more and sum to 1"),
        ([0.0, 1.0], [1.0, 2.0], [1.0], r"probs must have shape \(2,\)"),
        ([[0.0, 1.0]], [[[1.0, 2.0], [0.0, 1.0]]], None, r"curvatures\[0\] must be symmetric"),
    ],
)
def test_bad_centres_are_refused(minimisers, curvatures, probs, message):
    with pytest.raises(ValueError, match=message):
        weighted_centre(minimisers, curvatures, inner_lr=0.1, probs=probs)


def test_a_saddle_has_no_minimiser():
    with pytest.raises(ValueError, match="positive definite"):
        Quadratic([[1.0, 0.0], [0.0, -1.0]], [0.0, 0.0]).minimiser()
    with pytest.raises(ValueError, match="at least one task"):
        meta_optimum([], inner_lr=0.1)
