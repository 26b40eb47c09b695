import numpy as np
import pytest
import torch

from mamlkit import models
from mamlkit.closed_form import quadratic
from mamlkit.engine import adapt, meta_gradient

from .oracles import central_differences, distance, quadratic_loss, random_quadratics


def mlp_problem(*, num_tasks=3, seed=0, sizes=(2, 5, 1)):
    """Return a smooth float64 problem: parameters, loss, support and query of a few tasks."""
    generator = torch.Generator().manual_seed(seed)
    params, net = models.mlp(sizes, generator, activation=torch.tanh, dtype=torch.float64)

    def loss_fn(params, x, y):
        return ((net(params, x) - y) ** 2).mean()

    def draw(n):
        x = torch.randn(num_tasks, n, sizes[0], generator=generator, dtype=torch.float64)
        return x, torch.randn(num_tasks, n, sizes[-1], generator=generator, dtype=torch.float64)

    return params, loss_fn, draw(4), draw(6)


def outer_loss(loss_fn, support, query, **inner):
    """Return theta -> mean outer loss, task by task, with no differentiation of the whole."""

    def value(params):
        num_tasks = len(support[0])
        total = 0.0
        for task in range(num_tasks):
            phi = adapt(loss_fn, params, tuple(t[task] for t in support), **inner)
            total += float(loss_fn(phi, *(t[task] for t in query)))
        return total / num_tasks

    return value


@pytest.mark.parametrize("num_steps", range(11))
@pytest.mark.parametrize("first_order", [False, True])
def test_equals_closed_form_on_quadratics(num_steps, first_order):
    rng = np.random.default_rng(num_steps)
    supports, support = random_quadratics(rng, num_tasks=4, dim=3)
    queries, query = random_quadratics(rng, num_tasks=4, dim=3)
    theta, options = rng.normal(size=3), {"inner_lr": 0.3, "num_steps": num_steps}
    result = meta_gradient(
        quadratic_loss, torch.tensor(theta), support=support, query=query, first_order=first_order, **options
    )
    pairs = list(zip(supports, queries, strict=True))
    expected = np.mean(
        [quadratic.meta_gradient(theta, support=s, query=q, first_order=first_order, **options) for s, q in pairs], 0
    )
    losses = [quadratic.outer_loss(theta, support=s, query=q, **options) for s, q in pairs]
    np.testing.assert_allclose(result.gradient.numpy(), expected, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(result.task_losses.numpy(), losses, rtol=1e-10)
    np.testing.assert_allclose(result.loss.item(), np.mean(losses), rtol=1e-10)


@pytest.mark.parametrize("num_steps", [0, 1, 2, 5])
def test_r2_equals_central_differences_on_a_network(num_steps):
    params, loss_fn, support, query = mlp_problem()
    options = {"inner_lr": 0.1, "num_steps": num_steps}
    result = meta_gradient(loss_fn, params, support=support, query=query, **options)
    expected = central_differences(outer_loss(loss_fn, support, query, **options), params)
    assert distance(result.gradient, expected) < 1e-8
