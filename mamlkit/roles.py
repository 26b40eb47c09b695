"""What a mark can be, and how that looks: one look for one role in the whole book.

Colours stand out from white and from the theme's dark pages, and can be told apart by colour-blind readers; a dash or a
marker says the same without colour. Points of the data are filled shapes, lines of methods differ by their dash.
"""

from __future__ import annotations

from typing import NamedTuple


class Style(NamedTuple):
    """How a role looks: a colour for light and dark pages, a dash pattern in points, a marker, a line width."""

    light: str
    dark: str
    dash: tuple[float, ...] = ()
    marker: str = "circle"
    width: float = 1.8


ROLES: dict[str, Style] = {
    "task_a": Style("#0067a8", "#62b5f0"),
    "task_b": Style("#c24e00", "#ff9d52", dash=(6, 3), marker="square"),
    "truth": Style("#1c1c1c", "#f5f5f5"),  # the function that a task's data come from
    "support": Style("#5f22a0", "#e2cdff"),
    "query": Style("#4a4a4a", "#d0d0d0", dash=(1, 2), marker="diamond"),
    "initial": Style("#1c1c1c", "#f5f5f5", dash=(2, 2.5), marker="handle"),
    "nearby": Style("#b3261e", "#ff8f85", dash=(4, 2), marker="triangle"),  # a start moved a little
    "optimum": Style("#1c1c1c", "#f5f5f5", dash=(1, 2), marker="star"),
    "maml": Style("#00795a", "#35d0a2", width=3.4),
    "anil": Style("#3565b8", "#8fb8ff", dash=(7, 2, 2, 2), marker="square", width=2.6),  # only the head moves
    "recomputed": Style("#4a51c9", "#a3a9ff", dash=(5, 2.5), marker="square", width=3.0),
    "fomaml": Style("#a8216f", "#ff86c3", dash=(8, 3.5), marker="triangle", width=3.0),
    "reptile": Style("#5a3fc0", "#b3a4ff", dash=(4, 2, 1, 2), marker="diamond", width=3.0),
    "naive": Style("#6f6000", "#e0c94a", dash=(2, 3, 6, 3), marker="diamond", width=3.0),  # one Jacobian for K steps
    "joint": Style("#8a4b12", "#dcb27e", dash=(10, 3, 2, 3), marker="square", width=2.6),  # one model for all tasks
    "scratch": Style("#606060", "#b5b5b5", dash=(3, 3), marker="diamond", width=2.2),
    "plain": Style("#606060", "#b5b5b5", dash=(8, 2, 2, 2), marker="diamond", width=2.2),  # a gradient, no inner loop
    "baseline": Style("#00707a", "#4fc8d6", dash=(4, 3), marker="square"),  # what practitioners use today
    "attention": Style("#b5224a", "#ff86a0", dash=(8, 3), marker="triangle", width=2.8),  # a layer that reads a context
    "stream": Style("#2f5fd0", "#8fb4ff", dash=(3, 2), marker="diamond", width=2.8),  # a step for each token
    "bayes": Style("#6b5200", "#e0c060", dash=(10, 2, 2, 2), marker="square", width=2.6),  # a posterior mean
    "outer_loss": Style("#606060", "#b0b0b0", dash=(1, 3), width=1.3),
    "guess": Style("#b00020", "#ff7b8a", dash=(12, 4), marker="triangle", width=2.4),  # what the reader drew
    "axes": Style("#5b4a9e", "#b9aaff", dash=(10, 5), width=1.2),  # the eigenvectors of a Hessian
    "error": Style("#8f3b00", "#ffb27a", width=2.6),  # how far an answer is off, in its own units
    "relative": Style("#005c8f", "#6cc0f5", dash=(7, 3), marker="square", width=2.6),  # the same, as a share
    "guide": Style("#6a6a6a", "#9a9a9a", dash=(2, 3), width=1.2),
}
