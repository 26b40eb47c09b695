"""Checks on arguments: each names the argument and the value it received."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.floating[Any]]


def as_number(name: str, value: Any) -> float:
    """Return `value` as a finite float.

    Raises
    ------
    TypeError
        If `value` is not a real number (a bool, a string, an array).
    ValueError
        If it is NaN or infinite.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a real number, got {value!r} ({type(value).__name__})")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite, got {value!r}")
    return number


def as_nonnegative(name: str, value: Any) -> float:
    """Return `value` as a finite float that is zero or more; learning rates and variances pass through here."""
    number = as_number(name, value)
    if number < 0:
        raise ValueError(f"{name} must not be negative, got {value!r}")
    return number


def as_positive(name: str, value: Any) -> float:
    """Return `value` as a finite float above zero."""
    number = as_number(name, value)
    if number <= 0:
        raise ValueError(f"{name} must be positive, got {value!r}")
    return number


def as_count(name: str, value: Any, *, minimum: int = 0) -> int:
    """Return `value` as an int of at least `minimum`; numbers of steps, tasks and samples pass through here."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be a whole number, got {value!r} ({type(value).__name__})")
    if value < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {value!r}")
    return int(value)


def as_array(name: str, value: ArrayLike, *, ndim: int | tuple[int, ...]) -> Array:
    """Return `value` as a finite float64 array with `ndim` axes (or one of several numbers of axes).

    Raises
    ------
    TypeError
        If the entries are not real numbers.
    ValueError
        If the number of axes is another, or an entry is NaN or infinite.
    """
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} must be a rectangular array, got {value!r}") from error
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must hold real numbers, got {value!r} (dtype {array.dtype})")
    allowed = (ndim,) if isinstance(ndim, int) else ndim
    if array.ndim not in allowed:
        axes = " or ".join(str(n) for n in allowed)
        raise ValueError(f"{name} must have {axes} axes, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got {value!r}")
    return array.astype(np.float64)


def as_vector(name: str, value: ArrayLike, *, size: int | None = None) -> Array:
    """Return `value` as a finite float64 vector, of length `size` if one is given."""
    vector = as_array(name, value, ndim=1)
    if size is not None and vector.shape != (size,):
        raise ValueError(f"{name} must have shape ({size},), got shape {vector.shape}: {value!r}")
    return vector


def as_symmetric(name: str, value: ArrayLike) -> Array:
    """Return `value` as a finite, square, symmetric float64 matrix.

    Symmetric means to rounding: ``|A - A.T|`` at most 1e-12 of the largest entry.
    """
    matrix = as_array(name, value, ndim=2)
    if matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"{name} must be square, got shape {matrix.shape}")
    if not np.allclose(matrix, matrix.T, rtol=0, atol=1e-12 * np.abs(matrix).max(initial=1e-300)):
        raise ValueError(f"{name} must be symmetric, got {value!r}")
    return matrix
