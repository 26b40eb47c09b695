"""What meta-gradients cost against the number of inner steps: measured points on the lines of theory (claim R4)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from mamlkit._check import as_vector
from mamlkit.scene import Axes, Mark, Scene
from mamlkit.text import text

METHODS = {"MAML": "maml", "FOMAML": "fomaml", "plain gradient": "baseline"}


def cost_scene(
    num_steps: ArrayLike, measured: Mapping[str, ArrayLike], *, theory: Mapping[str, ArrayLike] | None, quantity: str
) -> Scene:
    """Return one curve for each method of :data:`METHODS` that `measured` holds.

    Parameters
    ----------
    num_steps : array_like, shape (n,)
        The numbers K of inner steps.
    measured : mapping of str to array_like, shape (n,)
    theory : mapping of str to array_like, shape (n,), or None
        Lines to draw; where there are none, the measured points are joined.
    quantity : {"flops", "seconds", "memory"}
        What is measured, for the label of the vertical axis.

    Examples
    --------
    >>> scene = cost_scene([1, 2], {"MAML": [12, 21]}, theory={"MAML": [12, 21]}, quantity="flops")
    >>> [mark.kind for mark in scene.marks]
    ['line', 'points']
    """
    steps, marks, highest = as_vector("num_steps", num_steps), [], 0.0
    for method, role in METHODS.items():
        if method not in measured:
            continue
        points = as_vector(f"measured[{method!r}]", measured[method], size=len(steps))
        line = points if theory is None else as_vector(f"theory[{method!r}]", theory[method], size=len(steps))
        marks.append(Mark("line", f"{role}_line", role, np.column_stack([steps, line]), label=text(f"cost.{role}")))
        marks.append(Mark("points", role, role, np.column_stack([steps, points])))
        highest = max(highest, points.max(), line.max())
    axes = Axes(text("cost.num_steps"), text(f"cost.{quantity}"), (0, steps.max() * 1.05), (0, 1.08 * highest))
    return Scene(axes, marks, [], text(f"cost.{quantity}_alt"))
