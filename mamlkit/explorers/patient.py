"""One person's concentration curve, as more blood samples are taken: by the MAP estimate and by MAML's inner steps.

What a reader would not have guessed: six samples in the first hours can leave the night unknown, and a single one at
seven hours says nearly all of it. *When* one samples matters more than how often.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from mamlkit._check import as_count
from mamlkit.scene import Axes, Mark, Panels, Readout, Scene
from mamlkit.text import gettext as _

if TYPE_CHECKING:
    from mamlkit.explorers.explorer import Explorer

METHODS = ("maml", "baseline")  # the dashed line is drawn on the full one
MOST, LATE = 6, 7  # samples to learn from at most; the samples from this index on are to be predicted
TOP = 13.0


def patient_scene(cases: Mapping[str, Any], *, person: str, samples: int, when: str) -> Scene:
    """Return a person's samples and the curves that two methods make of the first of them.

    Parameters
    ----------
    cases : mapping
        "hours" (n,) and "people", as `mamlkit.applications.medicine_curves.patient_cases` returns them.
    person : str
        A key of "people".
    samples : int
        How many samples are shown to the methods, 0 to 6.
    when : {"early", "spread"}
        In which order they are taken.

    Raises
    ------
    ValueError
        If there is no such person or order, or there are too many samples.

    Examples
    --------
    >>> level = {name: {"early": np.ones((7, 2))} for name in METHODS}
    >>> row = {name: {"early": np.ones(7)} for name in METHODS}
    >>> case = {"time": np.arange(10), "seen": np.ones(10), "order": {"early": range(6)},
    ...         "curves": level, "errors": row, "clearance": row}
    >>> scene = patient_scene({"hours": [0.0, 24.0], "people": {"1": case}}, person="1", samples=2, when="early")
    >>> [mark.name for mark in scene.marks]
    ['unseen', 'maml', 'baseline', 'support']
    """
    case, n = _case(cases, person, when), as_count("samples", samples)
    if n > MOST:
        raise ValueError(f"samples must be at most {MOST}, got {samples!r}")
    points = np.column_stack([case["time"], case["seen"]])
    labels = {"baseline": _("MAP, published prior"), "maml": _("MAML, five steps")}
    marks = [Mark("points", "unseen", "query", points[LATE:], label=_("to be predicted"))]
    for method in METHODS:
        curve = np.column_stack([cases["hours"], case["curves"][method][when][n]])
        marks.append(Mark("line", method, method, curve, label=labels[method]))
    if n:
        taken = list(case["order"][when])[:n]
        marks.append(Mark("points", "support", "support", points[taken], label=_("samples taken")))
    axes = Axes(_("hours after the dose"), _("concentration, mg/L"), (0.0, 25.5), (0.0, TOP))
    alt = _(
        "Concentration against time for one person: the samples taken so far, the three that are to be predicted, and "
        "two curves, which rise within an hour or two and then fall until the next day."
    )
    return Scene(axes, marks, _readouts(case, when, n), alt)


def _case(cases: Mapping[str, Any], person: str, when: str) -> Mapping[str, Any]:
    people = cases["people"]
    if person not in people:
        raise ValueError(f"person must be one of {', '.join(people)}; got {person!r}")
    if when not in people[person]["order"]:
        raise ValueError(f"when must be one of {', '.join(people[person]['order'])}; got {when!r}")
    return people[person]


def _readouts(case: Mapping[str, Any], when: str, n: int) -> list[Readout]:
    labels = {
        "errors": {"baseline": _("error at 9 to 24 h, MAP"), "maml": _("error at 9 to 24 h, MAML")},
        "clearance": {"baseline": _("clearance, MAP"), "maml": _("clearance, MAML")},
    }
    units, digits = {"errors": " mg/L", "clearance": " L/h/kg"}, {"errors": 2, "clearance": 3}
    return [
        Readout(f"{what}_{m}", labels[what][m], float(case[what][m][when][n]), unit=units[what], digits=digits[what])
        for what in labels
        for m in METHODS
    ]


def patient_explorer(cases: Mapping[str, Any]) -> Explorer:
    """Return the explorer of :func:`patient_scene`: the person, the number of samples (to play), and when they are."""
    from mamlkit.explorers.controls import Choice, Prompt, Slider
    from mamlkit.explorers.explorer import Explorer

    def scene(person: float, samples: int, when: str) -> Scene:
        return patient_scene(cases, person=f"{person:.0f}", samples=samples, when=when)

    prompts = [
        Prompt(
            _("Person 1 clears the drug at half the usual rate. Do three early samples show it?"),
            state={"person": 1, "samples": 3, "when": "early"},
            answer=_("No. Both curves pass near the samples, and both fall far below what the next day brings."),
        ),
        Prompt(
            _("The same person, one sample only, at seven hours. What changes?"),
            state={"person": 1, "samples": 1, "when": "spread"},
            answer=_("MAML’s curve turns level and comes close to the late samples. MAP’s prior holds its curve back."),
        ),
        Prompt(
            _("Take all six early samples of person 1. Is the night known now?"),
            state={"person": 1, "samples": 6, "when": "early"},
            answer=_("Better than before, and both miss by more than with one sample at seven hours."),
        ),
        Prompt(
            _("Person 9 absorbs within minutes. Does MAML predict the night better from six samples than from one?"),
            state={"person": 9, "samples": 6, "when": "spread"},
            answer=_("No. The early samples pull at a curve that cannot rise so fast, and the late part gives way."),
        ),
    ]
    return Explorer(
        scene,
        title=_("A patient, sample by sample"),
        name="patient",
        prompts=prompts,
        samples=Choice(tuple(range(MOST + 1)), 1, _("blood samples"), play=True),
        when=Choice(
            ("early", "spread"), "early", _("taken"), names=(_("early, from 15 min on"), _("spread, 7 h first"))
        ),
        person=Slider(np.arange(1, len(cases["people"]) + 1), 1, _("person"), digits=0),
    )


def errors_scene(counts: Sequence[int], errors: Mapping[str, Mapping[str, ArrayLike]]) -> Panels:
    """Return the error of the late samples against the number of samples, one panel for each way to take them.

    Parameters
    ----------
    counts : sequence of int
    errors : mapping of str to mapping of str to array_like, shape (len(counts),)
        By schedule ("early", "spread"), then by method: "guide" (the population's curve), "baseline" (MAP), "relative"
        (posterior mean), "maml", "fomaml" or "joint"; mg/L.

    Examples
    --------
    >>> panels = errors_scene([1, 2], {"early": {"maml": [1.3, 1.2]}, "spread": {"maml": [0.3, 0.5]}})
    >>> list(panels.scenes)
    ['early', 'spread']
    """
    labels = {
        "guide": _("the population’s curve"),
        "baseline": _("MAP, published prior"),
        "relative": _("posterior mean, published prior"),
        "maml": _("MAML on the model"),
        "fomaml": _("FOMAML on the model"),
        "joint": _("joint training, fine-tuned"),
    }
    titles = {"early": _("early samples taken"), "spread": _("spread samples taken")}
    top = 1.1 * max(np.max(values) for methods in errors.values() for values in methods.values())
    scenes = {}
    for schedule, methods in errors.items():
        marks = [
            Mark("path", name, name, np.column_stack([counts, np.asarray(values)]), label=labels[name])
            for name, values in methods.items()
        ]
        axes = Axes(titles[schedule], _("error at 9 to 24 h, mg/L"), (0.5, max(counts) + 0.5), (0.0, float(top)))
        alt = _("The error of the late concentrations against the number of samples, a line for each method.")
        scenes[schedule] = Scene(axes, marks, [], alt)
    return Panels(scenes)
