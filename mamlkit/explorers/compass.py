"""The compass: two curves over all headings, the loss of a fixed model and the loss after adaptation (claim R1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mamlkit.closed_form import compass
from mamlkit.scene import Axes, Mark, Readout, Scene
from mamlkit.text import text

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
    for name, role, losses in (("fixed", "fomaml", fixed), ("adapted", "maml", adapted)):
        # Where two headings are equally good (±180° are one), the last stands for both.
        best = np.flatnonzero(losses <= losses.min() + 1e-9)[-1]
        marks += [
            Mark("line", name, role, np.column_stack([DEGREES, losses]), label=text(f"compass.{name}")),
            Mark("points", f"best_{name}", role, [[DEGREES[best], losses[best]]]),
        ]
        readouts.append(Readout(f"best_{name}", text(f"compass.best_{name}"), DEGREES[best], unit="°", digits=0))
        readouts.append(Readout(f"north_{name}", text(f"compass.north_{name}"), losses[len(losses) // 2]))
    targets = np.array([[-delta, 0.0], [delta, 0.0]])
    marks.append(Mark("points", "targets", "optimum", targets, label=text("compass.targets")))
    axes = Axes(text("compass.heading"), text("compass.loss"), xlim=(-180, 180), ylim=(-0.08, 2.08))
    return Scene(axes, marks, readouts, text("compass.alt"))


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
        title=text("compass.title"),
        alpha=Slider(rates, rates[10], text("compass.alpha"), digits=2),
        delta=Slider(np.arange(30.0, 171.0, 20.0), 110.0, text("compass.delta"), digits=0),
    )
