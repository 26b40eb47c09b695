"""Exercises that say what you misunderstood: notebooks in, points and advice out.

A student's notebook needs :func:`check` and :func:`load_key`, an instructor's :class:`Part`; importing them loads
NumPy alone. :class:`Within` and :class:`RootMeanSquare` say which answers are right where there are several. The
grader of a class is the command ``mamlkit-grade``; see :mod:`mamlkit.grade.cli`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mamlkit.grade.accepted import RootMeanSquare, Within
    from mamlkit.grade.parts import CheckFailed, Part, check, load_key

__all__ = ["CheckFailed", "Part", "RootMeanSquare", "Within", "check", "load_key"]


def __getattr__(name: str) -> Any:
    """Import NumPy and the rest when they are asked for: the command must first see to where it imports from."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from mamlkit.grade import accepted, parts

    return getattr(parts if hasattr(parts, name) else accepted, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
