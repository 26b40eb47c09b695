"""Draw a scene with matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from mamlkit._check import Array
from mamlkit.reading import ticks
from mamlkit.roles import ROLES, Style
from mamlkit.scene import Axes, Mark, Scene

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

MARKERS = {"circle": "o", "square": "s", "diamond": "D", "triangle": "^", "star": "*", "handle": "o"}


def draw(scene: Scene, ax: matplotlib.axes.Axes | None = None, *, show: tuple[str, ...] = ()) -> matplotlib.axes.Axes:
    """Draw `scene` on `ax` and return it; a new figure is made where none is given.

    Parameters
    ----------
    scene : Scene
    ax : matplotlib.axes.Axes, optional
    show : tuple of str
        Names of marks to draw although they start hidden.

    Raises
    ------
    ValueError
        If `show` names a mark that the scene does not have.
    """
    unknown = set(show) - {mark.name for mark in scene.marks}
    if unknown:
        raise ValueError(f"show must name marks of the scene, got {sorted(unknown)!r}")
    ax = new_figure(scene.axes)[1] if ax is None else ax
    _frame(ax, scene.axes)
    for layer, mark in enumerate(scene.marks):
        if mark.visible or mark.name in show:
            _DRAW[mark.kind](ax, mark, ROLES[mark.role], scene.arrow_scale(), 2 + layer)
            _tag(ax, mark, scene.arrow_scale())
    _legend(ax)
    return ax


def new_figure(axes: Axes) -> tuple[matplotlib.figure.Figure, matplotlib.axes.Axes]:
    """Return a new figure and its axes, 6.4 inches wide, as high as the scene's proportions ask."""
    figure, (ax,) = new_row([axes], (1.0,))
    return figure, ax


def new_row(
    row: Sequence[Axes], widths: Sequence[float]
) -> tuple[matplotlib.figure.Figure, list[matplotlib.axes.Axes]]:
    """Return a new figure with axes side by side, of these relative widths, high enough for all of them."""
    import matplotlib.pyplot as plt

    ratios = [np.ptp(axes.ylim) / np.ptp(axes.xlim) if axes.equal else 0.62 for axes in row]
    inches = 6.4 if len(row) == 1 else 9.6
    height = max(inches * width / sum(widths) * ratio for width, ratio in zip(widths, ratios, strict=True))
    options: dict[str, Any] = {"width_ratios": list(widths), "figsize": (inches, height + 0.6), "squeeze": False}
    figure, panels = plt.subplots(1, len(row), layout="constrained", **options)
    return figure, list(panels[0])


