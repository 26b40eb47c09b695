"""The quadratic landscape as an explorer: the plane of two tasks, and each axis by itself (claims R1, R2, R3).

What a reader would not have guessed: after ten steps MAML's arrow is short although FOMAML's is not, since the start
matters no more; and between α h = 1 and 2 the bug of a single factor walks uphill for even K.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from mamlkit.explorers.factors import CURVATURES_OF_B, factor_scene
from mamlkit.explorers.quadratic import CURVATURES, INNER_LRS, MAX_CURVATURE, NUM_STEPS, quadratic_scene
from mamlkit.reading import format_number
from mamlkit.scene import Panels
from mamlkit.text import gettext as _

if TYPE_CHECKING:
    from mamlkit.explorers.controls import Prompt
    from mamlkit.explorers.explorer import Explorer


def landscape_scene(alpha: float, curvature: float, num_steps: int, theta: ArrayLike) -> Panels:
    """Return the plane as seen from `theta`, and the factor of each axis; arguments as in :func:`quadratic_scene`.

    Examples
    --------
    >>> list(landscape_scene(0.5, 2.0, 1, [0.0, 2.0]).scenes)
    ['plane', 'factors']
    """
    plane = quadratic_scene(alpha, curvature, num_steps, theta)
    return Panels({"plane": plane, "factors": factor_scene(alpha, curvature, num_steps)}, widths=(3, 2))


def quadratic_landscape() -> Explorer:
    """Return the explorer of :func:`landscape_scene`: sliders for alpha and curvature, K, and theta by dragging.

    Examples
    --------
    >>> explorer = quadratic_landscape()
    >>> explorer.alpha = 0.25
    >>> str(explorer.scene().scenes["plane"].readouts[-1])
    '0.50: steps fall short'
    """
    from mamlkit.explorers.controls import Choice, Point, Slider
    from mamlkit.explorers.explorer import Explorer

    return Explorer(
        landscape_scene,
        title=_("Two tasks, one initialisation"),
        name="quadratic-landscape",
        prompts=_prompts(),
        alpha=Slider(INNER_LRS, 0.5, _("inner learning rate α"), digits=2, play=True),
        curvature=Slider(CURVATURES, MAX_CURVATURE, _("curvature h of task A, one axis"), digits=2),
        num_steps=Choice(NUM_STEPS, 1, _("inner steps K")),
        theta=Point((-3.0, -2.4), (3.0, 2.4), (0.3, 1.5), _("initialisation θ"), mark="theta", step=0.1, panel="plane"),
    )


def _prompts() -> list[Prompt]:
    from mamlkit.explorers.controls import Prompt

    start = {"curvature": MAX_CURVATURE, "num_steps": 1, "theta": (0.3, 1.5)}
    return [
        Prompt(
            _("At α = 0, what becomes of the arrows?"),
            state={**start, "alpha": 0.0},
            answer=_("They are one. Every Jacobian is the identity, and there is nothing to leave out."),
        ),
        Prompt(
            _("Raise α from 0, slowly. Which component of MAML’s arrow shrinks first?"),
            state={**start, "alpha": 0.2},
            answer=_(
                "The one along the axis in which task A is steepest: its factor 1 − αh falls fastest, and the slope at "
                "φ falls with it."
            ),
        ),
        Prompt(
            _("Past α h = 1 in the steepest direction one arrow turns around. Which?"),
            state={**start, "alpha": 0.8},
            answer=_(
                "FOMAML’s: the step in task A overshoots, so the slope at φ has the other sign. In MAML’s the factor "
                "1 − αh has become negative as well, and the two signs cancel."
            ),
        ),
        Prompt(
            _("With ten steps MAML’s arrow is short although FOMAML’s is not. Why?"),
            state={**start, "alpha": 0.5, "num_steps": 10},
            answer=_(
                "The walk of task A ends near its optimum wherever it began: its start matters no more. Only along the "
                "flat axis of task B is something left: (1 − αh)¹⁰ = {left}. FOMAML sees that support and query "
                "disagree at the end, and does not know that the start can hardly help.",
                left=format_number((1 - 0.5 * CURVATURES_OF_B[0]) ** 10, 2),
            ),
        ),
        Prompt(
            _("Drag θ onto the star, the optimum of J. Does FOMAML’s arrow vanish too?"),
            state={**start, "alpha": 0.5},
            answer=_("No. It vanishes at another point, so descending it leads to another initialisation."),
        ),
        Prompt(
            _("Switch the arrow of the single-factor bug on. With two steps and α = 0.9, where does it lead?"),
            state={**start, "alpha": 0.9, "num_steps": 2},
            answer=_("Against MAML’s arrow: the angle between them passes 90°, and descending it raises J."),
        ),
    ]
