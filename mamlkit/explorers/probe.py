"""One temperature probe, before and after its calibration; the curves come in as arrays (claim R1)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mamlkit._check import Array, as_array, as_vector
from mamlkit.scene import Axes, Mark, Scene
from mamlkit.text import text


def probe_scene(x: ArrayLike, before: ArrayLike, after: ArrayLike, *, support: ArrayLike, query: ArrayLike) -> Scene:
    """Return what a network says of one probe before and after adaptation, with the readings of the probe.

    Parameters
    ----------
    x, before, after : array_like, shape (n,)
        Temperatures, and the network's answers there at the initialisation and at the adapted parameters.
    support, query : array_like, shape (m, 2)
        Readings that adaptation uses, and readings that judge it.

    Examples
    --------
    >>> scene = probe_scene([0, 1], [0, 0], [0, 1], support=[[0, 0]], query=[[1, 1], [0.5, 0.5]])
    >>> [mark.name for mark in scene.marks]
    ['before', 'after', 'query', 'support']
    """
    x = as_vector("x", x)
    curves = {
        name: np.column_stack([x, as_vector(name, line, size=len(x))])
        for name, line in {"before": before, "after": after}.items()
    }
    points = {name: as_array(name, rows, ndim=2) for name, rows in {"query": query, "support": support}.items()}
    roles = {"before": "baseline", "after": "maml", "query": "query", "support": "support"}
    marks = [
        Mark("line" if name in curves else "points", name, roles[name], xy, label=text(f"probe.{name}"))
        for name, xy in (curves | points).items()
    ]
    axes = Axes(
        text("probe.x"), text("probe.y"), (x.min(), x.max()), _limits(np.vstack([*curves.values(), *points.values()]))
    )
    return Scene(axes, marks, [], text("probe.alt"))


def _limits(xy: Array) -> tuple[float, float]:
    low, high = xy[:, 1].min(), xy[:, 1].max()
    return low - 0.05 * (high - low), high + 0.05 * (high - low)
