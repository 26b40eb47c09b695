"""Leave-one-task-out on a family of linear regressions, solved exactly (claim R14).

What a reader would not have guessed: the ratio R sees how few the tasks are and nearly nothing else. An initialisation
that cannot adapt, at alpha = 0, has as good a ratio as any; and among sixteen tasks an outlier lowers it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from mamlkit._check import as_count, as_nonnegative
from mamlkit.closed_form.quadratic import Quadratic, QuadraticTask, meta_optimum, outer_loss
from mamlkit.diagnostics import LeftOut, leave_one_task_out
from mamlkit.reading import format_number
from mamlkit.scene import Axes, Mark, Panels, Readout, Scene
from mamlkit.text import gettext as _

if TYPE_CHECKING:
    from mamlkit.explorers.explorer import Explorer

RATES = np.array([0.0, 0.1, 0.2, 0.4, 0.6])
COUNTS = (3, 4, 6, 8, 12, 16)
OUTLIER = ("none", "one")
WEIGHTS = 4  # of each linear regression
TOP, TOP_RATIO = 7.0, 6.0


def family(num_tasks: int, outlier: str = "none", *, seed: int = 5) -> list[QuadraticTask]:
    r"""Return linear regressions with four weights, each known by six support and six query examples (claim R14).

    The weights of a task spread by 0.6 around 1, the noise is 0.3. With `outlier` "one" the first task wants weights
    far from all others. With one `seed`, more tasks are always the same tasks and some more.

    Examples
    --------
    >>> len(family(8)), family(3)[0].query.A.shape
    (8, (4, 4))
    """
    rng = np.random.default_rng(seed)
    tasks = [_regression(rng) for _task in range(as_count("num_tasks", num_tasks, minimum=1))]
    if outlier == "one":
        tasks[0] = _regression(np.random.default_rng(seed), shift=1.2 * np.array([1.0, -1.0, 1.0, -1.0]))
    return tasks


def _regression(rng: np.random.Generator, shift: np.ndarray | float = 0.0) -> QuadraticTask:
    weights = 1 + 0.6 * rng.normal(size=WEIGHTS) + shift
    sets = []
    for _set in ("support", "query"):
        X = rng.normal(size=(6, WEIGHTS))
        y = X @ weights + 0.3 * rng.normal(size=6)
        sets.append(Quadratic(X.T @ X / 6, -X.T @ y / 6, float(y @ y / 12)))  # half the mean squared error
    return QuadraticTask(*sets)


@lru_cache(maxsize=512)
def left_out(alpha: float, num_tasks: int, outlier: str = "none") -> LeftOut:
    """Return leave-one-task-out for the best initialisation of the :func:`family`, which is an exact formula.

    Examples
    --------
    >>> left_out(0.4, 16).flagged, left_out(0.4, 3).flagged
    (False, True)
    """
    return leave_one_task_out(
        lambda tasks: meta_optimum(tasks, inner_lr=alpha),
        lambda theta, task: outer_loss(theta, support=task.support, query=task.query, inner_lr=alpha),
        family(num_tasks, outlier),
    )


def leave_one_out_scene(alpha: float, tasks: int, outlier: str) -> Panels:
    """Return each task's loss when it was there and when it was left out, and beside it R against the number of tasks.

    Parameters
    ----------
    alpha : float
        Inner learning rate, zero or more.
    tasks : int
        Number of tasks, one of :data:`COUNTS`.
    outlier : {"none", "one"}
        Whether the first task is far from the others.

    Examples
    --------
    >>> panels = leave_one_out_scene(0.4, 4, "none")
    >>> str(panels.readouts[-1])
    'above 2: flagged'
    """
    alpha, tasks = as_nonnegative("alpha", alpha), as_count("tasks", tasks, minimum=2)
    return Panels({"losses": _losses(left_out(alpha, tasks, outlier)), "ratio": _ratios(alpha, tasks, outlier)})


def _losses(found: LeftOut) -> Scene:
    number = np.arange(1, len(found.training) + 1)
    marks = [
        Mark("bars", name, role, np.column_stack([number + offset, losses]), label=label)
        for name, role, offset, losses, label in (
            ("held_out", "query", -0.2, found.held_out, _("task left out")),
            ("training", "maml", 0.2, found.training, _("task among those trained on")),
        )
    ]
    readouts = [
        Readout("mean_training", _("mean training loss"), float(found.training.mean()), digits=2),
        Readout("mean_held_out", _("mean held-out loss"), float(found.held_out.mean()), digits=2),
    ]
    axes = Axes(_("task"), _("query loss after one step"), (0.3, COUNTS[-1] + 0.7), (0.0, TOP))
    alt = _("Two bars for each task: its loss when it was left out of training, and when it was not.")
    return Scene(axes, marks, readouts, alt)


def _ratios(alpha: float, tasks: int, outlier: str) -> Scene:
    found = [left_out(alpha, count, outlier) for count in COUNTS]
    low, high = np.array([each.interval for each in found]).T
    band = np.column_stack([np.r_[COUNTS, COUNTS[::-1]], np.minimum(np.r_[low, high[::-1]], TOP_RATIO)])
    here = left_out(alpha, tasks, outlier)
    marks = [
        Mark("area", "interval", "query", band, label=_("95 % by the jackknife")),
        Mark("path", "ratio", "query", np.column_stack([COUNTS, [each.ratio for each in found]]), label=_("ratio R")),
        Mark("line", "threshold", "nearby", [[2.0, 2.0], [17.0, 2.0]], label=_("threshold γ = 2")),
        Mark("points", "here", "initial", [[tasks, here.ratio]]),
    ]
    interval = _("{low} to {high}", low=format_number(here.interval[0], 2), high=format_number(here.interval[1], 2))
    verdict = _("above 2: flagged") if here.flagged else _("not above 2: not flagged")
    readouts = [
        Readout("R", _("ratio R"), here.ratio, digits=2),
        Readout("interval", _("95 % by the jackknife"), interval),
        Readout("verdict", _("verdict"), verdict),
    ]
    axes = Axes(_("number of tasks T"), _("ratio R"), (2.0, 17.0), (0.0, TOP_RATIO))
    alt = _("The ratio R against the number of tasks, in a band of its uncertainty, and the threshold as a level line.")
    return Scene(axes, marks, readouts, alt)


def leave_one_out_explorer() -> Explorer:
    """Return the explorer of :func:`leave_one_out_scene`: the rate, the number of tasks, an outlier or none."""
    from mamlkit.explorers.controls import Choice, Prompt
    from mamlkit.explorers.explorer import Explorer

    prompts = [
        Prompt(
            _("Sixteen tasks of one kind. How much worse is a task when it is left out?"),
            state={"alpha": 0.4, "tasks": 16, "outlier": "none"},
            answer=_("By a third or so. The family is healthy: fifteen tasks say nearly as much as sixteen."),
        ),
        Prompt(
            _("Keep four of them. Which of the two bars has changed more?"),
            state={"alpha": 0.4, "tasks": 4, "outlier": "none"},
            answer=_(
                "The training loss is lower than with sixteen tasks, and the held-out loss higher: θ fits the few."
            ),
        ),
        Prompt(
            _("Set α to 0: nothing adapts any more. Does R give the alarm?"),
            state={"alpha": 0.0, "tasks": 16, "outlier": "none"},
            answer=_("No, R is lower than before. Both losses have more than doubled, and R is only their ratio."),
        ),
        Prompt(
            _("One task of twelve is far from the others. Does R give the alarm?"),
            state={"alpha": 0.2, "tasks": 12, "outlier": "one"},
            answer=_("No. The outlier is as bad in training, so the ratio stays. Its pair of bars tells."),
        ),
        Prompt(
            _("And one of six?"),
            state={"alpha": 0.4, "tasks": 6, "outlier": "one"},
            answer=_("Yes: R is above 2. Among so few tasks θ bends to the outlier while it is there."),
        ),
    ]
    return Explorer(
        leave_one_out_scene,
        title=_("Leave one task out"),
        name="leave-one-out",
        prompts=prompts,
        alpha=Choice(tuple(RATES.tolist()), 0.4, _("inner learning rate α")),
        tasks=Choice(COUNTS, 4, _("number of tasks T")),
        outlier=Choice(OUTLIER, "none", _("outlier"), names=(_("none"), _("the first task"))),
    )