def _frame(ax: matplotlib.axes.Axes, axes: Axes) -> None:
    ax.set(xlim=axes.xlim, ylim=axes.ylim)
    ax.set_aspect("equal" if axes.equal else "auto")
    if not axes.frame:
        ax.set_axis_off()
        return
    ax.set(xlabel=axes.xlabel, ylabel=axes.ylabel, xticks=ticks(*axes.xlim), yticks=ticks(*axes.ylim))
    ax.grid(color="#00000014", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def _line(style: Style) -> dict[str, Any]:
    dash: Any = (0, tuple(length / style.width for length in style.dash)) if style.dash else "solid"
    return {"color": style.light, "linewidth": style.width, "linestyle": dash}


def _draw_line(ax: matplotlib.axes.Axes, mark: Mark, style: Style, scale: float, layer: int) -> None:
    ax.plot(*mark.xy.T, **_line(style), label=mark.label or None, zorder=layer)


def _draw_path(ax: matplotlib.axes.Axes, mark: Mark, style: Style, scale: float, layer: int) -> None:
    markers: dict[str, Any] = {"marker": MARKERS[style.marker], "markersize": 4, "markevery": slice(1, None)}
    ax.plot(*mark.xy.T, **_line(style), **markers, label=mark.label or None, zorder=layer)


def _draw_points(ax: matplotlib.axes.Axes, mark: Mark, style: Style, scale: float, layer: int) -> None:
    size = {"star": 170, "handle": 80}.get(style.marker, 34)
    hollow = style.marker == "handle"
    ax.scatter(
        mark.xy[:, 0],
        mark.xy[:, 1],
        s=size,
        marker=MARKERS[style.marker],
        facecolor="white" if hollow else style.light,
        edgecolor=style.light if hollow else "white",
        linewidth=2.2 if hollow else 0.9,
        label=mark.label or None,
        zorder=layer,
    )


def _draw_arrow(ax: matplotlib.axes.Axes, mark: Mark, style: Style, scale: float, layer: int) -> None:
    tail, tip = mark.xy[0], mark.xy[0] + mark.xy[1] * scale
    length = _points_between(ax, tail, tip)
    neck = tip - (tip - tail) * min(0.6, 8 / max(length, 1e-9))
    ax.plot(*np.array([tail, neck]).T, **_line(style), solid_capstyle="butt", label=mark.label or None, zorder=layer)
    _head(ax, neck, tip, min(11, length * 0.6), style, layer)


def _draw_arc(ax: matplotlib.axes.Axes, mark: Mark, style: Style, scale: float, layer: int) -> None:
    ax.plot(*mark.xy.T, **_line(style), solid_capstyle="butt", label=mark.label or None, zorder=layer)
    length = sum(_points_between(ax, *pair) for pair in pairwise(mark.xy))
    if length > 1:
        _head(ax, mark.xy[-2], mark.xy[-1], min(11, length * 0.6), style, layer)


def _points_between(ax: matplotlib.axes.Axes, first: Array, second: Array) -> float:
    """Return the distance of two points of the plane on paper, in printer's points."""
    return float(np.hypot(*(ax.transData.transform(second) - ax.transData.transform(first)))) * 72 / ax.figure.dpi


def _head(ax: matplotlib.axes.Axes, neck: Array, tip: Array, size: float, style: Style, layer: int) -> None:
    shape = {"width": 0, "headwidth": size, "headlength": size, "shrink": 0}
    ax.annotate(
        "", tuple(tip), tuple(neck), zorder=layer, arrowprops={**shape, "facecolor": style.light, "linewidth": 0}
    )


def _draw_bars(ax: matplotlib.axes.Axes, mark: Mark, style: Style, scale: float, layer: int) -> None:
    hatch: dict[str, Any] = {"color": style.light, "edgecolor": "white", "hatch": "//" if style.dash else ""}
    ax.bar(mark.xy[:, 0], mark.xy[:, 1], width=0.7, label=mark.label or None, zorder=layer, **hatch)


def _draw_area(ax: matplotlib.axes.Axes, mark: Mark, style: Style, scale: float, layer: int) -> None:
    ax.fill(*mark.xy.T, facecolor=style.light + "26", edgecolor="none", label=mark.label or None, zorder=layer)


def _draw_ellipses(ax: matplotlib.axes.Axes, mark: Mark, style: Style, scale: float, layer: int) -> None:
    from matplotlib.patches import Ellipse

    turn, half_axes, _ = np.linalg.svd(mark.xy[1:].T)  # conjugate half axes to principal ones
    angle = np.degrees(np.arctan2(turn[1, 0], turn[0, 0]))
    look = {**_line(style), "linewidth": 0.9, "alpha": 0.6}
    for radius in mark.radii:
        size = 2 * radius * half_axes
        ax.add_patch(Ellipse(tuple(mark.xy[0]), *size, angle=angle, fill=False, zorder=1, **look))
    ax.plot([], [], **look, label=mark.label or None)  # the legend shows a line, not a box


def _draw_words(ax: matplotlib.axes.Axes, mark: Mark, style: Style, scale: float, layer: int) -> None:
    """Draw nothing: the tag says it."""


def _tag(ax: matplotlib.axes.Axes, mark: Mark, scale: float) -> None:
    if not mark.tag:
        return
    place: dict[str, Any] = {"xytext": (8, 6), "textcoords": "offset points", "zorder": 50, "fontsize": 11}
    at = mark.xy[0] + scale * mark.xy[1] if mark.kind == "arrow" else mark.xy[-1]
    if mark.kind == "words":
        place.update(xytext=(0, 0), ha="center", va="center")
    if mark.kind == "ellipses":  # the label of a ring, at its lowest point
        (centre, a, b), radius = mark.xy, mark.radii[max(len(mark.radii) - 2, 0)]
        at = centre - radius * (a * a[1] + b * b[1]) / np.hypot(a[1], b[1])
        place.update(xytext=(0, 0), ha="center", va="center")
    text = ax.annotate(mark.tag, at, color=ROLES[mark.role].light, fontweight="bold", **place)
    text.set_path_effects([_halo()])


def _halo() -> Any:
    from matplotlib.patheffects import withStroke

    return withStroke(linewidth=3, foreground="white")


def _legend(ax: matplotlib.axes.Axes) -> None:
    handles, labels = ax.get_legend_handles_labels()
    entries = dict(zip(labels, handles, strict=True))  # one entry a label
    if entries:
        place: dict[str, Any] = {
            "loc": "upper center",
            "bbox_to_anchor": (0.5, -0.14),
            "ncols": 2,
            "frameon": False,
            "fontsize": 9,
        }
        ax.legend(list(entries.values()), list(entries), **place)


_DRAW: dict[str, Callable[[matplotlib.axes.Axes, Mark, Style, float, int], None]] = {
    "line": _draw_line,
    "path": _draw_path,
    "points": _draw_points,
    "arrow": _draw_arrow,
    "arc": _draw_arc,
    "bars": _draw_bars,
    "area": _draw_area,
    "ellipses": _draw_ellipses,
    "words": _draw_words,
}
