r"""What the shortcuts leave out, along one axis: MAML, FOMAML, Reptile and joint training as one family (claim R5).

Let a task's support and query loss be one quadratic. Along an axis of curvature a, each method moves theta by a
multiple of the plain gradient there, and the multiple depends on :math:`\alpha a` and on K alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mamlkit._check import Array, as_array, as_count

METHODS = ("maml", "fomaml", "reptile", "joint")


def multiplier(method: str, product: ArrayLike, *, num_steps: int) -> Array:
    r"""Return what a method makes of the plain gradient along an axis, as a multiple of it (claims R5, R5b).

    .. math::
        \text{MAML: } (1 - \alpha a)^{2K}, \quad \text{FOMAML: } (1 - \alpha a)^K, \quad
        \text{Reptile: } \frac1K \sum_{k=0}^{K-1} (1 - \alpha a)^k, \quad \text{joint training: } 1

    Reptile's direction :math:`\theta - \phi` is divided by :math:`\alpha K`, which makes it a mean of gradients.

    Parameters
    ----------
    method : {"maml", "fomaml", "reptile", "joint"}
    product : array_like
        Inner learning rate times curvature, of any shape.
    num_steps : int
        Number K of inner steps; at least 1 for Reptile.

    Raises
    ------
    TypeError, ValueError
        If the method is unknown, or an argument is not of its kind.

    Notes
    -----
    Source: the definitions in Finn, Abbeel and Levine (2017) and Nichol, Achiam and Schulman (2018), worked out.

    Examples
    --------
    >>> [float(multiplier(method, 0.5, num_steps=2)) for method in METHODS]
    [0.0625, 0.25, 0.75, 1.0]
    """
    _check_method(method)
    left = 1 - as_array("product", product, ndim=tuple(range(9)))
    num_steps = as_count("num_steps", num_steps, minimum=1 if method == "reptile" else 0)
    if method == "reptile":
        return np.mean([left**k for k in range(num_steps)], axis=0)
    return left ** {"maml": 2 * num_steps, "fomaml": num_steps, "joint": 0}[method]


class Gap(NamedTuple):
    """MAML's gradient minus FOMAML's, in units of the plain gradient, and its size relative to FOMAML's and MAML's."""

    absolute: Array
    to_fomaml: Array
    to_maml: Array


def gap(product: ArrayLike, *, num_steps: int = 2) -> Gap:
    r"""Return the gap between MAML and FOMAML along one axis, over :math:`\alpha a` (claim R5a).

    With :math:`u = (1 - \alpha a)^K` it is :math:`u^2 - u`; relative to FOMAML's gradient its size is
    :math:`|u - 1|`, relative to MAML's :math:`|1 - 1/u|`, which is infinite at :math:`\alpha a = 1`.

    Examples
    --------
    >>> gap([0.0, 0.5, 1.0, 2.0]).absolute
    array([ 0.    , -0.1875,  0.    ,  0.    ])
    >>> gap([0.0, 0.5, 1.0, 2.0]).to_fomaml
    array([0.  , 0.75, 1.  , 0.  ])
    """
    first = multiplier("fomaml", product, num_steps=num_steps)
    with np.errstate(divide="ignore"):
        return Gap(first**2 - first, np.abs(first - 1), np.abs(1 - 1 / first))


def widest(num_steps: int = 2) -> float:
    r"""Return the :math:`\alpha a` in (0, 1) at which the absolute gap is widest, :math:`1 - 2^{-1/K}` (claim R5a).

    There the gap is a quarter of the plain gradient, whatever K is. For even K it is as wide once more, at
    :math:`1 + 2^{-1/K}`; for odd K it grows beyond :math:`\alpha a = 1` without a limit.

    Examples
    --------
    >>> round(widest(2), 4), float(gap(widest(2)).absolute.round(12))
    (0.2929, -0.25)
    """
    return float(1 - 2 ** (-1 / as_count("num_steps", num_steps, minimum=1)))


def inner_weight(method: str, *, num_steps: int) -> float:
    r"""Return s in the expansion of a method's mean direction for small inner learning rates (claim R5b).

    .. math:: \text{AvgGrad} - \alpha\, s\, \text{AvgGradInner} + O(\alpha^2)

    It is 2K for MAML, K for FOMAML, (K - 1)/2 for Reptile (divided by :math:`\alpha K`), 0 for joint training.
    AvgGrad is the mean gradient; AvgGradInner is half the gradient of the mean inner product of two gradients of one
    task, taken on different examples.

    Notes
    -----
    Source: Nichol, Achiam and Schulman (2018), section 5.1; their k counts the last gradient too, so k - 1 is our K.

    Examples
    --------
    >>> [inner_weight(method, num_steps=5) for method in METHODS]
    [10.0, 5.0, 2.0, 0.0]
    """
    _check_method(method)
    num_steps = as_count("num_steps", num_steps, minimum=1)
    return float({"maml": 2 * num_steps, "fomaml": num_steps, "reptile": (num_steps - 1) / 2, "joint": 0}[method])


def _check_method(method: str) -> None:
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}; got {method!r}")
