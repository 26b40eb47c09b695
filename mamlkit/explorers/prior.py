"""The prior behind alpha: which belief a gradient step acts on, and where there is none (claims R10, R11, R12, X1).

What a reader would not have guessed: at a fixed rate more examples *weaken* the prior that the step stands for. It
becomes flat, and from there on no prior does what the step does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mamlkit._check import Array, as_count, as_nonnegative, as_positive
from mamlkit.closed_form import gaussian
from mamlkit.reading import format_number
from mamlkit.scene import Axes, Mark, Panels, Readout, Scene
from mamlkit.text import gettext as _

if TYPE_CHECKING:
    from mamlkit.explorers.controls import Prompt
    from mamlkit.explorers.explorer import Explorer

THETA, SAMPLE_MEAN = 0.0, 2.0
RATES = np.arange(0, 25) / 20
COUNTS = (1, 2, 4, 10)
NOISE_VARS = (0.5, 1, 2)
LEFT, RIGHT, TOP, STRONGEST = -2.0, 5.0, 1.6, 21.0


def prior_scene(alpha: float, n: int, noise_var: float) -> Panels:
    """Return prior, likelihood and posterior of one step, and beside them the precision of the prior at every rate.

    The initialisation is 0 and the mean of the support set 2. The start may be a prior of any width, or of none.

    Parameters
    ----------
    alpha : float
        Inner learning rate, zero or more; at 0 the prior has no width.
    n : int
        Number of support examples.
    noise_var : float
        Variance of the examples around their task's mean.

    Examples
    --------
    >>> panels = prior_scene(alpha=0.1, n=4, noise_var=1.0)
    >>> [str(readout) for readout in panels.readouts]
    ['τ² = 0.17: φ lies between θ and the sample mean', '0.40', '0.80', '0.25']
    """
    alpha, n, noise_var = (
        as_nonnegative("alpha", alpha),
        as_count("n", n, minimum=1),
        as_positive("noise_var", noise_var),
    )
    precision = _precision(alpha, n, noise_var)
    return Panels(
        {
            "beliefs": _beliefs(alpha, n, noise_var, precision),
            "precision": _precisions(alpha, n, noise_var, precision),
        }
    )


def _precision(alpha: float, n: int, noise_var: float) -> float | None:
    """Return the precision of the prior; infinite at rate 0, None where there is no prior."""
    if alpha == 0:
        return np.inf
    try:
        return gaussian.prior_precision(alpha, noise_var=noise_var, n=n)
    except ValueError:  # the step overshoots
        return None


def _beliefs(alpha: float, n: int, noise_var: float, precision: float | None) -> Scene:
    weight = alpha * n / noise_var
    phi = (1 - weight) * THETA + weight * SAMPLE_MEAN
    marks = [Mark("line", "likelihood", "support", _bell(SAMPLE_MEAN, noise_var / n), label=_("likelihood"))]
    if precision is not None:
        marks.append(Mark("line", "prior", "initial", _bell(THETA, _inverse(precision)), label=_("prior")))
        width = _inverse(precision + n / noise_var)
        marks.append(Mark("line", "posterior", "maml", _bell(phi, width), label=_("posterior")))
    marks += [
        Mark("points", "theta", "initial", [[THETA, 0.0]], tag="θ"),
        Mark("points", "mean", "support", [[SAMPLE_MEAN, 0.0]], tag="ȳ"),
        Mark("path", "step", "maml", [[THETA, 0.0], [phi, 0.0]], label=_("gradient step from θ to φ")),
    ]
    readouts = [
        Readout("prior", _("the prior of this step"), _in_words(precision)),
        Readout("weight", _("share of the way to ȳ, w = αn/s²"), weight, digits=2),
        Readout("phi", "φ", phi, digits=2),
        Readout("last", _("largest α with a prior, s²/n"), noise_var / n, digits=2),
    ]
    alt = _(
        "Bell curves over the unknown mean of a task: the likelihood around the sample mean, the prior around the "
        "start and the posterior around the end of the step. Where no prior exists, only the likelihood and the step "
        "are left."
    )
    axes = Axes(_("mean of the task"), _("density"), (LEFT, RIGHT), (-0.12, TOP))
    return Scene(axes, marks, readouts, alt)


def _inverse(precision: float) -> float:
    return np.inf if precision == 0 else 1 / precision


def _bell(mean: float, variance: float) -> Array:
    """Return a normal density over the axis, cut at the top: a spike if it has no width, a floor if it has no end."""
    across = np.linspace(LEFT, RIGHT, 71)
    if variance == 0:
        return np.array([[mean, 0.0], [mean, TOP]])
    if np.isinf(variance):
        return np.array([[LEFT, 0.05], [RIGHT, 0.05]])  # any height would do: a flat prior has none
    height = np.exp(-((across - mean) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
    return np.column_stack([across, np.minimum(height, TOP)])


def _in_words(precision: float | None) -> str:
    """Say which prior it is, and what the step does."""
    if precision is None:
        return _("none: φ has overshot the sample mean")
    if precision == 0:
        return _("flat: φ is the sample mean")
    if np.isinf(precision):
        return _("a point: φ stays at θ")
    return _("τ² = {variance}: φ lies between θ and the sample mean", variance=format_number(1 / precision, 2))


def _precisions(alpha: float, n: int, noise_var: float, precision: float | None) -> Scene:
    last = noise_var / n
    rates = last * np.linspace(0.02, 1.0, 50)
    curve = np.array([[rate, gaussian.prior_precision(rate, noise_var=noise_var, n=n)] for rate in rates])
    marks = []
    if last < RATES[-1]:
        block = [[last, 0.0], [RATES[-1], 0.0], [RATES[-1], STRONGEST], [last, STRONGEST]]
        marks.append(Mark("area", "nowhere", "nearby", block, label=_("no prior: the step overshoots")))
    marks.append(Mark("line", "curve", "initial", curve[curve[:, 1] < STRONGEST], label=_("precision of the prior")))
    shown = 0.0 if precision is None else min(precision, STRONGEST - 1)
    marks.append(Mark("points", "here", "maml", [[alpha, shown]], tag="α"))
    alt = _(
        "The precision of the prior against the inner learning rate: it falls from very large at rate 0 to nothing at "
        "the noise variance divided by the number of examples. Beyond that rate lies a region with no prior."
    )
    axes = Axes(_("inner learning rate α"), _("precision of the prior, 1/τ²"), (0.0, RATES[-1]), (-0.8, STRONGEST))
    return Scene(axes, marks, [], alt)


def _prompts() -> list[Prompt]:
    from mamlkit.explorers.controls import Prompt

    return [
        Prompt(
            _("Make α smaller. Does the prior become narrower or wider?"),
            state={"alpha": 0.1, "n": 4, "noise_var": 1},
            answer=_("Narrower. A short step keeps close to the start, as a strong prior does."),
        ),
        Prompt(
            _("Set α to s²/n. What has become of the prior, and where does the step end?"),
            state={"alpha": 0.25, "n": 4, "noise_var": 1},
            answer=_("It is flat, and φ is the sample mean: nothing of the start is left."),
        ),
        Prompt(
            _("One step further. Which prior is it now?"),
            state={"alpha": 0.3, "n": 4, "noise_var": 1},
            answer=_("None. φ lies beyond the sample mean, and a prior around θ only ever pulls towards θ."),
        ),
        Prompt(
            _("Keep α at 0.25, and go from one example to two, to four. What does the step believe before it looks?"),
            state={"alpha": 0.25, "n": 2, "noise_var": 1},
            answer=_(
                "Less and less: the prior’s precision falls from 3 to 2 to 0. A belief held beforehand would not "
                "depend on how many examples come later."
            ),
        ),
        Prompt(
            _("At α = 0.25 and four examples, double the noise. Why is there a prior again?"),
            state={"alpha": 0.25, "n": 4, "noise_var": 2},
            answer=_("The loss has become flatter, so the same rate goes half as far: w falls from 1 to a half."),
        ),
    ]


def prior_explorer() -> Explorer:
    """Return the explorer of :func:`prior_scene`: sliders for the rate, the examples and their noise."""
    from mamlkit.explorers.controls import Choice, Slider
    from mamlkit.explorers.explorer import Explorer

    return Explorer(
        prior_scene,
        title=_("The prior behind α"),
        name="prior",
        prompts=_prompts(),
        alpha=Slider(RATES, 0.1, _("inner learning rate α"), digits=2, handle="here", panel="precision"),
        n=Choice(COUNTS, 4, _("support examples n")),
        noise_var=Choice(NOISE_VARS, 1, _("noise variance s²")),
    )
