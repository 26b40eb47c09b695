"""Waves and networks that adapt to them: the curves come in as arrays, so nothing here needs PyTorch (claim R1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from mamlkit._check import Array, as_array, as_vector
from mamlkit.scene import Axes, Mark, Readout, Scene
from mamlkit.text import gettext as _

if TYPE_CHECKING:
    from mamlkit.explorers.explorer import Explorer

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


def wave_explorer(x: ArrayLike, curves: Mapping[str, ArrayLike], support: ArrayLike) -> Explorer:
    """Return an explorer that steps through adaptation on several waves.

    Parameters
    ----------
    x : array_like, shape (n,)
    curves : mapping of str to array_like, shape (num_tasks, num_steps + 1, n)
        The networks' curves after 0, 1, ... inner steps; "truth" has shape (num_tasks, n).
    support : array_like, shape (num_tasks, m, 2)
    """
    from mamlkit.explorers.controls import Choice, Slider
    from mamlkit.explorers.explorer import Explorer

    truth = as_array("curves['truth']", curves["truth"], ndim=2)
    adapted = {name: as_array(f"curves[{name!r}]", v, ndim=3) for name, v in curves.items() if name != "truth"}
    points = as_array("support", support, ndim=3)
    num_steps = min(values.shape[1] for values in adapted.values()) - 1

    def scene(step: int, wave: int) -> Scene:
        shown = {name: values[int(wave) - 1, int(step)] for name, values in adapted.items()}
        return wave_scene(x, {"truth": truth[int(wave) - 1], **shown}, points[int(wave) - 1])

    return Explorer(
        scene,
        title=_("Ten points of a wave, and a few gradient steps"),
        name="waves",
        step=Slider(np.arange(num_steps + 1), 1, _("inner steps taken"), digits=0),
        wave=Choice(tuple(range(1, len(truth) + 1)), 1, _("wave")),
    )


def error_scene(errors: Mapping[str, ArrayLike]) -> Scene:
    """Return the mean query loss of each method after 0, 1, 2, ... inner steps.

    Parameters
    ----------
    errors : mapping of str to array_like, shape (num_steps + 1,)
        Keys of :data:`CURVES`.

    Examples
    --------
    >>> error_scene({"maml": [3.0, 0.3, 0.2]}).marks[0].xy[1]
    array([1. , 0.3])
    """
    lines = {name: as_vector(f"errors[{name!r}]", values) for name, values in errors.items()}
    labels = _labels()
    marks = [
        Mark("path", name, name, np.column_stack([np.arange(len(line)), line]), label=labels[name])
        for name, line in lines.items()
    ]
    top = max(line.max() for line in lines.values())
    steps = max(len(line) for line in lines.values()) - 1
    across, up = _("inner steps taken"), _("mean squared error on query sets")
    axes = Axes(across, up, xlim=(-0.2, steps + 0.2), ylim=(0.0, 1.1 * top))
    alt = _("Mean squared error on the query sets of new tasks against the number of inner steps.")
    return Scene(axes, marks, [], alt)
