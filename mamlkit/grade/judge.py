"""The verdict on an answer: right, or the misconception that it fits, or the first input on which it differs.

The check in a notebook and the grader of a class use the same comparison.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mamlkit.grade import wire

SMALLEST = 1e-3
"""Below this size the tolerance shrinks no further, so that a zero by cancellation equals zero."""


@dataclass(frozen=True)
class Trial:
    """One input: the keyword arguments, the right answer, and what each named misconception answers."""

    inputs: dict[str, Any]
    expected: Any = None
    wrong: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Key:
    """What a part of an exercise is checked with. A blind key holds inputs only; the graded kernel gets that one."""

    part: str
    points: int
    rtol: float
    trials: tuple[Trial, ...]
    advice: dict[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    blind: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the key as plain data."""
        trials = [
            {
                "inputs": wire.encode(trial.inputs),
                "expected": wire.encode(trial.expected),
                "wrong": wire.encode(trial.wrong),
            }
            for trial in self.trials
        ]
        return {**vars(self), "needs": list(self.needs), "trials": trials}

    @classmethod
    def from_json(cls, data: dict[str, Any], *, tensors: bool = True) -> Key:
        """Return the key that :meth:`to_json` wrote; the grader, which only compares, reads it without tensors."""
        trials = tuple(
            Trial(**{name: wire.decode(part, tensors=tensors) for name, part in trial.items()})
            for trial in data["trials"]
        )
        return cls(**{**data, "needs": tuple(data["needs"]), "trials": trials})


def blinded(data: dict[str, Any]) -> dict[str, Any]:
    """Return the key in `data`, as JSON, without right answers, misconceptions and advice."""
    nothing = {"expected": None, "wrong": wire.encode({})}
    return {**data, "blind": True, "advice": {}, "trials": [{**trial, **nothing} for trial in data["trials"]]}


@dataclass(frozen=True)
class Verdict:
    """Whether a part is right, in which way it is not, and the advice to the student."""

    right: bool
    kind: str
    """One of right, unanswered, error, misconception, differs, changed-input, or a word of the grader's."""
    advice: str


def answers(function: Callable[..., Any], key: Key) -> list[dict[str, Any]]:
    """Return what `function` answers to each input of `key`, as plain data; an error is an answer too."""
    return [_answer(function, trial.inputs) for trial in key.trials]


def _answer(function: Callable[..., Any], inputs: dict[str, Any]) -> dict[str, Any]:
    given = copy.deepcopy(inputs)
    try:
        outcome: dict[str, Any] = {"value": wire.encode(function(**given))}
    except NotImplementedError as error:
        outcome = {"unanswered": str(error)}
    except Exception as error:
        outcome = {"error": f"{type(error).__name__}: {error}"[:500]}
    changed = [name for name in inputs if wire.encode(given[name]) != wire.encode(inputs[name])]
    return {**outcome, "changed": changed} if changed else outcome


def judge(outcomes: Any, key: Key) -> Verdict:
    """Return the verdict on `outcomes`, which :func:`answers` wrote or a student's kernel claims it did."""
    if not isinstance(outcomes, list) or len(outcomes) != len(key.trials):
        return Verdict(False, "error", "The answer did not give one value for each input.")
    for outcome, trial in zip(outcomes, key.trials, strict=True):
        if not isinstance(outcome, dict) or not {"value", "error", "unanswered"} & outcome.keys():
            return Verdict(False, "error", "The answer gave no value.")
        if "unanswered" in outcome:
            return Verdict(False, "unanswered", "Not answered yet.")
        if "error" in outcome:
            return Verdict(False, "error", f"Your answer raised {outcome['error']}\n{_on(trial)}")
    try:
        values = [wire.decode(outcome["value"], tensors=False) for outcome in outcomes]
    except ValueError as error:
        return Verdict(False, "error", f"The values could not be read: {error}")
    if all(same(value, trial.expected, key.rtol) for value, trial in zip(values, key.trials, strict=True)):
        return Verdict(True, "right", "Right.")
    return _explain(values, outcomes, key)


