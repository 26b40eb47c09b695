"""MAML near alpha = 0, against optima that a search finds: their distance from joint training's has slope 1."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.optimize import minimize

from mamlkit.closed_form.joint import drift
from mamlkit.closed_form.quadratic import Quadratic, QuadraticTask, meta_optimum


def random_tasks(seed, num_tasks=4, size=3):
    rng = np.random.default_rng(seed)

    def loss():
        basis, _ = np.linalg.qr(rng.normal(size=(size, size)))
        return Quadratic.with_minimiser((basis * rng.uniform(0.3, 2.0, size)) @ basis.T, rng.normal(size=size))

    return [QuadraticTask(loss(), loss()) for _ in range(num_tasks)]


def searched_optimum(tasks, inner_lr, num_steps):
    """Minimise the mean query loss after steps that are taken here one by one."""

    def J(theta):
        total = 0.0
        for support, query in tasks:
            phi = theta
            for _ in range(num_steps):
                phi = phi - inner_lr * (support.A @ phi + support.b)
            total += 0.5 * phi @ query.A @ phi + query.b @ phi
        return total

    return minimize(J, np.zeros(3), tol=1e-12).x


@pytest.mark.parametrize("num_steps", [1, 3])
def test_r15_the_gap_to_joint_training_is_first_order_in_alpha(num_steps):
    """The fitted slope of log gap against log alpha is 1; what the drift leaves over has slope 2."""
    tasks = random_tasks(0)
    rates = np.geomspace(1e-3, 1e-2, 5)
    joint = searched_optimum(tasks, 0.0, num_steps)
    gaps = np.array([searched_optimum(tasks, rate, num_steps) - joint for rate in rates])
    rest = gaps - rates[:, None] * drift(tasks, num_steps=num_steps)
    slopes = [np.polyfit(np.log(rates), np.log(np.linalg.norm(part, axis=1)), 1)[0] for part in (gaps, rest)]
    assert_allclose(slopes, [1.0, 2.0], atol=0.1)


@given(st.integers(0, 10_000), st.integers(0, 4))
def test_the_drift_is_the_derivative_of_the_optimum(seed, num_steps):
    tasks, eps = random_tasks(seed), 1e-5
    after, before = (meta_optimum(tasks, inner_lr=rate, num_steps=num_steps) for rate in (eps, 0.0))
    assert_allclose(drift(tasks, num_steps=num_steps), (after - before) / eps, rtol=1e-2, atol=1e-3)


def test_the_drift_climbs_the_agreement_of_gradients():
    """Along the drift the summed inner product of support and query gradients grows, by central differences."""
    tasks = random_tasks(1)
    joint, way = meta_optimum(tasks, inner_lr=0.0), drift(random_tasks(1))

    def agreement(theta):
        return sum(support.grad(theta) @ query.grad(theta) for support, query in tasks)

    assert agreement(joint + 1e-4 * way) > agreement(joint - 1e-4 * way)


def test_no_tasks_are_named():
    with pytest.raises(ValueError, match="at least one task"):
        drift([])
    with pytest.raises(ValueError, match="num_steps must be at least 0"):
        drift(random_tasks(2), num_steps=-1)
