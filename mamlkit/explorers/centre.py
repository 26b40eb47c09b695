"""The weighted centre: where the best start of five tasks lies, and how much each of them has to say (claim R9).

What a reader would not have guessed: the centre runs away from the steep tasks as the rate grows, because a step solves
them from anywhere; and it comes back, because beyond that a longer step no longer solves them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from mamlkit._check import Array, as_count, as_nonnegative
from mamlkit.closed_form.quadratic import WeightedCentre, weighted_centre
from mamlkit.reading import format_number
from mamlkit.scene import Axes, Mark, Panels, Readout, Scene
from mamlkit.text import gettext as _

if TYPE_CHECKING:
    from mamlkit.explorers.explorer import Explorer

OPTIMA = np.arange(-2.0, 3.0)
RATES = np.arange(25) / 20  # with the steepest task alpha times h reaches 2.4: its walk diverges
SPREADS = np.arange(3) / 2
NUM_STEPS = (1, 2, 5)
XLIM = (-3.0, 3.0)


def centre_scene(alpha: float, spread: float, num_steps: int, judge: Literal["distance", "loss"]) -> Panels:
    r"""Return five valleys with the best start and the walks from it, and below each valley the weight of its task.

    The optima lie at -2, -1, 0, 1, 2, and the valleys get steeper from left to right: :math:`h = 2^{st/2}` at the
    optimum t, where s is the spread.

    Parameters
    ----------
    alpha : float
        Inner learning rate, zero or more.
    spread : float
        How unequal the curvatures are: 0 for five equal ones, 1 for curvatures from 1/2 to 2.
    num_steps : int
        Inner steps K.
    judge : {"distance", "loss"}
        What the start is to make small: the squared distance from the optima after the steps, or the losses.

    Examples
    --------
    >>> panels = centre_scene(alpha=0.5, spread=1.0, num_steps=1, judge="distance")
    >>> str(panels.scenes["valleys"].readouts[0])
    '−1.11'
    """
    alpha, num_steps = as_nonnegative("alpha", alpha), as_count("num_steps", num_steps)
    curvatures = 2.0 ** (as_nonnegative("spread", spread) * OPTIMA / 2)
    try:
        found = weighted_centre(OPTIMA, curvatures, inner_lr=alpha, num_steps=num_steps, judge=judge)
    except ValueError:  # a step solves every task, so that no start is better than another
        found = None
    return Panels({"valleys": _valleys(curvatures, alpha, num_steps, found), "weights": _weights(curvatures, found)})


def _valleys(curvatures: Array, alpha: float, num_steps: int, found: WeightedCentre | None) -> Scene:
    marks = list(_grounds(tuple(curvatures)))
    if found is not None:
        ends = OPTIMA + (1 - alpha * curvatures) ** num_steps * (found.centre - OPTIMA)
        ends = np.column_stack([ends, curvatures * (ends - OPTIMA) ** 2 / 2])
        marks.append(Mark("points", "ends", "support", ends, label=_("φ: where the walks end")))
        marks.append(Mark("line", "centre", "maml", [[found.centre, 0], [found.centre, 4]], label=_("the best start")))
    marks.append(Mark("line", "mean", "joint", [[0, 0], [0, 4]], label=_("plain mean of the optima")))
    centre = _("anywhere: a step solves every task") if found is None else float(found.centre)
    products = [format_number(alpha * h, 2) for h in (curvatures[0], curvatures[-1])]
    readouts = [
        Readout("centre", _("best start; plain mean 0"), centre, digits=2),
        Readout("products", _("α h of the flattest, of the steepest"), "; ".join(products)),
    ]
    alt = _(
        "Five parabolas side by side, steeper from left to right. One upright line marks the start that is best for "
        "all five after adaptation, another the plain mean of their lowest points; dots mark where the walks end."
    )
    return Scene(Axes(_("parameter θ"), _("loss"), XLIM, (-0.2, 4.0)), marks, readouts, alt)


@lru_cache
def _grounds(curvatures: tuple[float, ...]) -> tuple[Mark, ...]:
    across = np.linspace(*XLIM, 61)
    return tuple(
        Mark(
            "line", f"valley_{task}", "task_a", np.column_stack([across, h * (across - optimum) ** 2 / 2]), label=label
        )
        for label in [_("the tasks' losses")]
        for task, (optimum, h) in enumerate(zip(OPTIMA, curvatures, strict=True))
    )


def _weights(curvatures: Array, found: WeightedCentre | None) -> Scene:
    shares = np.zeros(len(OPTIMA)) if found is None else found.weights
    bars = Mark("bars", "weights", "maml", np.column_stack([OPTIMA, shares]), label=_("share of each task"))
    even = Mark("line", "even", "joint", [[XLIM[0], 0.2], [XLIM[1], 0.2]], label=_("share in the plain mean"))
    readouts = [Readout("heaviest", _("curvature of the heaviest task"), _heaviest(curvatures, shares))]
    alt = _("A bar for each task, at its optimum: its share in the weighted mean. A level line marks equal shares.")
    return Scene(Axes(_("optimum of the task"), _("share"), XLIM, (0.0, 1.05)), [even, bars], readouts, alt)


def _heaviest(curvatures: Array, shares: Array) -> str:
    if np.ptp(shares) < 1e-9:
        return _("all weigh the same") if shares.any() else _("none weighs anything")
    top = curvatures[shares > shares.max() - 1e-9]
    return _(" and ").join(format_number(h, 2) for h in top)


def centre_explorer() -> Explorer:
    """Return the explorer of :func:`centre_scene`: the rate, the spread of the curvatures, the steps and the judge.

    Examples
    --------
    >>> str(centre_explorer().scene().scenes["weights"].readouts[0])
    '0.50'
    """
    from mamlkit.explorers.controls import Choice, Prompt, Slider
    from mamlkit.explorers.explorer import Explorer

    start = {"spread": 1.0, "num_steps": 1, "judge": "distance"}
    prompts = [
        Prompt(
            _("Steep tasks adapt fastest. At α = 0.5, do they pull the best start towards them?"),
            state={"alpha": 0.5, **start},
            answer=_("No: it runs away from them. The steepest has α h = 1 and weighs nothing: a step solves it."),
        ),
        Prompt(
            _("Go on to α = 0.8. Which tasks count now?"),
            state={"alpha": 0.8, **start},
            answer=_(
                "The flattest and the steepest. The steepest is overshot, and what is overshot needs a near start."
            ),
        ),
        Prompt(
            _("At α = 1.2, who has most of the say?"),
            state={"alpha": 1.2, **start},
            answer=_(
                "The steepest. Its walk diverges, since α h is 2.4, so the start must stand almost on its optimum."
            ),
        ),
        Prompt(
            _("Make all curvatures equal. Does α move the best start?"),
            state={"alpha": 0.5, **start, "spread": 0.0},
            answer=_("No. It is the plain mean; but at α = 1 every start is as good as any other."),
        ),
        Prompt(
            _("Set α to 0 and let the loss judge. Is the best start the plain mean?"),
            state={"alpha": 0.0, **start, "judge": "loss"},
            answer=_("No. That is joint training, where a task weighs as much as its loss is curved: steep ones lead."),
        ),
        Prompt(
            _("Keep the loss as judge and take α = 0.35. Who leads now?"),
            state={"alpha": 0.35, **start, "judge": "loss"},
            answer=_(
                "The middle: the task with α h near 1/3. Flatter ones lose little, steeper ones are solved anyway."
            ),
        ),
    ]
    return Explorer(
        centre_scene,
        title=_("The weighted centre"),
        name="centre",
        prompts=prompts,
        alpha=Slider(RATES, 0.25, _("inner learning rate α"), digits=2, play=True),
        spread=Slider(SPREADS, 1.0, _("spread of the curvatures"), digits=2),
        num_steps=Choice(NUM_STEPS, 1, _("inner steps K")),
        judge=Choice(("distance", "loss"), "distance", _("judge"), names=(_("distance"), _("loss"))),
    )
