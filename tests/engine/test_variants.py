"""Reptile and implicit MAML, against their closed forms on quadratics."""

import numpy as np
import pytest
import torch

from mamlkit.closed_form import quadratic
from mamlkit.engine import Diverged, meta_gradient, meta_train
from mamlkit.variants import implicit, reptile

from .oracles import central_differences, distance, quadratic_loss, random_quadratics
from .test_meta import mlp_problem

RNG = np.random.default_rng(0)
SUPPORTS, SUPPORT = random_quadratics(RNG, num_tasks=4, dim=3)
QUERIES, QUERY = random_quadratics(RNG, num_tasks=4, dim=3)
THETA = RNG.normal(size=3)


def call(algorithm, theta=THETA, **options):
    return algorithm(quadratic_loss, torch.tensor(theta), support=SUPPORT, query=QUERY, **options)


@pytest.mark.parametrize("options", [{}, {"task_axis": "loop"}, {"chunk_size": 3}])
@pytest.mark.parametrize("num_steps", [0, 1, 5])
def test_reptile_moves_towards_the_adapted_parameters(num_steps, options):
    """theta - phi = (I - (I - alpha A)^K) (theta - minimiser)."""
    expected = [
        (np.eye(3) - np.linalg.matrix_power(np.eye(3) - 0.3 * s.A, num_steps)) @ (THETA + np.linalg.solve(s.A, s.b))
        for s in SUPPORTS
    ]
    found = call(reptile, inner_lr=0.3, num_steps=num_steps, **options)
    np.testing.assert_allclose(found.gradient.numpy(), np.mean(expected, 0), rtol=1e-10, atol=1e-12)


def test_one_reptile_step_is_joint_training():
    joint = meta_gradient(quadratic_loss, torch.tensor(THETA), support=SUPPORT, query=SUPPORT, inner_lr=0, num_steps=0)
    np.testing.assert_allclose(call(reptile, inner_lr=0.3, num_steps=1).gradient, 0.3 * joint.gradient, rtol=1e-10)


@pytest.mark.parametrize("options", [{}, {"task_axis": "loop"}, {"chunk_size": 3}])
@pytest.mark.parametrize("strength", [0.5, 3.0])
def test_implicit_gradient_on_quadratics(strength, options):
    """phi = (A + lambda I)^-1 (lambda theta - b); the gradient is (I + A / lambda)^-1 (B phi + d)."""
    expected, losses = [], []
    for s, q in zip(SUPPORTS, QUERIES, strict=True):
        phi = np.linalg.solve(s.A + strength * np.eye(3), strength * THETA - s.b)
        expected.append(np.linalg.solve(np.eye(3) + s.A / strength, q.A @ phi + q.b))
        losses.append(q.value(phi))
    found = call(implicit, inner_lr=0.15, num_steps=400, strength=strength, cg_steps=6, **options)
    np.testing.assert_allclose(found.gradient.numpy(), np.mean(expected, 0), rtol=1e-9)
    np.testing.assert_allclose(found.task_losses.numpy(), losses, rtol=1e-9)


def test_implicit_gradient_on_a_network_equals_central_differences_of_the_adapted_loss():
    params, loss_fn, support, query = mlp_problem()
    options = {"support": support, "query": query, "inner_lr": 0.15, "num_steps": 60, "strength": 2.0}
    found = implicit(loss_fn, params, cg_steps=25, **options)
    expected = central_differences(lambda p: implicit(loss_fn, p, cg_steps=1, **options).loss, params)
    assert distance(found.gradient, expected) < 1e-6


@pytest.mark.parametrize(("algorithm", "extra"), [(reptile, {}), (implicit, {"strength": 1.0})])
def test_they_take_the_place_of_maml_in_training(algorithm, extra):
    tasks = quadratic.QuadraticTask(SUPPORT, QUERY)
    options = {"inner_lr": 0.2, "num_steps": 5, "outer_lr": 0.1, "seed": 0, "progress": False, "algorithm": algorithm}
    runs = [
        meta_train(
            quadratic_loss, torch.tensor(THETA), lambda _: tasks, iterations=300, backend=backend, **options, **extra
        )
        for backend in ("eager", "auto")
    ]
    np.testing.assert_allclose(runs[0].params, runs[1].params, rtol=1e-9)
    assert float(call(algorithm, runs[0].params.numpy(), inner_lr=0.2, num_steps=5, **extra).gradient.norm()) < 1e-3


