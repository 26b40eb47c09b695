"""Scenes: what a figure shows, as plain data. Nothing here draws.

A :class:`Scene` is axes, marks and readouts. :mod:`mamlkit.figures` draws one with matplotlib, an explorer in
:mod:`mamlkit.explorers` draws a grid of them in the browser. A mark says what it *is* (its role: a support set, the
MAML arrow, an optimum); the table :data:`mamlkit.roles.ROLES` says how that looks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from mamlkit._check import Array, as_array, as_count, as_positive
from mamlkit.reading import format_number, measure
from mamlkit.roles import ROLES

# The least number of rows of `xy` that makes sense of each kind of mark.
KINDS: dict[str, int] = {
    "line": 2, "path": 1, "points": 1, "arrow": 2, "arc": 2, "bars": 1, "area": 3, "ellipses": 3, "words": 1,
}  # fmt: skip

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
    frame : bool
        If false, neither axes nor ticks are drawn (a dial has none).

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
    frame: bool = True

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
    kind : {"line", "path", "points", "arrow", "arc", "bars", "area", "ellipses"}
        A *path* is a line with a dot at each vertex: the trajectory of an inner loop. An *arc* is a line that ends in
        the head of an arrow (see :func:`arc`). *Bars* stand on zero.
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


def arc(radius: float, start: float, stop: float, *, centre: tuple[float, float] = (0.0, 0.0), num: int = 33) -> Array:
    """Return vertices along a circle, shape (num, 2), for a mark of the kind "arc".

    Parameters
    ----------
    radius : float
    start, stop : float
        Angles in radians, counter-clockwise from the x axis; the arrow runs from one to the other.
    centre : (float, float)
    num : int
        How many vertices; the same in all frames of an explorer.

    Examples
    --------
    >>> arc(2.0, 0.0, np.pi / 2, num=3).round(3).tolist()
    [[2.0, 0.0], [1.414, 1.414], [0.0, 2.0]]
    """
    angles = np.linspace(start, stop, num)
    return np.asarray(centre) + as_positive("radius", radius) * np.column_stack([np.cos(angles), np.sin(angles)])


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


@dataclass(frozen=True, eq=False)
class Panels:
    """Several scenes that share controls, readouts and legend: side by side, one below the other on a phone.

    Parameters
    ----------
    scenes : mapping of str to Scene, or sequence of Scene
        At least one, in the order in which they are shown. A sequence is named "1", "2" and so on.
    widths : sequence of float, optional
        How wide each is beside the others; equal if left out.

    Raises
    ------
    TypeError, ValueError
        If there is no scene, a part is none, widths do not fit, or two readouts share a name.

    Examples
    --------
    >>> axes = Axes("x", "y", xlim=(0, 1), ylim=(0, 1))
    >>> Panels({"left": Scene(axes, [], [], "Empty."), "right": Scene(axes, [], [], "Empty too.")}).summary()
    'Empty. Empty too.'
    """

    scenes: Any  # mapping or sequence when given, a dict ever after
    widths: Sequence[float] = ()

    def __post_init__(self) -> None:
        given = self.scenes
        scenes = dict(given) if isinstance(given, Mapping) else {str(i): each for i, each in enumerate(given, 1)}
        for name, scene in scenes.items():
            _check_text("the name of a panel", name)
            if not isinstance(scene, Scene):
                raise TypeError(f"panel {name!r} must be a Scene, got {scene!r}")
        widths = tuple(as_positive("widths", width) for width in self.widths) or (1.0,) * len(scenes)
        if not scenes or len(widths) != len(scenes):
            raise ValueError(f"widths must be one for each of {len(scenes)} panels (one or more), got {self.widths!r}")
        object.__setattr__(self, "scenes", scenes)
        object.__setattr__(self, "widths", widths)
        names = [readout.name for readout in self.readouts]
        if len(set(names)) < len(names):
            raise ValueError(f"names of readouts must differ over all panels, got {names!r}")

    @property
    def readouts(self) -> tuple[Readout, ...]:
        """The readouts of all panels."""
        return tuple(readout for scene in self.scenes.values() for readout in scene.readouts)

    @property
    def alt(self) -> str:
        """The alt texts of all panels."""
        return " ".join(scene.alt for scene in self.scenes.values())

    def summary(self) -> str:
        """Return the alt texts followed by every readout: the figure in words."""
        return " ".join([self.alt, *(f"{readout.label}: {readout}." for readout in self.readouts)])


def as_panels(figure: Scene | Panels) -> Panels:
    """Return `figure` as panels; a scene alone becomes the one panel "plot".

    Raises
    ------
    TypeError
        If it is neither.

    Examples
    --------
    >>> list(as_panels(Scene(Axes("x", "y", (0, 1), (0, 1)), [], [], "Empty.")).scenes)
    ['plot']
    """
    if not isinstance(figure, Scene | Panels):
        raise TypeError(f"a figure must be a Scene or Panels, got {figure!r}")
    return Panels({"plot": figure}) if isinstance(figure, Scene) else figure


def _check_text(name: str, value: Any) -> None:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} must be text, got {value!r}")
