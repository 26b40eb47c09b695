"""E14: the references against other derivations, doses on patients without number, and what mutants are told."""

import numpy as np
import pytest

from mamlkit.applications import medicine
from mamlkit.grade.accepted import fits
from mamlkit.grade.parts import rng

from ..conftest import parts

MUTANTS = [
    ("e14.a", "u - alpha * np.exp(s) * slope_in_z", "u - alpha * slope_in_z", "lost a factor"),
    ("e14.a", "u - alpha * np.exp(s) *", "u - alpha * np.exp(2 * s) *", "once too often"),
    ("e14.a", "/ len(time)", "", "You sum the squared errors"),
    ("e14.a", "= 2 * slopes", "= slopes", "A 2 is missing"),
    ("e14.a", "curve(z, time, dose) - concentration", "concentration - curve(z, time, dose)", "uphill"),
    ("e14.a", "    return mu + np.exp(s) * u", "    return z", "one inner step too few"),
    ("e14.b", "np.linalg.inv(precision)", "1 / precision", "volume and absorption for known"),
    ("e14.b", "(mean, time, dose)) ** 2", "(mean, time, dose))", "square of noise_sd"),
    ("e14.b", "np.diag(std**-2)", "np.diag(1 / std)", "one over std squared"),
    ("e14.b", "covariance[1, 1]", "covariance[2, 2]", "left of the volume"),
    ("e14.b", "np.sqrt(covariance[1, 1])", "np.sqrt(covariance[1, 1]) * np.exp(mean[1])", "that of its logarithm"),
    ("e14.c", "np.exp(z[1])", "np.exp(mean[1])", "population's dose"),
    ("e14.c", "np.exp(z[1])", "np.exp(z[2])", "target times volume"),
    ("e14.c", "np.exp(z[1])", "np.exp(z[1] - z[2])", "the volume does not matter"),
    ("e14.c", "target * np.exp(z[1])", "24 * target * np.exp(z[1])", "for a day"),
]


def _differences(function, at, eps=1e-6):
    return np.array([(function(at + e) - function(at - e)) / (2 * eps) for e in eps * np.eye(len(at))])


def test_e14_inner_steps_follow_the_slope_of_the_loss_in_u():
    for trial in parts("e14")["e14.a"].key(seed=3).trials:
        given = trial.inputs

        def loss(u, given=given):
            z = given["mu"] + np.exp(given["s"]) * u
            return np.mean((medicine.oral(z, given["time"], given["dose"]) - given["concentration"]) ** 2)

        u = given["u"]
        for _ in range(given["num_steps"]):
            u = u - given["alpha"] * _differences(loss, u)
        np.testing.assert_allclose(trial.expected, given["mu"] + np.exp(given["s"]) * u, rtol=1e-6)


def test_e14_remaining_spread_is_the_prior_less_what_the_samples_explain():
    """Conditioning of a joint Gaussian, which inverts a matrix of the samples and not of the parameters."""
    for trial in parts("e14")["e14.b"].key(seed=3).trials:
        given, prior = trial.inputs, np.diag(trial.inputs["std"] ** 2)
        for time, expected in zip(given["designs"], trial.expected, strict=True):
            level = medicine.oral(given["mean"], time, given["dose"])
            J = _differences(lambda z, t=time, d=given["dose"]: medicine.oral(z, t, d), given["mean"]).T
            of_samples = J @ prior @ J.T + np.diag(0.02**2 + (0.02 * level) ** 2)
            left = prior - prior @ J.T @ np.linalg.solve(of_samples, J @ prior)
            assert expected == pytest.approx(left[1, 1] ** 0.5, rel=1e-6)


def _gradings(seeds):
    """Yield the patients of a grading, as the grader draws them: what students see, and what is accepted."""
    part = parts("e14")["e14.c"]
    for seed in seeds:
        generator = rng(seed, part.name)
        drawn = [part.draws(generator) for _ in range(part.trials)]
        yield [(given, part.accepts(**given, **kept)) for given, kept in drawn]


