"""Scenes: what a figure shows, as plain data. Nothing here draws.

A :class:`Scene` is axes, marks and readouts. :mod:`mamlkit.figures` draws one with matplotlib, an explorer in
:mod:`mamlkit.explorers` draws a grid of them in the browser. A mark says what it *is* (its role: a support set, the
MAML arrow, an optimum); the table :data:`ROLES` says how that looks, in a colour that colour-blind readers can tell
apart and in a dash or marker that needs no colour at all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from mamlkit._check import Array, as_array, as_count, as_positive


class Style(NamedTuple):
    """How a role looks: a colour for light and dark pages, a dash pattern in points, a marker, a line width."""

    light: str
    dark: str
    dash: tuple[float, ...] = ()
    marker: str = "circle"
    width: float = 1.8


# One role, one look in the whole book. Points of the data are filled shapes, lines of methods differ by their dash.
ROLES: dict[str, Style] = {
    "task_a": Style("#0067a8", "#62b5f0"),
    "task_b": Style("#c24e00", "#ff9d52", dash=(6, 3), marker="square"),
    "truth": Style("#1c1c1c", "#f5f5f5"),  # the function that a task's data come from
    "support": Style("#7a3db8", "#cda8ff"),
    "query": Style("#4a4a4a", "#d0d0d0", dash=(1, 2), marker="diamond"),
    "initial": Style("#1c1c1c", "#f5f5f5", dash=(2, 2.5), marker="handle"),
    "nearby": Style("#b3261e", "#ff8f85", dash=(4, 2), marker="triangle"),  # a start moved a little
    "optimum": Style("#1c1c1c", "#f5f5f5", dash=(1, 2), marker="star"),
    "maml": Style("#00795a", "#35d0a2", width=3.4),
    "recomputed": Style("#4a51c9", "#a3a9ff", dash=(5, 2.5), marker="square", width=3.0),
    "fomaml": Style("#a8216f", "#ff86c3", dash=(8, 3.5), marker="triangle", width=3.0),
    "naive": Style("#6f6000", "#e0c94a", dash=(2, 3), marker="diamond", width=3.0),  # one Jacobian for K steps
    "joint": Style("#8a4b12", "#e0a365", dash=(10, 3, 2, 3), marker="square", width=2.6),  # one model for all tasks
    "scratch": Style("#606060", "#b5b5b5", dash=(3, 3), marker="diamond", width=2.2),
    "plain": Style("#606060", "#b5b5b5", dash=(8, 2, 2, 2), marker="diamond", width=2.2),  # a gradient, no inner loop
    "baseline": Style("#00707a", "#4fc8d6", dash=(4, 3), marker="square"),  # what practitioners use today
    "outer_loss": Style("#606060", "#b0b0b0", dash=(1, 3), width=1.3),
    "guess": Style("#b00020", "#ff7b8a", dash=(12, 4), marker="triangle", width=2.4),  # what the reader drew
    "guide": Style("#6a6a6a", "#9a9a9a", dash=(2, 3), width=1.2),
}

# The least number of rows of `xy` that makes sense of each kind of mark.
KINDS: dict[str, int] = {"line": 2, "path": 1, "points": 1, "arrow": 2, "bars": 1, "area": 3, "ellipses": 3}

# What a readout may state of its value, and how many axes the value then has.
RULES: dict[str, tuple[int, ...]] = {"value": (0, 1), "norm": (1,), "angle": (2,)}


@dataclass(frozen=True)
class Axes:
    """The two axes of a scene.

    Parameters
    ----------
    xlabel, ylabel : str
        Never empty: a figure without labelled axes says nothing.
    xlim, ylim : (float, float)
        Limits, lower first.
    equal : bool
        If true, a unit is as long on one axis as on the other (angles can be read).

    Raises
    ------
    TypeError, ValueError
        If a label is empty or limits are not two finite increasing numbers.
    """

    xlabel: str
    ylabel: str
    xlim: tuple[float, float]
    ylim: tuple[float, float]
    equal: bool = False

    def __post_init__(self) -> None:
        for name in ("xlabel", "ylabel"):
            _check_text(name, getattr(self, name))
        for name in ("xlim", "ylim"):
            limits = as_array(name, getattr(self, name), ndim=1)
            if limits.shape != (2,) or limits[0] >= limits[1]:
                raise ValueError(f"{name} must be two increasing numbers, got {getattr(self, name)!r}")
            object.__setattr__(self, name, (float(limits[0]), float(limits[1])))


@dataclass(frozen=True, eq=False)
class Mark:
    """One thing in the plot.

    Parameters
    ----------
    kind : {"line", "path", "points", "arrow", "bars", "area", "ellipses"}
        A *path* is a line with a dot at each vertex: the trajectory of an inner loop. *Bars* stand on zero.
    name : str
        Unique within the scene; the same thing has the same name in every frame of an explorer.
    role : str
        A key of :data:`ROLES`.
    xy : array_like, shape (N, 2)
        Points, vertices, or tops of bars. For an arrow (2, 2): its tail, then its *vector*. For ellipses (3, 2):
        the centre, then two conjugate half axes; the curves are ``centre + r (a cos t + b sin t)``.
    label : str
        Text of the legend; marks with one label share one entry. Empty: none.
    tag : str
        Short text written beside the last point, or beside an arrow's head. Empty: none.
    visible : bool
        Whether it shows at first. A reader of an explorer switches it by its legend entry.
    radii : sequence of float
        The radii r of ellipses, needed there and only there.

    Raises
    ------
    TypeError, ValueError
        If a field is not of its kind; the message names the mark.

    Examples
    --------
    >>> Mark("points", "phi", "task_a", [[0.5, 1.0]], label="adapted parameters").xy.shape
    (1, 2)
    """

    kind: str
    name: str
    role: str
    xy: Any  # array_like when given, an array ever after
    label: str = ""
    tag: str = ""
    visible: bool = True
    radii: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        _check_text("name", self.name)
        where = f"of mark {self.name!r}"
        for field, known in (("kind", KINDS), ("role", ROLES)):
            if getattr(self, field) not in known:
                raise ValueError(f"{field} {where} must be one of {', '.join(known)}; got {getattr(self, field)!r}")
        xy = as_array(f"xy {where}", self.xy, ndim=2)
        exact = self.kind in ("arrow", "ellipses")
        if xy.shape[1] != 2 or len(xy) < KINDS[self.kind] or (exact and len(xy) != KINDS[self.kind]):
            rows = f"{KINDS[self.kind]} rows" if exact else f"at least {KINDS[self.kind]} rows"
            raise ValueError(f"xy {where} must have 2 columns and {rows} ({self.kind}), got shape {xy.shape}")
        if bool(self.radii) != (self.kind == "ellipses"):
            raise ValueError(f"radii {where} belong to ellipses and only to them, got {self.radii!r}")
        object.__setattr__(self, "xy", xy)
        object.__setattr__(self, "radii", tuple(as_positive(f"radii {where}", r) for r in self.radii))


@dataclass(frozen=True, eq=False)
class Readout:
    """A number, a point or a few words that the figure states in text.

    Parameters
    ----------
    name : str
        Unique within the scene.
    label : str
        What it is, for the reader.
    value : float, array_like or str
        A number, a vector, or words ("every theta is as good").
    rule : {"value", "norm", "angle"}
        What to state of it: itself, the norm of a vector, or the angle in degrees between the two rows of a (2, 2)
        array. Norms and angles are kept as the vectors they come from because *these* are affine in a dragged point.
    unit : str
        Written after the number.
    digits : int
        Digits after the point.

    Examples
    --------
    >>> str(Readout("angle", "angle", [[1.0, 0.0], [0.0, -2.0]], rule="angle", unit="°", digits=1))
    '90.0°'
    """

    name: str
    label: str
    value: Any
    rule: str = "value"
    unit: str = ""
    digits: int = 3

    def __post_init__(self) -> None:
        _check_text("name", self.name)
        where = f"of readout {self.name!r}"
        _check_text(f"label {where}", self.label)
        as_count(f"digits {where}", self.digits)
        if self.rule not in RULES:
            raise ValueError(f"rule {where} must be one of {', '.join(RULES)}; got {self.rule!r}")
        if isinstance(self.value, str):
            _check_text(f"value {where}", self.value)
            return
        value = as_array(f"value {where}", self.value, ndim=RULES[self.rule])
        if self.rule == "angle" and value.shape != (2, 2):
            raise ValueError(f"value {where} must be two plane vectors, shape (2, 2), got shape {value.shape}")
        object.__setattr__(self, "value", value)

    def __str__(self) -> str:
        if isinstance(self.value, str):
            return self.value
        number = measure(self.rule, self.value)
        if number is None:
            return "–"
        parts = ", ".join(format_number(float(x), self.digits) for x in np.atleast_1d(number))
        return (parts if np.ndim(number) == 0 else f"({parts})") + self.unit


class ArrowScale(NamedTuple):
    """Draw the longest arrow `longest` axis units long once its vector has the norm `full_at`, shorter below that."""

    longest: float
    full_at: float


@dataclass(frozen=True, eq=False)
class Scene:
    """A figure as data.

    Parameters
    ----------
    axes : Axes
    marks : sequence of Mark
        Drawn in this order, the last on top.
    readouts : sequence of Readout
    alt : str
        One or two sentences that say what is to be seen, for readers who do not see it.
    arrows : ArrowScale, optional
        How long arrows are drawn; as long as their vectors if left out.

    Raises
    ------
    TypeError, ValueError
        If a part is not of its kind, or two marks or readouts share a name.

    Examples
    --------
    >>> axes = Axes("inner learning rate α", "gap", xlim=(0, 2), ylim=(-1, 1))
    >>> scene = Scene(axes, [Mark("line", "gap", "maml", [[0, 0], [2, -1]])], [Readout("gap", "gap", -0.5)], "A line.")
    >>> scene.summary()
    'A line. gap: −0.500.'
    """

    axes: Axes
    marks: Sequence[Mark]
    readouts: Sequence[Readout]
    alt: str
    arrows: ArrowScale | None = None

    def __post_init__(self) -> None:
        _check_text("alt", self.alt)
        if not isinstance(self.axes, Axes):
            raise TypeError(f"axes must be Axes, got {self.axes!r}")
        if self.arrows is not None:
            object.__setattr__(self, "arrows", ArrowScale(*(as_positive("arrows", size) for size in self.arrows)))
        for field, kind in (("marks", Mark), ("readouts", Readout)):
            parts = tuple(getattr(self, field))
            for part in parts:
                if not isinstance(part, kind):
                    raise TypeError(f"{field} must hold {kind.__name__} objects, got {part!r}")
            names = [part.name for part in parts]
            if len(set(names)) < len(names):
                raise ValueError(f"names of {field} must differ, got {names!r}")
            object.__setattr__(self, field, parts)

    def summary(self) -> str:
        """Return the alt text followed by every readout: the figure in words."""
        return " ".join([self.alt, *(f"{readout.label}: {readout}." for readout in self.readouts)])

    def arrow_scale(self) -> float:
        """Return the one factor by which all arrows are drawn; it keeps their directions and their ratio true."""
        lengths = [float(np.hypot(*mark.xy[1])) for mark in self.marks if mark.kind == "arrow"]
        if self.arrows is None or not lengths:
            return 1.0
        return self.arrows.longest / max(*lengths, self.arrows.full_at)


# Norms below this are rounding dust: they read as 0 and have no direction.
NEGLIGIBLE = 1e-9


def measure(rule: str, value: Array) -> Array | float | None:
    """Return what a readout states: `value` itself, its norm, or the angle between its rows in degrees.

    None if there is no angle because one of the vectors vanishes.

    Examples
    --------
    >>> measure("norm", np.array([3.0, 4.0]))
    5.0
    """
    if rule == "norm":
        return float(np.linalg.norm(value))
    if rule == "angle":
        (a, b), (c, d) = value
        if min(np.hypot(a, b), np.hypot(c, d)) < NEGLIGIBLE:
            return None
        return math.degrees(math.atan2(abs(a * d - b * c), a * c + b * d))
    return value


def format_number(value: float, digits: int) -> str:
    """Return `value` as readers write it: a true minus sign, powers of ten where it is very small or very large.

    Examples
    --------
    >>> format_number(-0.25, 2), format_number(0.000012, 3), format_number(1e-12, 3)
    ('−0.25', '1.2 × 10⁻⁵', '0')
    """
    if abs(value) < NEGLIGIBLE:
        return "0"
    if 0.5 * 10.0**-digits <= abs(value) < 1e6:
        return f"{value:.{digits}f}".replace("-", "−")
    mantissa, exponent = f"{value:.1e}".split("e")
    power = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{mantissa} × 10{power}".replace("-", "−")


def ticks(low: float, high: float, target: int = 6) -> list[float]:
    """Return round numbers (steps of 1, 2 or 5 times a power of ten) within the limits, about `target` of them.

    Examples
    --------
    >>> ticks(-3.0, 3.0)
    [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0]
    """
    raw = (high - low) / target
    power = 10.0 ** math.floor(math.log10(raw))
    step = min((f * power for f in (1, 2, 5, 10)), key=lambda s: abs(s - raw))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def _check_text(name: str, value: Any) -> None:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} must be text, got {value!r}")
