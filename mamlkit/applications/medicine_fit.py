"""What practitioners use: the MAP estimate, the posterior mean, least squares (claims R10, R12).

All take a `predict` function from log-parameters (..., p) to concentrations (..., n) at a patient's sample times, as
``partial(oral, time=time, dose=dose)``, so that one code serves every drug.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mamlkit._check import Array, as_array, as_count, as_positive, as_vector
from mamlkit.applications.medicine import NOISE, Noise, Population

Predict = Callable[[Array], Array]
REACH = 4.0  # the grid of a posterior reaches this many standard deviations of the prior to either side


def minus_log_posterior(z: Array, predict: Predict, seen: Array, prior: Population, noise: Noise = NOISE) -> Array:
    r"""Return minus the log density of log-parameters given samples, up to a constant, shape (...) for z (..., p).

    .. math:: \sum_i \Big[ \frac{(y_i - c_i(z))^2}{2 \sigma(c_i)^2} + \log \sigma(c_i) \Big]
        + \sum_j \frac{(z_j - m_j)^2}{2 \omega_j^2}

    Examples
    --------
    >>> prior = Population(np.zeros(1), np.ones(1))
    >>> float(minus_log_posterior(np.array([2.0]), lambda z: z, np.array([2.0]), prior, Noise(1.0, 0.0)))
    2.0
    """
    concentration = predict(z)
    std = noise.std(concentration)
    misfit = ((seen - concentration) ** 2 / (2 * std**2) + np.log(std)).sum(axis=-1)
    return misfit + (((z - prior.mean) / prior.std) ** 2).sum(axis=-1) / 2


def map_estimate(
    predict: Predict, seen: ArrayLike, prior: Population, *, noise: Noise = NOISE, widen: float = 1.0
) -> Array:
    """Return the log-parameters (p,) of the greatest posterior density, found by descent from the prior's mean.

    Parameters
    ----------
    predict : callable
    seen : array_like, shape (n,)
        Concentrations in mg/L.
    prior : Population
    noise : Noise
    widen : float
        Factor by which the prior's standard deviations are multiplied first (a flattened prior).

    Raises
    ------
    ValueError
        If `seen` and the predictions differ in number, or a number is not of its kind.

    Examples
    --------
    >>> prior = Population(np.zeros(1), np.ones(1))
    >>> map_estimate(lambda z: z, [2.0], prior, noise=Noise(1.0, 0.0)).round(4).tolist()  # half-way: R10
    [1.0]
    """
    from scipy.optimize import minimize

    seen = _as_seen(seen, predict, prior)
    wide = Population(prior.mean, prior.std * as_positive("widen", widen))

    def loss(u: Array) -> float:
        return float(minus_log_posterior(wide.mean + wide.std * u, predict, seen, wide, noise))

    return wide.mean + wide.std * minimize(loss, np.zeros(len(wide.mean)), method="BFGS").x


def least_squares(predict: Predict, seen: ArrayLike, start: ArrayLike) -> Array:
    """Return log-parameters (p,) with the least sum of squared errors that a search from `start` finds: no prior.

    With fewer samples than parameters there are many; the search ends at one near the start. It stays within a factor
    of 20 (three on the log scale) of the start.

    Examples
    --------
    >>> least_squares(lambda z: z, [2.0], [0.0]).round(6).tolist()
    [2.0]
    """
    from scipy import optimize

    start = as_vector("start", start)
    seen = _as_seen(seen, predict, Population(start, np.ones_like(start)))
    return optimize.least_squares(lambda z: predict(z) - seen, start, bounds=(start - 3, start + 3)).x


class Posterior(NamedTuple):
    """A posterior on a grid: log-parameters `points` (G, p) and their `weights` (G,), which sum to 1."""

    points: Array
    weights: Array

    def mean(self, predict: Predict) -> Array:
        """Return the posterior mean of the concentrations (n,): no other guess has a smaller expected squared error."""
        return self.weights @ predict(self.points)

    def centre(self) -> Array:
        """Return the posterior mean of the log-parameters (p,)."""
        return self.weights @ self.points


def posterior(
    predict: Predict, seen: ArrayLike, prior: Population, *, noise: Noise = NOISE, size: int = 31
) -> Posterior:
    """Return the posterior of a patient's log-parameters on a grid of `size` values for each of them.

    Parameters
    ----------
    predict, seen, prior, noise
        As for :func:`map_estimate`.
    size : int
        At least 3; the grid reaches four standard deviations of the prior to either side.

    Examples
    --------
    >>> prior = Population(np.zeros(1), np.ones(1))
    >>> belief = posterior(lambda z: z, [2.0], prior, noise=Noise(1.0, 0.0), size=101)
    >>> belief.mean(lambda z: z).round(4).tolist()
    [1.0]
    """
    seen = _as_seen(seen, predict, prior)
    points = _grid(prior, as_count("size", size, minimum=3))
    return Posterior(points, _normalised(-minus_log_posterior(points, predict, seen, prior, noise)))


def fit_population(
    predicts: Sequence[Predict], seens: Sequence[ArrayLike], *, within: Population, noise: Noise, rounds: int = 200
) -> Population:
    r"""Return the population under which what all patients' samples show is most probable (claim R12).

    Expectation and maximisation in turn: each patient's posterior under the present population, then the mean and the
    variance of the log-parameters over all posteriors. It needs no query set, and serves where patients have too few
    samples to be fitted alone.

    Parameters
    ----------
    predicts : sequence of callable
        One for each patient.
    seens : sequence of array_like, shape (n_i,)
    within : Population
        Where the search begins, and whose grid it stays on: take it wide.
    noise : Noise
    rounds : int

    Examples
    --------
    >>> wide = Population(np.zeros(1), np.ones(1))
    >>> found = fit_population([lambda z: z] * 3, [[0.0], [1.0], [2.0]], within=wide, noise=Noise(0.1, 0.0))
    >>> float(found.mean[0].round(2))
    1.0
    """
    flat = Population(within.mean, np.full_like(within.std, np.inf))
    points = _grid(within, 81 if len(within.mean) < 3 else 31)
    heights = np.array([-minus_log_posterior(points, p, as_vector("seens", y), flat, noise)
                        for p, y in zip(predicts, seens, strict=True)])  # fmt: skip
    population = within
    for _ in range(as_count("rounds", rounds)):
        spread = (((points - population.mean) / population.std) ** 2).sum(axis=1) / 2
        shares = _normalised(heights - spread)
        mean = shares.mean(axis=0) @ points
        population = Population(mean, np.sqrt(shares.mean(axis=0) @ (points - mean) ** 2))
    return population


def log_evidence(predicts: Sequence[Predict], seens: Sequence[ArrayLike], prior: Population, noise: Noise) -> float:
    """Return the log marginal likelihood of all patients' samples up to a constant, on a grid around the prior.

    Examples
    --------
    >>> prior = Population(np.zeros(1), np.ones(1))
    >>> near, far = (log_evidence([lambda z: z], [[y]], prior, Noise(1.0, 0.0)) for y in (0.0, 2.0))
    >>> round(near - far, 4)  # the densities of N(0, 2) at 0 and at 2
    1.0
    """
    points, total = _grid(prior, 81 if len(prior.mean) < 3 else 31), 0.0
    for predict, seen in zip(predicts, seens, strict=True):
        heights = -minus_log_posterior(points, predict, as_vector("seens", seen), prior, noise)
        total += float(heights.max() + np.log(np.exp(heights - heights.max()).sum()))
    return total


def two_stage(fits: ArrayLike) -> Population:
    """Return the population of people who were each fitted alone: mean and standard deviation of their log-parameters.

    Parameters
    ----------
    fits : array_like, shape (people, p)
        Of at least three people.

    Examples
    --------
    >>> two_stage([[0.0], [1.0], [2.0]]).std.tolist()
    [1.0]
    """
    z = as_array("fits", fits, ndim=2)
    if len(z) < 3:
        raise ValueError(f"fits must be of three people or more, got {len(z)}")
    return Population(z.mean(axis=0), z.std(axis=0, ddof=1))


def _grid(around: Population, size: int) -> Array:
    """Return log-parameters (size^p, p) that reach four standard deviations to either side."""
    axes = [np.linspace(-REACH, REACH, size)] * len(around.mean)
    return around.mean + around.std * np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))


def _normalised(heights: Array) -> Array:
    """Return weights in proportion to exp(heights) that sum to 1 along the last axis."""
    weights = np.exp(heights - heights.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def _as_seen(seen: ArrayLike, predict: Predict, prior: Population) -> Array:
    seen = as_vector("seen", seen)
    if predict(prior.mean).shape != seen.shape:
        raise ValueError(f"seen must be as many as predicted, {predict(prior.mean).shape}, got shape {seen.shape}")
    return seen
