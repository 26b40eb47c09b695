"""Bias and variance of the mean that batch normalisation uses, against simulated tasks (claim R13)."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from mamlkit.closed_form.normalisation import best_mixture, crossing, mean_error
from mamlkit.closed_form.quadratic import Quadratic, adapt

SETTINGS = [(1, 1.0, 1.0), (2, 0.5, 2.0), (5, 2.0, 1.0), (10, 0.3, 1.5)]


def simulated(weight, n_support, between_std, within_std, *, tasks=4000, sets=50):
    """Draw tasks, and many support sets of each: (squared bias, variance), each with its standard error."""
    rng = np.random.default_rng(n_support)
    means = 3.0 + between_std * rng.normal(size=tasks)
    samples = means[:, None, None] + within_std * rng.normal(size=(tasks, sets, n_support))
    used = (1 - weight) * 3.0 + weight * samples.mean(axis=2)  # the global mean is 3
    variance = used.var(axis=1, ddof=1)
    bias = (used.mean(axis=1) - means) ** 2 - variance / sets  # the mean over sets has an error of its own
    return [(part.mean(), part.std() / tasks**0.5) for part in (bias, variance)]


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("strategy", ["G", "P", "mixture", 0.3])
def test_r13_bias_and_variance_of_simulated_tasks(strategy, setting):
    n, between, within = setting
    settings = {"n_support": n, "between_std": between, "within_std": within}
    weight = {"G": 0.0, "P": 1.0, "mixture": between**2 / (between**2 + within**2 / n)}.get(strategy, strategy)
    claimed = mean_error(strategy, **settings)
    for part, (value, error) in zip(claimed, simulated(weight, n, between, within), strict=True):
        assert abs(part - value) <= 4 * error + 1e-12
    assert claimed.total == claimed.bias + claimed.variance


@pytest.mark.parametrize(("n", "between", "within"), SETTINGS)
def test_r13_no_weight_is_better_than_the_best(n, between, within):
    settings = {"n_support": n, "between_std": between, "within_std": within}
    found = minimize_scalar(lambda w: mean_error(float(w), **settings).total, bounds=(0, 1), options={"xatol": 1e-9})
    assert best_mixture(**settings) == pytest.approx(found.x, abs=1e-6)
    assert mean_error("mixture", **settings).total == pytest.approx(found.fun, abs=1e-12)


@pytest.mark.parametrize("within", [1.0, 2.0, 3.0])
def test_r13_the_strategies_cross_where_claimed(within):
    at = crossing(between_std=0.5, within_std=within)
    for n in range(1, 60):
        g, p = (mean_error(s, n_support=n, between_std=0.5, within_std=within).total for s in "GP")
        assert (p < g) == (n > at) or n == at


@pytest.mark.parametrize(("n", "between", "within"), SETTINGS)
def test_r13_the_mixture_is_one_step_of_gradient_descent(n, between, within):
    """R10 again: a step of rate 1 / (1/s_b^2 + n/s_w^2) on the summed negative log-likelihood, by differences."""
    samples = np.random.default_rng(1).normal(2.0, within, size=n)
    start, rate, eps = -1.0, 1 / (1 / between**2 + n / within**2), 1e-5

    def nll(mean):
        return ((samples - mean) ** 2).sum() / (2 * within**2)

    step = start - rate * (nll(start + eps) - nll(start - eps)) / (2 * eps)
    weight = best_mixture(n_support=n, between_std=between, within_std=within)
    assert step == pytest.approx((1 - weight) * start + weight * samples.mean(), abs=1e-8)
    walk = adapt([start], Quadratic.with_minimiser([[n / within**2]], [samples.mean()]), inner_lr=rate)
    assert walk[-1, 0] == pytest.approx(step, abs=1e-8)


def test_r13_the_weight_is_a_sigmoid_of_the_logarithm_of_the_support_size():
    for n in (1, 3, 10, 100):
        exponent = np.log(n) + np.log(0.7**2 / 1.3**2)
        weight = best_mixture(n_support=n, between_std=0.7, within_std=1.3)
        assert weight == pytest.approx(1 / (1 + np.exp(-exponent)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"strategy": "Q"}, 'strategy must be "G", "P", "mixture" or a weight'),
        ({"strategy": 1.5}, "strategy must be a weight from 0 to 1, got 1.5"),
        ({"n_support": 0}, "n_support must be at least 1"),
        ({"between_std": -1.0}, "between_std must not be negative"),
        ({"within_std": -1.0}, "within_std must not be negative"),
        ({"strategy": "mixture", "between_std": 0.0, "within_std": 0.0}, "must not both be zero"),
    ],
)
def test_what_cannot_be_is_refused(change, message):
    settings = {"strategy": "G", "n_support": 5, "between_std": 1.0, "within_std": 1.0} | change
    with pytest.raises(ValueError, match=message):
        mean_error(settings.pop("strategy"), **settings)


def test_no_crossing_without_spread():
    with pytest.raises(ValueError, match="between_std must be positive"):
        crossing(between_std=0.0, within_std=1.0)
