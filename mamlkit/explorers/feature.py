"""Turning a feature: the boundary of a new task before and after one step, and how often it is right (claim R6).

What a reader would not have guessed: a feature that sees nothing of the task still gets a gradient that turns it the
right way, in proportion to the head; too large a head turns it too far, but never below three quarters right.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from mamlkit._check import Array, as_nonnegative, as_number
from mamlkit.closed_form.geometry import feature_accuracy, turned_feature
from mamlkit.scene import Axes, Mark, Panels, Readout, Scene
from mamlkit.text import gettext as _

if TYPE_CHECKING:
    from mamlkit.explorers.explorer import Explorer

RATES = np.arange(13) / 4
HEADS = np.arange(-8, 25) / 4
SHOWN = 60  # examples in the picture


def feature_scene(alpha: float, v: float) -> Panels:
    r"""Return the plane of the examples with the boundaries, and the accuracy over all heads v.

    The score is :math:`v\,(w \cdot x)`; the step in w starts at (1, 0) and uses the expected logistic loss.

    Parameters
    ----------
    alpha : float
        Inner learning rate, zero or more.
    v : float
        Weight of the head, held fixed in the step.

    Examples
    --------
    >>> [str(readout) for readout in feature_scene(1.0, 2.0).readouts]
    ['50 %', '85 %', '64°']
    """
    alpha, v = as_nonnegative("alpha", alpha), as_number("v", v)
    return Panels({"plane": _plane(alpha, v), "accuracy": _accuracies(alpha, v)})


@lru_cache(maxsize=1)
def _examples() -> tuple[Array, Array]:
    """Return examples of the two classes: above and below the line x2 = 0."""
    x = np.random.default_rng(3).normal(size=(SHOWN, 2))
    return x[x[:, 1] > 0], x[x[:, 1] <= 0]


def _plane(alpha: float, v: float) -> Scene:
    above, below = _examples()
    w = turned_feature(v, inner_lr=alpha)
    unit = w / np.hypot(*w)
    across = np.array([-unit[1], unit[0]])  # along the boundary, where the score is 0
    marks = [
        Mark("points", "above", "task_a", above, label=_("class +1")),
        Mark("points", "below", "task_b", below, label=_("class −1")),
        Mark("line", "true", "truth", [[-3.0, 0.0], [3.0, 0.0]], label=_("true boundary, x₂ = 0")),
        Mark("line", "frozen", "scratch", [[0.0, -3.0], [0.0, 3.0]], label=_("boundary of the frozen feature")),
        Mark("line", "turned", "maml", [-4.2 * across, 4.2 * across], label=_("boundary after one step")),
        Mark("arrow", "before", "scratch", [[0.0, 0.0], [1.5, 0.0]], tag="w"),
        Mark("arrow", "after", "maml", [[0.0, 0.0], 1.5 * unit], tag="w′"),
    ]
    turn = float(np.degrees(np.arctan2(w[1], w[0])))
    readouts = [
        Readout("frozen", _("right with the frozen feature"), _percent(feature_accuracy([1.0, 0.0], v))),
        Readout("turned", _("right after one step"), _percent(feature_accuracy(w, v))),
        Readout("turn", _("the feature has turned by"), turn, unit="°", digits=0),
    ]
    axes = Axes(_("first input x₁"), _("second input x₂"), (-3.0, 3.0), (-3.0, 3.0), equal=True)
    alt = _(
        "Examples in the plane, one class above the line x₂ = 0 and one below. The boundary of the frozen feature "
        "stands upright; the boundary after one step has turned. Arrows show the feature before and after, drawn with "
        "one length."
    )
    return Scene(axes, marks, readouts, alt)


@lru_cache(maxsize=64)
def _curve(alpha: float) -> Array:
    """Return accuracies in percent over all heads; at v = 0 the curve jumps from one branch to the other."""
    heads = np.linspace(HEADS[0], HEADS[-1], 129)
    after = [100 * feature_accuracy(turned_feature(v, inner_lr=alpha), v) for v in heads]
    return np.column_stack([heads, after])


def _accuracies(alpha: float, v: float) -> Scene:
    ends = [HEADS[0], HEADS[-1]]
    here = 100 * feature_accuracy(turned_feature(v, inner_lr=alpha), v)
    marks = [
        Mark("line", "frozen", "scratch", [[end, 50.0] for end in ends], label=_("boundary of the frozen feature")),
        Mark("line", "turned", "maml", _curve(alpha), label=_("boundary after one step")),
        Mark("points", "frozen_here", "scratch", [[v, 50.0]]),
        Mark("points", "here", "maml", [[v, here]]),
    ]
    axes = Axes(_("head v"), _("percent right"), (float(ends[0]), float(ends[1])), (40.0, 102.0))
    alt = _(
        "How often the prediction is right, against the head v: 50 percent for the frozen feature; after one step it "
        "rises from 50 at v = 0 on either side, and falls again where the feature turns too far."
    )
    return Scene(axes, marks, [], alt)


def _percent(share: float) -> str:
    return _("{percent} %", percent=f"{100 * share:.0f}")


def feature_explorer() -> Explorer:
    """Return the explorer of :func:`feature_scene`: sliders for the rate and for the head."""
    from mamlkit.explorers.controls import Prompt, Slider
    from mamlkit.explorers.explorer import Explorer

    prompts = [
        Prompt(
            _("Set the head v to 0 and raise α as far as it goes. Does the feature turn?"),
            state={"alpha": 3.0, "v": 0.0},
            answer=_("No. A head that does not read the feature sends no gradient back to it, at any rate."),
        ),
        Prompt(
            _("Raise v slowly from 0. How does the turn grow?"),
            state={"alpha": 1.0, "v": 0.5},
            answer=_("At first in proportion to v: the slope in w₂ is −v/√(2π)."),
        ),
        Prompt(
            _("Let v be negative. Does the step turn the wrong way?"),
            state={"alpha": 1.0, "v": -2.0},
            answer=_("The feature turns down, and the head turns the score around: the prediction is right as often."),
        ),
        Prompt(
            _("Raise α v further and further. How bad can a single step make it?"),
            state={"alpha": 3.0, "v": 6.0},
            answer=_("The feature turns too far, towards 135°. Three quarters are still right, and never fewer."),
        ),
    ]
    return Explorer(
        feature_scene,
        title=_("Turning a feature"),
        name="feature",
        prompts=prompts,
        alpha=Slider(RATES, 1.0, _("inner learning rate α"), digits=2),
        v=Slider(HEADS, 1.0, _("head v"), digits=2, play=True),
    )
