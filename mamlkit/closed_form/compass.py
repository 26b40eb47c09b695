r"""Two headings on a compass: the best initialisation is the worst average model (claim R1).

The parameter is one angle. Task + wants the heading :math:`+\delta`, task - wants :math:`-\delta`, and the loss is
:math:`1 - \cos` of the angle between. Averaged over both tasks that is :math:`1 - \cos\delta\cos\theta`. Beyond a
quarter turn the cosine of delta is negative: the average is worst straight between the tasks, at theta = 0, and yet
one gradient step from there can solve both.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mamlkit._check import Array, as_nonnegative, as_number

SIGNS = np.array([1.0, -1.0])


def mean_loss(theta: ArrayLike, *, delta: float) -> Array:
    r"""Return the loss of an unadapted model averaged over the two tasks, :math:`1 - \cos\delta\cos\theta`.

    Parameters
    ----------
    theta : array_like
        Headings in radians, of any shape.
    delta : float
        Half the angle between the tasks, in radians.

    Examples
    --------
    >>> round(float(mean_loss(0.0, delta=2 * np.pi / 3)), 6)
    1.5
    """
    return 1 - np.cos(as_number("delta", delta)) * np.cos(theta)


def adapt(theta: ArrayLike, *, delta: float, inner_lr: float) -> Array:
    r"""Return phi after one inner step on each task, shape ``(2, ...)`` (claim R1).

    .. math:: \phi_\pm = \theta - \alpha \sin(\theta \mp \delta)

    Examples
    --------
    >>> adapt(0.0, delta=np.pi / 2, inner_lr=1.0)
    array([ 1., -1.])
    """
    theta = np.asarray(theta, dtype=float)
    target = as_number("delta", delta) * SIGNS.reshape(2, *[1] * theta.ndim)
    return theta - as_nonnegative("inner_lr", inner_lr) * np.sin(theta - target)


def outer_loss(theta: ArrayLike, *, delta: float, inner_lr: float) -> Array:
    r"""Return the loss after adaptation, averaged over the two tasks (claims R1, R1a).

    Examples
    --------
    >>> delta = 2 * np.pi / 3
    >>> round(float(outer_loss(0.0, delta=delta, inner_lr=solving_rate(delta))), 6)
    0.0
    """
    phi = adapt(theta, delta=delta, inner_lr=inner_lr)
    return np.mean([1 - np.cos(phi[0] - delta), 1 - np.cos(phi[1] + delta)], axis=0)


def solving_rate(delta: float) -> float:
    r"""Return the inner learning rate that solves both tasks in one step from theta = 0, :math:`\delta / \sin\delta`.

    Raises
    ------
    ValueError
        If `delta` is not strictly between 0 and pi: the step from 0 then has no length or no direction.

    Examples
    --------
    >>> round(solving_rate(np.pi / 2), 6)
    1.570796
    """
    delta = as_number("delta", delta)
    if not 0 < delta < np.pi:
        raise ValueError(f"delta must lie strictly between 0 and pi, got {delta!r}")
    return float(delta / np.sin(delta))
