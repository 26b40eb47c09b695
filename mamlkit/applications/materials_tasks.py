"""Materials as tasks: which are held out, and a few noisy energies of each as its support set."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mamlkit._check import Array, as_count, as_nonnegative
from mamlkit.applications.materials import NEAR, QUERY, STRAINS, Curves

NOISE = 0.003  # eV
MOST = 6


class Samples(NamedTuple):
    """Points of a batch: `strain`, `energy` over the unit and `weight`, (..., n); `fractions` (..., 1, e).

    Weights are 1 / k on the k points that are seen and 0 on the rest.
    """

    strain: Array
    fractions: Array
    energy: Array
    weight: Array


class Materials(NamedTuple):
    """A batch of tasks; every array begins with (num_tasks, num_columns)."""

    support: Samples
    query: Samples


class Split(NamedTuple):
    """Places of the materials to learn from, to choose settings on, and to test on; and the pairs that are held out."""

    train: Any
    validation: Any
    test: Any
    pairs: tuple[tuple[int, int], ...]


def hold_out(fractions: Array, rng: np.random.Generator, *, test: int = 3, validation: int = 2) -> Split:
    """Hold out whole pairs of elements: a material that contains both of a pair is not learned from.

    Parameters
    ----------
    fractions : ndarray, shape (n, e)
    rng : numpy.random.Generator
    test, validation : int
        How many pairs, drawn at random and different. What holds a pair of each is a test material.

    Examples
    --------
    >>> split = hold_out(np.array([[1.0, 0.0], [0.5, 0.5]]), np.random.default_rng(0), test=1, validation=0)
    >>> split.train.tolist(), split.test.tolist()
    ([0], [1])
    """
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, got {rng!r}")
    pairs = list(combinations(range(fractions.shape[1]), 2))
    wanted = as_count("test", test) + as_count("validation", validation)
    if wanted > len(pairs):
        raise ValueError(f"test + validation must be at most {len(pairs)} pairs, got {wanted}")
    chosen = [pairs[i] for i in rng.permutation(len(pairs))[:wanted]]
    held = [_contains(fractions, group) for group in (chosen[:test], chosen[test:])]
    train, validation_only, test_all = (
        np.flatnonzero(mask) for mask in (~held[0] & ~held[1], held[1] & ~held[0], held[0])
    )
    return Split(train, validation_only, test_all, tuple(chosen[:test]))


def _contains(fractions: Array, pairs: Collection[tuple[int, int]]) -> Any:
    return np.array([any(row[i] > 0 and row[j] > 0 for i, j in pairs) for row in fractions], dtype=bool)


def sample(
    rng: np.random.Generator,
    curves: Curves,
    who: ArrayLike,
    *,
    noise: ArrayLike,
    counts: Sequence[int] = (2, 3, 6),
    where: Any = NEAR,
) -> Materials:
    """Draw support points for the materials `who`, and give their curves as query sets.

    Parameters
    ----------
    rng : numpy.random.Generator
    curves : Curves
    who : array_like of int, shape (num_tasks, num_columns)
    noise : array_like, shape (num_columns,)
        Standard deviation of the support energies in eV; query energies have none.
    counts : sequence of int
        Numbers of support points, 1 to 6, drawn evenly. The strains are cut into k equal parts, with one point in each.
    where : ndarray of int
        Places in `STRAINS` to draw from.

    Raises
    ------
    TypeError, ValueError
        If `rng` is no generator, a noise is negative or a count is out of range.

    Examples
    --------
    >>> flat = Curves(("X",), np.ones((1, 1)), np.ones(1), np.ones(1), np.zeros((1, 27)))
    >>> batch = sample(np.random.default_rng(0), flat, np.zeros((5, 2), int), noise=[0.0, 0.003], counts=(3,))
    >>> batch.support.energy.shape, batch.query.energy.shape, float(batch.support.weight.sum(axis=-1).min())
    ((5, 2, 6), (5, 2, 21), 1.0)
    """
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, got {rng!r}")
    for count in counts:
        if as_count("counts", count, minimum=1) > MOST:
            raise ValueError(f"counts must be at most {MOST}, got {count!r}")
    sigma = [as_nonnegative("noise", float(level)) for level in np.ravel(noise)]
    chosen = np.asarray(who)
    k = rng.choice(counts, size=(*chosen.shape, 1))
    points = where[_spread(rng, k, len(where))]
    unit = curves.unit[chosen][..., None]
    seen = np.take_along_axis(curves.energies[chosen], points, axis=-1)
    seen = seen + np.reshape(sigma, (-1, 1)) * rng.normal(size=seen.shape)
    weight = np.where(np.arange(MOST) < k, 1 / k, 0.0)
    fractions = curves.fractions[chosen][..., None, :]
    support = Samples(STRAINS[points], fractions, _centred(seen, weight) / unit, weight)
    full = curves.energies[chosen][..., QUERY]
    even = np.full(full.shape, 1 / len(QUERY))
    strain = np.broadcast_to(STRAINS[QUERY], full.shape)
    return Materials(support, Samples(strain, fractions, _centred(full, even) / unit, even))


def _spread(rng: np.random.Generator, k: Array, size: int) -> Array:
    """Return places (..., 6) below `size`, the first k of them one from each k-th part: points that are spread."""
    first = np.minimum(np.arange(MOST), k - 1)
    low, high = (size * first) // k, (size * (first + 1)) // k
    return low + np.floor(rng.random(low.shape) * (high - low)).astype(int)


def _centred(energy: Array, weight: Array) -> Array:
    """Take off the weighted mean: the zero of energy says nothing, and its size would cost digits."""
    return energy - (weight * energy).sum(axis=-1, keepdims=True)
