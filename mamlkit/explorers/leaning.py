"""Towards which of two kinds of waves a start leans; the curves come in as arrays (claims R9, R9a)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from mamlkit._check import Array, as_array, as_vector
from mamlkit.scene import Axes, Mark, Panels, Scene
from mamlkit.text import gettext as _


def leaning_scene(
    x: ArrayLike, *, means: tuple[ArrayLike, ArrayLike], joint: ArrayLike, maml: Mapping[str, ArrayLike]
) -> Panels:
    """Return starts over `x` beside the mean waves of kinds A and B, one panel for each of MAML's.

    Parameters
    ----------
    x : array_like, shape (n,)
    means : pair of array_like, shape (n,)
        The mean wave of kind A and that of kind B.
    joint : array_like, shape (num_seeds, n)
        What jointly trained networks answer.
    maml : mapping of str to array_like, shape (num_seeds, n)
        What MAML's starts answer, by the kind that is steep: "A", "B".

    Examples
    --------
    >>> panels = leaning_scene([0, 1], means=([1, 1], [-1, -1]), joint=[[0, 0]], maml={"A": [[-1, -1], [-0.8, -1]]})
    >>> panels.scenes["A"].marks[-1].xy
    array([[ 0. , -0.9],
           [ 1. , -1. ]])
    """
    x = as_vector("x", x)
    marks, label = [], _("mean waves of kinds A and B")
    for kind, mean in zip("AB", means, strict=True):
        wave = np.column_stack([x, as_vector("means", mean, size=len(x))])
        marks.append(Mark("line", f"mean_{kind}", "truth", wave, label=label))
        marks.append(Mark("points", f"peak_{kind}", "truth", wave[[wave[:, 1].argmax()]], tag=kind))
    marks += _band("joint", x, as_array("joint", joint, ndim=2), _("start from joint training"))
    return Panels({steep: _panel(steep, x, marks, as_array("maml", lines, ndim=2)) for steep, lines in maml.items()})


def _panel(steep: str, x: Array, marks: list[Mark], lines: Array) -> Scene:
    marks = [*marks, *_band("maml", x, lines, _("start from MAML"))]
    heights = np.concatenate([mark.xy[:, 1] for mark in marks])
    limits = 1.1 * min(heights.min(), -1.0), 1.4 * max(heights.max(), 1.0)
    axes = Axes(_("input x; kind {letter} is steep", letter=steep), _("output y"), (x.min(), x.max()), limits)
    alt = _(
        "The mean waves of two kinds, which mirror each other, and two starts, each as a line in a band. Kind {letter} "
        "is the steep one; MAML's start follows the other kind, and joint training's lies between.",
        letter=steep,
    )
    return Scene(axes, marks, [], alt)


def _band(name: str, x: Array, lines: Array, label: str) -> list[Mark]:
    """Return the mean over seeds as a line, in a band from the least to the greatest."""
    band = np.concatenate([lines.min(axis=0), lines.max(axis=0)[::-1]])
    return [
        Mark("area", f"{name}_band", name, np.column_stack([np.r_[x, x[::-1]], band])),
        Mark("line", name, name, np.column_stack([x, lines.mean(axis=0)]), label=label),
    ]
