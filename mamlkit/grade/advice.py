"""What a student is told about an answer that fits no named misconception: where to look, and an input to try."""

from __future__ import annotations

from typing import Any

import numpy as np

from mamlkit.grade import wire
from mamlkit.grade.accepted import Accepted, missed
from mamlkit.grade.wire import numbers

LONGEST = 6000
SINGLE = 3e-6
"""Largest relative error of an answer in single precision that is right otherwise."""
Array = np.ndarray[Any, Any]


def shown_input(inputs: dict[str, Any]) -> str:
    """Return one input as lines of Python that can be pasted and run.

    Examples
    --------
    >>> print(shown_input({"theta": np.array([0.5]), "alpha": 0.1}))
    Try it with this input:
    theta = np.array([0.5])
    alpha = 0.1
    """
    lines = [f"{name} = {as_code(value)}" for name, value in inputs.items()]
    short = [one if len(one) <= LONGEST else f"# {one.partition(' = ')[0]} is too large to show" for one in lines]
    return "\n".join(["Try it with this input:", *short])


def as_code(value: Any) -> str:
    """Return `value` as an expression of Python that makes it again."""
    if type(value).__module__.partition(".")[0] == "torch":
        return f"torch.tensor({value.tolist()}, dtype={value.dtype})"
    if isinstance(value, np.ndarray):
        dtype = "" if value.dtype in (np.float64, np.int64) and value.size else f", dtype=np.{value.dtype}"
        shape = "" if value.size else f".reshape({value.shape})"
        return f"np.array({value.tolist()}{dtype}){shape}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(as_code, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name!r}: {as_code(item)}" for name, item in value.items()) + "}"
    return repr(value)


def difference(value: Any, expected: Any, reveal: bool) -> str:
    """Return in which way one value is not the right one, `expected`; its numbers only where `reveal` allows."""
    given, right = numbers(value), numbers(expected)
    if value is None:
        return "Your answer is None: does the function return its result?"
    if isinstance(value, wire.Other):
        return f"Your answer is a {value.kind}, where numbers are expected."
    if isinstance(expected, Accepted):
        return missed(value, expected, reveal)
    if isinstance(value, list) and isinstance(expected, list) and len(value) != len(expected):
        return f"Your answer has {len(value)} entries, the right one {len(expected)}."
    if given is not None and right is not None and given.shape != right.shape:
        return f"Your answer has shape {given.shape}, the right one {right.shape}."
    if given is not None and not np.isfinite(given).all():
        return f"Your answer is not finite: {_text(value, 6)}"
    if not reveal:
        return f"Yours: {_text(value, 6)}; {_hinted(given, right)}."
    digits = next((d for d in (6, 9) if _text(value, d) != _text(expected, d)), 17)
    return f"Yours: {_text(value, digits)}; right: {_text(expected, digits)}."


def _hinted(given: Array | None, right: Array | None) -> str:
    """Return what may be said of hidden right numbers: their first two digits, or where they are."""
    if given is None or right is None or right.dtype.kind not in "fc":
        wrong = [] if given is None or right is None or not right.ndim else np.argwhere(given != right).tolist()
        return f"wrong at {', '.join(str(place) for place in wrong[:8])}" if wrong else "that is not right"
    return f"the right one begins {_text(right, 2)}"


def _text(value: Any, digits: int) -> str:
    array = numbers(value)
    if array is not None and array.dtype.kind == "f":
        shown = np.vectorize(lambda number: float(f"{number:.{digits - 1}e}"), otypes=[float])(array.astype(float))
        text = repr(shown.tolist())
    else:
        text = repr(array.tolist()) if array is not None else ", ".join(_text(v, digits) for v in value) if isinstance(
            value, list) else repr(value)  # fmt: skip
    return text if len(text) <= 1000 else f"{text[:997]}..."


