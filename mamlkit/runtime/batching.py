"""Tasks along a first axis: all at once, in pieces, or one after the other where they cannot be batched."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from mamlkit._check import as_count
from mamlkit.runtime.losses import Unbatched

log = logging.getLogger(__name__)
UNBATCHED: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()  # losses that vmap has failed on


def unbatched(loss_fn: Any) -> bool:
    """Say whether vmap has failed to batch `loss_fn` before."""
    return UNBATCHED.get(id(loss_fn)) is loss_fn


def tasks_at_once(task_axis: str, chunk_size: int | None) -> int | None:
    """Return how many tasks one computation takes; None for all."""
    if task_axis not in ("vmap", "loop"):
        raise ValueError(f'task_axis must be "vmap" or "loop", got {task_axis!r}')
    size = None if chunk_size is None else as_count("chunk_size", chunk_size, minimum=1)
    return 1 if task_axis == "loop" else size


def pieces(tasks: Any, size: int | None) -> Iterator[Any]:
    """Yield `tasks`, any nesting of tensors, `size` at a time.

    Examples
    --------
    >>> [piece.tolist() for piece in pieces(torch.arange(5), 2)]
    [[0, 1], [2, 3], [4]]
    """
    num_tasks = len(pytree.tree_leaves(tasks)[0])
    if size is None or size >= num_tasks:
        yield tasks
        return
    for first in range(0, num_tasks, size):
        yield pytree.tree_map(lambda leaf, first=first: leaf[first : first + size], tasks)


def in_pieces(
    compute: Callable[..., Any], tasks: tuple[Any, ...], task_axis: str, chunk_size: int | None, loss_fn: Any
) -> Iterator[Any]:
    """Yield ``compute(*piece, task_axis)`` for each piece, one after the other if vmap cannot batch `loss_fn`."""
    size = tasks_at_once(task_axis, chunk_size)
    if task_axis == "vmap" and not unbatched(loss_fn):
        try:
            first, *others = pieces(tasks, size)
            yield compute(*first, task_axis)
        except Unbatched as error:
            log.warning('going on with task_axis="loop": vmap cannot batch loss_fn over tasks (%.100s)', error)
            with suppress(TypeError):  # what cannot be remembered is found out again
                UNBATCHED[id(loss_fn)] = loss_fn
        else:
            yield from (compute(*piece, task_axis) for piece in others)
            return
    yield from (compute(*piece, "loop") for piece in pieces(tasks, 1))


def mean(found: Iterable[tuple[list[Tensor], Tensor]], num_tasks: int) -> tuple[list[Tensor], Tensor]:
    """Return the mean over `num_tasks` of gradients, and all losses, from those of each piece.

    Examples
    --------
    >>> mean([([torch.tensor(1.0)], torch.ones(1)), ([torch.tensor(4.0)], torch.zeros(2))], 3)
    ([tensor(3.)], tensor([1., 0., 0.]))
    """
    total, losses = list[Tensor](), list[Tensor]()
    for gradients, loss in found:
        share = len(loss) / num_tasks
        shares = [share * gradient for gradient in gradients] if share != 1 else list(gradients)
        total = [a + b for a, b in zip(total, shares, strict=True)] if total else shares
        losses.append(loss)
    return total, torch.cat(losses) if len(losses) > 1 else losses[0]
