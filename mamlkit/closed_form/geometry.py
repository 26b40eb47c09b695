r"""Turning a feature, and the alignment of a gradient with the way to the optimum (claims R6, R7).

The feature: inputs :math:`x \sim N(0, I)` in the plane, score :math:`v\,(w \cdot x)`, logistic loss, and a new task
:math:`y = \operatorname{sign}(x_2)` that comes upon the feature w = (1, 0), which does not see :math:`x_2` at all.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mamlkit._check import Array, as_nonnegative, as_number, as_positive, as_vector


class FeatureGradient(NamedTuple):
    """The gradient of the loss in the feature `w` (2,) and in the weight `v` of the head."""

    w: Array
    v: float


def feature_gradient(v: float) -> FeatureGradient:
    r"""Return the gradient of the expected logistic loss at the feature w = (1, 0) (claim R6).

    .. math::
        \frac{\partial L}{\partial w_2} = -\frac{v}{\sqrt{2\pi}}, \qquad
        \frac{\partial L}{\partial w_1} = v^2 c(v), \qquad \frac{\partial L}{\partial v} = v\, c(v), \qquad
        c(v) = \operatorname{E}\,\sigma'(v z), \; z \sim N(0, 1)

    All three vanish at v = 0: a head that does not read the feature cannot teach it.

    Parameters
    ----------
    v : float
        Weight of the head.

    Examples
    --------
    >>> gradient = feature_gradient(2.0)
    >>> gradient.w.round(4), round(gradient.v, 4)
    (array([ 0.6057, -0.7979]), 0.3029)
    """
    v = as_number("v", v)
    c = _mean_slope(v)
    return FeatureGradient(np.array([v**2 * c, 0.0 - v / np.sqrt(2 * np.pi)]), v * c)


def turned_feature(v: float, *, inner_lr: float) -> Array:
    """Return the feature (2,) after one gradient step in w from (1, 0), with the expected loss (claim R6).

    Examples
    --------
    >>> turned_feature(2.0, inner_lr=1.0).round(3)
    array([0.394, 0.798])
    """
    return np.array([1.0, 0.0]) - as_nonnegative("inner_lr", inner_lr) * feature_gradient(v).w


def feature_accuracy(w: ArrayLike, v: float) -> float:
    r"""Return how often the sign of :math:`v\,(w \cdot x)` is that of :math:`x_2` (claim R6).

    .. math:: \tfrac12 + \tfrac1\pi \arcsin \frac{\operatorname{sign}(v)\, w_2}{\|w\|}

    A score that is always zero is right half the time, as a coin is.

    Examples
    --------
    >>> feature_accuracy([1.0, 0.0], 2.0), feature_accuracy([1.0, 1.0], 2.0)
    (0.5, 0.75)
    """
    w, v = as_vector("w", w, size=2), as_number("v", v)
    length = np.hypot(*w)
    return float(0.5 + np.arcsin(np.sign(v) * w[1] / length) / np.pi) if length else 0.5


def alignment(gradient: ArrayLike, to_optimum: ArrayLike) -> float:
    r"""Return the cosine of a step and the way to the optimum: 1 if the step heads straight for it (claim R7).

    .. math:: c = -\cos(\nabla L(\theta),\, \theta^\star - \theta)

    Parameters
    ----------
    gradient : array_like, shape (d,)
        The gradient at theta.
    to_optimum : array_like, shape (d,)
        The way from theta to the optimum.

    Raises
    ------
    ValueError
        If one of them is zero: it has no direction.

    Examples
    --------
    >>> alignment([-1.0, 0.0], [2.0, 0.0]), alignment([0.0, 1.0], [2.0, 0.0])
    (1.0, -0.0)
    """
    gradient = as_vector("gradient", gradient)
    way = as_vector("to_optimum", to_optimum, size=len(gradient))
    lengths = np.linalg.norm(gradient), np.linalg.norm(way)
    for name, length in zip(("gradient", "to_optimum"), lengths, strict=True):
        if length == 0:
            raise ValueError(f"{name} must not be zero: it has no direction")
    return float(-(gradient @ way) / (lengths[0] * lengths[1]))


def distance_after_step(distance: float, gradient_norm: float, alignment: float, *, inner_lr: float) -> float:
    r"""Return how far from the optimum one gradient step ends (claim R7).

    .. math:: \|\phi - \theta^\star\|^2 = D^2 - 2 \alpha g D c + \alpha^2 g^2

    Parameters
    ----------
    distance : float
        D, the distance before the step.
    gradient_norm : float
        g, the length of the gradient.
    alignment : float
        c, as returned by :func:`alignment`.
    inner_lr : float
        Inner learning rate alpha.

    Raises
    ------
    TypeError, ValueError
        If a number is negative where it must not be, or the alignment lies outside [-1, 1].

    Examples
    --------
    >>> distance_after_step(2.0, 1.0, 1.0, inner_lr=2.0), distance_after_step(2.0, 1.0, 1.0, inner_lr=5.0)
    (0.0, 3.0)
    """
    D, g = as_nonnegative("distance", distance), as_nonnegative("gradient_norm", gradient_norm)
    c, step = as_number("alignment", alignment), as_nonnegative("inner_lr", inner_lr) * g
    if abs(c) > 1 + 1e-12:
        raise ValueError(f"alignment must lie between -1 and 1, got {alignment!r}")
    return float(np.sqrt(max(D**2 - 2 * step * D * c + step**2, 0.0)))


def worst_alignment(condition: float) -> float:
    r"""Return the least alignment anywhere on a quadratic with this condition number (claim R7a).

    .. math:: \min_\theta c(\theta) = \frac{2 \sqrt{\kappa}}{\kappa + 1}

    A step of the best length from there leaves :math:`\sqrt{1 - c^2} = (\kappa - 1)/(\kappa + 1)` of the distance.

    Parameters
    ----------
    condition : float
        Largest curvature over smallest, at least 1.

    Notes
    -----
    This is Kantorovich's inequality for the vector from theta to the optimum.

    Examples
    --------
    >>> worst_alignment(1.0), worst_alignment(9.0)
    (1.0, 0.6)
    """
    kappa = as_positive("condition", condition)
    if kappa < 1:
        raise ValueError(f"condition must be at least 1, got {condition!r}")
    return 2 * kappa**0.5 / (kappa + 1)


def _mean_slope(v: float) -> float:
    """Return the mean of the logistic function's slope at v z, z standard normal, by the trapezoidal rule."""
    reach = min(9.0, 40.0 / max(abs(v), 1e-9))  # the slope is narrow where v is large
    z = np.linspace(-reach, reach, 2001)
    slope = 0.25 / np.cosh(v * z / 2) ** 2
    return float(np.trapezoid(slope * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi), z))
