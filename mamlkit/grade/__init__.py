"""Exercises that say what you misunderstood: notebooks in, points and advice out.

A student's notebook needs :func:`check` and :func:`load_key`, an instructor's :class:`Part`; importing them loads
NumPy alone. The grader of a class is the command ``mamlkit-grade``; see :mod:`mamlkit.grade.cli`.
"""

from mamlkit.grade.parts import CheckFailed, Part, check, load_key

__all__ = ["CheckFailed", "Part", "check", "load_key"]
