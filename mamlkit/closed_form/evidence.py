"""Learning the prior itself: by the outer loss, and by the likelihood of what was seen (claims R11a, R12)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mamlkit._check import as_positive, as_vector
from mamlkit.closed_form.gaussian import data_precision, implied_prior_precision
from mamlkit.closed_form.quadratic import Quadratic, WeightedCentre, adapt, step_jacobian, weighted_centre


def log_evidence(init: ArrayLike, loss: Quadratic, *, inner_lr: float, num_steps: int = 1) -> float:
    r"""Return the log marginal likelihood of one task under the prior of K inner steps (claim R11a).

    .. math:: \log \int e^{-L(x)}\, \mathcal N(x;\, \theta, Q^{-1})\, dx
        = -L(\phi) - \tfrac12 (\phi - \theta)^\top Q (\phi - \theta) + \tfrac12 \log\det (I - \alpha A)^K

    The last term is the Jacobian of the walk. On a network the right-hand side is a Laplace approximation.

    Parameters
    ----------
    init : array_like, shape (d,)
        The initialisation theta, mean of the prior.
    loss : Quadratic
        Minus the log-likelihood, up to a constant. Its curvatures h must satisfy ``0 <= inner_lr * h < 1``.
    inner_lr, num_steps
        Inner learning rate alpha and number K of inner steps, at least one.

    Raises
    ------
    ValueError
        If an eigenvalue of alpha A is negative, or 1 or more: the prior is flat there, or there is none.

    Notes
    -----
    Source: the Laplace approximation of MacKay (1992), with the prior of R11 put in.

    Examples
    --------
    >>> round(log_evidence([0.0], Quadratic.with_minimiser([[1.0]], [2.0]), inner_lr=0.5), 4)  # -1/2 - 1/2 + log(1/2)/2
    -1.3466
    """
    Q = implied_prior_precision(loss.A, inner_lr=inner_lr, num_steps=num_steps)
    left = np.linalg.eigvalsh(step_jacobian(loss, inner_lr=inner_lr, num_steps=num_steps))
    if left[0] <= 0:
        raise ValueError(f"inner_lr must leave something of the start along every axis, got {inner_lr!r}: a flat prior")
    start, *_, phi = adapt(init, loss, inner_lr=inner_lr, num_steps=num_steps)
    return float(-loss.value(phi) - (phi - start) @ Q @ (phi - start) / 2 + np.log(left).sum() / 2)


def outer_centre(task_means: ArrayLike, *, inner_lr: float, noise_var: float, n: ArrayLike) -> WeightedCentre:
    r"""Return the start that minimises the outer loss, with large query sets (claim R12).

    .. math:: \theta = \frac{\sum_t (1 - \alpha n_t/s^2)^2\, \theta_t}{\sum_t (1 - \alpha n_t/s^2)^2}

    This is R9: while :math:`\alpha n_t \le s^2` tasks with *few* examples weigh most, for they need the start.

    Parameters
    ----------
    task_means : array_like, shape (T,)
        The tasks' true means theta_t, which large query sets reveal.
    inner_lr, noise_var
        As for :func:`mamlkit.closed_form.gaussian.adapt_mean`.
    n : int or array_like of int, shape (T,)
        Number of support examples.

    Examples
    --------
    >>> outer_centre([0.0, 1.0], inner_lr=0.1, noise_var=1.0, n=[1, 7]).weights
    array([0.9, 0.1])
    """
    means = as_vector("task_means", task_means)
    curvatures = np.broadcast_to(data_precision(noise_var, n), means.shape)
    return weighted_centre(means, curvatures, inner_lr=as_positive("inner_lr", inner_lr))


def likelihood_centre(sample_means: ArrayLike, *, prior_var: float, noise_var: float, n: ArrayLike) -> WeightedCentre:
    r"""Return the prior mean of the largest marginal likelihood, given the prior's variance (claim R12).

    .. math:: \mu = \frac{\sum_t \bar y_t / (\tau^2 + s^2/n_t)}{\sum_t 1 / (\tau^2 + s^2/n_t)}

    Tasks with *many* examples weigh most, for they say most about the prior.

    Parameters
    ----------
    sample_means : array_like, shape (T,)
        Mean of each task's support examples.
    prior_var, noise_var : float
        Variance tau^2 of the tasks' means, and s^2 of the examples around them.
    n : int or array_like of int, shape (T,)
        Number of support examples.

    Notes
    -----
    Source: the empirical-Bayes estimate of the normal-normal model, as in Efron and Morris (1975).

    Examples
    --------
    >>> likelihood_centre([0.0, 1.0], prior_var=0.25, noise_var=1.0, n=[1, 4]).weights.round(3)
    array([0.286, 0.714])
    """
    means = as_vector("sample_means", sample_means)
    spread = as_positive("prior_var", prior_var) + 1 / data_precision(noise_var, n)
    weights = np.broadcast_to(1 / spread, means.shape)
    shares = weights / weights.sum()
    return WeightedCentre(shares @ means, shares)
