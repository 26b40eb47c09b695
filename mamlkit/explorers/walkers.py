"""Two walkers in a valley: what a gradient step leaves of a small distance between two starts (claims R1, R2).

What a reader would not have guessed: past the rate that solves the valley in one step the walkers change sides, and
still come closer; they part only at twice that rate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mamlkit._check import as_count, as_nonnegative, as_positive
from mamlkit.closed_form import quadratic
from mamlkit.closed_form.quadratic import Quadratic
from mamlkit.reading import format_number
from mamlkit.scene import Axes, Mark, Panels, Readout, Scene
from mamlkit.text import gettext as _

if TYPE_CHECKING:
    from mamlkit.explorers.explorer import Explorer

STARTS = (-2.0, -1.4)  # the walker at theta, and one that starts a little further down
MAX_STEPS = 4
RATES = np.arange(23) / 20  # with the steepest valley alpha times h reaches 2.2: the walk diverges
CURVATURES = np.arange(2, 9) / 4


def walkers_scene(alpha: float, curvature: float, step: int) -> Panels:
    r"""Return the valley with both walks up to a step, and beside it what is left of the walkers' distance.

    The distance after k steps is :math:`(1 - \alpha h)^k` times the distance of the starts.

    Parameters
    ----------
    alpha : float
        Inner learning rate, zero or more.
    curvature : float
        Curvature h of the valley, above zero.
    step : int
        How many steps the walkers have taken, from 0 to 4.

    Examples
    --------
    >>> panels = walkers_scene(alpha=0.5, curvature=1.0, step=2)
    >>> [str(readout) for readout in panels.scenes["valley"].readouts]
    ['0.50: each step shrinks the distance', '0.50', '0.25']
    """
    step, alpha = as_count("step", step), as_nonnegative("alpha", alpha)
    valley = Quadratic.with_minimiser([[as_positive("curvature", curvature)]], [0.0])
    walks = [quadratic.adapt([start], valley, inner_lr=alpha, num_steps=step)[:, 0] for start in STARTS]
    return Panels({"valley": _valley(valley, walks, alpha), "distance": _distances(valley, alpha, step)})


def _valley(valley: Quadratic, walks: list[np.ndarray], alpha: float) -> Scene:
    across = np.linspace(-3.2, 3.2, 65)
    ground = np.array([[x, valley.value([x])] for x in across])
    marks = [Mark("line", "ground", "task_a", ground, label=_("support loss"))]
    labels = (_("walker from θ"), _("walker from θ + ε"))
    for name, role, walk, label in zip(("theta", "nearby"), ("initial", "nearby"), walks, labels, strict=True):
        points = [[x, valley.value([x])] for x in walk]
        marks.append(Mark("path", f"walk_{name}", role, points, label=label))
        marks.append(Mark("points", name, role, points[-1:]))
    alt = _(
        "A valley, drawn as a parabola, and two walkers on its slope. Each gradient step takes them down; their paths "
        "join the points where they stood."
    )
    product = alpha * valley.A[0, 0]
    readouts = [
        Readout("product", "α h", _product(product)),
        Readout("factor", _("factor of one step, 1 − αh"), 1 - product, digits=2),
        Readout("left", _("distance now, start = 1"), (1 - product) ** (len(walks[0]) - 1), digits=2),
    ]
    axes = Axes(_("parameter θ"), _("support loss"), (-3.2, 3.2), (-0.3, 5.0))
    return Scene(axes, marks, readouts, alt)


def _distances(valley: Quadratic, alpha: float, step: int) -> Scene:
    left = [quadratic.step_jacobian(valley, inner_lr=alpha, num_steps=k).item() for k in range(step + 1)]
    bars = Mark("bars", "left", "nearby", np.column_stack([np.arange(step + 1), left]), label=_("distance, with sign"))
    level = Mark("line", "level", "guide", [[-0.6, 0.0], [MAX_STEPS + 0.6, 0.0]])
    axes = Axes(_("inner step k"), _("distance, start = 1"), (-0.6, MAX_STEPS + 0.6), (-2.4, 2.4))
    alt = _("A bar for each step: the distance between the walkers. Below zero they have changed sides.")
    return Scene(axes, [level, bars], [], alt)


def _product(product: float) -> str:
    """Say in words what a step does to the walkers' distance."""
    kinds = (
        (1 - 1e-9, _("{product}: each step shrinks the distance")),
        (1 + 1e-9, _("{product}: one step brings both to the bottom")),
        (2 - 1e-9, _("{product}: they change sides and come closer")),
        (2 + 1e-9, _("{product}: they change sides and keep their distance")),
        (np.inf, _("{product}: they change sides and part")),
    )
    if product == 0:
        return _("{product}: nobody moves", product="0")
    words = next(words for limit, words in kinds if product < limit)
    return words.format(product=format_number(product, 2))


def walkers() -> Explorer:
    """Return the explorer of :func:`walkers_scene`: sliders for the rate and the curvature, and steps to play."""
    from mamlkit.explorers.controls import Choice, Prompt, Slider
    from mamlkit.explorers.explorer import Explorer

    prompts = [
        Prompt(
            _("α h is 0.5. What is left of the distance after four steps?"),
            state={"alpha": 0.5, "curvature": 1.0, "step": 4},
            answer=_("A sixteenth: each step halves it."),
        ),
        Prompt(
            _("Take α h = 1. Where do the walkers stand after one step?"),
            state={"alpha": 1.0, "curvature": 1.0, "step": 1},
            answer=_("Both at the bottom. Nothing of their start is left, and no later step can bring it back."),
        ),
        Prompt(
            _("Take α h = 1.5. The walkers jump over the bottom. Do they still come closer?"),
            state={"alpha": 1.0, "curvature": 1.5, "step": 3},
            answer=_("Yes. They change sides at each step, and each step halves the distance: the factor is −0.5."),
        ),
        Prompt(
            _("At which α h do they keep their distance for ever?"),
            state={"alpha": 1.0, "curvature": 2.0, "step": 4},
            answer=_("At 2, where the factor is −1. Above it they part. At 0 they keep it too: nobody moves."),
        ),
    ]
    return Explorer(
        walkers_scene,
        title=_("Two walkers in a valley"),
        name="walkers",
        prompts=prompts,
        alpha=Slider(RATES, 0.5, _("inner learning rate α"), digits=2),
        curvature=Slider(CURVATURES, 1.0, _("curvature h of the valley"), digits=2),
        step=Choice(range(MAX_STEPS + 1), 1, _("steps taken"), play=True),
    )
