"""The straightened view of quadratic tasks: each axis by itself, with the factor of K steps (claims R2, R3)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from mamlkit._check import as_count, as_nonnegative, as_positive
from mamlkit.scene import Axes, Mark, Scene
from mamlkit.text import gettext as _

CURVATURES_OF_B = (0.25, 1.0)


@lru_cache(maxsize=4096)  # an explorer asks for the same factors at every θ
def factor_scene(alpha: float, curvature: float, num_steps: int) -> Scene:
    r"""Return :math:`(1 - \alpha h)^K` over all curvatures h, with a stem at each axis of the landscape's tasks.

    Along an axis with curvature h the meta-gradient is this factor times FOMAML's, whose factor is 1.

    Parameters
    ----------
    alpha : float
        Inner learning rate, zero or more.
    curvature : float
        Curvature of task A along its steep axis; its other axis has curvature 1.
    num_steps : int
        Inner steps K.

    Examples
    --------
    >>> scene = factor_scene(alpha=0.5, curvature=2.0, num_steps=1)
    >>> next(mark for mark in scene.marks if mark.name == "steep_a").xy
    array([[2., 0.]])
    """
    alpha, num_steps = as_nonnegative("alpha", alpha), as_count("num_steps", num_steps)
    h = np.linspace(0.0, 2.1, 31)
    marks = [
        Mark("line", "level", "guide", [[0.0, 0.0], [2.1, 0.0]]),
        Mark("line", "first_order", "fomaml", [[0.0, 1.0], [2.1, 1.0]], label=_("FOMAML: no Jacobians")),
        Mark("line", "one", "naive", _curve(h, alpha, 1), label=_("single-factor bug"), visible=False),
        Mark("line", "all", "maml", _curve(h, alpha, num_steps), label=_("MAML: −∇J")),
    ]
    axes = {
        "steep_a": ("task_a", as_positive("curvature", curvature)),
        "other_a": ("task_a", 1.0),
        "flat_b": ("task_b", CURVATURES_OF_B[0]),
        "other_b": ("task_b", CURVATURES_OF_B[1]),
    }
    for name, (role, at) in axes.items():
        top = _curve(np.array([at]), alpha, num_steps)
        marks.append(Mark("line", f"stem_{name}", role, [[at, 0.0], *top]))
        marks.append(Mark("points", name, role, top))
    alt = _(
        "The factor that K inner steps leave, against the curvature of a direction: it falls from 1 at curvature 0, is "
        "0 where α times the curvature is 1, and below zero beyond for odd K. Stems mark the axes of tasks A and B."
    )
    return Scene(Axes(_("curvature h"), _("factor (1 − αh)ᴷ"), (0.0, 2.1), (-1.15, 1.15)), marks, [], alt)


def _curve(h: np.ndarray, alpha: float, power: int) -> np.ndarray:
    return np.column_stack([h, (1 - alpha * h) ** power])
