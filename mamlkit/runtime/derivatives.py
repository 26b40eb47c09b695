"""Are the derivatives of a loss right, twice over, and batched as well as alone? A check for models of one's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.gradcheck import GradcheckError, gradcheck, gradgradcheck
from torch.func import vmap
from torch.utils import _pytree as pytree

from mamlkit.runtime.losses import Loss, scalar
from mamlkit.runtime.operators import mended, second_derivatives_explained
from mamlkit.runtime.trees import as_tensors, split

ADVICE = (
    "a custom autograd.Function or an operator of PyTorch may differentiate wrongly (write it with others, or use "
    'first_order=True if only its second derivative is wrong, or task_axis="loop" if only batching is), loss_fn may '
    "keep state or cut the graph (detach, item or no_grad; padding_idx and spectral norm in training mode do so on "
    "purpose), or params may lie on a kink, such as a ReLU at exactly 0"
)


def check(loss_fn: Loss, params: Any, batch: Sequence[Any], *, directions: int = 3, seed: int = 0) -> None:
    """Check the derivatives of a loss that the meta-gradient is made of; say nothing if they are right.

    The first and second derivatives at `params`, along random directions and in float64, are compared with finite
    differences (`torch.autograd.gradcheck` and `gradgradcheck`), and those of three equal tasks, batched by vmap,
    with those of one alone. What the engine computes in another way than PyTorch is checked in that way.

    Parameters
    ----------
    loss_fn, params, batch
        As in `mamlkit.engine.adapt`: one task.
    directions : int
        How many pairs of directions are tried.
    seed : int
        Seeds the directions, and whatever the loss draws.

    Raises
    ------
    GradcheckError
        If a derivative is wrong; names the parameters in which it is, and what may be done.

    Examples
    --------
    >>> check(lambda w, x: ((w * x) ** 4).mean(), torch.ones(3), (torch.tensor([1.0, 2.0, 3.0]),))
    >>> check(lambda w, x: (w.detach() * w * x).mean(), torch.ones(3), (torch.tensor([1.0, 2.0, 3.0]),))
    Traceback (most recent call last):
    torch.autograd.gradcheck.GradcheckError: the first derivative of loss_fn is wrong in params: a custom ...
    """
    tensors, rebuild = split(pytree.tree_map(_double, params))
    paths = [pytree.keystr(path) for path, _ in pytree.tree_flatten_with_path(params)[0]]
    inputs = pytree.tree_map(_double, as_tensors("batch", batch, tensors[0]))
    generator = torch.Generator().manual_seed(seed)

    def loss(theta: list[Tensor]) -> Tensor:
        torch.manual_seed(seed)
        with mended(twice=True):
            return scalar(loss_fn)(rebuild(theta), *inputs)

    with torch.random.fork_rng(), second_derivatives_explained():
        for _ in range(directions):
            u, v = ([_direction(tensor, generator) for tensor in tensors] for _ in range(2))
            for name, right in (("first", gradcheck), ("second", gradgradcheck), ("batched", _batches)):
                if not _passes(right, loss, tensors, u, v):
                    wrong = [p for i, p in enumerate(paths) if not _passes(right, loss, tensors, *_only(i, u, v))]
                    where = ", ".join(f"params{path}" for path in wrong[:8]) or "no single tensor of params"
                    raise GradcheckError(f"the {name} derivative of loss_fn is wrong in {where}: {ADVICE}")


def _passes(right: Callable[..., bool], loss: Callable[..., Tensor], at: list[Tensor], *along: list[Tensor]) -> bool:
    """Say whether `right` holds of the loss as a function of how far it goes along each direction."""

    def moved(*far: Tensor) -> Tensor:
        return loss([t + sum(f * d[i] for f, d in zip(far, along, strict=True)) for i, t in enumerate(at)])

    start = [at[0].new_zeros(()).requires_grad_() for _ in along]
    return right(moved, start, raise_exception=False)


def _batches(moved: Callable[..., Tensor], start: list[Tensor], *, raise_exception: bool) -> bool:
    """Say whether the derivatives of three equal tasks are those of one; a loss that vmap refuses passes."""
    many = [point.detach().expand(3).clone().requires_grad_() for point in start]
    try:
        losses = vmap(moved, randomness="same")(*many)
    except RuntimeError:
        return True
    found, alone = (_derivatives(loss, points) for loss, points in ((losses, many), (moved(*start), start)))
    return all(torch.allclose(a, b.expand(3), rtol=1e-8, atol=1e-10) for a, b in zip(found, alone, strict=True))


def _derivatives(loss: Tensor, points: list[Tensor]) -> list[Tensor]:
    grad = partial(torch.autograd.grad, materialize_grads=True, allow_unused=True)
    first = grad(loss.sum(), points, create_graph=True)
    total = torch.stack([(slope**2).sum() for slope in first]).sum()
    return [*first, *(grad(total, points) if total.requires_grad else ())]


def _double(leaf: Any) -> Any:
    return leaf.detach().double() if isinstance(leaf, Tensor) and leaf.is_floating_point() else leaf


def _direction(tensor: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype).to(tensor.device)


def _only(index: int, *along: list[Tensor]) -> list[list[Tensor]]:
    return [[d if i == index else torch.zeros_like(d) for i, d in enumerate(directions)] for directions in along]
