"""Four arrows from one start: MAML, FOMAML, Reptile and joint training on two tasks in the plane (claims R5, R5b).

What a reader would not have guessed: with one step Reptile's arrow is that of joint training, whatever the rate; and
each of the four comes to rest at a place of its own, although all saw the same tasks.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from mamlkit._check import Array, as_count, as_nonnegative, as_vector
from mamlkit.closed_form import first_order
from mamlkit.explorers.quadratic import XLIM, YLIM, landscape_tasks
from mamlkit.scene import ArrowScale, Axes, Mark, Panels, Readout, Scene
from mamlkit.text import gettext as _

if TYPE_CHECKING:
    from mamlkit.explorers.explorer import Explorer

STEEP = 2.0  # the largest curvature of the two tasks
RATES = np.arange(11) / 25  # up to α h = 0.8
STEPS = (1, 2, 5)
START = (-1.8, -0.6)  # where the arrows fan out
RADII = (0.4, 0.8, 1.2, 1.6)
PRODUCTS = np.linspace(0.0, 1.0, 41)


def family_scene(alpha: float, num_steps: int, theta: ArrayLike) -> Panels:
    r"""Return two tasks with the four arrows at `theta`, and beside them each method's multiplier along an axis.

    Support and query loss of a task are one loss here, as if both sets were large. Arrows are *negative* mean
    directions; Reptile's is divided by :math:`\alpha K`.

    Parameters
    ----------
    alpha : float
        Inner learning rate, zero or more.
    num_steps : int
        Inner steps K, at least 1.
    theta : array_like, shape (2,)
        The initialisation.

    Examples
    --------
    >>> panels = family_scene(0.0, 2, [0.3, 1.5])
    >>> [str(readout) for readout in panels.readouts]
    ['0°', '0°', '0°']
    """
    alpha, num_steps = as_nonnegative("alpha", alpha), as_count("num_steps", num_steps, minimum=1)
    plane = _plane(alpha, num_steps, as_vector("theta", theta, size=2))
    return Panels({"plane": plane, "multipliers": _multipliers(alpha, num_steps)}, widths=(3, 2))


def _labels() -> dict[str, str]:
    return {"maml": _("MAML"), "fomaml": _("FOMAML"), "reptile": _("Reptile"), "joint": _("joint training")}


@lru_cache(maxsize=1)
def _tasks() -> list[tuple[Array, Array, Array]]:
    """Return curvatures (2,), axes (2, 2) in columns and optimum (2,) of each task."""
    return [(*np.linalg.eigh(task.query.A), task.query.minimiser()) for task in landscape_tasks(STEEP)]


@lru_cache(maxsize=512)
def _maps(method: str, alpha: float, num_steps: int) -> list[Array]:
    """Return for each task the matrix that takes theta minus its optimum to the method's direction."""
    maps: list[Array] = []
    for curvatures, axes, _optimum in _tasks():
        sizes = curvatures * first_order.multiplier(method, alpha * curvatures, num_steps=num_steps)
        maps.append((axes * sizes) @ axes.T)
    return maps


def _direction(method: str, alpha: float, num_steps: int, theta: Array) -> Array:
    maps = _maps(method, alpha, num_steps)
    return np.mean([M @ (theta - task[2]) for M, task in zip(maps, _tasks(), strict=True)], axis=0)


@lru_cache(maxsize=512)
def resting_point(method: str, alpha: float, num_steps: int) -> Array:
    """Return the theta (2,) at which the method's mean direction on the two tasks vanishes.

    Examples
    --------
    >>> np.allclose(resting_point("reptile", 0.3, 1), resting_point("joint", 0.3, 1))
    True
    """
    maps = _maps(method, alpha, num_steps)
    return np.linalg.solve(sum(maps), sum(M @ task[2] for M, task in zip(maps, _tasks(), strict=True)))


