"""The compass: a dial on which one step is taken, and the losses over all headings (claims R1, R1a).

What a reader would not have guessed: the heading that is worst for a fixed model is the best one to start from, as soon
as a step from it is longer than a quarter turn.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from mamlkit._check import Array
from mamlkit.closed_form import compass
from mamlkit.scene import Axes, Mark, Panels, Readout, Scene
from mamlkit.text import gettext as _

if TYPE_CHECKING:
    from mamlkit.explorers.explorer import Explorer

DEGREES = np.linspace(-180, 180, 73)
HEADINGS = np.arange(-180.0, 181.0, 15.0)
DELTAS = np.arange(50.0, 151.0, 20.0)
# The grid holds the rate that solves both tasks of the chapter, 110° to either side, in one step.
RATES = compass.solving_rate(np.radians(110)) * np.arange(0, 13) / 10


def compass_scene(alpha: float, delta: float, theta: float) -> Panels:
    """Return the dial with one step from `theta`, and beside it both losses over all headings.

    Parameters
    ----------
    alpha : float
        Inner learning rate.
    delta : float
        Half the angle between the two tasks, in degrees.
    theta : float
        The heading to start from, in degrees clockwise from north.

    Examples
    --------
    >>> panels = compass_scene(2.0, 110.0, 0.0)
    >>> [str(readout) for readout in panels.scenes["curves"].readouts if readout.name.startswith("best")]
    ['180°', '0°']
    """
    return Panels({"dial": _dial(alpha, delta, theta), "curves": _curves(alpha, delta, theta)})


def _dial(alpha: float, delta: float, theta: float) -> Scene:
    ends = np.degrees(compass.adapt(np.radians(theta), delta=np.radians(delta), inner_lr=alpha))
    marks = [Mark("line", "rim", "guide", _on_dial(DEGREES))]
    for task, target, end, radius in zip("ab", (delta, -delta), ends, (0.86, 0.72), strict=True):
        label = {"a": _("task A: what it wants, its step"), "b": _("task B: what it wants, its step")}[task]
        walk = _on_dial(np.linspace(theta, end, 11), radius)
        marks.append(Mark("points", f"target_{task}", f"task_{task}", _on_dial([target]), tag=task.upper()))
        marks.append(Mark("arc", f"step_{task}", f"task_{task}", walk, label=label))
        marks.append(Mark("points", f"phi_{task}", f"task_{task}", walk[-1:], tag="φ"))
    marks.append(Mark("points", "theta", "initial", _on_dial([theta]), tag="θ"))
    alt = _(
        "A dial with north at the top. Two points on the rim are the headings that the tasks want; a ring is the "
        "heading θ, and from it one arc for each task leads to the heading after one gradient step."
    )
    axes = Axes(_("west – east"), _("south – north"), (-1.35, 1.35), (-1.35, 1.35), equal=True, frame=False)
    return Scene(axes, marks, [], alt)


def _on_dial(degrees: Array | list[float], radius: float = 1.0) -> Array:
    """Return the points (n, 2) of headings on the dial: north is up, and headings turn clockwise."""
    radians = np.radians(degrees)
    return radius * np.column_stack([np.sin(radians), np.cos(radians)])


@lru_cache(maxsize=512)
def _losses(alpha: float, delta: float) -> tuple[Array, Array]:
    headings = np.radians(DEGREES)
    fixed = compass.mean_loss(headings, delta=np.radians(delta))
    return fixed, compass.outer_loss(headings, delta=np.radians(delta), inner_lr=alpha)


def _curves(alpha: float, delta: float, theta: float) -> Scene:
    marks, readouts = [], []
    fixed, adapted = _losses(alpha, delta)
    curves = {
        "fixed": (fixed, "joint", _("fixed heading, no adaptation"), _("best fixed heading"), _("loss at θ, fixed")),
        "adapted": (
            adapted, "maml", _("outer loss J: after one inner step"), _("best initialisation"),
            _("loss at θ, after one step"),
        ),
    }  # fmt: skip
    for name, (losses, role, label, best_label, here_label) in curves.items():
        # Where two headings are equally good (±180° are one), the last stands for both.
        best = np.flatnonzero(losses <= losses.min() + 1e-9)[-1]
        here = losses[np.abs(DEGREES - theta).argmin()]
        marks += [
            Mark("line", name, role, np.column_stack([DEGREES, losses]), label=label),
            Mark("points", f"best_{name}", role, [[DEGREES[best], losses[best]]]),
            Mark("points", f"here_{name}", "initial", [[theta, here]]),
        ]
        readouts.append(Readout(f"best_{name}", best_label, DEGREES[best], unit="°", digits=0))
        readouts.append(Readout(f"here_{name}", here_label, here))
    readouts.append(Readout("length", _("length of the step"), _step_length(alpha, delta, theta), unit="°", digits=0))
    axes = Axes(_("heading θ in degrees"), _("mean loss of the two tasks"), xlim=(-180, 180), ylim=(-0.08, 2.08))
    alt = _(
        "Two curves over all headings from south through north to south: the mean loss of a fixed heading, and the "
        "outer loss, which is taken after one inner step. A dot marks the lowest point of each, a ring the heading θ."
    )
    return Scene(axes, marks, readouts, alt)


def _step_length(alpha: float, delta: float, theta: float) -> float:
    """Return the length in degrees of the longer of the two steps."""
    start = np.radians(theta)
    return float(np.degrees(np.abs(compass.adapt(start, delta=np.radians(delta), inner_lr=alpha) - start).max()))


def compass_explorer() -> Explorer:
    """Return the explorer of :func:`compass_scene`: the heading on a dial, the rate, the angle between the tasks.

    Examples
    --------
    >>> str(compass_explorer().scene().scenes["curves"].readouts[0])
    '180°'
    """
    from mamlkit.explorers.controls import Prompt, Slider
    from mamlkit.explorers.explorer import Explorer

    solving, short = float(RATES[10]), float(RATES[5])
    prompts = [
        Prompt(
            _("North lies midway between the tasks. How good is it for a model that never adapts, and as a start?"),
            state={"alpha": solving, "delta": 110.0, "theta": 0.0},
            answer=_("It is the worst fixed heading of all. And it is the best start: one step solves either task."),
        ),
        Prompt(
            _("South is the best fixed heading. What goes wrong with a step from there?"),
            state={"alpha": solving, "delta": 110.0, "theta": 180.0},
            answer=_("The targets are 70° away and the step is 110° long: it overshoots by 40°."),
        ),
        Prompt(
            _("Halve the rate. Is north still the better start?"),
            state={"alpha": short, "delta": 110.0, "theta": 0.0},
            answer=_("No. The step is shorter than a quarter turn now, and from south it ends nearer to the targets."),
        ),
        Prompt(
            _("Let the tasks want headings 70° to either side. Do the two answers still differ?"),
            state={"alpha": short, "delta": 70.0, "theta": 0.0},
            answer=_("No. Now north, the middle, is best for both purposes."),
        ),
        Prompt(
            _("Set the rate to 0. What becomes of the two curves?"),
            state={"alpha": 0.0, "delta": 110.0, "theta": 0.0},
            answer=_("They are one. Without a step φ is θ, and the outer loss is the loss of joint training."),
        ),
    ]
    return Explorer(
        compass_scene,
        title=_("Two headings on a compass"),
        name="compass",
        prompts=prompts,
        alpha=Slider(RATES, solving, _("inner learning rate α"), digits=2),
        delta=Slider(DELTAS, 110.0, _("angle δ from north to each task, in degrees"), digits=0),
        theta=Slider(HEADINGS, 0.0, _("heading θ, in degrees"), digits=0, handle="theta", panel="dial"),
    )
