"""Learning the prior: every formula against a search, a quadrature or draws."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import integrate, optimize, stats

from mamlkit.closed_form.evidence import likelihood_centre, log_evidence, outer_centre
from mamlkit.closed_form.gaussian import inner_lr_for_prior
from mamlkit.closed_form.quadratic import Quadratic


@pytest.mark.parametrize("num_steps", [1, 3])
def test_r11a_the_evidence_is_the_integral(num_steps):
    """Prior times likelihood, integrated over the plane, with the prior of R11 written out."""
    A, m, theta, rate = np.array([[1.5, 0.4], [0.4, 0.7]]), np.array([1.0, -0.5]), np.array([0.2, 0.3]), 0.3
    left = np.linalg.matrix_power(np.eye(2) - rate * A, num_steps)
    Q = A @ left @ np.linalg.inv(np.eye(2) - left)
    prior = stats.multivariate_normal(theta, np.linalg.inv((Q + Q.T) / 2))

    def density(x, y):
        point = np.array([x, y])
        return np.exp(-0.5 * (point - m) @ A @ (point - m)) * prior.pdf(point)

    integral, _ = integrate.dblquad(density, -9, 9, -9, 9, epsabs=1e-8)
    found = log_evidence(theta, Quadratic.with_minimiser(A, m), inner_lr=rate, num_steps=num_steps)
    assert found == pytest.approx(np.log(integral), abs=1e-5)


def test_r11a_the_likelihood_of_a_sample_mean():
    """In one dimension it is the density of the sample mean, up to the constant of the likelihood."""
    for n, prior_var, mean in [(2, 0.5, 1.3), (7, 2.0, -0.4)]:
        loss = Quadratic.with_minimiser([[n / 1.2]], [mean])
        rate = inner_lr_for_prior(prior_var, noise_var=1.2, n=n)
        exact = stats.norm.logpdf(mean, 0.1, (prior_var + 1.2 / n) ** 0.5) + 0.5 * np.log(2 * np.pi * 1.2 / n)
        assert log_evidence([0.1], loss, inner_lr=rate) == pytest.approx(exact)


def test_r11a_a_flat_prior_has_no_evidence():
    with pytest.raises(ValueError, match=r"got 0\.5: a flat prior"):
        log_evidence([0.0], Quadratic.with_minimiser([[2.0]], [1.0]), inner_lr=0.5)


def test_r12_the_start_of_the_lowest_outer_loss():
    """Tasks are sampled, noise with both signs, each adapted by its own step; a search moves the start."""
    rng, counts, rate, noise_var = np.random.default_rng(3), np.array([1, 2, 5, 9]), 0.12, 1.2
    means = rng.normal(1.0, 2.0, size=4)
    noise = rng.normal(size=(2000, 4)) * np.sqrt(noise_var / counts)
    samples = means + np.concatenate([noise, -noise])

    def loss(theta):
        phi = theta - rate * counts / noise_var * (theta - samples)
        return np.mean((phi - means) ** 2)

    found = outer_centre(means, inner_lr=rate, noise_var=noise_var, n=counts)
    assert optimize.minimize_scalar(loss).x == pytest.approx(float(found.centre), abs=1e-6)
    assert (np.diff(found.weights) < 0).all()


def test_r12_the_prior_mean_of_the_largest_likelihood():
    """The likelihood of all examples at once: those of one task share its mean, so their covariance is a block."""
    rng, counts, prior_var, noise_var = np.random.default_rng(4), (1, 2, 5, 9), 0.8, 1.2
    examples = [rng.normal(rng.normal(0.5, prior_var**0.5), noise_var**0.5, size=n) for n in counts]
    blocks = [prior_var * np.ones((n, n)) + noise_var * np.eye(n) for n in counts]

    def minus_log_likelihood(mu):
        return -sum(
            stats.multivariate_normal.logpdf(each, np.full(len(each), mu), block)
            for each, block in zip(examples, blocks, strict=True)
        )

    sample_means = [each.mean() for each in examples]
    found = likelihood_centre(sample_means, prior_var=prior_var, noise_var=noise_var, n=counts)
    assert optimize.minimize_scalar(minus_log_likelihood).x == pytest.approx(float(found.centre), abs=1e-6)
    assert (np.diff(found.weights) > 0).all()


def test_r12_for_equal_n_both_are_the_plain_mean():
    means = np.array([-1.0, 0.5, 3.5])
    for found in (
        outer_centre(means, inner_lr=0.1, noise_var=1.0, n=4),
        likelihood_centre(means, prior_var=0.3, noise_var=1.0, n=4),
    ):
        assert found.centre == pytest.approx(1.0)
        assert_allclose(found.weights, 1 / 3)


@pytest.mark.parametrize("n", [0, -2, [3, 0]])
def test_counts_below_one_are_refused(n):
    with pytest.raises(ValueError, match="n must be at least 1"):
        likelihood_centre([0.0, 1.0], prior_var=1.0, noise_var=1.0, n=n)
