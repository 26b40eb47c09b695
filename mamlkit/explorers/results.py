"""Measured results as pictures: accuracy against seconds, errors against steps, and how far each layer moves.

What the pictures show comes in as numbers of the experiments; nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mamlkit._check import as_vector
from mamlkit.scene import Axes, Mark, Panels, Scene
from mamlkit.text import gettext as _

ROLES = {
    "MAML": "maml",
    "ANIL": "anil",
    "FOMAML": "fomaml",
    "Reptile": "reptile",
    "joint": "joint",
    "prototypes": "baseline",
    "scratch": "scratch",
}


def _labels() -> dict[str, str]:
    return {
        "MAML": _("MAML"),
        "ANIL": _("ANIL"),
        "FOMAML": _("FOMAML"),
        "Reptile": _("Reptile"),
        "joint": _("joint training"),
        "prototypes": _("prototypical network"),
        "scratch": _("scratch"),
    }


def seconds_scene(found: Mapping[str, Any], pixels: float) -> Scene:
    """Return accuracy along training against seconds of processor time, means over seeds.

    Parameters
    ----------
    found : mapping
        For each method, a key of :data:`ROLES`, ``seconds`` and ``right``, both (num_seeds, num_looks).
    pixels : float
        The accuracy of nearest neighbours on pixels, which train nothing.

    Raises
    ------
    ValueError
        If a method has no role.

    Examples
    --------
    >>> scene = seconds_scene({"MAML": {"seconds": [[1, 9]], "right": [[0.5, 0.9]]}}, 0.6)
    >>> scene.marks[-1].xy
    array([[1. , 0.5],
           [9. , 0.9]])
    """
    _check_methods(found)
    paths = {
        name: np.column_stack([np.mean(one["seconds"], axis=0), np.mean(one["right"], axis=0)])
        for name, one in found.items()
    }
    end = 1.03 * max(path[-1, 0] for path in paths.values())
    level = np.array([[0.0, pixels], [end, pixels]])
    marks = [Mark("line", "pixels", "guide", level, label=_("nearest neighbour on pixels"))]
    marks += [Mark("path", name, ROLES[name], path, label=_labels()[name]) for name, path in paths.items()]
    axes = Axes(_("processor seconds of training"), _("accuracy, 5-way 1-shot"), (0.0, end), (0.4, 1.0))
    return Scene(axes, marks, [], _("Accuracy on new scripts against seconds of training: a rising curve a method."))


def errors_scene(found: Mapping[str, Any], *, top: float = 4.5) -> Scene:
    """Return query errors against inner steps with 95 % intervals as bands.

    Parameters
    ----------
    found : mapping
        For each method, a key of :data:`ROLES`, ``mean`` and ``half`` (steps + 1,).
    top : float
        Where the picture ends.

    Examples
    --------
    >>> scene = errors_scene({"MAML": {"mean": [3.0, 0.3], "half": [0.2, 0.1]}})
    >>> [mark.name for mark in scene.marks]
    ['MAML_band', 'MAML']
    """
    _check_methods(found)
    marks = []
    for name, one in found.items():
        mean, half = as_vector("mean", one["mean"]), as_vector("half", one["half"])
        steps = np.arange(len(mean))
        band = np.column_stack([np.r_[steps, steps[::-1]], np.r_[mean - half, (mean + half)[::-1]]])
        marks.append(Mark("area", f"{name}_band", ROLES[name], np.clip(band, None, [np.inf, top])))
        marks.append(Mark("path", name, ROLES[name], np.column_stack([steps, mean]), label=_labels()[name]))
    axes = Axes(_("inner steps"), _("mean squared query error"), (0.0, float(len(mean) - 1)), (0.0, top))
    return Scene(axes, marks, [], _("Error on new waves against inner steps, a line in a band for each start."))


def moved_scene(glyphs: Any, half_spaces: Any) -> Panels:
    """Return how far adaptation moves each layer's weights relative to their norm, in two regimes.

    Parameters
    ----------
    glyphs, half_spaces : array_like, shape (layers,)
        The head last.

    Examples
    --------
    >>> list(moved_scene([0.01, 0.02, 0.5], [1.0, 0.3]).scenes)
    ['glyphs', 'half-spaces']
    """
    names = {"glyphs": (_("letters: layer"), glyphs), "half-spaces": (_("half-spaces: layer"), half_spaces)}
    return Panels({name: _moved(label, as_vector(name, moved)) for name, (label, moved) in names.items()}, (1.6, 1.0))


def _moved(label: str, moved: np.ndarray) -> Scene:
    place, top = np.arange(1, len(moved) + 1), 1.25 * max(moved.max(), 0.4)
    marks = [Mark("bars", "moved", "maml", np.column_stack([place, moved]), label=_("way of the weights"))]
    marks.append(Mark("words", "head", "guide", [[place[-1], moved[-1] + 0.06 * top]], tag=_("head")))
    axes = Axes(label, _("way, relative to the norm"), (0.4, len(moved) + 0.6), (0.0, top))
    return Scene(axes, marks, [], _("Bars: how far a task's steps move each layer's weights; the head stands last."))


def _check_methods(found: Mapping[str, Any]) -> None:
    for name in found:
        if name not in ROLES:
            raise ValueError(f"found must name methods out of {', '.join(ROLES)}; got {name!r}")
