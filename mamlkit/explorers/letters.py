"""Five letters of a script never seen, and a sixth picture: which of the five is it? Answers step by step.

What a reader would not have guessed: before a step a trained network says nothing at all, a fifth for each letter; one
step later it has made up its mind, and further steps make it surer far more often than they make it right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from mamlkit._check import as_array, as_count
from mamlkit.scene import Axes, Mark, Panels, Readout, Scene
from mamlkit.text import gettext as _

if TYPE_CHECKING:
    from mamlkit.explorers.explorer import Explorer

WAYS = 5
METHODS = ("MAML", "ANIL", "scratch")
PITCH = 1.15  # from one letter to the next, in widths of a letter


def letters_scene(shown: Sequence[Mapping[str, Any]], task: int, query: int, start: str, num_steps: int) -> Panels:
    """Return the five support letters with the one that is asked for, and beside them the probabilities of the five.

    Parameters
    ----------
    shown : sequence of mappings
        One for each task, as the experiment ``adapting`` records them: ``support`` and ``query``, for each letter its
        outlines, lines "x,y x,y ..." in a unit square; ``answers``, for each start probabilities
        (steps + 1, queries, 5). Query letter i is of class i.
    task, query : int
        Which task and which of its query letters, counted from 1.
    start : str
        Whose answers: a key of ``answers``.
    num_steps : int
        Inner steps taken.

    Raises
    ------
    TypeError, ValueError
        If a number is not of its kind or out of range, or there is no such start.

    Examples
    --------
    >>> letter = ["0.2,0.2 0.8,0.2 0.5,0.8"]
    >>> one = {"support": [letter] * 5, "query": [letter] * 5,
    ...        "answers": {"MAML": [[[0.2] * 5] * 5, [[0.6, 0.1, 0.1, 0.1, 0.1]] * 5]}}
    >>> [str(readout) for readout in letters_scene([one], 1, 1, "MAML", 1).readouts]
    ['0.60', 'letter 1: right']
    """
    task, query = as_count("task", task, minimum=1), as_count("query", query, minimum=1)
    if task > len(shown) or query > WAYS:
        raise ValueError(f"task and query must be at most {len(shown)} and {WAYS}, got {task!r} and {query!r}")
    one = shown[task - 1]
    if start not in one["answers"]:
        raise ValueError(f"start must be one of {', '.join(one['answers'])}, got {start!r}")
    answers = as_array("answers", one["answers"][start], ndim=3)
    num_steps = as_count("num_steps", num_steps)
    if num_steps >= len(answers):
        raise ValueError(f"num_steps must be at most {len(answers) - 1}, got {num_steps!r}")
    said = answers[num_steps, query - 1]
    return Panels({"letters": _letters(one, query), "said": _said(said, query)}, widths=(1.15, 1.0))


def _letters(one: Mapping[str, Any], query: int) -> Scene:
    marks = []
    for place, lines in enumerate(one["support"]):
        corner = (PITCH * place, 1.5)
        marks += _outline(f"letter_{place}", "support", lines, corner, _("support: one drawing of each letter"))
        marks.append(Mark("words", f"number_{place}", "guide", [[corner[0] + 0.5, 1.3]], tag=str(place + 1)))
    corner = (PITCH * (WAYS - 1) / 2, 0.0)
    marks += _outline("asked", "query", one["query"][query - 1], corner, _("query: which of them is this?"))
    width = PITCH * (WAYS - 1) + 1
    axes = Axes(_("letters"), _("drawings"), (-0.05, width + 0.05), (-0.1, 2.6), equal=True, frame=False)
    return Scene(axes, marks, [], _("Five letters in a row, numbered 1 to 5, and below them another drawing of one."))


def _outline(name: str, role: str, lines: Sequence[str], corner: tuple[float, float], label: str) -> list[Mark]:
    return [
        Mark("line", f"{name}_{number}", role, np.array(_points(line)) + corner, label=label)
        for number, line in enumerate(lines)
    ]


def _points(line: str) -> list[list[float]]:
    return [[float(part) for part in point.split(",")] for point in line.split()]


def _said(said: np.ndarray, query: int) -> Scene:
    tops = np.column_stack([np.arange(1, WAYS + 1), said])
    right = np.arange(1, WAYS + 1) == query
    best = int(said.argmax()) + 1
    verdict = _("letter {best}: right") if best == query else _("letter {best}: wrong")
    marks = [
        Mark("bars", "right", "maml", tops[right], label=_("the right letter")),
        Mark("bars", "others", "baseline", tops[~right], label=_("the other four")),
        Mark("line", "chance", "guide", [[0.4, 1 / WAYS], [WAYS + 0.6, 1 / WAYS]], label=_("a guess: one fifth")),
    ]
    readouts = [
        Readout("right", _("probability of the right letter"), said[query - 1], digits=2),
        Readout("answer", _("most probable"), verdict.format(best=best)),
    ]
    axes = Axes(_("letter of the support set"), _("probability"), (0.4, WAYS + 0.6), (0.0, 1.05))
    return Scene(axes, marks, readouts, _("Five bars: the probability of each letter, after the steps taken so far."))


def letters_explorer(shown: Sequence[Mapping[str, Any]]) -> Explorer:
    """Return the explorer of :func:`letters_scene` on tasks that a chapter hands over."""
    from mamlkit.explorers.controls import Choice, Prompt
    from mamlkit.explorers.explorer import Explorer

    prompts = [
        Prompt(
            _("Take one step from MAML's start. What does it make of a fifth for each letter?"),
            state={"task": 1, "query": 1, "start": "MAML", "num_steps": 0},
            answer=_("A decision: letter 1, with nearly all of the probability. It was trained for a single step."),
        ),
        Prompt(
            _("Task 2, letter 4: one step leads MAML astray. Do four more mend it?"),
            state={"task": 2, "query": 4, "start": "MAML", "num_steps": 1},
            answer=_("No. It names letter 5 after one step and after five, and is sure of it each time."),
        ),
        Prompt(
            _("Task 3, letter 4: MAML is right after a step, and not sure. What do more steps do?"),
            state={"task": 3, "query": 4, "start": "MAML", "num_steps": 1},
            answer=_("They make it surer, from 0.60 to 0.78. Right it was before."),
        ),
        Prompt(
            _("Now from scratch, five steps: go through the letters of task 1. How many are right?"),
            state={"task": 1, "query": 1, "start": "scratch", "num_steps": 5},
            answer=_("One of five, as many as a guess gets right on average."),
        ),
    ]
    steps = len(next(iter(shown[0]["answers"].values())))
    return Explorer(
        partial(letters_scene, shown),
        title=_("Which letter is it?"),
        name="letters",
        prompts=prompts,
        task=Choice(tuple(range(1, len(shown) + 1)), 1, _("task: five letters never seen")),
        query=Choice(tuple(range(1, WAYS + 1)), 1, _("the letter that is asked for")),
        start=Choice(METHODS, "MAML", _("start from"), (_("MAML"), _("ANIL"), _("scratch"))),
        num_steps=Choice(tuple(range(steps)), 0, _("inner steps K"), play=True),
    )
