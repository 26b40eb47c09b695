"""Early stopping beside ridge regression, the rate that learning finds, and whom the start listens to (R10a to R12).

What a reader would not have guessed: a walk of K steps is a prior that depends on the data. It holds on to flat
directions and lets go of steep ones, where the penalty of ridge regression stays the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from mamlkit._check import Array, as_count, as_positive
from mamlkit.closed_form import evidence, gaussian
from mamlkit.scene import Axes, Mark, Panels, Readout, Scene
from mamlkit.text import gettext as _

if TYPE_CHECKING:
    from mamlkit.explorers.explorer import Explorer

STEEPEST = 2.0
STEP_RATES = np.arange(1, 21) / 20
STEPS = (1, 2, 3, 5, 10, 30)


def stopping_scene(alpha: float, num_steps: int) -> Panels:
    r"""Return the prior of K steps at every curvature, and what it keeps of the start, beside those of a ridge penalty.

    The ridge penalty has the precision :math:`1/(K\alpha)`, with which the walk's prior agrees at curvature 0.

    Parameters
    ----------
    alpha : float
        Inner learning rate, above zero.
    num_steps : int
        Number K of inner steps, at least one.

    Examples
    --------
    >>> panels = stopping_scene(alpha=0.5, num_steps=2)
    >>> [str(readout) for readout in panels.readouts]
    ['1.00', '2.00', '0.25', '0.50']
    """
    alpha, num_steps = as_positive("alpha", alpha), as_count("num_steps", num_steps, minimum=1)
    h = np.linspace(0.0, min(STEEPEST, 1 / alpha), 61)
    precisions = np.diag(gaussian.implied_prior_precision(np.diag(h), inner_lr=alpha, num_steps=num_steps))
    ridge, across = 1 / (num_steps * alpha), np.linspace(0.0, STEEPEST, 61)
    walk, penalty = _("K gradient steps"), _("ridge penalty 1/(Kα)")
    prior = [
        Mark("line", "ridge_prior", "baseline", [[0.0, ridge], [STEEPEST, ridge]], label=penalty),
        Mark("line", "prior", "maml", np.column_stack([h, precisions]), label=walk),
    ]
    kept = [
        Mark("line", "ridge_kept", "baseline", np.column_stack([across, ridge / (ridge + across)]), label=penalty),
        Mark("line", "kept", "maml", np.column_stack([h, (1 - alpha * h) ** num_steps]), label=walk),
    ]
    readouts = [
        Readout("ridge", _("precision at curvature 0, 1/(Kα)"), ridge, digits=2),
        Readout("last", _("largest curvature with a prior, 1/α"), 1 / alpha, digits=2),
        Readout("kept", _("left of the start at curvature 1: walk"), (1 - alpha) ** num_steps, digits=2),
        Readout("kept_ridge", _("left of the start at curvature 1: ridge"), ridge / (ridge + 1), digits=2),
    ]
    alts = (
        _("The precision of a prior against curvature: level for a ridge penalty, falling to nothing for a walk."),
        _("The share of the start that is left, against curvature: the walk's falls below that of the ridge penalty."),
    )
    across_label = _("curvature h of the support loss")
    left = Axes(across_label, _("precision of the prior"), (0.0, STEEPEST), (0.0, 4.2))
    right = Axes(across_label, _("share of the start that is left"), (0.0, STEEPEST), (-0.03, 1.03))
    return Panels(
        {
            "prior": Scene(left, _outside(prior, alpha, 4.2), readouts, alts[0]),
            "kept": Scene(right, _outside(kept, alpha, 1.03), [], alts[1]),
        }
    )


def _outside(marks: list[Mark], alpha: float, top: float) -> list[Mark]:
    """Put the region behind the marks in which steps overshoot, if it is in view."""
    if alpha * STEEPEST <= 1:
        return marks
    block = [[1 / alpha, 0.0], [STEEPEST, 0.0], [STEEPEST, top], [1 / alpha, top]]
    return [Mark("area", "nowhere", "nearby", block, label=_("αh > 1: the steps overshoot")), *marks]


def stopping_explorer() -> Explorer:
    """Return the explorer of :func:`stopping_scene`: the rate on a slider, the steps to play."""
    from mamlkit.explorers.controls import Choice, Prompt, Slider
    from mamlkit.explorers.explorer import Explorer

    prompts = [
        Prompt(
            _("One step. Which shape has its prior, and where have you met it?"),
            state={"alpha": 0.5, "num_steps": 1},
            answer=_("A straight line, 1/α − h: the formula for the mean, with the curvature h = n/s²."),
        ),
        Prompt(
            _("Ten steps of rate 0.05 or one of rate 0.5: where do the two priors differ?"),
            state={"alpha": 0.05, "num_steps": 10},
            answer=_("Not at curvature 0. In steep directions ten short steps hold on to more of the start."),
        ),
        Prompt(
            _("Take thirty steps. Which directions still feel where the walk began?"),
            state={"alpha": 0.3, "num_steps": 30},
            answer=_("Only the flattest. The ridge penalty still pulls a little everywhere."),
        ),
        Prompt(
            _("Let α grow to 1. What becomes of steep directions?"),
            state={"alpha": 1.0, "num_steps": 2},
            answer=_("From curvature 1 on the steps overshoot, and the formula has no prior to offer."),
        ),
    ]
    return Explorer(
        stopping_scene,
        title=_("Early stopping is a prior"),
        name="stopping",
        prompts=prompts,
        alpha=Slider(STEP_RATES, 0.3, _("inner learning rate α"), digits=2),
        num_steps=Choice(STEPS, 3, _("inner steps K"), play=True),
    )


def rate_scene(prior_var: float, noise_var: float, n: int) -> Scene:
    """Return what three judges say of every rate: the support loss, the query loss and the marginal likelihood.

    Each curve is an expectation over tasks, measured from its own lowest value.

    Parameters
    ----------
    prior_var, noise_var : float
        Variance of the tasks' means, and of the examples around them.
    n : int
        Number of support examples.

    Examples
    --------
    >>> scene = rate_scene(prior_var=1.0, noise_var=1.0, n=3)
    >>> str(scene.readouts[0])
    '0.250'
    """
    best = gaussian.inner_lr_for_prior(prior_var, noise_var=noise_var, n=n)
    last, spread = noise_var / n, prior_var + noise_var / n
    rates = np.linspace(0.02, 1.0, 100)[:-1] * last
    assumed = np.array([1 / gaussian.prior_precision(rate, noise_var=noise_var, n=n) for rate in rates]) + last
    curves = {
        "support": ((1 - rates / last) ** 2 * spread, _("support loss after the step")),
        "query": (
            np.array([gaussian.expected_error(rate, prior_var=prior_var, noise_var=noise_var, n=n) for rate in rates]),
            _("query loss after the step"),
        ),
        "baseline": ((np.log(assumed) + spread / assumed) / 2, _("minus the log marginal likelihood")),
    }
    marks = []
    for role, (values, label) in curves.items():
        marks.append(Mark("line", role, role, np.column_stack([rates, values - values.min()]), label=label))
    marks.append(Mark("points", "best", "optimum", [[best, 0.0]], tag=_("the true prior")))
    alt = _(
        "Three curves against the inner learning rate: the support loss falls all the way to the flat prior; the query "
        "loss and minus the log marginal likelihood both have their lowest point at the rate of the true prior."
    )
    axes = Axes(_("inner learning rate α"), _("above its lowest value"), (0.0, last), (-0.04, 1.1))
    return Scene(axes, marks, [Readout("best", _("rate of the true prior"), best)], alt)


def weights_scene(counts: ArrayLike, *, inner_lr: float, noise_var: float, prior_var: float) -> Scene:
    """Return the weight of each task in the start of MAML and in the prior mean of the largest likelihood.

    Parameters
    ----------
    counts : array_like of int, shape (T,)
        Numbers of support examples, increasing.
    inner_lr, noise_var, prior_var : float
        As in :mod:`mamlkit.closed_form.gaussian`.

    Examples
    --------
    >>> scene = weights_scene([1, 7], inner_lr=0.1, noise_var=1.0, prior_var=0.25)
    >>> scene.marks[0].xy.round(2).tolist()
    [[1.0, 0.9], [7.0, 0.1]]
    """
    counts = np.asarray(counts)
    zeros = np.zeros(counts.shape)
    learned = evidence.outer_centre(zeros, inner_lr=inner_lr, noise_var=noise_var, n=counts).weights
    likely = evidence.likelihood_centre(zeros, prior_var=prior_var, noise_var=noise_var, n=counts).weights

    def path(name: str, role: str, shares: Array, label: str) -> Mark:
        return Mark("path", name, role, np.column_stack([counts, shares]), label=label)

    marks = [
        path("learned", "maml", learned, _("in the start that minimises the outer loss")),
        path("likely", "baseline", likely, _("in the prior mean of the largest likelihood")),
    ]
    top = 1.1 * max(learned.max(), likely.max())
    axes = Axes(_("support examples of the task, n"), _("weight of the task"), (0, counts.max() + 1), (0.0, top))
    alt = _(
        "Weights of tasks against their numbers of examples: in the start of MAML they fall, in the prior mean of the "
        "largest likelihood they rise."
    )
    return Scene(axes, marks, [], alt)
