"""The compass: two curves over all headings, the loss of a fixed model and the loss after adaptation (claim R1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mamlkit.closed_form import compass
from mamlkit.scene import Axes, Mark, Readout, Scene
from mamlkit.text import gettext as _

if TYPE_CHECKING:
    from mamlkit.explorers.explorer import Explorer

DEGREES = np.linspace(-180, 180, 121)


def compass_scene(alpha: float, delta: float) -> Scene:
    """Return both losses over all headings, with the lowest point of each.

    Parameters
    ----------
    alpha : float
        Inner learning rate.
    delta : float
        Half the angle between the two tasks, in degrees.

    Examples
    --------
    >>> [str(readout) for readout in compass_scene(2.0, 110.0).readouts if readout.name.startswith("best")]
    ['180°', '0°']
    """
    headings = np.radians(DEGREES)
    fixed = compass.mean_loss(headings, delta=np.radians(delta))
    adapted = compass.outer_loss(headings, delta=np.radians(delta), inner_lr=alpha)
    marks, readouts = [], []
    curves = {
        "fixed": (
            fixed, "joint", _("fixed heading, no adaptation"), _("best fixed heading"),
            _("loss at north, fixed"),
        ),
        "adapted": (
            adapted, "maml", _("outer loss J: after one inner step"), _("best initialisation"),
            _("loss at north, after one step"),
        ),
    }  # fmt: skip
    for name, (losses, role, label, best_label, north_label) in curves.items():
        # Where two headings are equally good (±180° are one), the last stands for both.
        best = np.flatnonzero(losses <= losses.min() + 1e-9)[-1]
        marks += [
            Mark("line", name, role, np.column_stack([DEGREES, losses]), label=label),
            Mark("points", f"best_{name}", role, [[DEGREES[best], losses[best]]]),
        ]
        readouts.append(Readout(f"best_{name}", best_label, DEGREES[best], unit="°", digits=0))
        readouts.append(Readout(f"north_{name}", north_label, losses[len(losses) // 2]))
    targets = np.array([[-delta, 0.0], [delta, 0.0]])
    marks.append(Mark("points", "targets", "optimum", targets, label=_("the headings that the tasks want")))
    axes = Axes(_("heading θ in degrees"), _("mean loss of the two tasks"), xlim=(-180, 180), ylim=(-0.08, 2.08))
    alt = _(
        "Two curves over all headings from south through north to south: the mean loss of a fixed heading, and the "
        "outer loss, which is taken after one inner step. A dot marks the lowest point of each."
    )
    return Scene(axes, marks, readouts, alt)


def compass_explorer() -> Explorer:
    """Return the explorer of :func:`compass_scene`: sliders for alpha and for the angle between the tasks.

    Examples
    --------
    >>> str(compass_explorer().scene().readouts[0])
    '180°'
    """
    from mamlkit.explorers.controls import Slider
    from mamlkit.explorers.explorer import Explorer

    # The grid holds the rate that solves both tasks of the chapter, 110° to either side, in one step.
    rates = compass.solving_rate(np.radians(110)) * np.arange(16) / 10
    return Explorer(
        compass_scene,
        title=_("Two headings on a compass"),
        alpha=Slider(rates, rates[10], _("inner learning rate α"), digits=2),
        delta=Slider(np.arange(30.0, 171.0, 20.0), 110.0, _("angle δ from north to each task, in degrees"), digits=0),
    )
