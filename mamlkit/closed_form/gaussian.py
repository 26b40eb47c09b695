"""Gaussian tasks, where an inner loop is Bayesian inference under a prior that nobody wrote down (claims R10, R11).

Each task is an unknown mean, seen through n noisy examples. The inner loop descends the *summed* negative
log-likelihood, whose curvature is n / noise_var.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mamlkit._check import Array, as_array, as_count, as_number, as_positive, as_symmetric

ROUNDING = 1e-12  # relative: a rate this close to the last possible one counts as that one


def adapt_mean(init: float, sample_mean: ArrayLike, *, inner_lr: float, noise_var: float, n: ArrayLike) -> Array:
    r"""Return where one inner step on the summed negative log-likelihood leads (claim R10).

    .. math:: \phi = (1 - w)\,\theta + w\,\bar y, \qquad w = \alpha n / s^2

    Parameters
    ----------
    init : float
        The initialisation theta.
    sample_mean : array_like
        Mean of each task's support examples, any shape.
    inner_lr : float
        Inner learning rate alpha, above zero. Beyond ``noise_var / n`` the step overshoots the sample mean.
    noise_var : float
        Variance s^2 of the examples around their task's mean.
    n : int or array_like of int
        Number of support examples, one for all tasks or one for each.

    Returns
    -------
    ndarray
        Shaped as `sample_mean` and `n` broadcast.

    Raises
    ------
    TypeError, ValueError
        If `inner_lr` or `noise_var` is not positive, or `n` holds anything but whole numbers of at least one.

    Examples
    --------
    >>> float(adapt_mean(0.0, 2.0, inner_lr=0.1, noise_var=1.0, n=5))
    1.0
    """
    init, means = as_number("init", init), _as_means("sample_mean", sample_mean)
    weight = as_positive("inner_lr", inner_lr) * data_precision(noise_var, n)
    return (1 - weight) * init + weight * means


def map_estimate(
    prior_mean: float, sample_mean: ArrayLike, *, prior_var: float, noise_var: float, n: ArrayLike
) -> Array:
    r"""Return the mode, and mean, of the posterior of a task's mean (claim R10).

    .. math:: \frac{\mu / \tau^2 + n \bar y / s^2}{1 / \tau^2 + n / s^2}

    Parameters
    ----------
    prior_mean, prior_var : float
        Mean mu and variance tau^2 of the prior that the tasks' means are drawn from.
    sample_mean, noise_var, n
        As for :func:`adapt_mean`.

    Returns
    -------
    ndarray
        Shaped as `sample_mean` and `n` broadcast.

    Notes
    -----
    Source: Grant et al. (2018), section 3, in one dimension.

    Examples
    --------
    >>> float(map_estimate(0.0, 2.0, prior_var=0.2, noise_var=1.0, n=5))
    1.0
    """
    prior_mean, means = as_number("prior_mean", prior_mean), _as_means("sample_mean", sample_mean)
    prior, data = 1 / as_positive("prior_var", prior_var), data_precision(noise_var, n)
    return (prior * prior_mean + data * means) / (prior + data)


def prior_precision(inner_lr: float, *, noise_var: float, n: int) -> float:
    r"""Return the precision of the prior whose MAP estimate one inner step computes (claim R10).

    .. math:: \frac1{\tau^2} = \frac1\alpha - \frac n{s^2}, \qquad 0 < \alpha \le \frac{s^2}n

    A small rate is a *strong* prior. At ``inner_lr = noise_var / n`` the precision is 0: the prior is flat, and the
    step ends at the sample mean.

    Raises
    ------
    ValueError
        If `inner_lr` is not positive, or so large that the step overshoots the sample mean: no prior does that.

    Examples
    --------
    >>> prior_precision(0.1, noise_var=1.0, n=5), prior_precision(0.2, noise_var=1.0, n=5)
    (5.0, 0.0)
    """
    inner_lr = as_positive("inner_lr", inner_lr)
    last = as_positive("noise_var", noise_var) / as_count("n", n, minimum=1)
    if inner_lr > last * (1 + ROUNDING):
        raise ValueError(
            f"inner_lr must be at most noise_var / n = {last:g}, got {inner_lr!r}: the step overshoots the sample "
            "mean, and no prior makes a MAP estimate do that"
        )
    return max(0.0, 1 / inner_lr - 1 / last)


def inner_lr_for_prior(prior_var: float, *, noise_var: float, n: int) -> float:
    r"""Return the rate at which one inner step is the MAP estimate under a prior of this variance (claim R10).

    .. math:: \alpha = \frac{1}{1/\tau^2 + n/s^2}

    It depends on n: tasks with unequal numbers of examples need a rate each.

    Examples
    --------
    >>> [round(inner_lr_for_prior(0.2, noise_var=1.0, n=n), 3) for n in (1, 5)]
    [0.167, 0.1]
    """
    data = as_count("n", n, minimum=1) / as_positive("noise_var", noise_var)
    return 1 / (1 / as_positive("prior_var", prior_var) + data)


def expected_error(inner_lr: float, *, prior_var: float, noise_var: float, n: int) -> float:
    r"""Return the mean squared distance of phi from the task's mean, from the best start theta = mu (claim R10a).

    .. math:: \E(\phi - \theta_t)^2 = (1 - w)^2\, \tau^2 + w^2\, \frac{s^2}n, \qquad w = \alpha n / s^2

    The query loss is this plus a constant. It is smallest at the rate of :func:`inner_lr_for_prior`.

    Examples
    --------
    >>> expected_error(0.1, prior_var=0.2, noise_var=1.0, n=5), expected_error(0.2, prior_var=0.2, noise_var=1.0, n=5)
    (0.1, 0.2)
    """
    data = as_count("n", n, minimum=1) / as_positive("noise_var", noise_var)
    weight = as_positive("inner_lr", inner_lr) * data
    return (1 - weight) ** 2 * as_positive("prior_var", prior_var) + weight**2 / data


def implied_prior_precision(hessian: ArrayLike, *, inner_lr: float, num_steps: int) -> Array:
    r"""Return the precision (d, d) of the prior whose MAP estimate K inner steps on a quadratic compute (claim R11).

    .. math:: Q = A (I - \alpha A)^K \big[I - (I - \alpha A)^K\big]^{-1}, \qquad 0 < \alpha A \le I

    The prior is centred at the initialisation. Along an axis with curvature h its precision lies between 0 (where
    :math:`\alpha h = 1`) and :math:`1/(K\alpha)`, its limit as h goes to 0.

    Parameters
    ----------
    hessian : array_like, shape (d, d)
        The Hessian A of the support loss. Where an eigenvalue is 0 any prior keeps the start; it gets the limit.
    inner_lr : float
        Inner learning rate alpha, above zero and at most one over the largest eigenvalue.
    num_steps : int
        Number K of inner steps, at least one.

    Raises
    ------
    ValueError
        If an eigenvalue is negative, or alpha times the largest exceeds 1: steps then overshoot along that axis.
        For odd K no prior does that; for even K one exists again, up to twice that rate.

    Notes
    -----
    Source: Santos (1996), as used in Grant et al. (2018), section 3.

    Examples
    --------
    >>> implied_prior_precision([[5.0]], inner_lr=0.1, num_steps=1)  # as prior_precision(0.1, noise_var=1, n=5)
    array([[5.]])
    >>> implied_prior_precision([[5.0]], inner_lr=0.1, num_steps=2).round(3)  # more steps, weaker prior
    array([[1.667]])
    """
    A, inner_lr = as_symmetric("hessian", hessian), as_positive("inner_lr", inner_lr)
    num_steps = as_count("num_steps", num_steps, minimum=1)
    curvatures, axes = np.linalg.eigh(A)
    largest = np.abs(curvatures).max(initial=0.0)
    if curvatures[0] < -ROUNDING * largest:
        raise ValueError(f"hessian must have no negative eigenvalue, its lowest is {curvatures[0]:.3g}")
    if inner_lr * largest > 1 + ROUNDING:
        raise ValueError(
            f"inner_lr times the largest eigenvalue of hessian must be at most 1, got {inner_lr:g} × {largest:g} = "
            f"{inner_lr * largest:g}: the steps overshoot; take inner_lr at most {1 / largest:g}"
        )
    precisions = [_along_axis(h, inner_lr, num_steps) for h in np.clip(curvatures, 0.0, 1 / inner_lr)]
    return (axes * precisions) @ axes.T


def _along_axis(curvature: float, inner_lr: float, num_steps: int) -> float:
    """Return h s / (1 - s) with s = (1 - alpha h)^K, without cancellation near h = 0."""
    if inner_lr * curvature < ROUNDING:
        return 1 / (num_steps * inner_lr)
    if inner_lr * curvature > 1 - ROUNDING:
        return 0.0
    with np.errstate(over="ignore"):  # after very many steps nothing of the prior is left: h / inf = 0
        return float(curvature / np.expm1(-num_steps * np.log1p(-inner_lr * curvature)))


def _as_means(name: str, value: ArrayLike) -> Array:
    return as_array(name, value, ndim=tuple(range(5)))


def data_precision(noise_var: float, n: ArrayLike) -> Array:
    """Return n / s^2: the precision of a sample mean, which is the curvature of the summed loss.

    Raises
    ------
    TypeError, ValueError
        If `n` holds anything but whole numbers of at least one, or `noise_var` is not positive.

    Examples
    --------
    >>> data_precision(0.5, [1, 4]).tolist()
    [2.0, 8.0]
    """
    counts = np.asarray(n)
    if counts.dtype.kind not in "iu":
        raise TypeError(f"n must hold whole numbers, got {n!r}")
    if counts.size == 0 or counts.min() < 1:
        raise ValueError(f"n must be at least 1, got {n!r}")
    return counts / as_positive("noise_var", noise_var)
