"""A picture of the two loops of MAML, with the lines of code that they stand for (claim R1)."""

from __future__ import annotations

from mamlkit.scene import Axes, Mark, Scene
from mamlkit.text import gettext as _

ROWS = {1: 6.0, 2: 3.7, 3: 1.4}  # the height at which each task is drawn
START, ENDS, JUDGE = (0.9, 3.7), 4.8, (9.1, 3.7)
SMALL = {1: "₁", 2: "₂", 3: "₃"}


def two_loops_scene() -> Scene:
    """Return three tasks that walk from one start to their own ends, are judged there, and move the start together.

    Examples
    --------
    >>> [mark.name for mark in two_loops_scene().marks if mark.role == "initial"]
    ['theta']
    """
    marks = []
    for task, height in ROWS.items():
        end = (ENDS, height)
        marks += [
            Mark("arrow", f"inner_{task}", "support", _between(START, end), label=_("inner loop, on the support set")),
            Mark("arrow", f"judge_{task}", "query", _between(end, JUDGE), label=_("judged on the query set")),
            Mark("points", f"phi_{task}", "support", [end], tag=f"φ{SMALL[task]}"),
            Mark("words", f"support_{task}", "support", _middle(START, end), tag=_("support {task}", task=str(task))),
            Mark("words", f"query_{task}", "query", _middle(end, JUDGE), tag=_("query {task}", task=str(task))),
        ]
    way_back = [[JUDGE[0], JUDGE[1] - 0.5], [JUDGE[0], 0.2], [START[0], 0.2], [START[0], 3.0]]
    marks += [
        Mark("line", "outer", "maml", way_back, label=_("outer loop: θ moves down the mean")),
        Mark("arrow", "outer_head", "maml", [way_back[-1], [0.0, 0.35]]),
        Mark("words", "update", "maml", [[5.0, 0.55]], tag="θ ← θ − β ∇J(θ)"),
        Mark("words", "mean", "maml", [JUDGE], tag="J"),
        Mark("points", "theta", "initial", [START], tag="θ"),
    ]
    alt = _(
        "From one point θ an arrow for each of three tasks leads to its own adapted point φ: the inner loop, on the "
        "support set. From each φ an arrow leads to one point J, the mean of the query losses. From J a line leads "
        "back to θ: the outer loop."
    )
    axes = Axes(_("from the start to the outer loss"), _("tasks"), (0.0, 10.0), (-0.2, 7.0), frame=False)
    return Scene(axes, marks, [], alt)


def _between(tail: tuple[float, float], tip: tuple[float, float]) -> list[list[float]]:
    """Return an arrow that leaves a little room at both ends."""
    vector = [tip[0] - tail[0], tip[1] - tail[1]]
    return [[tail[0] + 0.1 * vector[0], tail[1] + 0.1 * vector[1]], [0.8 * vector[0], 0.8 * vector[1]]]


def _middle(tail: tuple[float, float], tip: tuple[float, float]) -> list[list[float]]:
    return [[(tail[0] + tip[0]) / 2, (tail[1] + tip[1]) / 2]]
