"""Reptile and implicit MAML, against their closed forms on quadratics."""

import numpy as np
import pytest
import torch

from mamlkit.closed_form import quadratic
from mamlkit.engine import meta_gradient, meta_train
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


@pytest.mark.parametrize("task_axis", ["vmap", "loop"])
def test_a_strength_that_does_not_outweigh_the_curvature_is_named(task_axis):
    """Curvature -2 of the last task: conjugate gradients would stop at once, and the gradient be too small."""
    curvatures = torch.tensor([1.0, 1.0, 1.0, -2.0])
    loss = lambda p, a: 0.5 * a * p**2  # noqa: E731
    options = {"support": (curvatures,), "query": (torch.ones(4),), "inner_lr": 0.1, "num_steps": 3}
    assert implicit(loss, torch.tensor(1.0), strength=2.5, task_axis=task_axis, **options).loss.isfinite()
    with pytest.raises(RuntimeError, match=r"strength=1\.5 does not outweigh the negative curvature"):
        implicit(loss, torch.tensor(1.0), strength=1.5, task_axis=task_axis, **options)


def test_the_check_of_strength_is_recorded_too(caplog):
    def sample(rng):
        sample.count += 1
        curvatures = torch.full((4,), -2.0 if sample.count > 5 else 1.0)
        return quadratic.QuadraticTask((curvatures,), (torch.ones(4),))

    sample.count = 0
    options = {"inner_lr": 0.1, "num_steps": 3, "outer_lr": 0.1, "iterations": 9, "seed": 0, "progress": False}
    with pytest.raises(RuntimeError, match=r"strength=1\.5 does not outweigh"):
        meta_train(lambda p, a: 0.5 * a * p**2, torch.tensor(1.0), sample, algorithm=implicit, strength=1.5, **options)
    assert "going on without" not in caplog.text
    assert sample.count == 6


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="strength must be positive, got 0"):
        call(implicit, inner_lr=0.1, num_steps=1, strength=0)
    with pytest.raises(ValueError, match="implicit needs an inner_lr above 0 for every tensor"):
        call(implicit, inner_lr=0, num_steps=1, strength=1.0)
    with pytest.raises(ValueError, match="cg_steps must be at least 1, got 0"):
        call(implicit, inner_lr=0.1, num_steps=1, strength=1.0, cg_steps=0)
