"""The family of first-order shortcuts, against walks taken step by step, a search, and automatic differentiation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.optimize import minimize_scalar

from mamlkit.closed_form.first_order import METHODS, gap, inner_weight, multiplier, widest


def walked(method, product, num_steps):
    """The direction of a method at theta = 1 on the loss theta^2 / 2, from its definition; curvature 1."""

    def end(theta):
        for _ in range(num_steps):
            theta = theta - product * theta
        return theta

    eps = 1e-4  # central differences are exact here up to rounding
    return {
        "maml": (end(1 + eps) ** 2 / 2 - end(1 - eps) ** 2 / 2) / (2 * eps),
        "fomaml": end(1.0),
        "reptile": (1 - end(1.0)) / (product * num_steps),
        "joint": 1.0,
    }[method]


@pytest.mark.parametrize("method", METHODS)
@given(st.floats(0.01, 2.1), st.integers(1, 5))
def test_r5_multipliers_are_those_of_a_walk(method, product, num_steps):
    shown = multiplier(method, product, num_steps=num_steps)
    assert_allclose(shown, walked(method, product, num_steps), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("num_steps", [1, 2, 3, 4, 7])
def test_r5a_where_the_gap_is_widest(num_steps):
    """A search over (0, 1) that does not know the formula, on gradients that are walked."""

    def minus_size(product):
        return -abs(walked("maml", product, num_steps) - walked("fomaml", product, num_steps))

    found = minimize_scalar(minus_size, bounds=(1e-3, 1 - 1e-3), method="bounded", options={"xatol": 1e-9})
    assert found.x == pytest.approx(widest(num_steps), abs=1e-4)
    assert -found.fun == pytest.approx(0.25, abs=1e-6)


def test_r5a_two_steps_the_whole_way():
    """X4: zero at 0, 1 and 2; as wide at 1 + 1/sqrt(2) as at 1 - 1/sqrt(2); the relative gap rises only up to 1."""
    assert_allclose(gap([0.0, 1.0, 2.0]).absolute, 0, atol=1e-15)
    assert widest(2) == pytest.approx(1 - 1 / np.sqrt(2))
    assert_allclose(gap([1 - 2**-0.5, 1 + 2**-0.5]).absolute, -0.25)
    below, above = np.linspace(0, 0.999, 200), np.linspace(1.001, 2, 200)
    for relative in ("to_fomaml", "to_maml"):
        assert (np.diff(getattr(gap(below), relative)) > 0).all()
        assert (np.diff(getattr(gap(above), relative)) < 0).all()
    assert gap(1.0).to_maml == np.inf


@pytest.mark.parametrize("num_steps", [1, 3, 5])
def test_with_odd_steps_beyond_one_the_two_gradients_have_opposite_signs(num_steps):
    products = np.linspace(1.01, 1.99, 50)
    signs = [np.sign([walked(method, p, num_steps) for p in products]) for method in ("maml", "fomaml")]
    assert_allclose(signs[0], -signs[1])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("num_steps", [1, 2, 5])
def test_inner_weight_is_the_slope_at_zero(method, num_steps):
    slope = (multiplier(method, 1e-5, num_steps=num_steps) - multiplier(method, -1e-5, num_steps=num_steps)) / 2e-5
    assert slope == pytest.approx(-inner_weight(method, num_steps=num_steps), abs=1e-6)


def test_r5b_the_remainder_of_the_expansion_is_of_second_order():
    """On a bent model, by automatic differentiation: what the two terms leave falls with the square of alpha."""
    torch = pytest.importorskip("torch")
    from mamlkit import engine, variants

    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(size, generator=generator, dtype=torch.float64) for size in ((4, 5, 3), (4, 5)))
    w = torch.randn(3, generator=generator, dtype=torch.float64)
    pairs = [(i, j) for i in range(4) for j in range(4) if i != j]
    first, second = (torch.tensor(side) for side in zip(*pairs, strict=True))

    def loss(w, x, y):
        return ((torch.tanh(x @ w) - y) ** 2).mean()

    def inner(w):  # the mean inner product of two gradients of different mini-batches
        grads = [torch.autograd.grad(loss(w, x[i], y[i]), w, create_graph=True)[0] for i in range(4)]
        return sum(grads[i] @ grads[j] for i, j in pairs) / len(pairs)

    point = w.clone().requires_grad_()
    (avg_grad,) = torch.autograd.grad(sum(loss(point, x[i], y[i]) for i in range(4)) / 4, point)
    avg_inner = torch.autograd.grad(inner(point), point)[0] / 2
    tasks = {"support": (x[first], y[first]), "query": (x[second], y[second])}
    both = (torch.stack([x[first], x[second]], 1), torch.stack([y[first], y[second]], 1))  # one mini-batch a step

    def direction(method, alpha):
        if method == "reptile":
            settings = {"support": both, "query": tasks["query"], "inner_lr": alpha, "num_steps": 2, "stream": True}
            return variants.reptile(loss, w, **settings).gradient / (2 * alpha)
        settings = {**tasks, "inner_lr": alpha, "num_steps": 2, "first_order": method == "fomaml"}
        return engine.meta_gradient(loss, w, **settings).gradient

    alphas = np.geomspace(1e-3, 1e-2, 5)
    for method in ("maml", "fomaml", "reptile"):
        weight = inner_weight(method, num_steps=2)
        left = [(direction(method, a) - avg_grad + a * weight * avg_inner).norm().item() for a in alphas]
        assert np.polyfit(np.log(alphas), np.log(left), 1)[0] == pytest.approx(2, abs=0.1)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="method must be one of maml, fomaml, reptile, joint; got 'sgd'"):
        multiplier("sgd", 0.5, num_steps=1)
    with pytest.raises(ValueError, match="method must be one of"):
        inner_weight("sgd", num_steps=1)
    with pytest.raises(ValueError, match="num_steps must be at least 1, got 0"):
        multiplier("reptile", 0.5, num_steps=0)
    with pytest.raises(ValueError, match="product must be finite"):
        gap([np.nan])
