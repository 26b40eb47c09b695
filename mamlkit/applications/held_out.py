"""Errors on tasks that took no part in training, by group, and what a bootstrap over tasks says of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mamlkit._check import Array, as_count


class HeldOut(NamedTuple):
    """Errors on pupils of schools that took no part in training, summed for each school and group, shape (S, G)."""

    error: Array  # prediction minus truth, in points
    square: Array  # its square
    members: Array  # how many predictions

    def rmse(self) -> Array:
        """Return the root mean squared error of all pupils, then of each group, shape (1 + G,), in points."""
        square, members = self.square.sum(axis=0), self.members.sum(axis=0)
        return np.sqrt(np.r_[square.sum() / members.sum(), square / members])

    def bias(self) -> Array:
        """Return the mean error of each group, shape (G,), in points; positive where the model predicts too much."""
        return self.error.sum(axis=0) / self.members.sum(axis=0)


def merge(runs: Sequence[HeldOut]) -> HeldOut:
    """Return the sums over several runs on the same schools."""
    return HeldOut(*(np.sum(parts, axis=0) for parts in zip(*runs, strict=True)))


def interval(run: HeldOut, other: HeldOut | None = None, *, rng: np.random.Generator, draws: int = 2000) -> Array:
    """Return 95 % intervals of :meth:`HeldOut.rmse`, or of its difference to another's, from a bootstrap over schools.

    Parameters
    ----------
    run, other : HeldOut
        On the same schools; with `other`, both are resampled together, so that what a school adds to both cancels.
    rng : numpy.random.Generator
    draws : int
        How often as many schools are drawn with replacement.

    Returns
    -------
    ndarray, shape (1 + G, 2)
        Lower and upper ends, in points, for all pupils and each group.
    """
    schools = len(run.members)
    counts = rng.multinomial(schools, np.full(schools, 1 / schools), size=as_count("draws", draws, minimum=100))

    def values(one: HeldOut) -> Array:
        square, members = counts @ one.square, counts @ one.members
        return np.sqrt(np.column_stack([square.sum(axis=1) / members.sum(axis=1), square / members]))

    found = values(run) - (0 if other is None else values(other))
    return np.quantile(found, [0.025, 0.975], axis=0).T