def _explain(values: list[Any], outcomes: list[dict[str, Any]], key: Key) -> Verdict:
    for name, advice in key.advice.items():
        if all(same(value, trial.wrong[name], key.rtol) for value, trial in zip(values, key.trials, strict=True)):
            return Verdict(False, "misconception", advice)
    changed = sorted({str(name) for outcome in outcomes for name in outcome.get("changed", [])})
    if changed:
        return Verdict(
            False, "changed-input", f"Your answer changes its input {', '.join(changed)} in place: work on a copy."
        )
    factor = _common_factor(values, key)
    if factor is not None:
        return Verdict(False, "differs", f"Your answer is {factor:.6g} times the right one on every input.")
    pairs = zip(values, key.trials, strict=True)
    value, trial = next((v, t) for v, t in pairs if not same(v, t.expected, key.rtol))
    return Verdict(False, "differs", f"{_difference(value, trial.expected)}\n{_on(trial)}")


def same(value: Any, expected: Any, rtol: float) -> bool:
    """Tell whether `value` is `expected`: structure, shape, and numbers to `rtol` of the largest, or of SMALLEST.

    Examples
    --------
    >>> same(np.array([1.0, 2.0]), [1.0, 2.0], rtol=1e-7), same([1.0], 1.0, rtol=1e-7), same(True, 1, rtol=1e-7)
    (True, False, False)
    """
    if isinstance(expected, dict):
        return isinstance(value, dict) and value.keys() == expected.keys() and all(
            same(value[name], expected[name], rtol) for name in expected
        )  # fmt: skip
    if isinstance(expected, list | tuple) and not _is_numeric(expected):
        return isinstance(value, list | tuple) and len(value) == len(expected) and all(
            same(one, other, rtol) for one, other in zip(value, expected, strict=True)
        )  # fmt: skip
    numbers, right = _numbers(value), _numbers(expected)
    if numbers is None or right is None:
        return type(value) is type(expected) and bool(value == expected)
    if numbers.shape != right.shape or (numbers.dtype.kind == "b") != (right.dtype.kind == "b"):
        return False
    scale = float(np.abs(right).max(initial=0.0)) if right.dtype.kind != "b" else 0.0
    return bool(np.isfinite(numbers).all()) and bool(
        np.allclose(numbers, right, rtol=0.0, atol=rtol * max(scale, SMALLEST))
    )


def _is_numeric(value: Any) -> bool:
    return _numbers(value) is not None


def _numbers(value: Any) -> np.ndarray[Any, Any] | None:
    """Return `value` as an array of numbers, or None where it is none."""
    if value is None or isinstance(value, str | dict | wire.Other):
        return None
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, RuntimeError):  # ragged lists
        return None
    return array if array.dtype.kind in "biufc" else None


def _common_factor(values: list[Any], key: Key) -> float | None:
    """Return the number c, other than 0 and 1, with value = c * expected on every input, or None."""
    pairs = [(_numbers(value), _numbers(trial.expected)) for value, trial in zip(values, key.trials, strict=True)]
    if any(v is None or e is None or v.shape != e.shape or v.dtype.kind not in "if" or e.dtype.kind != "f"
           for v, e in pairs):  # fmt: skip
        return None
    value = np.concatenate([np.ravel(v) for v, _ in pairs if v is not None])
    expected = np.concatenate([np.ravel(e) for _, e in pairs if e is not None])
    if not np.isfinite(value).all() or len(expected) < 2 or not expected.any():
        return None
    factor = float(value @ expected / (expected @ expected))
    fits = all(same(v, factor * e, key.rtol) for v, e in pairs if e is not None)
    return factor if fits and abs(factor) > key.rtol else None


def _difference(value: Any, expected: Any) -> str:
    numbers, right = _numbers(value), _numbers(expected)
    if value is None:
        return "Your answer is None: does the function return its result?"
    if isinstance(value, wire.Other):
        return f"Your answer is a {value.kind}, where numbers are expected."
    if numbers is not None and right is not None and numbers.shape != right.shape:
        return f"Your answer has shape {numbers.shape}, the right one {right.shape}."
    if numbers is not None and not np.isfinite(numbers).all():
        return f"Your answer is not finite: {_show(value)}"
    return f"Your answer differs. Yours: {_show(value)}; right: {_show(expected)}."


def _on(trial: Trial) -> str:
    return "Input: " + ", ".join(f"{name} = {_show(value)}" for name, value in trial.inputs.items())


def _show(value: Any) -> str:
    if type(value).__module__.partition(".")[0] == "torch":
        value = value.numpy()
    with np.printoptions(precision=6, suppress=True, threshold=12):
        text = " ".join(
            (np.array2string(value, separator=", ") if isinstance(value, np.ndarray) else repr(value)).split()
        )
    return text if len(text) <= 300 else text[:297] + "..."
