"""One temperature probe, before and after its calibration; the curves come in as arrays (claim R1)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mamlkit._check import as_array, as_vector
from mamlkit.scene import Axes, Mark, Scene
from mamlkit.text import gettext as _


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
    marks = [
        Mark("line", name, role, np.column_stack([x, as_vector(name, y, size=len(x))]), label=label)
        for name, role, y, label in (
            ("before", "initial", before, _("MAML's start")),
            ("after", "maml", after, _("after three steps")),
        )
    ]
    marks += [
        Mark("points", name, name, as_array(name, xy, ndim=2), label=label)
        for name, xy, label in (("query", query, _("query readings")), ("support", support, _("support readings")))
    ]
    heights = np.concatenate([mark.xy[:, 1] for mark in marks])
    margin = 0.05 * np.ptp(heights)
    limits = heights.min() - margin, heights.max() + margin
    axes = Axes(_("temperature, scaled"), _("answer of the probe, scaled"), (x.min(), x.max()), limits)
    alt = _(
        "Two curves over temperature for one probe: MAML's start, and the curve after adaptation, which passes close "
        "to the six support readings and to the query readings that it has not seen."
    )
    return Scene(axes, marks, [], alt)
