"""What a reader may set of the playable wave: its support points and a guess, checked."""

from __future__ import annotations

from typing import Any

import traitlets

from mamlkit._check import as_array
from mamlkit.tasks.sinusoid import INPUT_RANGE

INPUTS = INPUT_RANGE
OUTPUTS = (-6.0, 6.0)
COUNTS = (2, 20)  # how many support points a task may have
MAX_STEPS = 3000
KNOTS = 41  # a guess is kept at so many inputs


def as_points(value: Any) -> list[list[float]]:
    """Return support points, each ``[x]`` (on the wave) or ``[x, y]`` (off it), all of them on the plot.

    Raises
    ------
    traitlets.TraitError
        If there are too few or too many, or one lies off the plot or is no point.

    Examples
    --------
    >>> as_points([[0], (1, 2.5)])
    [[0.0], [1.0, 2.5]]
    """
    least, most = COUNTS
    if not least <= len(value) <= most:
        raise traitlets.TraitError(f"points must be {least} to {most}, got {len(value)}")
    return [_as_point(index, point) for index, point in enumerate(value)]


def _as_point(index: int, point: Any) -> list[float]:
    try:
        numbers = as_array(f"points[{index}]", point, ndim=1).tolist()
    except (TypeError, ValueError) as error:
        raise traitlets.TraitError(str(error)) from error
    if len(numbers) not in (1, 2):
        raise traitlets.TraitError(f"points[{index}] must be [x] or [x, y], got {point!r}")
    for axis, number, (low, high) in zip("xy", numbers, (INPUTS, OUTPUTS), strict=False):
        if not low <= number <= high:
            raise traitlets.TraitError(f"points[{index}] must have {axis} in [{low:g}, {high:g}], got {point!r}")
    return numbers


def as_guess(value: Any) -> list[float]:
    """Return a guess: nothing, or its heights at 41 even inputs, all of them on the plot.

    Raises
    ------
    traitlets.TraitError
        If it has another length or leaves the plot.

    Examples
    --------
    >>> as_guess([])
    []
    """
    if len(value) == 0:
        return []
    try:
        numbers = as_array("guess", value, ndim=1)
    except (TypeError, ValueError) as error:
        raise traitlets.TraitError(str(error)) from error
    low, high = OUTPUTS
    if len(numbers) != KNOTS or numbers.min() < low or numbers.max() > high:
        raise traitlets.TraitError(f"guess must be empty or {KNOTS} numbers in [{low:g}, {high:g}], got {value!r}")
    return numbers.tolist()
