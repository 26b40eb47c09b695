"""Sinusoid regression, the field's first test: each task is one sine wave, known only by a few points.

Source: Finn, Abbeel and Levine (2017), section 5.1: amplitude uniform on [0.1, 5], phase on [0, pi], inputs on
[-5, 5], no noise.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mamlkit._check import Array, as_count

AMPLITUDE_RANGE = (0.1, 5.0)
PHASE_RANGE = (0.0, np.pi)
INPUT_RANGE = (-5.0, 5.0)


class Examples(NamedTuple):
    """Inputs `x` and targets `y`, each of shape (num_tasks, num_examples, 1)."""

    x: Array
    y: Array


class SinusoidTasks(NamedTuple):
    """A batch of tasks: support and query examples, and the `amplitude` and `phase` (num_tasks,) behind them."""

    support: Examples
    query: Examples
    amplitude: Array
    phase: Array

    def curve(self, x: Array) -> Array:
        """Return every task's true wave at the inputs `x` (n,), shape (num_tasks, n)."""
        return self.amplitude[:, None] * np.sin(x - self.phase[:, None])


def mean_curve(x: ArrayLike) -> Array:
    r"""Return the average of all waves at the inputs `x`, of any shape (claim R1b).

    .. math:: \operatorname{E}[a \sin(x - p)] = -\tfrac{2}{\pi}\, \bar a \cos x

    Here :math:`\bar a` is the mean amplitude: amplitude and phase are independent, and the mean of
    :math:`\sin(x - p)` over phases from 0 to pi is :math:`-\tfrac{2}{\pi} \cos x`.

    Examples
    --------
    >>> round(float(mean_curve(np.pi)), 3)
    1.623
    """
    return -2 / np.pi * np.mean(AMPLITUDE_RANGE) * np.cos(x)


def sample(rng: np.random.Generator, *, num_tasks: int, num_support: int, num_query: int) -> SinusoidTasks:
    r"""Draw tasks :math:`y = a \sin(x - p)`, each with fresh support and query inputs.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of randomness.
    num_tasks, num_support, num_query : int
        At least one each.

    Raises
    ------
    TypeError, ValueError
        If `rng` is no generator or a count is not a whole number of at least one.

    Examples
    --------
    >>> tasks = sample(np.random.default_rng(0), num_tasks=25, num_support=10, num_query=15)
    >>> tasks.support.x.shape, tasks.query.y.shape
    ((25, 10, 1), (25, 15, 1))
    """
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, got {rng!r}")
    num_tasks = as_count("num_tasks", num_tasks, minimum=1)
    num_support = as_count("num_support", num_support, minimum=1)
    num_query = as_count("num_query", num_query, minimum=1)
    amplitude = rng.uniform(*AMPLITUDE_RANGE, size=num_tasks)
    phase = rng.uniform(*PHASE_RANGE, size=num_tasks)
    x = rng.uniform(*INPUT_RANGE, size=(num_tasks, num_support + num_query, 1))
    y = amplitude[:, None, None] * np.sin(x - phase[:, None, None])
    return SinusoidTasks(
        support=Examples(x[:, :num_support], y[:, :num_support]),
        query=Examples(x[:, num_support:], y[:, num_support:]),
        amplitude=amplitude,
        phase=phase,
    )
