"""How methods are compared on held-out materials: the same points for all, intervals over materials and splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mamlkit._check import as_count, as_vector
from mamlkit.applications import materials_fit as fit
from mamlkit.applications.intervals import Interval
from mamlkit.applications.materials import NEAR, QUERY, STRAINS, Curves, Errors, errors, powers
from mamlkit.applications.materials_tasks import Materials, Samples, sample


def draw_test(
    curves: Curves, who: ArrayLike, *, points: int, noise: float, seed: int, where: Any = NEAR
) -> tuple[Curves, Materials]:
    """Return the materials `who` and one support set for each: the same one for every method that asks.

    `noise` is in eV, `seed` that of the split. Arrays of the batch have shape (n, 1, ...).
    """
    rng = np.random.default_rng([seed, points, round(1e6 * noise), int(where[0])])
    places = np.asarray(who)[:, None]
    return curves.take(places[:, 0]), sample(rng, curves, places, noise=[noise], counts=(points,), where=where)


def by_the_field(learned: Curves, asked: Curves, tasks: Materials, noise: float) -> dict[str, Errors]:
    """Return the errors of what needs no meta-training, each where the number of points allows it.

    The guess; fits of the equation of state, with B' held and with B' free; MAP under a Gaussian prior of the materials
    `learned`, with one mean for all and (for alloys) with a mean that follows the composition.
    """
    support = Samples(*(part[:, 0] for part in tasks.support))
    points = int((support.weight > 0).sum(axis=-1).min())
    sigma = noise / asked.unit
    found = {"guess": fit.guessed(len(asked.names))}
    if points >= 3:
        found["fit, B' = 4.5"] = fit.fit_fixed(support)
    if points >= 4:
        found["fit, B' free"] = fit.fit_free(support)
    found["MAP"] = fit.map_estimate(support, fit.prior_from(learned), sigma)
    if asked.fractions.shape[1] < len(learned.names):
        prior = fit.prior_by_composition(learned, asked.fractions)
        found["MAP, by composition"] = fit.map_estimate(support, prior, sigma)
        found["composition alone"] = prior.mean
    return {name: errors(c @ powers(STRAINS[QUERY]).T, asked) for name, c in found.items()}


def average(
    values: Sequence[ArrayLike],
    rng: np.random.Generator,
    *,
    against: Sequence[ArrayLike] | None = None,
    draws: int = 4000,
    median: bool = False,
) -> Interval:
    """Return the mean error over materials, averaged over splits, or how far it is above another method's.

    The interval comes from drawing the materials of each split anew, with replacement, and the middle 95 % of what
    that gives. Against another method both are judged on the same draw: the comparison is paired.

    Parameters
    ----------
    values : sequence of array_like, each (n,)
        Errors of the materials, one array for each split.
    rng : numpy.random.Generator
    against : sequence of array_like, optional
        The other method's, on the same materials.
    median : bool
        If true, the median over materials instead of the mean.

    Raises
    ------
    TypeError, ValueError
        If `rng` is no generator or the numbers of materials differ.

    Examples
    --------
    >>> average([[1.0, 1.0], [3.0, 3.0]], np.random.default_rng(0))
    Interval(value=2.0, low=2.0, high=2.0)
    """
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, got {rng!r}")
    summary, draws = (np.median if median else np.mean), as_count("draws", draws, minimum=1)
    others: Sequence[Any] = [None] * len(values) if against is None else against
    totals, value = np.zeros(draws), 0.0
    for index, (own, other) in enumerate(zip(values, others, strict=True)):
        rows = [as_vector(f"values[{index}]", own)]
        if other is not None:
            rows.append(as_vector(f"against[{index}]", other, size=len(rows[0])))
        who = rng.integers(0, len(rows[0]), (draws, len(rows[0])))
        drawn, whole = ([summary(part, axis=-1) for part in parts] for parts in ([r[who] for r in rows], rows))
        totals += (drawn[0] - drawn[1] if len(drawn) > 1 else drawn[0]) / len(values)
        value += float(whole[0] - whole[1] if len(whole) > 1 else whole[0]) / len(values)
    low, high = np.quantile(totals, [0.025, 0.975])
    return Interval(value, float(low), float(high))


def summary(found: Mapping[str, Sequence[Errors]], rival: str) -> dict[str, dict[str, Any]]:
    """Return, for each method, its errors with intervals, and those of `rival` above it, as plain lists.

    Parameters
    ----------
    found : mapping of str to sequence of Errors
        By method, one for each split.
    rival : str
        The method that the others are compared with.
    """
    rng, table = np.random.default_rng(0), {}
    for name, splits in found.items():
        row: dict[str, Any] = {}
        for part in Errors._fields:
            own, other = ([getattr(one, part) for one in found[key]] for key in (name, rival))
            row[part] = average(own, rng).rounded(3)
            row[f"{rival} above, {part}"] = average(other, rng, against=own).rounded(3)
        row["curve, median"] = average([one.curve for one in splits], rng, median=True).rounded(3)
        table[name] = row
    return table
