"""Every formula of closed_form.gaussian against something that does not use it: descent, a search, draws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import optimize, stats

from mamlkit.closed_form.gaussian import (
    adapt_mean,
    expected_error,
    implied_prior_precision,
    inner_lr_for_prior,
    map_estimate,
    prior_precision,
)

seeds = st.integers(0, 2**32 - 1)


def step_by_differences(theta, examples, noise_var, inner_lr, eps=1e-4):
    """One step on minus the summed log-density that SciPy knows, its slope taken between two nearby points."""
    up, down = (-stats.norm.logpdf(examples, theta + e, noise_var**0.5).sum() for e in (eps, -eps))
    return theta - inner_lr * (up - down) / (2 * eps)


def posterior_mode(examples, mu, prior_var, noise_var):
    def minus_log_posterior(theta):
        return -(
            stats.norm.logpdf(examples, theta, noise_var**0.5).sum() + stats.norm.logpdf(theta, mu, prior_var**0.5)
        )

    return optimize.minimize_scalar(minus_log_posterior, options={"xtol": 1e-10}).x


@pytest.mark.parametrize("n", [1, 3, 10])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_r10_one_step_is_the_posterior_mode(share, n):
    """A step by differences, then the mode of the posterior under the stated prior, found by a search."""
    rng, noise_var, mu = np.random.default_rng(n), 1.7, 0.4
    examples = rng.normal(2.0, noise_var**0.5, size=n)
    rate = share * noise_var / n
    prior_var = 1 / prior_precision(rate, noise_var=noise_var, n=n)
    phi = step_by_differences(mu, examples, noise_var, rate)
    setting = {"noise_var": noise_var, "n": n}
    assert adapt_mean(mu, examples.mean(), inner_lr=rate, **setting) == pytest.approx(phi, abs=1e-7)
    assert posterior_mode(examples, mu, prior_var, noise_var) == pytest.approx(phi, abs=1e-6)
    assert map_estimate(mu, examples.mean(), prior_var=prior_var, **setting) == pytest.approx(phi, abs=1e-7)
    assert inner_lr_for_prior(prior_var, **setting) == pytest.approx(rate, rel=1e-12)


@pytest.mark.parametrize(("noise_var", "n"), [(1.0, 3), (0.1, 7), (2.3, 11), (1.0, 49)])
def test_r10_the_last_rate_is_a_flat_prior_and_ends_at_the_sample_mean(noise_var, n):
    last = noise_var / n
    assert prior_precision(last, noise_var=noise_var, n=n) == 0.0
    assert adapt_mean(-3.0, 1.25, inner_lr=last, noise_var=noise_var, n=n) == pytest.approx(1.25)


def test_r10_beyond_the_last_rate_no_prior_exists():
    with pytest.raises(ValueError, match=r"inner_lr must be at most noise_var / n = 0\.2, got 0\.21"):
        prior_precision(0.21, noise_var=1.0, n=5)
    overshot = adapt_mean(0.0, 1.0, inner_lr=0.21, noise_var=1.0, n=5)
    widths = np.geomspace(1e-6, 1e9, 50)
    assert overshot > max(map_estimate(0.0, 1.0, prior_var=width, noise_var=1.0, n=5) for width in widths)


def test_r10_x1_a_smaller_rate_is_a_stronger_prior():
    precisions = [prior_precision(rate, noise_var=2.0, n=4) for rate in np.linspace(0.01, 0.5, 30)]
    assert (np.diff(precisions) < 0).all()


def test_r10_with_unequal_n_one_rate_fits_no_single_prior():
    """Each task's own rate gives the modes that a search finds; any common rate misses one of them."""
    rng, counts, prior_var = np.random.default_rng(1), (2, 9), 0.6
    tasks = [rng.normal(1.0, 1.0, size=n) for n in counts]
    modes = [posterior_mode(examples, 0.0, prior_var, 1.0) for examples in tasks]
    rates = [inner_lr_for_prior(prior_var, noise_var=1.0, n=n) for n in counts]
    for examples, mode, rate in zip(tasks, modes, rates, strict=True):
        assert step_by_differences(0.0, examples, 1.0, rate) == pytest.approx(mode, abs=1e-6)
    for common in np.linspace(0.01, 1.0, 100):
        ends = [step_by_differences(0.0, examples, 1.0, common) for examples in tasks]
        assert np.abs(np.subtract(ends, modes)).max() > 1e-3