def direction(
    values: list[Any], expected: list[Any], wrong: list[int], inputs: list[dict[str, Any]], reveal: bool
) -> str:
    """Return in one sentence what the wrong answers have in common, or how many they are.

    Parameters
    ----------
    values, expected : list
        What was answered and what is right, for each input.
    wrong : list of int
        The places where they differ, at least one.
    """
    pairs = [(numbers(value), numbers(right)) for value, right in zip(values, expected, strict=True)]
    if any(v is None or r is None or v.shape != r.shape or v.dtype.kind not in "iuf" or r.dtype.kind != "f"
           or not np.isfinite(v).all() for v, r in pairs):  # fmt: skip
        return _count(wrong, inputs)
    given, right = ([np.ravel(pair[i]).astype(float) for pair in pairs] for i in (0, 1))  # type: ignore[arg-type]
    return _factor(given, right, reveal) or _precision(given, right) or _angle(given, right) or _count(wrong, inputs)


def _factor(given: list[Array], right: list[Array], reveal: bool) -> str:
    one, other = np.concatenate(given), np.concatenate(right)
    factor = float(one @ other / (other @ other)) if other.any() else 0.0
    if len(other) < 2 or abs(factor) < 1e-7 or abs(factor - 1) < 1e-4 or _error(one, factor * other) > 1e-7:
        return ""
    return f"Your answer is {factor:.{6 if reveal else 2}g} times the right one on every input."


def _precision(given: list[Array], right: list[Array]) -> str:
    worst = max(map(_error, given, right))
    if worst > SINGLE:
        return ""
    return (
        f"Your answer is nearly right: the largest error is {worst:.0e} of it. Compute in double precision (float64)."
    )


def _angle(given: list[Array], right: list[Array]) -> str:
    """Return that all answers point the right way, or the opposite way, with lengths that are wrong."""
    long = [(g, r) for g, r in zip(given, right, strict=True) if len(r) > 1 and g.any() and r.any()]
    ratios = [float(g @ r / (r @ r)) for g, r in long]
    if len(long) < 3 or any(_error(g, ratio * r) > 1e-6 for (g, r), ratio in zip(long, ratios, strict=True)):
        return ""
    way = "the right way" if min(ratios) > 0 else "the opposite way" if max(ratios) < 0 else "along the right line"
    low, high = min(map(abs, ratios)), max(map(abs, ratios))
    return (
        f"Your answer points {way} on every input, but it is {low:.2g} to {high:.2g} times as long: a factor is wrong "
        "or missing that depends on the input."
    )


def _error(one: Array, other: Array) -> float:
    scale = float(np.abs(other).max(initial=0.0))
    return float(np.abs(one - other).max(initial=0.0)) / scale if scale else float(np.abs(one).max(initial=0.0))


def _count(wrong: list[int], inputs: list[dict[str, Any]]) -> str:
    """Return on how many inputs the answer is wrong, and what sets them apart, if a count or a size does."""
    if len(wrong) == len(inputs):
        return f"Your answer is wrong on all {len(inputs)} inputs." if len(inputs) > 1 else ""
    sizes = [_sizes(given) for given in inputs]
    for name in sizes[0]:
        bad = {sizes[index].get(name) for index in wrong}
        good = {size.get(name) for index, size in enumerate(sizes) if index not in wrong}
        if len(good) == 1 and not bad & good:
            return f"Your answer is right where {name} is {good.pop()}, and wrong everywhere else."
        if len(bad) == 1 and not bad & good:
            return f"Your answer is wrong where {name} is {bad.pop()}, and right everywhere else."
    return f"Your answer is wrong on {len(wrong)} of {len(inputs)} inputs."


def _sizes(inputs: dict[str, Any]) -> dict[str, int]:
    """Return the whole numbers among the inputs, and the sizes of the others."""
    found: dict[str, int] = {}
    for name, value in inputs.items():
        if isinstance(value, int):
            found[name] = value
        elif isinstance(value, list | tuple):
            found[f"len({name})"] = len(value)
        elif hasattr(value, "shape"):
            found |= {f"{name}.shape[{axis}]": int(size) for axis, size in enumerate(value.shape)}
    return found
