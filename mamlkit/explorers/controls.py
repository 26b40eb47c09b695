"""The controls of an explorer and the prompts beside it, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mamlkit._check import as_count, as_number, as_positive, as_vector


@dataclass(frozen=True, eq=False)
class Slider:
    """A number moved along a grid of values.

    Parameters
    ----------
    values : array_like, shape (n,)
        At least two, increasing.
    default : float
        One of them.
    label : str
        What it is, for the reader.
    unit : str
        Written after the number.
    digits : int
        Digits after the point.
    play : bool
        Whether a button runs through the values, one after another.
    handle : str
        Name of a mark of one point by which the slider may be dragged in the plot as well: it takes the value whose
        mark lies next to the pointer. Empty: none.
    panel : str
        The panel that the handle lives in, if there are several.

    Raises
    ------
    TypeError, ValueError
        If the values do not increase or the default is none of them.

    Examples
    --------
    >>> Slider([0.0, 0.5, 1.0], 0.5, "inner learning rate α").index(0.7)
    1
    """

    values: Any
    default: float
    label: str
    unit: str = ""
    digits: int = 2
    play: bool = False
    handle: str = ""
    panel: str = ""

    def __post_init__(self) -> None:
        values = as_vector("values", self.values)
        if len(values) < 2 or (np.diff(values) <= 0).any():
            raise ValueError(f"values must be two or more increasing numbers, got {self.values!r}")
        as_count("digits", self.digits)
        object.__setattr__(self, "values", tuple(values.tolist()))
        if not np.isclose(values, self.default, rtol=1e-9, atol=1e-12).any():
            raise ValueError(f"default must be one of the values, got {self.default!r}")

    def index(self, value: Any) -> int:
        """Return the index of the grid value next to `value`.

        Raises
        ------
        TypeError, ValueError
            If `value` is no finite number within the grid.
        """
        values = np.asarray(self.values)
        number = as_number("value", value)
        if not values[0] - 1e-9 <= number <= values[-1] + 1e-9:
            raise ValueError(f"value must lie between {values[0]:g} and {values[-1]:g}, got {value!r}")
        return int(np.abs(values - number).argmin())

    def accept(self, value: Any) -> float:
        """Return the grid value next to `value`; errors as in :meth:`index`."""
        return self.values[self.index(value)]


@dataclass(frozen=True, eq=False)
class Choice:
    """One of a few values, all in view; numbers or words.

    Parameters
    ----------
    values : sequence
        At least two different numbers or strings, as the scene function takes them.
    default : number or str
        One of them.
    label : str
        What is chosen, for the reader.
    names : sequence of str, optional
        What the reader sees for each value; the value itself if left out.
    play : bool
        Whether a button runs through the values, one after another.

    Examples
    --------
    >>> Choice((1, 2, 5, 10), 1, "inner steps K").index(5)
    2
    """

    values: Sequence[Any]
    default: Any
    label: str
    names: Sequence[str] = ()
    play: bool = False

    def __post_init__(self) -> None:
        values = tuple(self.values)
        if len(values) < 2 or len(set(values)) < len(values):
            raise ValueError(f"values must be two or more different ones, got {self.values!r}")
        names = tuple(self.names) or tuple(str(value) for value in values)
        if len(names) != len(values):
            raise ValueError(f"names must be as many as values, got {self.names!r}")
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "names", names)
        self.index(self.default)

    def index(self, value: Any) -> int:
        """Return the index of `value`; ValueError if it is none of them."""
        if value not in self.values:
            raise ValueError(f"value must be one of {', '.join(map(str, self.values))}; got {value!r}")
        return self.values.index(value)

    def accept(self, value: Any) -> Any:
        """Return `value`, one of the values; ValueError if it is none of them."""
        return self.values[self.index(value)]


@dataclass(frozen=True, eq=False)
class Point:
    """A point of the plane, dragged by hand, on which marks depend *affinely* (readouts: at most quadratically).

    Parameters
    ----------
    low, high : array_like, shape (2,)
        Lower left and upper right corner of the box it stays in.
    default : array_like, shape (2,)
        Where it starts, inside the box.
    label : str
        What it is, for the reader.
    mark : str
        Name of the mark of the scene that is dragged.
    step : float
        What an arrow key moves it by.
    digits : int
        Digits after the point.
    panel : str
        The panel that the mark lives in, if there are several.

    Examples
    --------
    >>> Point([-1, -1], [1, 1], [0, 0.5], "initialisation θ", mark="theta").at(1.0, 0.5)
    (1.0, 0.0)
    """

    low: Any
    high: Any
    default: Any
    label: str
    mark: str
    step: float = 0.1
    digits: int = 2
    panel: str = ""

    def __post_init__(self) -> None:
        for name in ("low", "high", "default"):
            object.__setattr__(self, name, tuple(as_vector(name, getattr(self, name), size=2).tolist()))
        as_positive("step", self.step)
        if not np.less(self.low, self.high).all():
            raise ValueError(f"high must be above low, got {self.low!r} and {self.high!r}")
        self.accept(self.default)

    def at(self, s: float, t: float) -> tuple[float, float]:
        """Return the point a share `s` of the way across the box and `t` of the way up."""
        low, high = np.asarray(self.low), np.asarray(self.high)
        x, y = low + np.array([s, t]) * (high - low)
        return float(x), float(y)

    def accept(self, value: Any) -> tuple[float, float]:
        """Return `value` as two floats; ValueError if it lies outside the box."""
        x, y = as_vector("value", value, size=2).tolist()
        if not (np.less_equal(self.low, (x, y)).all() and np.less_equal((x, y), self.high).all()):
            raise ValueError(f"value must lie between {self.low!r} and {self.high!r}, got {value!r}")
        return x, y


Control = Slider | Choice | Point


@dataclass(frozen=True, eq=False)
class Prompt:
    """A question beside an explorer, with a state that it sets and an answer of its own.

    All three are shown to readers, in the book's language where a translation of the English sentence is known;
    mathematics in plain Unicode.

    Parameters
    ----------
    text : str
        What to do and to look for.
    state : mapping of str to value
        Values of some controls, which a button sets; without them there is no button.
    answer : str
        What is to be seen, folded away until asked for. Empty: none.

    Examples
    --------
    >>> prompt = Prompt("Set α to 0. Where do both paths end?", {"alpha": 0.0}, "At θ: no step is made.")
    >>> prompt.accepted({"alpha": Slider([0.0, 0.5], 0.5, "inner learning rate α")})
    {'alpha': 0.0}
    """

    text: str
    state: Mapping[str, Any] = field(default_factory=dict)
    answer: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.text, str) or not self.text.strip():
            raise ValueError(f"text must say what to do, got {self.text!r}")

    def accepted(self, controls: Mapping[str, Control]) -> dict[str, Any]:
        """Return the state as the controls take it.

        Raises
        ------
        TypeError, ValueError
            If it names no control, or a value that the control does not have; the message names the prompt.
        """
        unknown = set(self.state) - set(controls)
        if unknown:
            raise ValueError(f"the prompt {self.text!r} sets {sorted(unknown)!r}, but there is {', '.join(controls)}")
        try:
            return {name: controls[name].accept(value) for name, value in self.state.items()}
        except (TypeError, ValueError) as error:
            raise ValueError(f"the prompt {self.text!r} sets {dict(self.state)!r}, but {error}") from error
