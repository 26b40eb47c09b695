"""MAP, posterior mean, least squares and fitted populations, against searches, sampling and closed forms."""

from functools import partial

import numpy as np
import pytest
from scipy.stats import norm

from mamlkit.applications.medicine import Noise, Population, oral, published
from mamlkit.applications.medicine_fit import (
    fit_population,
    least_squares,
    log_evidence,
    map_estimate,
    minus_log_posterior,
    posterior,
    two_stage,
)
from mamlkit.closed_form import gaussian

TIMES, DOSE = np.array([1.0, 3.5, 7.0]), 4.5


def patient(seed):
    rng = np.random.default_rng(seed)
    prior = published("pooled")
    predict = partial(oral, time=TIMES, dose=DOSE)
    true = predict(prior.sample(rng))
    return predict, true * (1 + 0.12 * rng.normal(size=3)), prior


def density(z, predict, seen, prior, noise):
    """The posterior density up to a constant, written with scipy's normal densities."""
    c = predict(z)
    likelihood = norm.logpdf(seen, c, noise.std(c)).sum(axis=-1)
    return likelihood + norm.logpdf(z, prior.mean, prior.std).sum(axis=-1)


@pytest.mark.parametrize("seed", range(3))
def test_the_objective_is_the_density(seed):
    predict, seen, prior = patient(seed)
    z = prior.sample(np.random.default_rng(9), 5)
    ours = minus_log_posterior(z, predict, seen, prior, Noise(0.3, 0.12))
    theirs = -density(z, predict, seen, prior, Noise(0.3, 0.12))
    assert ours - ours[0] == pytest.approx(theirs - theirs[0], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_no_point_nearby_or_far_has_a_greater_density_than_the_mode(seed):
    predict, seen, prior = patient(seed)
    z = map_estimate(predict, seen, prior)
    best = density(z, predict, seen, prior, Noise(0.3, 0.12))
    rng = np.random.default_rng(0)
    near = z + 0.03 * rng.normal(size=(4000, 3))
    far = prior.sample(rng, 20_000)
    for points in (near, far):
        assert density(points, predict, seen, prior, Noise(0.3, 0.12)).max() <= best + 1e-6


@pytest.mark.parametrize("seed", range(4))
def test_the_posterior_mean_is_that_of_weighted_draws_from_the_prior(seed):
    predict, seen, prior = patient(seed)
    noise = Noise(0.3, 0.12)
    later = partial(oral, time=np.array([9.0, 24.0]), dose=DOSE)
    belief = posterior(predict, seen, prior, noise=noise)
    assert belief.weights.sum() == pytest.approx(1.0)
    draws = prior.sample(np.random.default_rng(seed), 400_000)
    c = predict(draws)
    weight = np.exp(norm.logpdf(seen, c, noise.std(c)).sum(axis=1))
    weight /= weight.sum()
    values = later(draws)
    expected = weight @ values
    error = np.sqrt((weight**2) @ (values - expected) ** 2)
    assert (np.abs(belief.mean(later) - expected) < 4 * error + 0.005).all()
    assert np.abs(belief.centre() - weight @ draws).max() < 0.02


def test_the_posterior_mean_has_the_least_error_on_its_own_population():
    """Of many guesses the mean is best, on average over patients drawn from the prior (what the chapter proves)."""
    rng = np.random.default_rng(5)
    prior = Population(np.zeros(1), np.ones(1))
    noise = Noise(0.5, 0.0)
    totals = np.zeros(3)
    for _ in range(400):
        z = prior.sample(rng)
        seen = np.exp(z) + 0.5 * rng.normal(size=1)
        belief = posterior(np.exp, seen, prior, noise=noise, size=201)
        mode = map_estimate(np.exp, seen, prior, noise=noise)
        guesses = np.array([belief.mean(np.exp)[0], np.exp(mode)[0], np.exp(belief.centre())[0]])
        totals += (guesses - np.exp(z)) ** 2
    assert totals.argmin() == 0


@pytest.mark.parametrize(("prior_var", "noise_var", "n"), [(0.2, 1.0, 5), (2.0, 0.5, 1), (1.0, 1.0, 3)])
def test_r10_the_mode_of_a_linear_model_is_the_closed_form(prior_var, noise_var, n):
    seen = np.random.default_rng(n).normal(1.0, 1.0, n)
    prior = Population(np.array([0.3]), np.array([prior_var**0.5]))

    def predict(z):
        return np.repeat(z, n, axis=-1)

    noise = Noise(noise_var**0.5, 0.0)
    wanted = gaussian.map_estimate(0.3, seen.mean(), prior_var=prior_var, noise_var=noise_var, n=n)
    assert map_estimate(predict, seen, prior, noise=noise)[0] == pytest.approx(float(wanted), abs=1e-5)
    assert posterior(predict, seen, prior, noise=noise, size=401).centre()[0] == pytest.approx(float(wanted), abs=1e-3)


def test_widening_the_prior_is_a_prior_that_is_wider():
    predict, seen, prior = patient(0)
    wide = map_estimate(predict, seen, Population(prior.mean, 2 * prior.std))
    assert map_estimate(predict, seen, prior, widen=2.0) == pytest.approx(wide)
    assert np.abs(wide - map_estimate(predict, seen, prior)).max() > 0.01


def test_least_squares_finds_the_truth_without_noise_and_fits_what_it_can():
    predict = partial(oral, time=np.array([0.5, 1, 2, 4, 8, 16.0]), dose=DOSE)
    z = published("clinic").mean + 0.3
    assert least_squares(predict, predict(z), published("clinic").mean) == pytest.approx(z, abs=1e-4)
    one = partial(oral, time=np.array([7.0]), dose=DOSE)
    assert one(least_squares(one, [5.0], z)) == pytest.approx([5.0], abs=1e-4)  # fewer samples than parameters


def test_r12_a_population_is_found_again_from_many_patients():
    rng = np.random.default_rng(3)
    true = Population(np.array([0.4, -0.2]), np.array([0.3, 0.2]))
    z = true.sample(rng, 300)
    noise = Noise(0.1, 0.0)
    seens = z + 0.1 * rng.normal(size=z.shape)
    wide = Population(np.zeros(2), np.array([0.5, 0.5]))
    found = fit_population([lambda z: z] * 300, seens, within=wide, noise=noise)
    assert found.mean == pytest.approx(seens.mean(axis=0), abs=2e-3)  # exact here: all patients know equally much
    assert found.std**2 == pytest.approx(seens.var(axis=0) - 0.01, abs=3e-3)


def test_r12_no_other_population_has_a_greater_evidence():
    rng = np.random.default_rng(4)
    seens = [rng.normal(0.2, 0.5, size=1) for _ in range(30)]
    wide = Population(np.zeros(1), np.array([0.7]))
    noise = Noise(0.2, 0.0)
    found = fit_population([lambda z: z] * 30, seens, within=wide, noise=noise)

    def evidence(mean, std):  # the marginal of a sample is normal
        return norm.logpdf(np.concatenate(seens), mean, np.hypot(std, 0.2)).sum()

    best = evidence(found.mean[0], found.std[0])
    for shift in (-0.05, 0.05):
        assert evidence(found.mean[0] + shift, found.std[0]) < best
        assert evidence(found.mean[0], found.std[0] * (1 + shift)) < best + 1e-4


def test_the_evidence_is_the_normal_one():
    seens = [np.array([0.3]), np.array([-1.2])]
    values = []
    for mean, std in ((0.0, 1.0), (0.5, 0.6)):
        exact = norm.logpdf(np.concatenate(seens), mean, np.hypot(std, 0.5)).sum()
        ours = log_evidence([lambda z: z] * 2, seens, Population(np.array([mean]), np.array([std])), Noise(0.5, 0.0))
        values.append(ours - exact)
    assert values[0] == pytest.approx(values[1], abs=1e-3)  # the same up to one constant


def test_two_stage_is_mean_and_spread():
    z = np.random.default_rng(0).normal(size=(7, 3))
    found = two_stage(z)
    assert found.mean == pytest.approx(z.mean(axis=0))
    assert found.std == pytest.approx(z.std(axis=0, ddof=1))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: map_estimate(lambda z: z, [1.0, 2.0], published("pooled")), "seen must be as many as predicted"),
        (lambda: map_estimate(lambda z: z[:1], [np.nan], published("pooled")), "seen must be finite"),
        (lambda: map_estimate(lambda z: z[:1], [1.0], published("pooled"), widen=0.0), "widen must be positive"),
        (lambda: posterior(lambda z: z[..., :1], [1.0], published("pooled"), size=2), "size must be at least 3"),
        (lambda: two_stage([[0.0], [1.0]]), "three people or more, got 2"),
        (lambda: least_squares(lambda z: z, [1.0], ["a"]), "start must hold real numbers"),
    ],
)
def test_bad_arguments_are_named(call, words):
    with pytest.raises((TypeError, ValueError), match=words):
        call()