def test_r10a_the_error_of_drawn_tasks():
    """200,000 tasks are drawn; the mean of their squared errors lies within four standard errors of the formula."""
    rng, prior_var, noise_var, n = np.random.default_rng(0), 0.7, 1.3, 4
    means = rng.normal(0.0, prior_var**0.5, size=200_000)
    samples = means + rng.normal(0.0, (noise_var / n) ** 0.5, size=means.shape)
    for rate in (0.05, 0.2, 0.4):
        errors = (adapt_mean(0.0, samples, inner_lr=rate, noise_var=noise_var, n=n) - means) ** 2
        formula = expected_error(rate, prior_var=prior_var, noise_var=noise_var, n=n)
        assert abs(errors.mean() - formula) < 4 * errors.std() / len(errors) ** 0.5


@pytest.mark.parametrize("prior_var", [0.1, 1.0, 5.0])
def test_r10a_the_best_rate_is_the_one_of_the_true_prior(prior_var):
    setting = {"noise_var": 1.3, "n": 4}
    best = optimize.minimize_scalar(
        lambda rate: expected_error(rate, prior_var=prior_var, **setting), bounds=(1e-6, 1.0), method="bounded"
    )
    assert inner_lr_for_prior(prior_var, **setting) == pytest.approx(best.x, abs=1e-4)


def random_hessian(rng, curvatures):
    basis, _ = np.linalg.qr(rng.normal(size=(len(curvatures),) * 2))
    matrix = (basis * curvatures) @ basis.T
    return (matrix + matrix.T) / 2


@given(seeds, st.sampled_from([1, 2, 3, 7, 40]))
def test_r11_descent_and_the_search_for_the_mode_end_at_one_point(seed, num_steps):
    """K steps, run one by one; and the lowest point of loss plus penalty, found by a search that knows no formula."""
    rng = np.random.default_rng(seed)
    A, m, theta = random_hessian(rng, rng.uniform(0.2, 2.0, 3)), rng.normal(size=3), rng.normal(size=3)
    rate = rng.uniform(0.02, 0.45)
    Q = implied_prior_precision(A, inner_lr=rate, num_steps=num_steps)
    phi = theta
    for _ in range(num_steps):
        phi = phi - rate * A @ (phi - m)

    def penalised(point):
        return 0.5 * (point - m) @ A @ (point - m) + 0.5 * (point - theta) @ Q @ (point - theta)

    mode = optimize.minimize(penalised, theta, method="BFGS", options={"gtol": 1e-9})
    assert_allclose(mode.x, phi, atol=1e-5)
    assert (np.linalg.eigvalsh(Q) > -1e-12).all()  # after many steps next to nothing, in rounding


@pytest.mark.parametrize(("rate", "n"), [(0.01, 2), (0.1, 5), (0.3, 3)])
def test_r11_with_one_step_is_r10(rate, n):
    found = implied_prior_precision([[n / 1.5]], inner_lr=rate, num_steps=1)
    assert found.item() == pytest.approx(prior_precision(rate, noise_var=1.5, n=n))


def test_r11_at_its_edges():
    """A flat axis gets 1 / (K alpha), a tiny curvature nearly so; the steepest that is allowed gets nothing."""
    found = np.diag(implied_prior_precision(np.diag([0.0, 1e-11, 4.0]), inner_lr=0.25, num_steps=8))
    assert_allclose(found, [0.5, 0.5, 0.0], rtol=1e-9)
    assert implied_prior_precision([[1.0]], inner_lr=0.9, num_steps=10_000).item() == 0.0


def test_r11_refuses_what_overshoots():
    with pytest.raises(ValueError, match=r"0\.6 × 2 = 1\.2: the steps overshoot; take inner_lr at most 0\.5"):
        implied_prior_precision(np.diag([1.0, 2.0]), inner_lr=0.6, num_steps=2)
    with pytest.raises(ValueError, match=r"no negative eigenvalue, its lowest is -1"):
        implied_prior_precision(np.diag([1.0, -1.0]), inner_lr=0.6, num_steps=2)


@pytest.mark.parametrize("n", [1.5, True, "3"])
def test_counts_that_are_no_counts_are_refused(n):
    with pytest.raises(TypeError, match="n must"):
        adapt_mean(0.0, 1.0, inner_lr=0.1, noise_var=1.0, n=n)


@pytest.mark.parametrize("function", [prior_precision, inner_lr_for_prior])
@pytest.mark.parametrize("value", [0.0, -0.1])
def test_r10_rates_and_variances_are_positive(function, value):
    with pytest.raises(ValueError, match=r"must be positive, got -?0\."):
        function(value, noise_var=1.0, n=5)
