"""What meta-gradients cost against inner steps, width and tasks: measured points on theory's lines (claim R4)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from mamlkit._check import as_vector
from mamlkit.scene import Axes, Mark, Scene
from mamlkit.text import gettext as _

METHODS = {"MAML": "maml", "MAML, recomputed": "recomputed", "FOMAML": "fomaml", "plain gradient": "plain"}


def cost_scene(
    values: ArrayLike,
    measured: Mapping[str, ArrayLike],
    *,
    theory: Mapping[str, ArrayLike] | None,
    quantity: str,
    against: str = "num_steps",
) -> Scene:
    """Return one curve for each method of :data:`METHODS` that `measured` holds.

    Parameters
    ----------
    values : array_like, shape (n,)
        The numbers of inner steps, units in a layer, or tasks.
    measured : mapping of str to array_like, shape (n,)
    theory : mapping of str to array_like, shape (n,), or None
        Lines to draw; where there are none, the measured points are joined.
    quantity : {"flops", "seconds", "memory"}
        What is measured, for the label of the vertical axis.
    against : {"num_steps", "width", "num_tasks"}
        What `values` are, for the label of the horizontal axis.

    Examples
    --------
    >>> scene = cost_scene([1, 2], {"MAML": [12, 21]}, theory={"MAML": [12, 21]}, quantity="flops")
    >>> [mark.kind for mark in scene.marks]
    ['line', 'points']
    """
    across, marks, highest = as_vector("values", values), [], 0.0
    labels = _labels()
    for method, role in METHODS.items():
        if method not in measured:
            continue
        points = as_vector(f"measured[{method!r}]", measured[method], size=len(across))
        line = points if theory is None else as_vector(f"theory[{method!r}]", theory[method], size=len(across))
        marks.append(Mark("line", f"{role}_line", role, np.column_stack([across, line]), label=labels[role]))
        marks.append(Mark("points", role, role, np.column_stack([across, points])))
        highest = max(highest, points.max(), line.max())
    axes = Axes(labels[against], labels[quantity], (0, across.max() * 1.05), (0, 1.08 * highest))
    return Scene(axes, marks, [], _alt(quantity, against))


def _labels() -> dict[str, str]:
    """Return what methods, quantities and the things that they are measured against are called."""
    return {
        "maml": _("MAML"),
        "recomputed": _("MAML, recomputed"),
        "fomaml": _("FOMAML"),
        "plain": _("plain gradient"),
        "num_steps": _("inner steps K"),
        "width": _("units in each hidden layer"),
        "num_tasks": _("tasks in the batch"),
        "flops": _("arithmetic, in forward passes"),
        "seconds": _("time, in plain gradients"),
        "memory": _("peak memory in megabytes"),
    }


def _alt(quantity: str, against: str) -> str:
    return {
        ("flops", "num_steps"): _(
            "Arithmetic against inner steps: points counted by the machine lie on the three lines of theory."
        ),
        ("seconds", "num_steps"): _(
            "Time against inner steps for MAML, FOMAML and a plain gradient, as points beside the lines of theory; "
            "MAML's line is the steepest."
        ),
        ("seconds", "width"): _(
            "Time against the width of the network, in plain gradients: the lines of theory are level, MAML's the "
            "highest, and the measured points of wide networks lie near them."
        ),
        ("seconds", "num_tasks"): _(
            "Time against the number of tasks, in plain gradients: the lines of theory are level, MAML's the highest, "
            "with the measured points beside them."
        ),
        ("memory", "num_steps"): _(
            "Peak memory against inner steps: MAML's grows in a line, recomputed in a flatter one, and FOMAML's "
            "soon stays level."
        ),
        ("memory", "width"): _(
            "Peak memory against the width of the network, MAML's far above FOMAML's at every width."
        ),
        ("memory", "num_tasks"): _("Peak memory against the number of tasks: straight lines, MAML's the steepest."),
    }[quantity, against]