def tilted(curvatures, slopes, **options):
    """Return the implicit gradient at 0 for support losses with these curvatures and query losses with these slopes."""

    def loss(p, curvature, slope):
        return (curvature * p**2).sum() / 2 + (slope * p).sum()

    curvatures, slopes = torch.as_tensor(curvatures), torch.as_tensor(slopes)
    nothing, theta = torch.zeros_like(slopes), torch.zeros_like(slopes[0])
    sets = {"support": (curvatures, nothing), "query": (nothing, slopes)}
    return implicit(loss, theta, inner_lr=0.1, num_steps=1, **sets, **options).gradient


@pytest.mark.parametrize("task_axis", ["vmap", "loop"])
@pytest.mark.parametrize("cg_steps", [1, 2, 9])
def test_negative_curvature_ends_the_conjugate_gradients(task_axis, cg_steps):
    """I + H / strength has the eigenvalues 2, -1 for one task and 2, 2 for the other, whose answer is g / 2.

    Along g = (3, 1) the first has the curvature (2 * 9 - 1) / 10; the next direction, conjugate to it, bends down.
    """
    g = np.array([3.0, 1.0])
    found = tilted([[1.0, -2.0], [1.0, 1.0]], np.stack([g, g]), strength=1.0, cg_steps=cg_steps, task_axis=task_axis)
    np.testing.assert_allclose(found, (g * 10 / 17 + g / 2) / 2, rtol=1e-12)


def test_negative_curvature_at_once_leaves_the_gradient_at_the_adapted_parameters():
    np.testing.assert_allclose(tilted([[-2.0]], [[3.0]], strength=1.5), [3.0], rtol=1e-12)


@pytest.mark.parametrize("size", [1e-40, 1e-20, 1e20])
def test_the_size_of_a_gradient_does_not_matter(size):
    g = np.array([[3.0, 1.0]], dtype=np.float32)
    found = tilted(np.float32([[1.0, 3.0]]), np.float32(size) * g, strength=1.0)
    np.testing.assert_allclose(found / size, [3 / 2, 1 / 4], rtol=1e-4)


def test_a_loss_that_is_linear_in_a_parameter():
    options = {"support": (torch.ones(2),), "query": (torch.ones(2),), "inner_lr": 0.1, "num_steps": 1}
    params = {"a": torch.tensor(1.0), "b": torch.tensor(1.0)}
    found = implicit(lambda p, x: p["a"] ** 2 + p["b"] * x, params, strength=1.0, **options).gradient
    torch.testing.assert_close(found, {"a": torch.tensor(1.6 / 3), "b": torch.tensor(1.0)})  # a = 0.8 after one step
    found = implicit(lambda p, x: p["a"] + p["b"] * x, params, strength=1.0, **options).gradient
    torch.testing.assert_close(found, {"a": torch.tensor(1.0), "b": torch.tensor(1.0)})


@pytest.mark.parametrize("backend", ["eager", "capture"])
def test_what_is_not_finite_is_seen(backend):
    def sample(rng):
        sample.count += 1
        y = torch.full((4,), float("nan") if sample.count > 3 else 1.0)
        return quadratic.QuadraticTask((torch.ones(4),), (y,))

    sample.count = 0
    options = {"inner_lr": 0.1, "num_steps": 1, "outer_lr": 0.1, "iterations": 9, "seed": 0, "progress": False}
    with pytest.raises(Diverged, match="iteration 3: the query set of task 0"):
        meta_train(lambda p, y: (p - y) ** 2, torch.tensor(0.0), sample, algorithm=implicit, strength=1.0,
                   backend=backend, **options)  # fmt: skip


def test_a_curvature_that_is_no_number_is_seen():
    tasks = quadratic.QuadraticTask((torch.zeros(2),), (torch.ones(2),))
    options = {"inner_lr": 0.1, "num_steps": 1, "outer_lr": 0.1, "iterations": 9, "seed": 0, "progress": False}
    with pytest.raises(Diverged, match="the losses are finite, but the gradient in params reaches nan"):
        meta_train(lambda p, y: p.abs() ** 1.5 + p * y, torch.tensor(0.0), lambda _: tasks, algorithm=implicit,
                   strength=1.0, cg_steps=1, **options)  # fmt: skip


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="strength must be positive, got 0"):
        call(implicit, inner_lr=0.1, num_steps=1, strength=0)
    with pytest.raises(ValueError, match="implicit needs an inner_lr above 0 for every tensor"):
        call(implicit, inner_lr=0, num_steps=1, strength=1.0)
    with pytest.raises(ValueError, match="cg_steps must be at least 1, got 0"):
        call(implicit, inner_lr=0.1, num_steps=1, strength=1.0, cg_steps=0)
