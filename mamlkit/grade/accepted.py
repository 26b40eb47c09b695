"""What is accepted where more than one answer is right: an interval, or predictions that are close enough.

A part says so with ``@part.accept``. Both are plain data, so that a release carries them and a grader reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Within:
    """Every number of the answer lies between `low` and `high`, which have the answer's shape.

    Examples
    --------
    >>> fits(2.5, Within(2.0, 3.0)), fits(3.5, Within(2.0, 3.0)), fits([2.5], Within(2.0, 3.0))
    (True, False, False)
    """

    low: Any
    high: Any


@dataclass(frozen=True)
class RootMeanSquare:
    """The root mean square of answer minus `target` is at most `at_most`, and at least `at_least`.

    Examples
    --------
    >>> fits(np.array([1.0, 2.0]), RootMeanSquare(np.array([1.0, 2.2]), at_most=0.2))
    True
    """

    target: Any
    at_most: float
    at_least: float = 0.0


Accepted = Within | RootMeanSquare


def fits(value: Any, accepted: Accepted) -> bool:
    """Tell whether `value` is one of the answers that `accepted` describes."""
    given = _comparable(value, accepted)
    if given is None:
        return False
    if isinstance(accepted, Within):
        return bool(np.all((np.asarray(accepted.low) <= given) & (given <= np.asarray(accepted.high))))
    return accepted.at_least <= error(given, accepted.target) <= accepted.at_most


def error(value: Any, target: Any) -> float:
    """Return the root mean square of `value` minus `target`, arrays of one shape.

    Examples
    --------
    >>> error([3.0, 4.0], [0.0, 0.0])
    3.5355339059327378
    """
    return float(np.sqrt(np.mean((np.asarray(value, dtype=float) - np.asarray(target, dtype=float)) ** 2)))


def missed(value: Any, accepted: Accepted, reveal: bool) -> str:
    """Return in one sentence how far `value` is from what is accepted; the interval only where `reveal` allows."""
    given = _comparable(value, accepted)
    if given is None:
        return f"Your answer should be finite numbers of shape {_shape(accepted)}."
    if isinstance(accepted, RootMeanSquare):
        reached = error(given, accepted.target)
        return (
            f"The root mean square error of your answer is {reached:.3g}; at most {accepted.at_most:.3g} is accepted."
        )
    shown = np.array2string(given, precision=4, threshold=20)
    if not reveal:
        return f"Yours: {shown}; outside what is accepted."
    low, high = (np.array2string(np.asarray(end), precision=4, threshold=20) for end in (accepted.low, accepted.high))
    return f"Yours: {shown}; accepted: from {low} to {high}."


def _comparable(value: Any, accepted: Accepted) -> np.ndarray[Any, Any] | None:
    """Return `value` as finite numbers of the shape that `accepted` has, or None."""
    from mamlkit.grade.wire import numbers  # wire encodes the two classes above

    given = numbers(value)
    if (
        given is None
        or given.shape != _shape(accepted)
        or given.dtype.kind not in "iuf"
        or not np.isfinite(given).all()
    ):
        return None
    return given.astype(float)


def _shape(accepted: Accepted) -> tuple[int, ...]:
    return np.shape(accepted.low if isinstance(accepted, Within) else accepted.target)
