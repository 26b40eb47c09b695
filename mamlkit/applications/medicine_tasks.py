"""Patients as tasks: a few blood samples are the support set, the samples after them the query set (claim R1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from mamlkit._check import Array, as_count
from mamlkit.applications.medicine import NOISE, Noise, Population, oral

Predict = Callable[[Array], Array]
SUPPORT_TIMES = (0.25, 0.5, 1.0, 2.0, 3.5, 5.0, 7.0)  # hours after the dose
QUERY_TIMES = (9.0, 12.0, 24.0)
SCHEDULES = {"early": (0, 1, 2, 3, 4, 5), "spread": (6, 2, 4, 1, 3, 5)}  # in which order samples are taken
MOST = 6  # support samples at most
DOSES = (3.0, 6.0)  # mg/kg, between which simulated doses lie


class Samples(NamedTuple):
    """Blood samples of patients: `time` (..., n) in h, `dose` (..., 1) in mg/kg, `concentration` (..., n) in mg/L.

    `weight` (..., n) says how much each counts in the loss: one over their number, or 0 for a sample not taken.
    """

    time: Array
    dose: Array
    concentration: Array
    weight: Array


class Patients(NamedTuple):
    """A batch of tasks: `support` and `query` samples, and the log-parameters `truth` (..., 3) behind them."""

    support: Samples
    query: Samples
    truth: Array


def simulate(
    rng: np.random.Generator, population: Population, *, num_tasks: int, num_seeds: int = 1, noise: Noise = NOISE
) -> Patients:
    """Draw simulated patients, each seen by one to six samples: the first ones, the spread ones, or any.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of randomness.
    population : Population
    num_tasks, num_seeds : int
        Patients, in as many columns as networks or starts are trained side by side.
    noise : Noise

    Returns
    -------
    Patients
        Arrays of shape (num_tasks, num_seeds, n), with n = 7 possible support samples and 3 query samples.

    Raises
    ------
    TypeError, ValueError
        If `rng` is no generator, or a count is not a whole number of at least one.

    Examples
    --------
    >>> from mamlkit.applications.medicine import published
    >>> tasks = simulate(np.random.default_rng(0), published("clinic"), num_tasks=64)
    >>> tasks.support.time.shape, tasks.query.concentration.shape
    ((64, 1, 7), (64, 1, 3))
    """
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, got {rng!r}")
    size = as_count("num_tasks", num_tasks, minimum=1), as_count("num_seeds", num_seeds, minimum=1)
    z, dose = population.sample(rng, *size), rng.uniform(*DOSES, size=(*size, 1))
    time = np.array(SUPPORT_TIMES + QUERY_TIMES) * rng.uniform(0.95, 1.05, size=(*size, 10))
    true = oral(z, time, dose)
    seen = np.maximum(true + noise.std(true) * rng.normal(size=true.shape), 0.0)
    return Patients(*split(time, dose, seen, _any_weights(rng, size)), z)


def split(time: Array, dose: Array, concentration: Array, weight: Array) -> tuple[Samples, Samples]:
    """Return support and query samples of patients with the ten samples of :data:`SUPPORT_TIMES`, QUERY_TIMES.

    Examples
    --------
    >>> support, query = split(np.ones((2, 10)), np.ones((2, 1)), np.ones((2, 10)), weights("early", 1))
    >>> support.weight.tolist()[0], query.time.shape
    ([1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], (2, 3))
    """
    even = np.full(time[..., 7:].shape, 1 / 3)
    weight = np.broadcast_to(weight, time[..., :7].shape)
    return (
        Samples(time[..., :7], dose, concentration[..., :7], weight),
        Samples(time[..., 7:], dose, concentration[..., 7:], even),
    )


def weights(schedule: str, n: int) -> Array:
    """Return the weight of each of the seven support times, shape (7,), if the first `n` of a schedule are taken.

    Parameters
    ----------
    schedule : {"early", "spread"}
        "early" takes 0.25, 0.5, 1, 2, 3.5 and 5 hours in that order; "spread" takes 7, 1, 3.5, 0.5, 2 and 5 hours.
    n : int
        From 1 to 6.

    Examples
    --------
    >>> weights("spread", 2).tolist()
    [0.0, 0.0, 0.5, 0.0, 0.0, 0.0, 0.5]
    """
    if schedule not in SCHEDULES:
        raise ValueError(f"schedule must be one of {', '.join(SCHEDULES)}; got {schedule!r}")
    if as_count("n", n, minimum=1) > MOST:
        raise ValueError(f"n must be at most {MOST}, got {n!r}")
    found = np.zeros(len(SUPPORT_TIMES))
    found[list(SCHEDULES[schedule][:n])] = 1 / n
    return found


def _any_weights(rng: np.random.Generator, size: tuple[int, int]) -> Array:
    """Draw for each patient a number of samples and a way to take them: early, spread or at random."""
    n = rng.integers(1, MOST + 1, size=size)
    kind = rng.integers(0, 3, size=(*size, 1))
    rank = np.argsort(np.argsort(rng.random((*size, 7)), axis=-1), axis=-1)
    for index, order in enumerate(SCHEDULES.values()):
        fixed = np.full(7, 7)
        fixed[list(order)] = np.arange(MOST)
        rank = np.where(kind == index, fixed, rank)
    return (rank < n[..., None]) / n[..., None]


def each_patient(tasks: Patients) -> Iterator[tuple[Predict, Array, Predict, Array]]:
    """Yield for each patient how to predict the samples taken, those samples, how to predict the rest, the rest.

    The first and the third are functions of log-parameters (..., 3), as the baselines want them.

    Examples
    --------
    >>> from mamlkit.applications.medicine import published
    >>> tasks = simulate(np.random.default_rng(0), published("clinic"), num_tasks=2)
    >>> [later.shape for first, seen, rest, later in each_patient(tasks)]
    [(3,), (3,)]
    """
    s, q = tasks.support, tasks.query
    for i in range(len(s.time)):
        on, dose = s.weight[i, 0] > 0, s.dose[i, 0]
        first, rest = partial(oral, time=s.time[i, 0, on], dose=dose), partial(oral, time=q.time[i, 0], dose=dose)
        yield first, s.concentration[i, 0, on], rest, q.concentration[i, 0]
