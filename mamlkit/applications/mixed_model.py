"""Linear mixed models, the field's own way to learn from many schools: restricted likelihood and empirical Bayes.

A school's coefficients are :math:`b + u_j`, with effects :math:`u_j` of mean zero and covariance G that differ from
school to school, and a pupil's score varies around them with the variance :math:`s^2`. Source: Laird and Ware (1982).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mamlkit._check import Array, as_array, as_vector


class MixedModel(NamedTuple):
    """A fitted model: what all schools share, how they differ, and how pupils differ within them."""

    coefficients: Array  # (d,): b, in points per unit of each feature
    covariance: Array  # (q, q): G, of the effects that differ between schools
    noise_var: float  # s², in points squared
    random: tuple[int, ...]  # which features have such effects

    def predict(self, x_support: ArrayLike, y_support: ArrayLike, x_query: ArrayLike) -> Array:
        r"""Return predictions for new pupils of many schools, from the posterior mean of each school's effects.

        .. math:: \hat u = (Z^\top Z + s^2 G^{-1})^{-1} Z^\top (y - X b)

        Parameters
        ----------
        x_support : array_like, shape (T, n, d)
        y_support : array_like, shape (T, n)
        x_query : array_like, shape (T, m, d)

        Returns
        -------
        ndarray, shape (T, m)
        """
        xs, xq = as_array("x_support", x_support, ndim=3), as_array("x_query", x_query, ndim=3)
        residual = as_array("y_support", y_support, ndim=2) - xs @ self.coefficients
        Z = xs[:, :, self.random]
        G = self.covariance  # G Z' (Z G Z' + s² I)^{-1}, which needs no inverse of G
        gain = np.linalg.solve(Z @ G @ Z.swapaxes(1, 2) + self.noise_var * np.eye(xs.shape[1]), residual[..., None])
        effects = G @ Z.swapaxes(1, 2) @ gain
        return xq @ self.coefficients + (xq[:, :, self.random] @ effects)[..., 0]


class _Sums(NamedTuple):
    """Sums over each school, shape (S, ...), and the number of pupils."""

    xx: Array
    xy: Array
    yy: float
    total: int


def _sums(x: Array, y: Array, school: np.ndarray) -> _Sums:
    names, place = np.unique(school, return_inverse=True)
    xx, xy = np.zeros((len(names), *2 * x.shape[1:])), np.zeros((len(names), x.shape[1]))
    np.add.at(xx, place, x[:, :, None] * x[:, None, :])
    np.add.at(xy, place, x * y[:, None])
    return _Sums(xx, xy, float(y @ y), len(y))


def _profile(factor: Array, random: tuple[int, ...], sums: _Sums) -> tuple[float, Array, float]:
    r"""Return minus twice the restricted log-likelihood (up to a constant), b and s², for :math:`G = s^2 F F^\top`.

    With :math:`V_j = I + Z_j F F^\top Z_j^\top`, Woodbury's identity needs q x q matrices alone:
    :math:`X^\top V^{-1} X = X^\top X - X^\top Z F (I + F^\top Z^\top Z F)^{-1} F^\top Z^\top X`.
    """
    zx, zy = factor.T @ sums.xx[:, random], sums.xy[:, random] @ factor
    inner = np.eye(len(factor)) + zx[:, :, random] @ factor
    solved = np.linalg.solve(inner, np.concatenate([zx, zy[:, :, None]], axis=2))
    A = (sums.xx - zx.swapaxes(1, 2) @ solved[:, :, :-1]).sum(axis=0)
    c = (sums.xy - (zx.swapaxes(1, 2) @ solved[:, :, -1:])[..., 0]).sum(axis=0)
    b = np.linalg.solve(A, c)
    left = sums.yy - np.einsum("sq,sq->", zy, solved[:, :, -1]) - c @ b
    degrees = sums.total - len(b)
    deviance = np.linalg.slogdet(inner)[1].sum() + np.linalg.slogdet(A)[1] + degrees * np.log(left)
    return float(deviance), b, float(left / degrees)


def fit(x: ArrayLike, y: ArrayLike, school: ArrayLike, *, random: tuple[int, ...] = (0,)) -> MixedModel:
    r"""Fit a linear mixed model by restricted maximum likelihood.

    Parameters
    ----------
    x : array_like, shape (n, d)
        Features of all pupils.
    y : array_like, shape (n,)
    school : array_like, shape (n,)
        The school of each pupil; at least two different ones.
    random : tuple of int
        The features whose coefficients differ between schools: (0,) lets the intercept differ, (0, 1) the intercept
        and the slope of the next feature, correlated as they like.

    Raises
    ------
    ValueError
        If the parts do not fit, there is one school only, or the search does not end.

    Notes
    -----
    b and :math:`s^2` are known once the ratio :math:`G / s^2` is, so the search is over the Cholesky factor of that
    ratio alone. Source: Laird and Ware (1982), sections 3 and 4.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> school = np.repeat(np.arange(200), 20)
    >>> y = 3.0 + 2.0 * rng.normal(size=200)[school] + rng.normal(size=4000)
    >>> model = fit(np.ones((4000, 1)), y, school)
    >>> model.coefficients.round(1), model.covariance.round(1), round(model.noise_var, 1)
    (array([3.]), array([[3.6]]), 1.0)
    """
    from scipy.optimize import minimize

    x, schools = as_array("x", x, ndim=2), np.asarray(school)
    y = as_vector("y", y, size=len(x))
    if schools.shape != y.shape or len(np.unique(schools)) < 2:
        raise ValueError(f"school must name the school of each of {len(y)} pupils, two or more schools, got {school!r}")
    if not random or not set(random) <= set(range(x.shape[1])):
        raise ValueError(f"random must name columns of x, 0 to {x.shape[1] - 1}, got {random!r}")
    if np.linalg.matrix_rank(x) < x.shape[1]:
        raise ValueError(f"columns of x must be independent of one another, got rank {np.linalg.matrix_rank(x)}")
    sums, lower = _sums(x, y, schools), np.tril_indices(len(random))

    def factor(entries: Array) -> Array:
        F = np.zeros((len(random), len(random)))
        F[lower] = entries
        return F

    start = np.eye(len(random))[lower] / 2
    found = minimize(
        lambda entries: _profile(factor(entries), random, sums)[0], start, method="BFGS", options={"gtol": 1e-3}
    )
    if not np.isfinite(found.fun) or np.abs(found.jac).max() > 0.1:
        raise ValueError(f"x and y must determine the model: the search ended without an optimum ({found.message})")
    F = factor(found.x)
    _, b, noise_var = _profile(F, random, sums)
    return MixedModel(b, noise_var * F @ F.T, noise_var, random)
