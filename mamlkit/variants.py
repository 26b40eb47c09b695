"""Two other ways to learn an initialisation, for comparison: Reptile and implicit MAML.

Both are called like `meta_gradient` and can take its place in `meta_train` as its `algorithm`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor
from torch.autograd import grad
from torch.utils import _pytree as pytree

from mamlkit._check import as_count, as_positive
from mamlkit.engine.checks import Batch, LossFn, Pytree
from mamlkit.engine.inner import InnerLoop
from mamlkit.engine.meta import MetaGradient, average, fresh
from mamlkit.engine.rates import as_rates, schedule
from mamlkit.runtime.operators import second_derivatives_explained
from mamlkit.runtime.trees import split


def reptile(
    loss_fn: LossFn,
    params: Pytree,
    *,
    support: Batch,
    query: Batch,
    inner_lr: Pytree,
    num_steps: int,
    clip_norm: float | None = None,
    stream: bool = False,
    task_axis: str = "vmap",
    chunk_size: int | None = None,
) -> MetaGradient:
    r"""Return the direction :math:`\theta - \phi`, averaged over tasks, as the gradient; arguments as `meta_gradient`.

    The query sets give the losses that are reported and nothing else: Reptile learns from the support sets alone.
    With ``num_steps=1`` the direction is `inner_lr` times the gradient of joint training.

    Notes
    -----
    Source: Nichol, Achiam and Schulman (2018), algorithm 1.

    Examples
    --------
    >>> tasks = (torch.tensor([4.0, 8.0]),)
    >>> loss = lambda theta, centre: 0.5 * (theta - centre) ** 2
    >>> reptile(loss, torch.tensor(0.0), support=tasks, query=tasks, inner_lr=0.5, num_steps=2).gradient
    tensor(-4.5000)
    """

    def piece(support: Batch, query: Batch, task_axis: str) -> tuple[list[Tensor], Tensor]:
        loop = InnerLoop(loss_fn, support, query, inner_lr, False, clip_norm, task_axis, stream)
        with torch.no_grad():
            phi = loop.adapted(params, num_steps)
            moved = pytree.tree_map(torch.sub, loop.start(params), phi)
            return _mean(pytree.tree_leaves(moved), loop), loop.query_losses(phi)

    return average(piece, (params, None), support, query, task_axis, chunk_size, loss_fn)


def implicit(
    loss_fn: LossFn,
    params: Pytree,
    *,
    support: Batch,
    query: Batch,
    inner_lr: Pytree,
    num_steps: int,
    strength: float,
    cg_steps: int = 10,
    task_axis: str = "vmap",
    chunk_size: int | None = None,
) -> MetaGradient:
    r"""Return the implicit meta-gradient; `strength` ties the inner loop to theta, the rest is as in `meta_gradient`.

    The inner loop runs `num_steps` steps on :math:`L^S(\phi) + \frac\lambda2 \|\phi - \theta\|^2`. At its minimum the
    meta-gradient is :math:`(I + H^S(\phi)/\lambda)^{-1} \nabla L^Q(\phi)`, whatever path led there; `cg_steps` steps of
    conjugate gradients solve that with one Hessian-vector product each, and no inner step need be remembered.
    So the inner loop has to arrive: take many steps, so small that `inner_lr` times the sum of `strength` and the
    largest curvature stays below 2. The formula does not see steps that overshoot, and training may raise the
    curvature until they do.

    The formula needs a positive definite matrix: a `strength` above the most negative curvature of the support loss.
    Where a task has none, its conjugate gradients stop at the first direction of negative curvature with what they
    have, and with :math:`\nabla L^Q(\phi)` if they have nothing, as truncated Newton methods do: a direction in which
    to descend, and no longer the implicit gradient. Validation in `meta_train` adapts without the tie, as `evaluate`.
    There is no `stream`: an inner loop comes to rest on one support set.

    Raises
    ------
    TypeError, ValueError
        As in `meta_gradient`, and if an inner learning rate is 0.

    Notes
    -----
    Source: Rajeswaran, Finn, Kakade and Levine (2019), equation (6) and algorithm 2; for negative curvature Nocedal
    and Wright (2006), algorithm 7.1.

    Examples
    --------
    >>> tasks = (torch.tensor([4.0, 8.0]),)
    >>> loss = lambda theta, centre: 0.5 * (theta - centre) ** 2
    >>> implicit(loss, torch.tensor(0.0), support=tasks, query=tasks, inner_lr=0.5, num_steps=9, strength=1.0).gradient
    tensor(-1.5000)
    """
    steps = schedule(inner_lr, as_count("num_steps", num_steps))
    if any(rate is None for rates in steps for rate in as_rates(rates, params)):
        raise ValueError(f"implicit needs an inner_lr above 0 for every tensor, got {inner_lr!r}")
    strength, cg_steps = as_positive("strength", strength), as_count("cg_steps", cg_steps, minimum=1)

    @wraps(loss_fn)
    def tied(phi: Pytree, *batch: Any) -> Tensor:
        pairs = zip(pytree.tree_leaves(phi), pytree.tree_leaves(params), strict=True)
        return loss_fn(phi, *batch) + strength / 2 * sum(((p - theta.detach()) ** 2).sum() for p, theta in pairs)

    def piece(support: Batch, query: Batch, task_axis: str) -> tuple[list[Tensor], Tensor]:
        loop = InnerLoop(tied, support, query, inner_lr, task_axis=task_axis)
        with torch.no_grad():
            phi, rebuild = split(loop.adapted(params, num_steps))
        loop = InnerLoop(loss_fn, support, query, inner_lr, task_axis=task_axis)
        phi = fresh(phi)
        with torch.enable_grad():
            losses = loop.query_losses(rebuild(phi))
            target = grad(losses.sum(), phi, materialize_grads=True)
            total = loop.support_losses(rebuild(phi), twice=True).sum()
            slope = grad(total, phi, create_graph=True, materialize_grads=True)

        bent = [index for index, s in enumerate(slope) if s.requires_grad]  # where the loss is not linear

        def system(vector: list[Tensor]) -> list[Tensor]:
            if not bent:
                return vector
            slopes, directions = [slope[index] for index in bent], [vector[index] for index in bent]
            with second_derivatives_explained():
                products = grad(slopes, phi, directions, retain_graph=True, materialize_grads=True)
            return [v + product / strength for v, product in zip(vector, products, strict=True)]

        solution = _conjugate_gradients(system, list(target), loop, cg_steps)
        return _mean(solution, loop), losses.detach()

    return average(piece, (params, None), support, query, task_axis, chunk_size, loss_fn)


def _mean(tensors: list[Tensor], loop: InnerLoop) -> list[Tensor]:
    return [tensor.mean(0) for tensor in tensors] if loop.num_tasks else tensors


def _conjugate_gradients(system: Callable[..., Any], target: list[Tensor], loop: InnerLoop, steps: int) -> list[Tensor]:
    """Solve ``system(x) = target`` for each task, from x = 0, up to the first direction of negative curvature."""

    @loop.each_task
    def dot(u: list[Tensor], v: list[Tensor]) -> Tensor:
        return torch.stack([(a * b).sum() for a, b in zip(u, v, strict=True)]).sum()

    @loop.each_task
    def along(u: list[Tensor], size: Tensor, v: list[Tensor]) -> list[Tensor]:
        return [a + size * b for a, b in zip(u, v, strict=True)]

    @loop.each_task
    def unit(u: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        largest = torch.cat([a.reshape(-1) for a in u]).abs().amax()
        scale = torch.where(largest > 0, largest, 1.0)
        return scale, [a / scale for a in u]

    scale, residual = unit(target)  # the squares of small numbers would be lost
    zero = x = [torch.zeros_like(t) for t in target]
    direction, squared, going = residual, dot(residual, residual), torch.ones_like(scale, dtype=torch.bool)
    for step in range(steps):
        image = system(direction)
        bend = dot(direction, image)
        going = going & ~(bend <= 0)  # a number that is not finite goes on, to be seen
        if step == 0:
            x = along(zero, torch.where(going, 0.0, 1.0), residual)
        size = torch.where(going, squared / bend, 0.0)
        x, residual = along(x, size, direction), along(residual, -size, image)
        before, squared = squared, dot(residual, residual)
        direction = along(residual, torch.where(going, squared / before, 0.0), direction)
    return along(zero, scale, x)
