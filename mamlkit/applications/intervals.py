"""How sure a comparison of methods is: resample the tasks that they were judged on."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mamlkit._check import Array, as_array, as_count


class Interval(NamedTuple):
    """A number with the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        low, high = (f"{end:.2f}".replace("-", "−") for end in (self.low, self.high))
        return f"{self.value:.2f}".replace("-", "−") + f" [{low}, {high}]"

    def rounded(self, digits: int) -> list[float]:
        """Return the three numbers rounded to so many digits, for a file that a person can read.

        Examples
        --------
        >>> Interval(1.23456, 1.0, 2.0).rounded(3)
        [1.235, 1.0, 2.0]
        """
        return [round(one, digits) for one in self]


def root_mean_square(
    squared: ArrayLike, rng: np.random.Generator, *, against: ArrayLike | None = None, draws: int = 4000
) -> Interval:
    r"""Return the root of the mean of squared errors over tasks, or how far it is above another method's.

    The interval comes from drawing the tasks anew, with replacement, and the middle 95 % of what that gives. Against
    another method both are judged on the same draw: the comparison is paired. With few tasks such intervals are too
    short.

    Parameters
    ----------
    squared : array_like, shape (num_tasks,) or (num_seeds, num_tasks)
        Mean squared error of each task. Over seeds the roots are averaged.
    rng : numpy.random.Generator
    against : array_like, shape (num_tasks,) or (any number of seeds, num_tasks)
        The other method's, on the same tasks.
    draws : int

    Raises
    ------
    TypeError, ValueError
        If `rng` is no generator, an error is negative, or the numbers of tasks differ.

    Examples
    --------
    >>> root_mean_square([4.0, 4.0], np.random.default_rng(0))
    Interval(value=2.0, low=2.0, high=2.0)
    """
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, got {rng!r}")
    own = _as_rows("squared", squared)
    tasks = own.shape[1]
    other = None if against is None else _as_rows("against", against)
    if other is not None and other.shape[1] != tasks:
        raise ValueError(f"against must have {tasks} tasks, as squared has, got shape {other.shape}")
    who = rng.integers(0, tasks, (as_count("draws", draws, minimum=1), tasks))

    def difference(chosen: Any) -> Array:
        root = np.sqrt(own[:, chosen].mean(axis=-1)).mean(axis=0)
        return root if other is None else root - np.sqrt(other[:, chosen].mean(axis=-1)).mean(axis=0)

    low, high = np.quantile(difference(who), [0.025, 0.975])
    return Interval(float(difference(np.arange(tasks)[None])[0]), float(low), float(high))


def _as_rows(name: str, squared: ArrayLike) -> Array:
    rows = np.atleast_2d(as_array(name, squared, ndim=(1, 2)))
    if rows.size == 0 or (rows < 0).any():
        raise ValueError(f"{name} must be squared errors, zero or more, got {squared!r}")
    return rows
