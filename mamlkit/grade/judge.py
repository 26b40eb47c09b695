"""The verdict on an answer: right, or the misconception that it fits, or the first input on which it differs.

The check in a notebook and the grader of a class use the same comparison.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mamlkit.grade import advice, wire
from mamlkit.grade.accepted import Accepted, fits
from mamlkit.grade.wire import numbers

SMALLEST = 1e-3
"""Below this size the tolerance shrinks no further, so that a zero by cancellation equals zero."""
STUB = "your answer here"
"""What the answer cell of a release raises NotImplementedError with."""


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
    except Exception as error:
        stub = type(error) is NotImplementedError and str(error) in {
            "",
            STUB,
        }  # libraries raise it too, as input() does
        outcome = {"unanswered": STUB} if stub else {"error": f"{type(error).__name__}: {error}"[:500]}
    changed = [name for name in inputs if wire.encode(given[name]) != wire.encode(inputs[name])]
    return {**outcome, "changed": changed} if changed else outcome


def judge(outcomes: Any, key: Key, *, reveal: bool = True) -> Verdict:
    """Return the verdict on `outcomes`, which :func:`answers` wrote or a student's kernel claims it did.

    With `reveal` the advice holds right numbers, as in a notebook; a class is graded without.
    """
    if not isinstance(outcomes, list) or len(outcomes) != len(key.trials):
        return Verdict(False, "error", "The answer did not give one value for each input.")
    if not all(isinstance(one, dict) and {"value", "error", "unanswered"} & one.keys() for one in outcomes):
        return Verdict(False, "error", "The answer gave no value.")
    if any("unanswered" in outcome for outcome in outcomes):
        return Verdict(False, "unanswered", "Not answered yet.")
    if raised := [index for index, outcome in enumerate(outcomes) if "error" in outcome]:
        index = _smallest(raised, key)
        raised_text = str(outcomes[index]["error"])
        names = " Keep the names of the function's arguments." if "unexpected keyword" in raised_text else ""
        text = f"Your answer raised {raised_text}{names}"
        return Verdict(False, "error", f"{text}\n{advice.shown_input(key.trials[index].inputs)}")
    try:
        values = [wire.decode(outcome["value"], tensors=False) for outcome in outcomes]
    except ValueError as error:
        return Verdict(False, "error", f"The values could not be read: {error}")
    wrong = [i for i, (v, t) in enumerate(zip(values, key.trials, strict=True)) if not same(v, t.expected, key.rtol)]
    return _explain(values, wrong, outcomes, key, reveal) if wrong else Verdict(True, "right", "Right.")


def _smallest(indices: list[int], key: Key) -> int:
    """Return which of some inputs is the shortest to write down."""
    return min(indices, key=lambda index: len(advice.shown_input(key.trials[index].inputs)))


def _explain(values: list[Any], wrong: list[int], outcomes: list[dict[str, Any]], key: Key, reveal: bool) -> Verdict:
    for name, text in key.advice.items():
        if all(same(value, trial.wrong[name], key.rtol) for value, trial in zip(values, key.trials, strict=True)):
            return Verdict(False, "misconception", text)
    names = [name for outcome in outcomes if isinstance(outcome.get("changed"), list) for name in outcome["changed"]]
    if changed := sorted({str(name) for name in names}):
        text = f"Your answer changes its input {', '.join(changed)} in place: work on a copy."
        return Verdict(False, "changed-input", text)
    expected = [trial.expected for trial in key.trials]
    direction = advice.direction(values, expected, wrong, [trial.inputs for trial in key.trials], reveal)
    index = _smallest(wrong, key)
    difference = advice.difference(values[index], expected[index], reveal)
    shown = advice.shown_input(key.trials[index].inputs)
    return Verdict(False, "differs", "\n".join(filter(None, [direction, difference, shown])))


def same(value: Any, expected: Any, rtol: float) -> bool:
    """Tell whether `value` is `expected`: structure, shape, and numbers to `rtol` of the largest, or of SMALLEST.

    Where `expected` is an interval or a largest error, `value` need only fit it.

    Examples
    --------
    >>> same(np.array([1.0, 2.0]), [1.0, 2.0], rtol=1e-7), same([1.0], 1.0, rtol=1e-7), same(True, 1, rtol=1e-7)
    (True, False, False)
    """
    if isinstance(expected, Accepted):
        return fits(value, expected)
    if isinstance(expected, dict):
        return isinstance(value, dict) and value.keys() == expected.keys() and all(
            same(value[name], expected[name], rtol) for name in expected
        )  # fmt: skip
    if isinstance(expected, list | tuple) and numbers(expected) is None:
        return isinstance(value, list | tuple) and len(value) == len(expected) and all(
            same(one, other, rtol) for one, other in zip(value, expected, strict=True)
        )  # fmt: skip
    given, right = numbers(value), numbers(expected)
    if given is None or right is None:
        return type(value) is type(expected) and bool(value == expected)
    if given.shape != right.shape or (given.dtype.kind == "b") != (right.dtype.kind == "b"):
        return False
    scale = float(np.abs(right).max(initial=0.0)) if right.dtype.kind != "b" else 0.0
    return bool(np.isfinite(given).all()) and bool(
        np.allclose(given, right, rtol=0.0, atol=rtol * max(scale, SMALLEST))
    )
