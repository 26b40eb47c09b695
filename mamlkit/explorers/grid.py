"""Evaluate a scene function on the whole grid of its controls, and prove that the frames fit together.

A *frame* is one combination of slider and choice values. Where a point is dragged, each frame is evaluated at the six
*nodes* of a triangle: a function of the point that is at most quadratic is then known everywhere, an affine one from
the three corners alone. That the scene is such a function is proven for every frame at one random point more.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from mamlkit._check import Array
from mamlkit.explorers.controls import Control, Point
from mamlkit.scene import Mark, Panels, Readout, Scene, as_panels

# The nodes in shares of the point's box: three corners of a triangle, then the midpoints of its sides.
NODES = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (0.5, 0.0), (0.0, 0.5), (0.5, 0.5))

Part = Mark | Readout
Key = tuple[str, str, str]  # "mark" or "readout", its panel (none for readouts), its name
Frame = dict[Key, Part]
SceneFunction = Callable[..., Scene | Panels]


def weights(s: float, t: float, count: int) -> Array:
    """Return the interpolation weights of the first `count` nodes (1, 3 or 6) at a share (s, t) of the box.

    Examples
    --------
    >>> weights(0.5, 0.25, 3)
    array([0.25, 0.5 , 0.25])
    """
    u = 1.0 - s - t
    if count == 1:
        return np.ones(1)
    if count == 3:
        return np.array([u, s, t])
    return np.array([u * (2 * u - 1), s * (2 * s - 1), t * (2 * t - 1), 4 * u * s, 4 * u * t, 4 * s * t])


def numbers(part: Part) -> Array | str:
    """Return what changes of a part from frame to frame: its numbers as rows, or its words."""
    if isinstance(part, Mark):
        return part.xy
    return part.value if isinstance(part.value, str) else np.reshape(part.value, (-1, 1))


def node_count(part: Part) -> int:
    """Return how many nodes a part needs: 3 if it is affine in the dragged point, 6 if it may be quadratic."""
    return 6 if isinstance(part, Readout) and part.rule == "value" else 3


def parts_of(panels: Panels) -> Frame:
    """Return marks and readouts of all panels by kind, panel and name."""
    named: list[tuple[Key, Part]] = [
        (("mark", panel, mark.name), mark) for panel, scene in panels.scenes.items() for mark in scene.marks
    ]
    named += [(("readout", "", readout.name), readout) for readout in panels.readouts]
    return dict(named)


class Grid:
    """All frames of a scene function.

    Parameters
    ----------
    scene : callable
        Returns a :class:`~mamlkit.scene.Scene` or :class:`~mamlkit.scene.Panels` for keyword arguments named as the
        controls.
    controls : mapping of str to Slider, Choice or Point
        At most one is a Point. None at all gives a single frame.

    Raises
    ------
    TypeError, ValueError
        If the function fails anywhere on the grid, if frames do not fit together, or if a dragged point is not
        affine; the message names the values of the controls.
    """

    def __init__(self, scene: SceneFunction, controls: Mapping[str, Control]) -> None:
        self._scene, self.controls = scene, dict(controls)
        points = {name: control for name, control in controls.items() if isinstance(control, Point)}
        if len(points) > 1:
            raise ValueError(f"controls must hold at most one Point, got {list(points)!r}")
        self._steps = {name: control for name, control in controls.items() if not isinstance(control, Point)}
        self.default = as_panels(self.evaluate({name: control.default for name, control in controls.items()}))
        self.panels = {name: self._panel_of(name, control) for name, control in controls.items()}
        self.patterns = parts_of(self.default)
        self.frames: list[list[Frame]] = []
        rng = np.random.default_rng(0)
        for values in self.combinations():
            self.frames.append(self._nodes(values, points))
            for name, point in points.items():
                self._prove_interpolation(self.frames[-1], rng.uniform(size=2), values, name, point)

    def combinations(self) -> Iterator[dict[str, Any]]:
        """Yield the values of sliders and choices frame by frame, the last control running fastest."""
        for values in itertools.product(*(control.values for control in self._steps.values())):
            yield dict(zip(self._steps, values, strict=True))

    def evaluate(self, values: Mapping[str, Any]) -> Scene | Panels:
        """Return the figure at `values`, straight from the scene function."""
        try:
            figure = self._scene(**values)
        except Exception as error:
            raise ValueError(f"the scene function fails at {_words(values)}: {error!r}") from error
        if not isinstance(figure, Scene | Panels):
            raise TypeError(f"the scene function must return a Scene or Panels at {_words(values)}, got {figure!r}")
        return figure

    def _panel_of(self, name: str, control: Control) -> str:
        """Return the panel in which a control is dragged: the one that it names, or the only one; "" for none."""
        mark = control.mark if isinstance(control, Point) else getattr(control, "handle", "")
        if not mark:
            return ""
        panels = self.default.scenes
        named = getattr(control, "panel", "")
        panel = next(iter(panels)) if len(panels) == 1 and not named else named
        if panel not in panels:
            raise ValueError(f"panel of {name} must be one of {', '.join(panels)}; got {named!r}")
        kinds = {each.name: each.kind for each in panels[panel].marks}
        if kinds.get(mark) != "points":
            raise ValueError(f"{name} must be dragged by a mark of points in panel {panel!r}, got {mark!r}")
        return panel

    def _nodes(self, values: dict[str, Any], points: dict[str, Point]) -> list[Frame]:
        if not points:
            return [self._checked(values)]
        ((name, point),) = points.items()
        nodes = [self._checked({**values, name: point.at(*node)}) for node in NODES]
        for parts in nodes[1:]:
            _check_same_parts(nodes[0], parts, values)
        return nodes

    def _checked(self, values: dict[str, Any]) -> Frame:
        """Return the parts at `values`, each of the pattern that all frames share."""
        figure = as_panels(self.evaluate(values))
        if list(figure.scenes) != list(self.default.scenes) or figure.widths != self.default.widths:
            raise ValueError(f"panels must be the same in every frame, but differ at {_words(values)}")
        for panel, scene in figure.scenes.items():
            for name in ("axes", "alt", "arrows"):
                if getattr(scene, name) != getattr(self.default.scenes[panel], name):
                    raise ValueError(f"{name} must be the same in every frame, but differs at {_words(values)}")
        parts = parts_of(figure)
        for key, part in parts.items():
            pattern = self.patterns.setdefault(key, part)
            if pattern_of(part) != pattern_of(pattern):
                raise ValueError(f"{_called(key)} must differ in numbers only, but is another at {_words(values)}")
        return parts

    def _prove_interpolation(
        self, nodes: list[Frame], share: Array, values: dict[str, Any], name: str, point: Point
    ) -> None:
        here = {**values, name: point.at(*share)}
        direct = self._checked(here)
        _check_same_parts(nodes[0], direct, here)
        for key, part in direct.items():
            at_nodes, exact = [numbers(parts[key]) for parts in nodes], numbers(part)
            if isinstance(exact, str):
                continue
            stack = np.array(at_nodes[: node_count(part)])
            guess = np.tensordot(weights(float(share[0]), float(share[1]), len(stack)), stack, axes=1)
            if np.abs(guess - exact).max(initial=0.0) > 1e-9 * max(1.0, np.abs(stack).max(initial=0.0)):
                degree = "affine" if len(stack) == 3 else "at most quadratic"
                raise ValueError(f"{_called(key)} must be {degree} in {name}, but is not at {_words(here)}")


def pattern_of(part: Part) -> dict[str, Any]:
    """Return what of a part is the same in every frame."""
    return {name: value for name, value in vars(part).items() if name not in ("xy", "value")}


def _check_same_parts(first: Frame, other: Frame, values: Mapping[str, Any]) -> None:
    """Check that two nodes of a frame hold the same parts, arrays of the same shape and the same words."""

    def shape(part: Part) -> Any:
        content = numbers(part)
        return content if isinstance(content, str) else content.shape

    if {key: shape(part) for key, part in first.items()} != {key: shape(part) for key, part in other.items()}:
        raise ValueError(f"a dragged point must not change which marks there are or their lengths: {_words(values)}")


def _called(key: Key) -> str:
    kind, panel, name = key
    return f"{kind} {name}" + (f" of panel {panel}" if panel not in ("", "plot") else "")


def _words(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in values.items())
