"""What meta-gradients cost against inner steps, width and tasks: measured points on theory's lines (claim R4)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from mamlkit._check import as_vector
from mamlkit.scene import Axes, Mark, Scene
from mamlkit.text import text

METHODS = {"MAML": "maml", "MAML, recomputed": "task_b", "FOMAML": "fomaml", "plain gradient": "baseline"}


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
    for method, role in METHODS.items():
        if method not in measured:
            continue
        points = as_vector(f"measured[{method!r}]", measured[method], size=len(across))
        line = points if theory is None else as_vector(f"theory[{method!r}]", theory[method], size=len(across))
        marks.append(Mark("line", f"{role}_line", role, np.column_stack([across, line]), label=text(f"cost.{role}")))
        marks.append(Mark("points", role, role, np.column_stack([across, points])))
        highest = max(highest, points.max(), line.max())
    axes = Axes(text(f"cost.{against}"), text(f"cost.{quantity}"), (0, across.max() * 1.05), (0, 1.08 * highest))
    return Scene(axes, marks, [], text(f"cost.{quantity}_{against}_alt"))
