"""Parts of an exercise, as the instructor declares them and as the check in a notebook uses them."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from mamlkit.grade import wire
from mamlkit.grade.accepted import Accepted
from mamlkit.grade.judge import Key, Trial, answers, judge, same

PUBLIC_SEED = 20170309
ATTEMPTS = 200
VALUES = "application/x-mamlkit-values+json"
_keys: dict[str, Key] = {}
_parts: dict[str, Part] = {}


Seed = int | Sequence[int]


def rng(seed: Seed, part: str) -> np.random.Generator:
    """Return the generator that draws the inputs of `part`: another for each seed and each part."""
    numbers = [seed] if isinstance(seed, int) else seed
    return np.random.default_rng([*numbers, zlib.crc32(part.encode())])


class Part:
    """One graded part of an exercise, declared in the instructor's notebook and absent from the release.

    Parameters
    ----------
    name : str
        The exercise and a letter, such as ``"e02.a"``.
    points : int
        What a right answer earns.
    trials : int
        How many inputs are drawn.
    rtol : float
        Largest error of a right answer, relative to the largest number in it.
    needs : sequence of str
        Parts whose answers this one calls; named in the advice when they are wrong too.

    Examples
    --------
    >>> part = Part("e00.a", points=2)
    >>> @part.draw
    ... def inputs(rng):
    ...     return {"x": round(rng.normal(), 2)}
    >>> @part.wrong("The square is missing.")
    ... def identity(x):
    ...     return x
    >>> check("e00.a", lambda x: x**2)  # in the instructor's notebook, this is the reference
    e00.a: 2 points, 8 inputs, 1 misconception told apart.
    >>> judge(answers(lambda x: x, part.key(seed=1)), part.key(seed=1)).advice
    'The square is missing.'
    """

    def __init__(
        self, name: str, *, points: int, trials: int = 8, rtol: float = 1e-7, needs: tuple[str, ...] = ()
    ) -> None:
        self.name, self.points, self.trials, self.rtol, self.needs = name, points, trials, rtol, tuple(needs)
        self.misconceptions: list[tuple[str, Callable[..., Any]]] = []
        self.draws: Callable[[np.random.Generator], dict[str, Any]] | None = None
        self.reference: Callable[..., Any] | None = None
        self.accepts: Callable[..., Any] | None = None
        _parts[name] = self

    def draw(self, function: Callable[[np.random.Generator], dict[str, Any]]) -> Callable[..., Any]:
        """Declare the function that draws one input, a dictionary of keyword arguments, from a generator.

        Where a part accepts more than one answer, it may return two dictionaries: the input, and what is kept from
        the student, such as the targets that predictions are held against.
        """
        self.draws = function
        return function

    def accept(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Declare which answers are right, as :mod:`mamlkit.grade.accepted` describes them, for one input.

        `function` gets the input and what is kept from the student, as keyword arguments; so do the misconceptions,
        which may describe their answers in the same way. The reference is then run in the instructor's notebook alone.
        """
        self.accepts = function
        return function

    def wrong(self, advice: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declare a wrong answer that people really give, and what to tell them."""

        def declare(function: Callable[..., Any]) -> Callable[..., Any]:
            self.misconceptions.append((advice, function))
            return function

        return declare

    def key(self, seed: Seed, digits: int | None = None) -> Key:
        """Draw the inputs and return the key; `digits` rounds its numbers for a file that is the same everywhere.

        Raises
        ------
        ValueError
            If the part has no inputs, no reference, or a misconception that no input tells from the right answer
            or from another misconception.
        """
        if self.draws is None or self.reference is None:
            raise ValueError(f"{self.name} needs a function under @part.draw and a check cell that gives the answer")
        generator = rng(seed, self.name)
        advice = {function.__name__: text for text, function in self.misconceptions}
        for _ in range(ATTEMPTS):
            trials = tuple(self._trial(*_input_and_kept(self.draws(generator)), digits) for _ in range(self.trials))
            if not (confused := self._confused(trials, [*advice])):
                return Key(self.name, self.points, self.rtol, trials, advice, self.needs)
        raise ValueError(f"{self.name}: in {ATTEMPTS} draws, no input tells {confused}")

    def _trial(self, inputs: dict[str, Any], kept: dict[str, Any], digits: int | None) -> Trial:
        if not isinstance(inputs, dict) or not all(isinstance(name, str) for name in inputs):
            raise ValueError(f"{self.name}: what is drawn must be a dictionary of keyword arguments, not {inputs!r}")
        values = []
        for function in (self.accepts or self.reference, *(function for _, function in self.misconceptions)):
            assert function is not None  # for the type checker; `key` has looked
            (outcome,) = answers(function, Key(self.name, 0, 0.0, (Trial({**inputs, **kept}),)))
            if "value" not in outcome:
                raise ValueError(f"{self.name}: {getattr(function, '__name__', 'the reference')} failed: {outcome}")
            value = wire.decode(outcome["value"])
            values.append(value if digits is None else wire.round_numbers(value, digits))
        names = [function.__name__ for _, function in self.misconceptions]
        return Trial(inputs, values[0], dict(zip(names, values[1:], strict=True)))

    def _confused(self, trials: tuple[Trial, ...], names: list[str]) -> str:
        """Return which two answers agree on all `trials`, or an empty string."""
        columns = {"the right answer": [trial.expected for trial in trials]}
        for name in names:
            column = [trial.wrong[name] for trial in trials]
            for other, earlier in columns.items():
                if all(_alike(one, two, 100 * self.rtol) for one, two in zip(column, earlier, strict=True)):
                    return f"{name} from {other}"
            columns[name] = column
        return ""


def _input_and_kept(drawn: Any) -> tuple[Any, dict[str, Any]]:
    """Return the input that was drawn, and what was drawn with it that students do not get."""
    return drawn if isinstance(drawn, tuple) else (drawn, {})


def _alike(one: Any, two: Any, rtol: float) -> bool:
    """Tell whether two answers are one, or one of them describes the other."""
    if isinstance(one, Accepted) and isinstance(two, Accepted):
        return bool(wire.encode(one) == wire.encode(two))
    return same(two, one, rtol) if isinstance(one, Accepted) else same(one, two, rtol)


class CheckFailed(AssertionError):
    """A check that did not pass; Jupyter shows its advice without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [f"✗ {self}"]


def check(part: str, function: Callable[..., Any]) -> None:
    """Check `function`, the answer to `part`, and print that it is right, or raise with advice.

    In a release, the key comes from the cell that calls :func:`load_key`. In the instructor's notebook `function` is
    the reference itself, and the check tells whether the declared misconceptions can be told apart from it. In a
    graded notebook the key holds inputs only, and the values go to the grader, which judges them elsewhere.

    Raises
    ------
    CheckFailed
        If the answer is wrong or missing.
    LookupError
        If nothing is known of `part`: the cell with the keys has not been run.
    """
    if part in _parts:
        return _check_declaration(_parts[part], function)
    if part not in _keys:
        raise LookupError(f"no key for {part!r}: run the cells above, among them the one that calls load_key")
    key = _keys[part]
    outcomes = answers(function, key)
    if key.blind:
        return _hand_over(part, outcomes)
    verdict = judge(outcomes, key)
    if not verdict.right:
        raise CheckFailed(f"{part}: {verdict.advice}")
    print(f"✓ {part}: right, {key.points} points.")
    return None


def _check_declaration(part: Part, function: Callable[..., Any]) -> None:
    part.reference = function
    key = part.key(PUBLIC_SEED)
    if part.accepts and not (verdict := judge(answers(function, key), key)).right:
        raise ValueError(f"{part.name}: the reference is not accepted. {verdict.advice}")
    count = len(key.advice)
    print(f"{part.name}: {part.points} points, {len(key.trials)} inputs, "
          f"{count} misconception{'' if count == 1 else 's'} told apart.")  # fmt: skip


def _hand_over(part: str, outcomes: list[dict[str, Any]]) -> None:
    from IPython.display import publish_display_data

    publish_display_data({VALUES: {"part": part, "outcomes": outcomes}})


def load_key(text: str) -> None:
    """Load the keys of an exercise: inputs, right answers to them, and the misconceptions' answers with advice.

    They are data without code, folded as base64 so that nobody reads a result by accident. Grading draws other inputs.
    """
    for data in json.loads(base64.b64decode(text)):
        key = Key.from_json(data)
        _keys[key.part] = key


def dump_key(keys: list[dict[str, Any]]) -> str:
    """Return the text that :func:`load_key` reads, of keys as plain data."""
    return base64.b64encode(wire.dumps(keys).encode()).decode()


@contextmanager
def declared() -> Iterator[dict[str, Part]]:
    """Yield a dictionary that collects the parts declared inside the block, which nobody sees afterwards."""
    global _parts
    outside, _parts = _parts, {}
    try:
        yield _parts
    finally:
        _parts = outside
