"""What the field does with a few energies: a fitted equation of state, or a Gaussian prior and its mode (R10)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mamlkit._check import Array, as_nonnegative
from mamlkit.applications.materials import QUERY, STRAINS, Curves, birch_murnaghan, cubic, powers
from mamlkit.applications.materials_tasks import Samples

SLOPE = 4.5  # a usual B'
FINEST = 1e-3  # of the unit, some 0.05 meV: nothing is trusted beyond that


def _sums(support: Samples) -> tuple[Array, Array]:
    """Return the Gram matrix (n, 3, 3) of the powers and their product (n, 3) with the energies, both centred."""
    phi, weight = powers(support.strain), support.weight[..., None]
    phi = phi - (weight * phi).sum(axis=-2, keepdims=True)
    seen = support.energy - (support.weight * support.energy).sum(axis=-1, keepdims=True)
    turned = np.swapaxes(weight * phi, -1, -2)
    return turned @ phi, (turned @ seen[..., None])[..., 0]


def fit_free(support: Samples) -> Array:
    """Return the Birch-Murnaghan fit to each task's points, all of V0, B and B' free: coefficients (n, 3).

    Raises
    ------
    ValueError
        If a task has fewer than four points: there are three numbers and an offset.
    """
    count = (support.weight > 0).sum(axis=-1)
    if (count < 4).any():
        raise ValueError(f"support must have four points or more for each task, got {count.min()}")
    gram, product = _sums(support)
    return np.linalg.solve(gram, product[..., None])[..., 0]


def fit_fixed(support: Samples, slope: float = SLOPE) -> Array:
    """Return the Birch-Murnaghan fit with B' held at `slope`: coefficients (n, 3), V0 within 10 % and B >= 0.

    For each V0 on a grid the best B is a ratio of sums; the grid is refined three times about its best point.

    Raises
    ------
    ValueError
        If a task has fewer than three points.

    Examples
    --------
    >>> x = STRAINS[[4, 10, 15]]
    >>> seen = Samples(x[None], np.ones((1, 1, 1)), (powers(x) @ birch_murnaghan(1.03, 0.8, 4.5))[None],
    ...                np.full((1, 3), 1 / 3))
    >>> bool(np.allclose(fit_fixed(seen), birch_murnaghan(1.03, 0.8, 4.5), atol=1e-4))
    True
    """
    count = (support.weight > 0).sum(axis=-1)
    if (count < 3).any():
        raise ValueError(f"support must have three points or more for each task, got {count.min()}")
    gram, product = _sums(support)
    centre, reach = np.ones(len(gram)), 0.1
    for _ in range(4):
        volumes = np.clip(centre[:, None] + reach * np.linspace(-1, 1, 81), 0.9, 1.1)
        shapes = birch_murnaghan(volumes, 1.0, slope)  # (n, 81, 3)
        with_shape = np.einsum("ngi,ni->ng", shapes, product)
        size = np.einsum("ngi,nij,ngj->ng", shapes, gram, shapes)
        modulus = np.maximum(with_shape / size, 0)
        best = (modulus**2 * size - 2 * modulus * with_shape).argmin(axis=1)
        rows = np.arange(len(gram))
        centre, reach = volumes[rows, best], reach / 20
    return birch_murnaghan(centre, modulus[rows, best], slope)


class Prior(NamedTuple):
    """A Gaussian over the coefficients: `mean` (3,) or (n, 3), `covariance` (3, 3), and the rms `misfit` of a cubic."""

    mean: Array
    covariance: Array
    misfit: float


def prior_from(curves: Curves) -> Prior:
    """Return mean and covariance of the coefficients of materials to learn from, and how far cubics are off them.

    The misfit is at least a thousandth of the unit.
    """
    seen = curves.energies[:, QUERY] / curves.unit[:, None]
    found = cubic(seen)
    left = seen - found @ powers(STRAINS[QUERY]).T
    return Prior(found.mean(axis=0), np.cov(found.T), max(float(np.mean(left.std(axis=1))), FINEST))


def prior_by_composition(curves: Curves, fractions: Array) -> Prior:
    """Return a prior whose mean is a ridge regression on composition, one mean for each row of `fractions`.

    Features are the fractions of the elements and the products of two of them. The penalty is chosen, and the
    covariance measured, on errors of materials left out one at a time.
    """
    plain = prior_from(curves)
    found = cubic(curves.energies[:, QUERY] / curves.unit[:, None])
    known, asked = _features(curves.fractions), _features(fractions)
    best = None
    for penalty in 10.0 ** np.arange(-4, 2):
        hat = known @ np.linalg.solve(known.T @ known + penalty * np.eye(known.shape[1]), known.T)
        off = (found - plain.mean - hat @ (found - plain.mean)) / (1 - np.diag(hat))[:, None]
        if best is None or np.mean(off**2 / found.var(axis=0)) < best[0]:
            best = (np.mean(off**2 / found.var(axis=0)), penalty, off)
    assert best is not None
    weights = np.linalg.solve(known.T @ known + best[1] * np.eye(known.shape[1]), known.T @ (found - plain.mean))
    return Prior(plain.mean + asked @ weights, best[2].T @ best[2] / len(found), plain.misfit)


def _features(fractions: Array) -> Array:
    first, second = np.triu_indices(fractions.shape[1], 1)
    return np.hstack([fractions, 4 * fractions[:, first] * fractions[:, second]])


def map_estimate(support: Samples, prior: Prior, noise: Array) -> Array:
    r"""Return the mode of the posterior over the coefficients, (n, 3); being Gaussian, it is the mean too (claim R10).

    .. math:: \big(\Sigma^{-1} + \Phi^\top \Phi / \sigma^2\big)\, (c - m) = \Phi^\top (y - \Phi m) / \sigma^2

    Columns of :math:`\Phi` and energies are centred on the support set, which is a flat prior on the offset.

    Parameters
    ----------
    support : Samples
    prior : Prior
    noise : ndarray, shape (n,)
        Standard deviation of the energies over the unit. The misfit of the model is added to it.

    Examples
    --------
    >>> x = STRAINS[[6, 14]]
    >>> seen = Samples(x[None], np.ones((1, 1, 1)), np.zeros((1, 2)), np.zeros((1, 2)))
    >>> map_estimate(seen, Prior(np.ones(3), np.eye(3), 0.1), np.zeros(1))  # nothing seen: the prior's mean
    array([[1., 1., 1.]])
    """
    sigma2 = np.array([as_nonnegative("noise", float(level)) for level in noise]) ** 2 + prior.misfit**2
    gram, product = _sums(support)
    count = (support.weight > 0).sum(axis=-1)
    trust = (count / sigma2)[:, None]
    mean = np.broadcast_to(prior.mean, product.shape)
    pull = trust * (product - (gram @ mean[..., None])[..., 0])
    precision = np.linalg.inv(prior.covariance) + trust[..., None] * gram
    return mean + np.linalg.solve(precision, pull[..., None])[..., 0]


def guessed(num_tasks: int) -> Array:
    """Return the coefficients of the guess itself, (num_tasks, 3): V0 = Vg, B = Bg, B' = 4.5."""
    return np.tile(birch_murnaghan(1.0, 1.0, SLOPE), (num_tasks, 1))
