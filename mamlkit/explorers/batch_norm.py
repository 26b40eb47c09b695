"""Whose mean? Bias and variance of the global mean, the support set's mean, and their best mixture (claim R13).

What a reader would not have guessed: the mixture gains most just where it does not matter which of the two one takes.
There its error is half of either's.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from mamlkit._check import Array
from mamlkit.closed_form.normalisation import best_mixture, crossing, mean_error
from mamlkit.reading import format_number
from mamlkit.scene import Axes, Mark, Panels, Readout, Scene
from mamlkit.text import gettext as _

if TYPE_CHECKING:
    from mamlkit.explorers.explorer import Explorer

WITHIN = 1.0  # the spread within a task is the unit of all errors
SIZES = tuple(range(1, 21))
SPREADS = np.arange(2, 21) / 10
TOP = 2.1
ROLES = {"G": "joint", "P": "support", "mixture": "maml"}


def batch_norm_scene(support_size: int, spread: float) -> Panels:
    r"""Return the expected squared error of the mean against the support size, and beside it what it consists of.

    The spread of an activation within a task is 1.

    Parameters
    ----------
    support_size : int
        Examples n_s in the support set, at least one.
    spread : float
        Spread s_b of the tasks' means, above zero.

    Examples
    --------
    >>> panels = batch_norm_scene(support_size=4, spread=0.5)
    >>> [str(readout) for readout in panels.readouts]
    ['0.250', '0.250', '0.125', '0.50', '4.0: G and P err alike']
    """
    support_size = int(support_size)
    return Panels({"size": _curves(support_size, spread), "parts": _parts(support_size, spread)}, widths=(1.2, 1.0))


def _labels() -> dict[str, str]:
    return {
        "G": _("G: the global mean"),
        "P": _("P: the mean of the support set"),
        "mixture": _("the best mixture of both"),
    }


@lru_cache(maxsize=512)
def _errors(strategy: str, spread: float) -> Array:
    """Return bias, variance and their sum at each support size, shape (sizes, 3)."""
    found = [mean_error(strategy, n_support=n, between_std=spread, within_std=WITHIN) for n in SIZES]  # type: ignore[arg-type]
    return np.array([[error.bias, error.variance, error.total] for error in found])


def _curves(support_size: int, spread: float) -> Scene:
    marks, readouts = [], []
    here = [[support_size, 0.0], [support_size, TOP]]
    marks.append(Mark("line", "here", "guide", here))
    names = {"G": _("squared error, G"), "P": _("squared error, P"), "mixture": _("squared error, mixture")}
    for strategy, role in ROLES.items():
        totals = _errors(strategy, spread)[:, 2]
        marks.append(Mark("line", strategy, role, np.column_stack([SIZES, totals]), label=_labels()[strategy]))
        readouts.append(Readout(strategy, names[strategy], totals[support_size - 1]))
    at = (support_size, _errors("mixture", spread)[support_size - 1, 2])
    marks.append(Mark("points", "mixture_here", "maml", [at]))
    weight = best_mixture(n_support=support_size, between_std=spread, within_std=WITHIN)
    readouts.append(Readout("weight", _("weight of the support set in the mixture"), weight, digits=2))
    readouts.append(Readout("crossing", _("support size where G and P cross"), _crossing(support_size, spread)))
    axes = Axes(_("examples in the support set"), _("squared error of the mean"), (0.5, SIZES[-1] + 0.5), (0.0, TOP))
    alt = _(
        "Three curves over the size of the support set: the squared error of the global mean is a level line, that of "
        "the support set's mean falls, and the mixture stays below both."
    )
    return Scene(axes, marks, readouts, alt)


def _crossing(support_size: int, spread: float) -> str:
    at = crossing(between_std=spread, within_std=WITHIN)
    words = [_("{at}: G and P err alike"), _("{at}: here P is better"), _("{at}: here G is better")]
    side = 0 if np.isclose(support_size, at) else 1 if support_size > at else 2
    return words[side].format(at=format_number(at, 1))


def _parts(support_size: int, spread: float) -> Scene:
    parts = (_("bias²"), _("variance"), _("sum"))
    marks = [Mark("line", "level", "guide", [[-0.5, 0.0], [2.5, 0.0]])]
    for offset, (strategy, role) in zip((-0.27, 0.0, 0.27), ROLES.items(), strict=True):
        heights = _errors(strategy, spread)[support_size - 1]
        marks.append(
            Mark("bars", strategy, role, np.column_stack([np.arange(3) + offset, heights]), label=_labels()[strategy])
        )
    marks += [
        Mark("words", f"part_{i}", "guide", [[i, -0.13]], tag=part) for i, part in enumerate(parts)
    ]  # below the bars
    axes = Axes(_("what the error consists of"), _("squared error of the mean"), (-0.5, 2.5), (-0.25, TOP))
    alt = _(
        "Three groups of bars: squared bias, variance and their sum, for the global mean, the support mean, the mix."
    )
    return Scene(axes, marks, [], alt)


def batch_norm_explorer() -> Explorer:
    """Return the explorer of :func:`batch_norm_scene`: sliders for the support size and the spread of the tasks."""
    from mamlkit.explorers.controls import Prompt, Slider
    from mamlkit.explorers.explorer import Explorer

    prompts = [
        Prompt(
            _("The tasks' means spread as widely as the data of one task. From how many examples on is P better?"),
            state={"support_size": 2, "spread": 1.0},
            answer=_("From two on. With one example they err alike: one draw from a task is as far off as its mean."),
        ),
        Prompt(
            _("Let the tasks be alike: spread 0.3. Is G still the worse choice with ten examples?"),
            state={"support_size": 10, "spread": 0.3},
            answer=_("No. G errs by 0.09 and P by 0.10. P needs twelve examples to be better."),
        ),
        Prompt(
            _("At spread 0.5 and four examples G and P err alike. Is there anything left to gain?"),
            state={"support_size": 4, "spread": 0.5},
            answer=_("Half of the error. This is where the mixture gains most: each half of it corrects the other."),
        ),
        Prompt(
            _("Spread 2, one example. The mixture gives the global mean a fifth. What does it gain over P?"),
            state={"support_size": 1, "spread": 2.0},
            answer=_("A fifth: 0.8 instead of 1. It takes on a little bias and loses more variance."),
        ),
        Prompt(
            _("Which of the three has a bias that depends on the size of the support set?"),
            state={"support_size": 20, "spread": 0.5},
            answer=_("Only the mixture: with more examples it leans on them more, and its bias goes to zero."),
        ),
    ]
    return Explorer(
        batch_norm_scene,
        title=_("Whose mean?"),
        name="batch-norm",
        prompts=prompts,
        support_size=Slider(SIZES, 4, _("examples in the support set"), digits=0, play=True),
        spread=Slider(SPREADS, 0.5, _("spread of the tasks' means"), digits=1),
    )
