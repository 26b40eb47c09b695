"""Waves and networks that adapt to them: the curves come in as arrays, so nothing here needs PyTorch (claim R1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from mamlkit._check import Array, as_array, as_vector
from mamlkit.scene import Axes, Mark, Readout, Scene
from mamlkit.text import text

if TYPE_CHECKING:
    from mamlkit.explorers.explorer import Explorer

# What a curve may show, and the role it is drawn in.
CURVES = {"truth": "initial", "scratch": "fomaml", "joint": "fomaml", "maml": "maml"}


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
    marks = [
        Mark("line", name, CURVES[name], np.column_stack([x, line]), label=text(f"sinusoid.{name}"))
        for name, line in lines.items()
    ]
    marks.append(
        Mark("points", "support", "task_a", as_array("support", support, ndim=2), label=text("sinusoid.support"))
    )
    axes = Axes(text("sinusoid.x"), text("sinusoid.y"), xlim=(x.min(), x.max()), ylim=(-5.5, 5.5))
    return Scene(axes, marks, _errors(lines), text("sinusoid.alt"))


def _errors(lines: dict[str, Array]) -> list[Readout]:
    return [
        Readout(name, text(f"sinusoid.error_{name}"), float(np.mean((line - lines["truth"]) ** 2)), digits=2)
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
        title=text("sinusoid.title"),
        name="waves",
        step=Slider(np.arange(num_steps + 1), 1, text("sinusoid.step"), digits=0),
        wave=Choice(tuple(range(1, len(truth) + 1)), 1, text("sinusoid.wave")),
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
    marks = [
        Mark("path", name, CURVES[name], np.column_stack([np.arange(len(line)), line]), label=text(f"sinusoid.{name}"))
        for name, line in lines.items()
    ]
    top = max(line.max() for line in lines.values())
    steps = max(len(line) for line in lines.values()) - 1
    axes = Axes(text("sinusoid.step"), text("sinusoid.error"), xlim=(-0.2, steps + 0.2), ylim=(0.0, 1.1 * top))
    return Scene(axes, marks, [], text("sinusoid.error_alt"))
