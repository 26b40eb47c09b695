"""How numbers are read: what a readout states of its value, how a number is written, where ticks stand."""

from __future__ import annotations

import math

import numpy as np

from mamlkit._check import Array

# Norms below this are rounding dust: they read as 0 and have no direction.
NEGLIGIBLE = 1e-9


def measure(rule: str, value: Array) -> Array | float | None:
    """Return what a readout states: `value` itself, its norm, or the angle between its rows in degrees.

    None if there is no angle because one of the vectors vanishes.

    Examples
    --------
    >>> measure("norm", np.array([3.0, 4.0]))
    5.0
    """
    if rule == "norm":
        return float(np.linalg.norm(value))
    if rule == "angle":
        (a, b), (c, d) = value
        if min(np.hypot(a, b), np.hypot(c, d)) < NEGLIGIBLE:
            return None
        return math.degrees(math.atan2(abs(a * d - b * c), a * c + b * d))
    return value


def format_number(value: float, digits: int) -> str:
    """Return `value` as readers write it: a true minus sign, powers of ten where it is very small or very large.

    Examples
    --------
    >>> format_number(-0.25, 2), format_number(0.000012, 3), format_number(1e-12, 3)
    ('−0.25', '1.2 × 10⁻⁵', '0')
    """
    if abs(value) < NEGLIGIBLE:
        return "0"
    if 0.5 * 10.0**-digits <= abs(value) < 1e6:
        return f"{value:.{digits}f}".replace("-", "−")
    mantissa, exponent = f"{value:.1e}".split("e")
    power = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{mantissa} × 10{power}".replace("-", "−")


def ticks(low: float, high: float, target: int = 6) -> list[float]:
    """Return round numbers (steps of 1, 2 or 5 times a power of ten) within the limits, about `target` of them.

    Examples
    --------
    >>> ticks(-3.0, 3.0)
    [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0]
    """
    raw = (high - low) / target
    power = 10.0 ** math.floor(math.log10(raw))
    step = min((f * power for f in (1, 2, 5, 10)), key=lambda s: abs(s - raw))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]
