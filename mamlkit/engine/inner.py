"""The inner loop of a batch of tasks: gradient steps on the support losses, kept differentiable (claim R1)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd import grad
from torch.func import vmap
from torch.utils import _pytree as pytree
from torch.utils.checkpoint import checkpoint

from mamlkit._check import as_count, as_positive
from mamlkit.engine.checks import Batch, LossFn, Pytree, check_stream, count_tasks
from mamlkit.engine.rates import as_rates, schedule
from mamlkit.runtime.losses import batched, pure, refuse_strangers, scalar
from mamlkit.runtime.operators import mended


@dataclass
class InnerLoop:
    """The inner loop of a batch of tasks: where it starts, its step, and its losses.

    The tasks' losses are batched by vmap and differentiated from outside. Their sum serves, since no task's loss
    depends on another's parameters. So vmap never meets a derivative, whose batching rules are silently wrong for
    PyTorch's batch, layer and instance norm (seen in PyTorch 2.13; claim R13).

    Parameters
    ----------
    loss_fn, inner_lr, first_order, clip_norm, stream
        As in `adapt`.
    support, query : tuple of tensors
        Sets with a leading task axis.
    task_axis : {"vmap", "loop", None}
        Batched; one task, whose axis of length one is taken off; or one task that never had an axis.
    """

    loss_fn: LossFn
    support: Batch
    query: Batch
    inner_lr: Pytree
    first_order: bool = False
    clip_norm: float | None = None
    task_axis: str | None = "vmap"
    stream: bool = False

    def __post_init__(self) -> None:
        self.looked = self.task_axis is None  # for strangers: a lone `adapt` may well be differentiated in others
        self.num_tasks = count_tasks(self.support, self.query) if self.task_axis == "vmap" else None
        if self.task_axis == "loop":
            self.support, self.query = pytree.tree_map(lambda leaf: leaf[0], (self.support, self.query))
        self.limit = None if self.clip_norm is None else as_positive("clip_norm", self.clip_norm)
        self.one = scalar(self.loss_fn)
        self.many = pure(batched(self.one) if self.num_tasks else self.one)

    def each_task(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return `function` of one task as a function of all."""
        return vmap(function, randomness="different") if self.num_tasks else function

    def start(self, params: Pytree) -> Pytree:
        """Return the initialisation, once for each task."""
        axis = (self.num_tasks,) if self.num_tasks else ()  # even without: tied tensors are adapted apart
        return pytree.tree_map(lambda leaf: leaf.expand((*axis, *leaf.shape)), params)

    def losses(self, params: Pytree, batch: Batch, *, twice: bool = False) -> Tensor:
        """Return the loss of each task at its own `params`, (num_tasks,), to be differentiated once or `twice`."""
        with mended(twice=twice, batched=self.num_tasks is not None):
            losses = self.many(params, *batch).reshape(-1)
        if not self.looked and losses.requires_grad:
            refuse_strangers(losses, (params, batch), self.loss_fn)
            self.looked = True
        return losses

    def support_losses(self, params: Pytree, step: int = 0, *, twice: bool = False) -> Tensor:
        """Return the support loss of each task, (num_tasks,), as inner step `step` sees it."""
        batch = self.support
        if self.stream:
            batch = pytree.tree_map(lambda leaf: leaf.select(1 if self.num_tasks else 0, step), batch)
        return self.losses(params, batch, twice=twice)

    def query_losses(self, params: Pytree) -> Tensor:
        """Return the query loss of each task, (num_tasks,)."""
        if self.task_axis == "loop":
            with suppress(RuntimeError):  # a loss that views its images needs the layout that it was given
                return self.losses(params, pytree.tree_map(_channels_last, self.query))
        return self.losses(params, self.query)

    def path(
        self, params: Pytree, learned: Pytree = None, *, num_steps: int, recompute: bool = False
    ) -> Iterator[Pytree]:
        """Yield the parameters after 0, 1, ..., K inner steps, with `learned` inner rates where there are any."""
        step = partial(checkpoint, self.step, use_reentrant=False) if recompute else self.step
        rates = schedule(self.inner_lr if learned is None else learned, as_count("num_steps", num_steps))
        if self.stream:
            check_stream(self.support, 1 if self.num_tasks else 0, num_steps)
        params = self.start(params)
        yield params
        for index, rate in enumerate(rates):
            params = step(params, rate, index)
            yield params

    def adapted(self, params: Pytree, num_steps: int) -> Pytree:
        """Return the parameters after K inner steps."""
        return deque(self.path(params, num_steps=num_steps), maxlen=1)[0]

    def step(self, params: Pytree, inner_lr: Pytree, number: int) -> Pytree:
        """Take inner step `number` (claim R1)."""
        leaves, spec = pytree.tree_flatten(params)
        rates = as_rates(inner_lr, params, int(self.num_tasks is not None))
        moving = [index for index, rate in enumerate(rates) if rate is not None]
        if not moving:
            return params
        second_order = not self.first_order and torch.is_grad_enabled() and any(leaf.requires_grad for leaf in leaves)
        points = [
            leaf if second_order and leaf.requires_grad else leaf.detach().requires_grad_()  # FOMAML is this detach
            for leaf in leaves
        ]
        with torch.enable_grad():
            losses = self.support_losses(pytree.tree_unflatten(points, spec), number, twice=second_order)
            found = grad(
                connected(losses).sum(),
                [points[index] for index in moving],
                create_graph=second_order,
                materialize_grads=True,
            )
        for index, slope in zip(moving, self.clip(found), strict=True):
            leaf, rate = leaves[index], rates[index]
            leaves[index] = leaf - rate * slope if isinstance(rate, Tensor) else torch.sub(leaf, slope, alpha=rate)
        return pytree.tree_unflatten(leaves, spec)

    def clip(self, gradients: Sequence[Tensor]) -> Sequence[Tensor]:
        """Scale each task's gradients down to the norm `limit`, if there is one."""
        limit = self.limit
        if limit is None:
            return gradients

        def scale(gradients: Sequence[Tensor]) -> list[Tensor]:
            sizes = [gradient.detach().abs().amax() for gradient in gradients if gradient.numel()]
            largest = torch.stack(sizes).amax().clamp(min=limit)
            squared = torch.stack([((gradient / largest) ** 2).sum() for gradient in gradients]).sum()
            share = limit / largest
            factor = share / squared.clamp(min=share**2).sqrt()  # clamped first: the root has no slope at zero
            return [factor * gradient for gradient in gradients]

        return self.each_task(scale)(list(gradients))


def _channels_last(leaf: Tensor) -> Tensor:
    """Lay images out for fast pooling and normalisation; second derivatives of these are faster without."""
    return leaf.to(memory_format=torch.channels_last) if leaf.ndim == 4 else leaf


def connected(losses: Tensor) -> Tensor:
    """Return `losses`, once they are seen to depend on the parameters."""
    if not losses.requires_grad:
        raise ValueError("loss_fn must depend on params; detach, item or no_grad in it cuts them off")
    return losses