def _plane(alpha: float, num_steps: int, theta: Array) -> Scene:
    marks, labels = [], _labels()
    for letter, (curvatures, turn, optimum) in zip("ab", _tasks(), strict=True):
        rings = [optimum, *(turn / np.sqrt(curvatures)).T]
        label = {"a": _("task A"), "b": _("task B")}[letter]
        marks.append(
            Mark("ellipses", f"task_{letter}", f"task_{letter}", rings, label=label, tag=letter.upper(), radii=RADII)
        )
    for method in labels:
        marks.append(Mark("points", f"rest_{method}", method, [resting_point(method, alpha, num_steps)]))
    arrows = {method: _direction(method, alpha, num_steps, theta) for method in labels}
    for method in ("joint", "reptile", "fomaml", "maml"):
        marks.append(Mark("arrow", method, method, [theta, -arrows[method]], label=labels[method]))
    marks.append(Mark("points", "theta", "initial", [theta], tag="θ"))
    readouts = [
        Readout(
            f"angle_{method}",
            _("angle, joint training to {method}", method=labels[method]),
            np.array([arrows["joint"], arrows[method]]),
            rule="angle",
            unit="°",
            digits=1,
        )
        for method in ("maml", "fomaml", "reptile")
    ]
    alt = _(
        "The plane of two parameters with the elliptic contours of tasks A and B. Four arrows at the initialisation θ "
        "show where joint training, Reptile, FOMAML and MAML would move it; four points, where each comes to rest."
    )
    axes = Axes(_("first parameter θ₁"), _("second parameter θ₂"), XLIM, YLIM, equal=True)
    return Scene(axes, marks, readouts, alt, arrows=ArrowScale(longest=1.8, full_at=0.5))


def _multipliers(alpha: float, num_steps: int) -> Scene:
    marks = []
    for method, label in _labels().items():
        weight = first_order.inner_weight(method, num_steps=num_steps)
        curve = first_order.multiplier(method, PRODUCTS, num_steps=num_steps)
        marks.append(Mark("line", method, method, np.column_stack([PRODUCTS, curve]), label=label))
        end = min(1.0, 1 / weight) if weight else 1.0
        marks.append(Mark("line", f"{method}_tangent", "guide", [[0.0, 1.0], [end, 1 - weight * end]]))
    steep = alpha * STEEP
    marks.append(Mark("line", "steepest", "task_a", [[steep, 0.0], [steep, 1.05]], label=_("steepest axis of A")))
    alt = _(
        "What each method makes of the plain gradient, against α times the curvature of an axis. All four curves start "
        "at 1; dashed tangents there have the slopes −2K for MAML, −K for FOMAML, −(K − 1)/2 for Reptile, and 0."
    )
    axes = Axes(_("α h of an axis"), _("multiple of the plain gradient"), (0.0, 1.0), (0.0, 1.08))
    return Scene(axes, marks, [], alt)


def family_explorer() -> Explorer:
    """Return the explorer of :func:`family_scene`: the rate, the number of steps, and theta by dragging."""
    from mamlkit.explorers.controls import Choice, Point, Prompt, Slider
    from mamlkit.explorers.explorer import Explorer

    start = {"theta": START}
    prompts = [
        Prompt(
            _("At α = 0, how many arrows are there?"),
            state={**start, "alpha": 0.0, "num_steps": 2},
            answer=_("One. Without an inner step nothing is left that the methods could disagree on."),
        ),
        Prompt(
            _("Raise α a little. In which order do the arrows fan out?"),
            state={**start, "alpha": 0.08, "num_steps": 2},
            answer=_(
                "Joint training stays. Reptile has moved least, FOMAML further, MAML furthest: their slopes at 0 are "
                "−(K − 1)/2, −K and −2K."
            ),
        ),
        Prompt(
            _("Take a single step. Which arrow falls upon that of joint training?"),
            state={**start, "alpha": 0.4, "num_steps": 1},
            answer=_("Reptile’s. One step from θ leads along the plain gradient and nowhere else."),
        ),
        Prompt(
            _("Look at the four points without arrows. Do the methods end in the same place?"),
            state={**start, "alpha": 0.4, "num_steps": 2},
            answer=_("No. Reptile rests close to joint training; FOMAML and MAML each rest somewhere else."),
        ),
    ]
    return Explorer(
        family_scene,
        title=_("Four arrows, one family"),
        name="family",
        prompts=prompts,
        alpha=Slider(RATES, 0.2, _("inner learning rate α"), digits=2, play=True),
        num_steps=Choice(STEPS, 2, _("inner steps K")),
        theta=Point((-3.0, -2.4), (3.0, 2.4), START, _("initialisation θ"), mark="theta", step=0.1, panel="plane"),
    )
