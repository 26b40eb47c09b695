"""An alloy's energy curve, as more energies are computed: by a fitted equation of state and by MAML's inner steps.

What a reader would not have guessed: with three points the classic fit is as good as anything while the energies are
clean, and 3 meV of noise can throw it further off than the guess that it began with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mamlkit._check import as_count
from mamlkit.scene import Axes, Mark, Panels, Readout, Scene
from mamlkit.text import gettext as _

if TYPE_CHECKING:
    from mamlkit.explorers.explorer import Explorer

METHODS = ("baseline", "maml")
MOST, TOP = 6, 160.0
STRAINS = np.arange(-10.0, 11.0)  # in percent


def alloy_scene(cases: Mapping[str, Any], *, alloy: str, points: int, noise: str, order: str) -> Scene:
    """Return an alloy's curve, the points seen so far, and the curves that two methods make of them.

    Parameters
    ----------
    cases : mapping
        As `mamlkit.applications.materials_curves.alloy_cases` returns them.
    alloy : str
        A key of `cases`.
    points : int
        How many energies the methods have seen, 0 to 6.
    noise : {"clean", "noisy"}
    order : {"both", "wide"}
        Where the points lie: on both sides of the guess, or at larger volumes only.

    Raises
    ------
    ValueError
        If there is no such alloy, noise or order, or there are too many points.

    Examples
    --------
    >>> method = {"curves": np.ones((7, 21)), "lattice": np.ones(7), "modulus": np.ones(7)}
    >>> shown = {"points": np.ones((6, 2)), "baseline": method, "maml": method}
    >>> case = {"truth": np.ones(21), "clean": {"both": shown}}
    >>> scene = alloy_scene({"X": case}, alloy="X", points=2, noise="clean", order="both")
    >>> [mark.name for mark in scene.marks]
    ['truth', 'baseline', 'maml', 'support']
    """
    for name, value, allowed in (
        ("alloy", alloy, cases),
        ("noise", noise, [key for key in cases.get(alloy, {}) if key in ("clean", "noisy")]),
        ("order", order, cases.get(alloy, {}).get(noise, {})),
    ):
        if value not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(allowed)}; got {value!r}")
    if as_count("points", points) > MOST:
        raise ValueError(f"points must be at most {MOST}, got {points!r}")
    case, shown = cases[alloy], cases[alloy][noise][order]
    labels = {"baseline": _("guess; from 3 points on, fitted curve"), "maml": _("MAML, three steps")}
    marks = [Mark("line", "truth", "truth", np.column_stack([STRAINS, case["truth"]]), label=_("all energies"))]
    for method in METHODS:
        curve = np.column_stack([STRAINS, shown[method]["curves"][points]])
        marks.append(Mark("line", method, method, curve, label=labels[method]))
    if points:
        marks.append(Mark("points", "support", "support", shown["points"][:points], label=_("energies seen")))
    axes = Axes(_("volume, % off the guess"), _("energy of an atom, meV"), (-10.5, 10.5), (-15.0, TOP))
    alt = _(
        "Energy against volume for one alloy: its true curve, a valley; the energies seen so far; and two curves, by a "
        "fit and by MAML, that come closer to it as points are added."
    )
    return Scene(axes, marks, _readouts(shown, points), alt)


def _readouts(shown: Mapping[str, Any], points: int) -> list[Readout]:
    labels = {
        "lattice": {"baseline": _("lattice constant off by, fit"), "maml": _("lattice constant off by, MAML")},
        "modulus": {"baseline": _("bulk modulus off by, fit"), "maml": _("bulk modulus off by, MAML")},
    }
    units = {"lattice": " mÅ", "modulus": " GPa"}
    return [
        Readout(f"{what}_{m}", labels[what][m], float(shown[m][what][points]), unit=units[what], digits=1)
        for what in labels
        for m in METHODS
    ]


def alloy_explorer(cases: Mapping[str, Any]) -> Explorer:
    """Return the explorer of :func:`alloy_scene`: number of points (to play), their noise and place, the alloy."""
    from mamlkit.explorers.controls import Choice, Prompt
    from mamlkit.explorers.explorer import Explorer

    def scene(alloy: str, points: int, noise: str, order: str) -> Scene:
        return alloy_scene(cases, alloy=alloy, points=points, noise=noise, order=order)

    names, first = tuple(cases), next(iter(cases))
    prompts = [
        Prompt(
            _("Two energies, one on either side. Who knows more of the valley?"),
            state={"alloy": first, "points": 2, "noise": "clean", "order": "both"},
            answer=_("MAML. A fit needs three points at least; until then there is only the guess."),
        ),
        Prompt(
            _("A third point, still clean. And now?"),
            state={"alloy": first, "points": 3, "noise": "clean", "order": "both"},
            answer=_("The fit lies on the curve. Three steps leave something of where MAML began."),
        ),
        Prompt(
            _("The same three points with an error of 3 meV each. Which of the two moved?"),
            state={"alloy": first, "points": 3, "noise": "noisy", "order": "both"},
            answer=_("Mostly the fit: it goes through whatever it is given. Read the two bulk moduli."),
        ),
        Prompt(
            _("All six noisy points at larger volumes. What do the two make of them?"),
            state={"alloy": first, "points": 6, "noise": "noisy", "order": "wide"},
            answer=_("MAML has hardly moved: the sizes of its steps were learned from points on both sides."),
        ),
    ]
    return Explorer(
        scene,
        title=_("An alloy, energy by energy"),
        name="alloy",
        prompts=prompts,
        points=Choice(tuple(range(MOST + 1)), 2, _("energies computed"), play=True),
        noise=Choice(("clean", "noisy"), "clean", _("energies are"), names=(_("clean"), _("off by 3 meV"))),
        order=Choice(("both", "wide"), "both", _("volumes"), names=(_("both sides"), _("larger only"))),
        alloy=Choice(names, first, _("alloy"), names=names),
    )


def errors_scene(errors: Mapping[str, Mapping[str, Mapping[int, float]]]) -> Panels:
    """Return the error of the curve against the number of energies, one panel for clean and one for noisy ones.

    Parameters
    ----------
    errors : mapping of str to mapping of str to mapping of int to float
        By noise ("clean", "noisy"), then by role: "guide" (the guess), "baseline" (the fit with B' held), "relative"
        (MAP), "maml" or "joint"; meV by number of energies.

    Examples
    --------
    >>> panels = errors_scene({"clean": {"maml": {2: 4.7, 3: 2.4}}, "noisy": {"maml": {2: 6.1, 3: 3.4}}})
    >>> panels.scenes["clean"].marks[0].xy.tolist()
    [[2.0, 4.7], [3.0, 2.4]]
    """
    labels = {
        "guide": _("guess"),
        "baseline": _("fit, B′ = 4.5"),
        "relative": _("MAP"),
        "maml": _("MAML"),
        "joint": _("pre-train, fine-tune"),
    }
    titles = {"clean": _("clean energies"), "noisy": _("energies off by 3 meV")}
    top = 1.1 * max(max(row.values()) for roles in errors.values() for row in roles.values())
    scenes = {}
    for noise, roles in errors.items():
        marks = [
            Mark("path", role, role, np.array([*row.items()], dtype=float), label=labels[role])
            for role, row in roles.items()
        ]
        alt = _("The error of the curve against the number of energies, a line for each method.")
        axes = Axes(titles[noise], _("error of the curve, meV"), (1.5, 6.5), (0.0, float(top)))
        scenes[noise] = Scene(axes, marks, [], alt)
    return Panels(scenes)
