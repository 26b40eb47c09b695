"""The error of several ways to train an initialisation while they train, over several seeds (claim R5b)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from mamlkit._check import as_array, as_vector
from mamlkit.scene import Axes, Mark, Scene
from mamlkit.text import gettext as _


def race_scene(across: Mapping[str, ArrayLike], errors: Mapping[str, ArrayLike], *, against: str) -> Scene:
    """Return a line for each method, the mean over seeds, in a band from the least to the greatest.

    Parameters
    ----------
    across : mapping of str to array_like, shape (n,)
        How far training had come at each validation; keys "maml", "fomaml", "reptile", "joint".
    errors : mapping of str to array_like, shape (num_seeds, n)
        The error of each seed at these validations.
    against : {"iterations", "seconds"}
        What `across` counts, for the label of the horizontal axis.

    Examples
    --------
    >>> scene = race_scene({"maml": [100, 200]}, {"maml": [[3.0, 1.0], [4.0, 2.0]]}, against="iterations")
    >>> scene.marks[1].xy.tolist()
    [[100.0, 3.5], [200.0, 1.5]]
    """
    labels = {"maml": _("MAML"), "fomaml": _("FOMAML"), "reptile": _("Reptile"), "joint": _("joint training")}
    ways = {"iterations": _("iterations of the outer loop"), "seconds": _("seconds of processor time")}
    marks, top, end = [], 0.0, 0.0
    for name, values in errors.items():
        runs = as_array(f"errors[{name!r}]", values, ndim=2)
        x = as_vector(f"across[{name!r}]", across[name], size=runs.shape[1])
        band = np.r_[runs.min(axis=0), runs.max(axis=0)[::-1]]
        marks.append(Mark("area", f"{name}_band", name, np.column_stack([np.r_[x, x[::-1]], band])))
        marks.append(Mark("line", name, name, np.column_stack([x, runs.mean(axis=0)]), label=labels[name]))
        top, end = max(top, runs.max()), max(end, x.max())
    axes = Axes(ways[against], _("mean squared error after adapting"), (0.0, 1.02 * end), (0.0, 1.05 * top))
    alt = _(
        "The error on new tasks, after adapting to each, against how long the start was trained: one falling line for "
        "each method, in a band from the best seed to the worst."
    )
    return Scene(axes, marks, [], alt)
