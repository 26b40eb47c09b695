"""What the engine accepts: each check names the argument and says what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor
from torch.utils import _pytree as pytree

from mamlkit._check import as_number

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


def check_stream(support: Batch, axis: int, num_steps: int) -> None:
    """Raise unless every tensor of `support` holds a mini-batch for each inner step along `axis`."""
    for leaf in pytree.tree_leaves(support):
        if num_steps and (leaf.ndim <= axis or leaf.shape[axis] != num_steps):
            raise ValueError(
                f"with stream=True axis {axis} of every tensor of the support set must hold a mini-batch for each of "
                f"num_steps={num_steps} steps, got shape {tuple(leaf.shape)}"
            )


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


def as_step_weights(step_weights: Sequence[float] | None, num_steps: int) -> list[float]:
    """Return the K + 1 weights of the query losses along the inner loop; the last alone counts if none are given."""
    if step_weights is None:
        return [0.0] * num_steps + [1.0]
    weights = [as_number(f"step_weights[{index}]", weight) for index, weight in enumerate(step_weights)]
    if len(weights) != num_steps + 1 or not any(weights):
        raise ValueError(f"step_weights must hold num_steps + 1 = {num_steps + 1} weights, not all 0, got {weights}")
    return weights
