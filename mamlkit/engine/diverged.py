"""Training met a number that is not finite: the error that stops it, and the likely cause."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor
from torch.utils import _pytree as pytree

if TYPE_CHECKING:
    from mamlkit.engine.run import MetaTrained, Run


class Diverged(ArithmeticError):
    """Training met a number that is not finite; `trained` is the last good state."""

    def __init__(self, message: str, trained: MetaTrained) -> None:
        super().__init__(message)
        self.trained = trained

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle both arguments, so that a pool of processes can hand the error on."""
        return type(self), (str(self), self.trained)


def explain(run: Run, losses: Tensor, tasks: tuple[Any, Any], which: str = "") -> str:
    """Say which task, which inner step and what likely cause made a loss or the gradient not finite."""
    for name, batch in zip(("support", "query"), tasks, strict=True):
        for leaf in pytree.tree_leaves(batch):
            sound = leaf.isfinite().reshape(len(leaf), -1).all(1)
            if not sound.all():
                task = int(sound.int().argmin())
                return f"the {name} set of {which}task {task} holds a number that is not finite"
    if losses.isfinite().all():
        return _explain_gradient(run, tasks)
    task = int((~losses.isfinite()).int().argmax())
    support = pytree.tree_map(lambda leaf: leaf[task : task + 1], tasks[0])
    seen = pytree.tree_map(lambda leaf: leaf[:, 0], support) if run.options.get("stream") else support
    curve = run.evaluate(support, seen)[:, 0].tolist()
    return f"the outer loss of {which}task {task} is {float(losses[task])}; its {_explain_curve(run, curve)}"


def _explain_gradient(run: Run, tasks: tuple[Any, Any]) -> str:
    sizes = [float(gradient.abs().max()) for gradient in run.gradients(tasks)[0]]
    worst = int(np.argmax(np.nan_to_num(sizes, nan=np.inf)))
    return (
        f"the losses are finite, but the gradient in {run.names[worst]} reaches {sizes[worst]:.3g}, too large "
        "for an optimizer to square: the inner loop is near divergence (lower inner_lr or set clip_norm), or "
        "loss_fn has a point without a derivative, such as a root at 0"
    )


def _explain_curve(run: Run, curve: list[float]) -> str:
    """Say where along the inner loop the support losses `curve` of one task went wrong."""
    shown = ", ".join([f"{value:.3g}" for value in curve[:8]] + ["..."] * (len(curve) > 8))
    if not math.isfinite(curve[0]):
        return f"support loss at the initialisation is {curve[0]}: check loss_fn, or lower outer_lr"
    if math.isfinite(curve[-1]) and curve[-1] <= 10 * curve[0]:
        return f"support loss is sound ({shown}): check loss_fn on its query set"
    step = next((k for k, value in enumerate(curve) if not math.isfinite(value)), len(curve) - 1)
    return (
        f"support loss goes {shown} and the inner loop diverges by step {step}: lower inner_lr "
        f"(now {run.theta(run.tensors)[1]}) or set clip_norm"
    )
