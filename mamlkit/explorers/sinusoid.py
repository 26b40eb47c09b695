"""Waves and networks that adapt to them: the curves come in as arrays, so nothing here needs PyTorch (claim R1)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from mamlkit._check import Array, as_array, as_vector
from mamlkit.scene import Axes, Mark, Readout, Scene
from mamlkit.text import gettext as _

CURVES = ("truth", "scratch", "joint", "maml")  # what a curve may show; each is drawn in the role of its name


def wave_scene(x: ArrayLike, curves: Mapping[str, ArrayLike], support: ArrayLike) -> Scene:
    """Return curves over `x` together with the support points they were fitted to.

    Parameters
    ----------
    x : array_like, shape (n,)
    curves : mapping of str to array_like, shape (n,)
        Keys of :data:`CURVES`. Where there is a "truth", each other curve gets its mean squared distance from it.
    support : array_like, shape (m, 2)
        The support points.

    Raises
    ------
    TypeError, ValueError
        If a curve has an unknown name or does not fit `x`.

    Examples
    --------
    >>> scene = wave_scene([0.0, 1.0], {"truth": [0.0, 1.0], "maml": [0.0, 3.0]}, [[0.0, 0.0]])
    >>> str(scene.readouts[0])
    '2.00'
    """
    x = as_vector("x", x)
    lines = {name: as_vector(f"curves[{name!r}]", values, size=len(x)) for name, values in curves.items()}
    unknown = set(lines) - set(CURVES)
    if unknown:
        raise ValueError(f"curves must be named {', '.join(CURVES)}; got {sorted(unknown)!r}")
    labels = _labels()
    marks = [Mark("line", name, name, np.column_stack([x, line]), label=labels[name]) for name, line in lines.items()]
    marks.append(Mark("points", "support", "support", as_array("support", support, ndim=2), label=_("support set")))
    axes = Axes(_("input x"), _("output y"), xlim=(x.min(), x.max()), ylim=(-5.5, 5.5))
    alt = _("A sine wave over inputs from −5 to 5, ten points on it, and curves that networks made of them.")
    return Scene(axes, marks, _errors(lines), alt)


def _labels() -> dict[str, str]:
    return {
        "truth": _("the wave"),
        "scratch": _("network trained from scratch"),
        "joint": _("start from joint training"),
        "maml": _("start from MAML"),
    }


def _errors(lines: dict[str, Array]) -> list[Readout]:
    labels = {
        "scratch": _("mean squared error, from scratch"),
        "joint": _("mean squared error, joint training"),
        "maml": _("mean squared error, MAML"),
    }
    return [
        Readout(name, labels[name], float(np.mean((line - lines["truth"]) ** 2)), digits=2)
        for name, line in lines.items()
        if "truth" in lines and name != "truth"
    ]


def error_scene(errors: Mapping[str, ArrayLike]) -> Scene:
    """Return the mean query loss of each method after 0, 1, 2, ... inner steps, over several seeds.

    Parameters
    ----------
    errors : mapping of str to array_like, shape (num_seeds, num_steps + 1)
        Keys of :data:`CURVES`. The line is the mean over seeds, the band reaches from the least to the greatest.

    Examples
    --------
    >>> scene = error_scene({"maml": [[3.0, 0.3, 0.2], [3.2, 0.5, 0.2]]})
    >>> [mark.kind for mark in scene.marks], scene.marks[1].xy[1]
    (['area', 'path'], array([1. , 0.4]))
    """
    runs = {name: as_array(f"errors[{name!r}]", values, ndim=2) for name, values in errors.items()}
    labels, marks = _labels(), []
    for name, values in runs.items():
        step = np.arange(values.shape[1])
        band = np.concatenate([values.min(axis=0), values.max(axis=0)[::-1]])
        marks.append(Mark("area", f"{name}_band", name, np.column_stack([np.r_[step, step[::-1]], band])))
        marks.append(Mark("path", name, name, np.column_stack([step, values.mean(axis=0)]), label=labels[name]))
    top = max(values.max() for values in runs.values())
    steps = max(values.shape[1] for values in runs.values()) - 1
    across, up = _("inner steps taken"), _("mean squared error on query sets")
    axes = Axes(across, up, xlim=(-0.2, steps + 0.2), ylim=(0.0, 1.1 * top))
    alt = _(
        "Mean squared error on the query sets of new tasks against the number of inner steps: a line for the mean over "
        "seeds, in a band from the least to the greatest."
    )
    return Scene(axes, marks, [], alt)


def descent_scene(losses: Mapping[str, ArrayLike]) -> Scene:
    """Return the outer loss at each iteration of training, of MAML written out ("by hand") and of the engine.

    Parameters
    ----------
    losses : mapping of str to array_like, shape (num_iterations,)
        Keys "by hand" and "engine".

    Examples
    --------
    >>> [mark.role for mark in descent_scene({"by hand": [3.0, 2.0], "engine": [3.0, 2.0]}).marks]
    ['maml', 'recomputed']
    """
    looks = {"by hand": ("maml", _("MAML, written out")), "engine": ("recomputed", _("engine.meta_train"))}
    marks, top = [], 0.0
    for name, values in losses.items():
        line = as_vector(f"losses[{name!r}]", values)
        role, label = looks[name]
        marks.append(Mark("line", name, role, np.column_stack([np.arange(len(line)), line]), label=label))
        top = max(top, line.max())
    longest = max(len(mark.xy) for mark in marks)
    axes = Axes(_("iteration of the outer loop"), _("outer loss"), xlim=(0, longest), ylim=(0.0, 1.05 * top))
    alt = _("The outer loss against iterations: it falls, with noise, since each iteration draws new tasks.")
    return Scene(axes, marks, [], alt)
