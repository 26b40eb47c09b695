"""Alignment: one gradient step on a quadratic, and whether it comes closer to the optimum (claims R7, R7a).

What a reader would not have guessed: on the axes of even the longest valley the gradient points straight at the optimum
and a step may still lead away from it; what alignment decides is how much the best step can gain.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from mamlkit._check import Array, as_nonnegative, as_number
from mamlkit.closed_form.geometry import alignment, distance_after_step, worst_alignment
from mamlkit.reading import format_number
from mamlkit.scene import Axes, Mark, Panels, Readout, Scene, arc
from mamlkit.text import gettext as _

if TYPE_CHECKING:
    from mamlkit.explorers.explorer import Explorer

DISTANCE = 2.0
RATES = np.arange(23) / 10
CONDITIONS = (1, 2, 4, 9, 16)
ANGLES = np.arange(0.0, 91.0, 7.5)
WORST_OF_NINE = 22.5  # the angle of the grid next to the worst at condition number 9, 18.4°


def alignment_scene(alpha: float, condition: float, angle: float) -> Panels:
    """Return a valley with one gradient step, and beside it the distance after a step of every rate.

    The steep curvature is 1, across; the flat one is 1 over the condition number, upward. The optimum is in the middle.

    Parameters
    ----------
    alpha : float
        Inner learning rate, zero or more.
    condition : float
        Largest curvature over smallest, at least 1.
    angle : float
        Where the start lies as seen from the optimum, in degrees from the flat axis.

    Examples
    --------
    >>> [str(readout) for readout in alignment_scene(1.0, 1.0, 30.0).readouts]
    ['1.00', '1.00', '0 of 2: closer']
    """
    alpha = as_nonnegative("alpha", alpha)
    bound = worst_alignment(condition)
    turn = np.radians(as_number("angle", angle))
    theta = DISTANCE * np.array([np.sin(turn), np.cos(turn)])
    gradient = theta * [1.0, 1 / condition]
    c, g = alignment(gradient, -theta), float(np.linalg.norm(gradient))
    return Panels({"valley": _valley(alpha, condition, theta, gradient, c, bound), "distance": _distances(alpha, c, g)})


def _valley(alpha: float, condition: float, theta: Array, gradient: Array, c: float, bound: float) -> Scene:
    phi = theta - alpha * gradient
    after = float(np.hypot(*phi))
    rings = [[0.0, 0.0], [1.0, 0.0], [0.0, condition**0.5]]
    marks = [
        Mark("ellipses", "loss", "task_a", rings, label=_("support loss"), radii=(0.5, 1.0, 1.5, 2.0)),
        Mark("line", "circle", "guide", arc(DISTANCE, 0.0, 2 * np.pi, num=65), label=_("as far as the start")),
        Mark("line", "way", "optimum", [theta, [0.0, 0.0]], label=_("way to the optimum")),
        Mark("arc", "step", "maml", np.linspace(theta, phi, 5), label=_("gradient step")),
        Mark("points", "optimum", "optimum", [[0.0, 0.0]], tag="θ*"),
        Mark("points", "phi", "task_a", [phi], tag="φ"),
        Mark("points", "theta", "initial", [theta], tag="θ"),
    ]
    readouts = [
        Readout("alignment", _("alignment c"), c, digits=2),
        Readout("worst", _("least c with this condition number"), bound, digits=2),
        Readout("after", _("distance after the step"), _closer(after)),
    ]
    axes = Axes(_("steep direction"), _("flat direction"), (-3.0, 3.0), (-2.6, 2.6), equal=True)
    alt = _(
        "Elliptic contours of a valley with its optimum in the middle. From the start θ, on a circle about the "
        "optimum, one line leads to the optimum and an arrow shows the gradient step to φ."
    )
    return Scene(axes, marks, readouts, alt)


@lru_cache(maxsize=512)
def _curve(c: float, g: float) -> Array:
    rates = np.linspace(0.0, RATES[-1], 45)
    return np.array([[rate, distance_after_step(DISTANCE, g, c, inner_lr=rate)] for rate in rates])


def _distances(alpha: float, c: float, g: float) -> Scene:
    best = DISTANCE * c / g
    marks = [
        Mark("line", "level", "guide", [[0.0, DISTANCE], [RATES[-1], DISTANCE]], label=_("as far as the start")),
        Mark("line", "perfect", "joint", _curve(1.0, g), label=_("a step as long, perfectly aligned")),
        Mark("line", "curve", "maml", _curve(c, g), label=_("gradient step")),
        Mark("points", "here", "task_a", [[alpha, distance_after_step(DISTANCE, g, c, inner_lr=alpha)]]),
    ]
    if best <= RATES[-1]:
        marks.append(Mark("points", "best", "optimum", [[best, DISTANCE * np.sqrt(max(0.0, 1 - c**2))]]))
    axes = Axes(_("inner learning rate α"), _("distance from the optimum"), (0.0, float(RATES[-1])), (0.0, 3.0))
    alt = _(
        "The distance from the optimum after one step, against the rate: it falls, has a lowest point, marked by a "
        "star where it lies in the picture, and rises again. A second curve shows a step as long, aimed perfectly."
    )
    return Scene(axes, marks, [], alt)


def _closer(after: float) -> str:
    number = format_number(after, 2)
    if after > DISTANCE + 1e-9:
        return _("{after} of 2: further away", after=number)
    if after > DISTANCE - 1e-9:
        return _("{after} of 2: as far as before", after=number)
    return _("{after} of 2: closer", after=number)


def alignment_explorer() -> Explorer:
    """Return the explorer of :func:`alignment_scene`: the rate, the condition number, and where the start lies."""
    from mamlkit.explorers.controls import Choice, Prompt, Slider
    from mamlkit.explorers.explorer import Explorer

    prompts = [
        Prompt(
            _("In a round valley, condition number 1, move the start around. What happens to c?"),
            state={"alpha": 1.0, "condition": 1, "angle": 30.0},
            answer=_("Nothing: it is 1 everywhere, and the step of rate 1 ends at the optimum from anywhere."),
        ),
        Prompt(
            _("Take condition number 9 and put the start on the flat axis. What are c and the gain?"),
            state={"alpha": 1.0, "condition": 9, "angle": 0.0},
            answer=_("c is 1, and yet the step hardly gains: the gradient is short there, and the step with it."),
        ),
        Prompt(
            _("Where is c least at condition number 9?"),
            state={"alpha": 1.0, "condition": 9, "angle": WORST_OF_NINE},
            answer=_(
                "Near 18° from the flat axis: it is 0.6 there. Even the best step leaves four fifths of the distance."
            ),
        ),
        Prompt(
            _("Put the start on the steep axis and take α = 2.1. Aligned, and closer?"),
            state={"alpha": 2.1, "condition": 9, "angle": 90.0},
            answer=_("Aligned, c = 1, and further away than before: the step is more than twice as long as the way."),
        ),
    ]
    return Explorer(
        alignment_scene,
        title=_("Aimed well, and how far"),
        name="alignment",
        prompts=prompts,
        alpha=Slider(RATES, 1.0, _("inner learning rate α"), digits=1),
        condition=Choice(CONDITIONS, 9, _("condition number")),
        angle=Slider(ANGLES, 30.0, _("where the start lies, in degrees from the flat axis"), digits=1),
    )
