"""Answers as plain data: numbers, text, arrays, tensors, and lists and dictionaries of them; never pickle.

A student's kernel hands its values over in this form, and the checks in an exercise carry theirs in it. Decoding
runs no code of the sender's.
"""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from mamlkit.grade.accepted import RootMeanSquare, Within

MAX_DEPTH = 20
ACCEPTED = {"within": Within, "root mean square": RootMeanSquare}


@dataclass(frozen=True)
class Other:
    """Stands for a value that is not plain data, such as a function; it equals nothing that is expected."""

    kind: str


def encode(value: Any, depth: int = 0) -> Any:
    """Return `value` as data that JSON can hold; what is not plain data becomes the name of its type.

    Examples
    --------
    >>> encode((True, 0.5))
    {'list': [True, {'float': '0.5'}]}
    >>> encode(print)
    {'other': 'builtin_function_or_method'}
    """
    if depth > MAX_DEPTH:
        return {"other": "nested too deeply"}
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return {"float": repr(float(value))}
    if isinstance(value, np.ndarray | np.generic):
        return _encode_array(np.asarray(value))
    if type(value).__module__.partition(".")[0] == "torch" and hasattr(value, "detach"):
        return {"tensor": _encode_array(value.detach().cpu().numpy())}
    if isinstance(value, list | tuple):
        return {"list": [encode(item, depth + 1) for item in value]}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"dict": {key: encode(item, depth + 1) for key, item in value.items()}}
    for name, kind in ACCEPTED.items():
        if type(value) is kind:
            return {name: [encode(getattr(value, field.name), depth + 1) for field in fields(kind)]}
    return {"other": type(value).__name__}


def _encode_array(array: np.ndarray[Any, Any]) -> Any:
    if array.dtype.kind not in "biufc":
        return {"other": f"array of {array.dtype}"}
    array = array.astype(array.dtype.newbyteorder("<"), order="C")  # a single number keeps its shape (), too
    return {
        "array": base64.b64encode(array.tobytes()).decode(),
        "dtype": array.dtype.str,
        "shape": list(array.shape),
    }


def decode(data: Any, *, tensors: bool = True) -> Any:
    """Return the value that `data` describes; without `tensors`, tensors become arrays and PyTorch is not loaded.

    Raises
    ------
    ValueError
        If `data` is not what :func:`encode` writes.

    Examples
    --------
    >>> decode(encode({"theta": np.array([1.0, 2.0])}))
    {'theta': array([1., 2.])}
    """
    if data is None or isinstance(data, bool | int | str):
        return data
    if not isinstance(data, dict):
        raise ValueError(f"not encoded data: {str(data)[:80]!r}")
    try:
        match data:
            case {"float": str(text)}:
                return float(text)
            case {"list": list(items)}:
                return [decode(item, tensors=tensors) for item in items]
            case {"dict": dict(items)}:
                return {str(key): decode(item, tensors=tensors) for key, item in items.items()}
            case {"array": str(text), "dtype": str(dtype), "shape": list(shape)}:
                return _decode_array(text, dtype, shape)
            case {"tensor": dict(array)}:
                return _decode_tensor(array) if tensors else decode(array)
            case {"other": str(kind)}:
                return Other(kind)
            case {"within": [low, high]}:
                return Within(decode(low), decode(high))
            case {"root mean square": [target, at_most, at_least]}:
                return RootMeanSquare(decode(target, tensors=tensors), decode(at_most), decode(at_least))
    except (TypeError, ValueError, KeyError, RecursionError) as error:
        raise ValueError(f"not encoded data: {error}") from error
    raise ValueError(f"not encoded data: {str(data)[:80]!r}")


def _decode_array(text: str, dtype: str, shape: list[int]) -> np.ndarray[Any, Any]:
    kind = np.dtype(dtype)
    if kind.kind not in "biufc" or any(not isinstance(size, int) or size < 0 for size in shape):
        raise ValueError(f"no array of numbers: dtype {dtype!r}, shape {shape!r}")
    raw = base64.b64decode(text, validate=True)
    if len(raw) != kind.itemsize * math.prod(shape):
        raise ValueError(f"{len(raw)} bytes do not fill shape {shape!r}")
    return np.frombuffer(raw, dtype=kind).reshape(shape).copy()


def _decode_tensor(array: dict[str, Any]) -> Any:
    import torch

    return torch.from_numpy(decode(array))


def numbers(value: Any) -> np.ndarray[Any, Any] | None:
    """Return `value` as an array of numbers, or None where it is none."""
    if value is None or isinstance(value, str | dict | Other):
        return None
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, RuntimeError, OverflowError, MemoryError):  # ragged lists, endless texts
        return None
    return array if array.dtype.kind in "biufc" else None


def round_numbers(value: Any, digits: int) -> Any:
    """Return `value` with every float to `digits` significant digits, so that the last bits of a machine do not show.

    Examples
    --------
    >>> round_numbers([1 / 3, 2], digits=3)
    [0.333, 2]
    """
    if isinstance(value, float):
        return float(f"{value:.{digits - 1}e}")
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        flat = [float(f"{number:.{digits - 1}e}") for number in value.ravel()]
        return np.array(flat, dtype=value.dtype).reshape(value.shape)
    if type(value).__module__.partition(".")[0] == "torch":
        return type(value)(round_numbers(value.detach().numpy(), digits)).to(value.dtype)
    if isinstance(value, list | tuple):
        return [round_numbers(item, digits) for item in value]
    if isinstance(value, dict):
        return {key: round_numbers(item, digits) for key, item in value.items()}
    if isinstance(value, Within | RootMeanSquare):
        return type(value)(**{name: round_numbers(item, digits) for name, item in vars(value).items()})
    return value


def dumps(data: Any) -> str:
    """Return JSON in one fixed form, so that equal data are equal bytes."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
