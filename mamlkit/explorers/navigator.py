"""Paths of a policy in the plane before its gradient steps and after them, for goals that it was not told.

What a reader would not have guessed: before its steps the meta-trained policy looks and earns like one that was trained
on all goals together, little less than a policy that rests. What was trained does not show until the step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from mamlkit._check import Array, as_array, as_count, as_vector
from mamlkit.scene import Axes, Mark, Readout, Scene
from mamlkit.text import gettext as _

if TYPE_CHECKING:
    from mamlkit.explorers.explorer import Explorer

EDGE = 0.9
NAMES = ("maml", "fomaml", "joint")


def mean_return(paths: ArrayLike, goal: ArrayLike) -> float:
    """Return the mean over trajectories of minus the summed squared distances to the goal.

    Parameters
    ----------
    paths : array_like, shape (N, T + 1, 2)
        Positions; the first of each, where it starts, earns nothing.
    goal : array_like, shape (2,)

    Examples
    --------
    >>> mean_return([[[0.0, 0.0], [0.1, 0.0], [0.1, 0.0]]], [0.1, 0.1])
    -0.02
    """
    moved = as_array("paths", paths, ndim=3)[:, 1:] - as_vector("goal", goal, size=2)
    return round(-float((moved**2).sum((1, 2)).mean()), 12)


def navigator_scene(paths: ArrayLike, goal: ArrayLike, *, steps: int) -> Scene:
    """Return the trajectories before any step, and those after `steps` of them.

    Parameters
    ----------
    paths : array_like, shape (K + 1, N, T + 1, 2)
        Positions after 0 to K steps.
    goal : array_like, shape (2,)
    steps : int
        How many steps, 0 to K.

    Raises
    ------
    TypeError, ValueError
        If shapes do not fit or there are fewer steps.

    Examples
    --------
    >>> still = np.zeros((2, 1, 3, 2))
    >>> [str(readout) for readout in navigator_scene(still, [0.3, 0.4], steps=1).readouts]
    ['−0.50', '−0.50', '0.50']
    """
    made, goal = as_array("paths", paths, ndim=4), as_vector("goal", goal, size=2)
    if as_count("steps", steps) >= len(made):
        raise ValueError(f"steps must be at most {len(made) - 1}, got {steps!r}")
    before, after = made[0], made[steps]
    marks = [
        *_lines("before", "initial", before, _("before any step")),
        *_lines("after", "task_a", after, _("after the steps")),
        Mark("points", "ends", "task_a", after[:, -1].clip(-EDGE, EDGE)),
        Mark("points", "goal", "optimum", goal[None], label=_("the goal, which nobody tells it")),
    ]
    readouts = [
        Readout("before", _("mean return before any step"), mean_return(before, goal), digits=2),
        Readout("after", _("mean return after the steps"), mean_return(after, goal), digits=2),
        Readout("distance", _("mean final distance to the goal"), _distance(after, goal), digits=2),
    ]
    alt = _(
        "Four trajectories of twenty moves from the origin before any gradient step, and four after the steps, with "
        "the goal as a star. A path that leaves the picture runs along its edge."
    )
    axes = Axes(_("position, first coordinate"), _("second coordinate"), (-EDGE, EDGE), (-EDGE, EDGE), equal=True)
    return Scene(axes, marks, readouts, alt)


def _distance(paths: Array, goal: Array) -> float:
    return float(np.hypot(*(paths[:, -1] - goal).T).mean())


def _lines(name: str, role: str, paths: Array, label: str) -> list[Mark]:
    return [
        Mark("line", f"{name}_{index}", role, path.clip(-EDGE, EDGE), label=label) for index, path in enumerate(paths)
    ]


def navigator_explorer(paths: Mapping[str, ArrayLike], goals: ArrayLike) -> Explorer:
    """Return the explorer of :func:`navigator_scene`: steps to play, goal and method to choose.

    Parameters
    ----------
    paths : mapping of str to array_like, each of shape (num_goals, K + 1, N, T + 1, 2)
        For "maml", "fomaml" and "joint".
    goals : array_like, shape (num_goals, 2)
    """
    from mamlkit.explorers.controls import Choice, Prompt, Slider
    from mamlkit.explorers.explorer import Explorer

    targets = as_array("goals", goals, ndim=2)
    made = {name: as_array(f"paths[{name!r}]", paths[name], ndim=5) for name in NAMES}

    def scene(steps: float, goal: int, method: str) -> Scene:
        return navigator_scene(made[method][int(goal) - 1], targets[int(goal) - 1], steps=int(steps))

    prompts = [
        Prompt(
            _("Before any step: can you tell MAML's policy from that of joint training?"),
            state={"steps": 0, "goal": 1, "method": "maml"},
            answer=_("Hardly. Both wander about the origin and earn about what a policy earns that rests there."),
        ),
        Prompt(
            _("And after one step on twenty trajectories?"),
            state={"steps": 1, "goal": 1, "method": "maml"},
            answer=_("It walks to the goal and stays near it."),
        ),
        Prompt(
            _("The same step, with the policy that was trained on all goals together?"),
            state={"steps": 1, "goal": 1, "method": "joint"},
            answer=_("It moves the right way, and earns less than MAML's."),
        ),
        Prompt(
            _("Can you tell FOMAML from MAML by its paths after a step?"),
            state={"steps": 1, "goal": 3, "method": "fomaml"},
            answer=_("Hardly. Look at all the goals: the two do about equally well."),
        ),
    ]
    return Explorer(
        scene,
        title=_("The navigator"),
        name="navigator",
        prompts=prompts,
        steps=Slider(list(range(made["maml"].shape[1])), 0, _("gradient steps"), digits=0, play=True),
        goal=Choice(tuple(range(1, len(targets) + 1)), 1, _("goal")),
        method=Choice(NAMES, "maml", _("policy"), names=(_("MAML"), _("FOMAML"), _("joint training"))),
    )