@pytest.mark.slow
def test_e14_the_solution_doses_a_thousand_wards():
    """And so far inside that chance misses less than once in 10,000: the worst patient of 12,000 keeps a margin."""
    part = parts("e14")["e14.c"]
    errors = []
    for ward in _gradings(range(1000)):
        for given, accepted in ward:
            rate = part.reference(**given)
            assert fits(rate, accepted)
            errors.append(np.log(rate / accepted.low))
    high = np.log(1.4 / 0.75)
    assert min(np.mean(errors), high - np.mean(errors)) > 6 * np.std(errors)
    assert min(errors) > 0.02
    assert max(errors) < high - 0.02


def _weighed(draws=20_000):
    """Return another right method: candidates from the population, weighed by the density of the samples."""
    noise = np.random.default_rng(0).normal(size=(draws, 3))

    def dose_rate(time, concentration, dose, mean, std, target):
        z = mean + std * noise
        rates = np.exp(z[:, 0]), np.exp(z[:, 1] - z[:, 2])
        absorption, elimination = (rate[:, None] for rate in rates)
        level = (
            dose / np.exp(z[:, 2:]) * absorption / (absorption - elimination)
            * (np.exp(-elimination * time) - np.exp(-absorption * time))
        )  # fmt: skip
        sd = np.sqrt(0.02**2 + (0.02 * level) ** 2)
        score = -(((concentration - level) / sd) ** 2 / 2 + np.log(sd)).sum(axis=1)
        weight = np.exp(score - score.max())
        return target * np.exp((weight * z[:, 1]).sum() / weight.sum())

    return dose_rate


def test_e14_another_method_doses_right_as_well():
    method = _weighed()
    for ward in _gradings(range(10)):
        assert all(fits(method(**given), accepted) for given, accepted in ward)


def test_e14_no_number_known_beforehand_earns_anything():
    """Neither a fixed rate nor a fixed clearance fits a whole ward, whichever number one takes."""
    for ward in _gradings(range(200)):
        for scale in ([1.0] * len(ward), [given["target"] for given, _ in ward]):
            low = max(accepted.low / by for (_, accepted), by in zip(ward, scale, strict=True))
            high = min(accepted.high / by for (_, accepted), by in zip(ward, scale, strict=True))
            assert low > high


def test_e14_a_volume_taken_from_the_population_is_not_enough():
    """The slope between two samples gives CL / V; with the population's V most wards have a patient outside."""
    passed = 0
    for ward in _gradings(range(200)):
        right = []
        for given, accepted in ward:
            (first, last), (high, low) = given["time"], given["concentration"]
            rate = given["target"] * np.log(high / low) / (last - first) * np.exp(given["mean"][2])
            right.append(fits(rate, accepted))
        passed += all(right)
    assert passed < 20


def _clearance_alone(time, concentration, dose, mean, std, target):
    """Return the rate of the most probable clearance, with the population's absorption rate and volume."""
    around = mean[1] + std[1] * np.linspace(-8, 8, 2001)
    level = np.array([medicine.oral(np.array([mean[0], one, mean[2]]), time, dose) for one in around])
    sd = np.sqrt(0.02**2 + (0.02 * level) ** 2)
    score = (((concentration - level) / sd) ** 2 / 2 + np.log(sd)).sum(axis=1)
    return target * np.exp(around[np.argmin(score + ((around - mean[1]) / std[1]) ** 2 / 2)])


def test_e14_to_hold_absorption_and_volume_fixed_does_as_the_text_says():
    """Late samples forgive it; of early ones it makes doses far worse than the population's."""
    late = [all(fits(_clearance_alone(**given), accepted) for given, accepted in ward) for ward in _gradings(range(10))]
    assert np.mean(late) >= 0.9
    generator, mean, std = np.random.default_rng(0), np.log([2.0, 0.045, 0.5]), np.array([0.3, 0.5, 0.25])
    shares, time = [], np.array([0.5, 1.0])
    for deviation in generator.normal(size=(200, 3)).clip(-1.5, 1.5):
        z = mean + std * deviation
        level = medicine.oral(z, time, 5.0)
        seen = level + np.sqrt(0.02**2 + (0.02 * level) ** 2) * generator.normal(size=2)
        shares.append(_clearance_alone(time, seen, 5.0, mean, std, 1.0) / np.exp(z[1]))
    inside = np.mean([0.75 <= share <= 1.4 for share in shares])
    assert 1 / 25 < inside < 1 / 14
    assert min(shares) == pytest.approx(1 / 20, rel=0.4)
    assert max(shares) == pytest.approx(16, rel=0.2)
