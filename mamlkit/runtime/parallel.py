"""One batch of tasks over several processes, with `torch.distributed`."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.utils import _pytree as pytree


def active() -> bool:
    """Say whether this process is one of several."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def leader() -> bool:
    """Say whether this process is the one that writes files."""
    return not active() or dist.get_rank() == 0


def share(batch: Any, num_tasks: int) -> Any:
    """Return the tasks of `batch` that this process computes; every process samples the same batch.

    Raises
    ------
    ValueError
        If there are fewer tasks than processes.
    """
    if num_tasks < dist.get_world_size():
        raise ValueError(f"a batch must hold a task for each of {dist.get_world_size()} processes, got {num_tasks}")
    return pytree.tree_map(lambda leaf: leaf[_mine(num_tasks)], batch)


def gather(gradients: list[Tensor], losses: Tensor, num_tasks: int) -> tuple[list[Tensor], Tensor]:
    """Combine the mean gradients and the losses of all shares, in one message, into those of the whole batch."""
    everyone = losses.new_zeros(num_tasks)
    everyone[_mine(num_tasks)] = losses
    parts = [*(gradient * (len(losses) / num_tasks) for gradient in gradients), everyone]
    message = torch.cat([part.reshape(-1) for part in parts])
    dist.all_reduce(message)
    pieces = message.split([part.numel() for part in parts])
    summed = [piece.view_as(part).to(part.dtype) for piece, part in zip(pieces, parts, strict=True)]
    return summed[:-1], summed[-1]


def _mine(num_tasks: int) -> slice:
    rank, world = dist.get_rank(), dist.get_world_size()
    return slice(rank * num_tasks // world, (rank + 1) * num_tasks // world)
