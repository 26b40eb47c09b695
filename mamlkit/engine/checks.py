"""What the engine accepts: each check names the argument and says what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from mamlkit._check import as_nonnegative, as_number

Pytree = Any
Batch = Sequence[Any]
LossFn = Callable[..., Tensor]


def check_params(params: Pytree) -> Tensor:
    """Return the first tensor of `params`, once all are seen to be tensors that a gradient can be taken in."""
    entries = pytree.tree_flatten_with_path(params)[0]
    if not entries:
        raise ValueError(f"params must hold at least one tensor, got {params!r}")
    for path, leaf in entries:
        if not isinstance(leaf, Tensor) or not leaf.is_floating_point():
            kind = f"a tensor of {leaf.dtype}" if isinstance(leaf, Tensor) else repr(leaf)
            raise TypeError(f"params{pytree.keystr(path)} must be a floating-point tensor, got {kind}")
    return entries[0][1]


def as_tensors(name: str, batch: Batch, like: Tensor) -> tuple[Any, ...]:
    """Return `batch` as a tuple in which NumPy arrays have become tensors; their floats take the type of `like`."""
    if isinstance(batch, str) or not isinstance(batch, Sequence):
        raise TypeError(f"{name} must be a tuple such as (x, y), got {type(batch).__name__}")

    def convert(value: Any) -> Any:
        if isinstance(value, Tensor):
            return value.contiguous()
        if not isinstance(value, np.ndarray):
            raise TypeError(f"{name} must hold tensors or NumPy arrays, got {value!r:.60}")
        value = np.require(value, requirements=["C", "W"])
        return torch.as_tensor(value, dtype=like.dtype if value.dtype.kind == "f" else None, device=like.device)

    return tuple(pytree.tree_map(convert, value) for value in batch)


def count_tasks(support: Batch, query: Batch) -> int:
    """Return the number of tasks, the same in every tensor of both sets."""
    lengths = [
        {len(leaf) if getattr(leaf, "ndim", 0) else 0 for leaf in pytree.tree_leaves(s)} for s in (support, query)
    ]
    if lengths[0] != lengths[1] or len(lengths[0]) != 1 or lengths[0] == {0}:
        raise ValueError(
            "support and query must hold the same number of tasks, the length of the first axis of every tensor; "
            f"got {sorted(lengths[0])} in support and {sorted(lengths[1])} in query"
        )
    return lengths[0].pop()


def as_rates(inner_lr: Pytree, params: Pytree, task_axes: int = 0) -> list[Any]:
    """Spread `inner_lr` over the tensors of `params`; None marks a tensor that the inner loop leaves alone."""
    spec = pytree.tree_structure(params)
    rates = pytree._broadcast_to_and_flatten(inner_lr, spec)
    if rates is None:
        raise ValueError(f"inner_lr must be a number or a pytree like params, got {inner_lr!r} for {spec!r}")
    for rate, leaf in zip(rates, pytree.tree_leaves(params), strict=True):
        of = tuple(rate.shape) if isinstance(rate, Tensor) else ()
        to = tuple(leaf.shape[task_axes:])
        if len(of) > len(to) or any(n not in (1, m) for n, m in zip(of[::-1], to[::-1], strict=False)):
            raise ValueError(f"inner_lr of shape {of} does not fit a parameter of shape {to}")
    return [rate if isinstance(rate, Tensor) else as_nonnegative("inner_lr", rate) or None for rate in rates]


def as_learnable(inner_lr: Pytree, params: Pytree) -> Pytree:
    """Return `inner_lr` with its numbers as tensors like `params`, all but plain zeros."""
    as_rates(inner_lr, params)
    like = check_params(params)
    convert = partial(torch.as_tensor, dtype=like.dtype, device=like.device)
    return pytree.tree_map(lambda rate: convert(rate).clone() if isinstance(rate, Tensor) or rate else rate, inner_lr)


def as_step_weights(step_weights: Sequence[float] | None, num_steps: int) -> list[float]:
    """Return the K + 1 weights of the query losses along the inner loop; the last alone counts if none are given."""
    if step_weights is None:
        return [0.0] * num_steps + [1.0]
    weights = [as_number(f"step_weights[{index}]", weight) for index, weight in enumerate(step_weights)]
    if len(weights) != num_steps + 1 or not any(weights):
        raise ValueError(f"step_weights must hold num_steps + 1 = {num_steps + 1} weights, not all 0, got {weights}")
    return weights


def scalar(loss_fn: LossFn) -> LossFn:
    """Wrap `loss_fn` so that it raises unless it returns a scalar."""

    def wrapped(params: Pytree, *batch: Any) -> Tensor:
        loss = loss_fn(params, *batch)
        if not isinstance(loss, Tensor) or loss.ndim:
            got = f"shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else repr(loss)
            raise ValueError(f"loss_fn must return a scalar tensor, one number for the whole batch, got {got}")
        return loss

    return wrapped


def pure(losses: LossFn) -> LossFn:
    """Wrap `losses` so that it raises unless it leaves its arguments as they were."""

    def wrapped(*arguments: Any) -> Tensor:
        tensors = [leaf for leaf in pytree.tree_leaves(arguments) if isinstance(leaf, Tensor)]
        versions = [tensor._version for tensor in tensors]
        in_place = ValueError("loss_fn must not change its arguments in place: write x = x * 2, not x.mul_(2)")
        try:
            result = losses(*arguments)
        except RuntimeError as error:
            raise (in_place if any(sign in str(error) for sign in ("in-place", "written-to")) else error) from error
        if versions != [tensor._version for tensor in tensors]:
            raise in_place
        return result

    return wrapped
