"""The inner loop and the meta-gradient, for any pure loss and any pytree of tensors (claims R1, R2, R4).

A loss is a function ``loss_fn(params, *batch)`` of tensors that returns a scalar and changes nothing. A batch is a
tuple such as ``(x, y)``. Parameters are any nesting of dicts, lists and tuples of floating-point tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.func import grad, grad_and_value, vjp, vmap
from torch.utils import _pytree as pytree

from mamlkit._check import as_count, as_nonnegative, as_number, as_positive
from mamlkit.engine.norm import Vouched

Pytree = Any
Batch = Sequence[Any]
LossFn = Callable[..., Tensor]


class MetaGradient(NamedTuple):
    """What a batch of tasks says about the initialisation.

    `loss` is the mean outer loss, `gradient` its gradient, a pytree like the parameters, `task_losses` (num_tasks,)
    each task's own outer loss, `inner_lr_gradient` the gradient in the inner learning rate, where it is learned.
    """

    loss: Tensor
    gradient: Pytree
    task_losses: Tensor
    inner_lr_gradient: Pytree = None


def adapt(
    loss_fn: LossFn,
    params: Pytree,
    batch: Batch,
    *,
    inner_lr: Any,
    num_steps: int,
    first_order: bool = False,
    clip_norm: float | None = None,
) -> Pytree:
    r"""Run the inner loop of one task: K gradient steps on its support loss (claim R1).

    .. math:: \theta_{k+1} = \theta_k - \alpha \, \nabla L^S(\theta_k), \qquad \theta_0 = \theta, \quad \phi = \theta_K

    Parameters
    ----------
    loss_fn : callable
        ``loss_fn(params, *batch)``, a pure function that returns a scalar tensor.
    params : pytree of tensors
        The initialisation theta.
    batch : tuple of tensors or arrays
        The support set, such as ``(x, y)``. NumPy arrays become tensors like the parameters.
    inner_lr : float, tensor or pytree
        Inner learning rate alpha: one number, or a pytree like `params` with a number or a tensor for each tensor
        (a tensor of the same shape is Meta-SGD). A plain 0 leaves that tensor out of the inner loop and no gradient
        is taken in it: ANIL is 0 everywhere but in the last layer.
    num_steps : int
        Number K of inner steps, zero or more.
    first_order : bool
        If true, treat the inner gradients as constants (FOMAML).
    clip_norm : float, optional
        Scale each inner gradient down to this Euclidean norm, over all tensors together.

    Returns
    -------
    pytree of tensors
        The adapted parameters phi. They can be differentiated in `params` and `inner_lr`.

    Raises
    ------
    TypeError, ValueError
        If a parameter is no floating-point tensor, the loss returns no scalar or changes its input, `inner_lr`
        does not fit `params`, or a number is not of its kind.

    Notes
    -----
    Source: Finn, Abbeel and Levine (2017), section 2.2.

    Examples
    --------
    >>> theta = {"w": torch.tensor(0.0)}
    >>> adapt(lambda p, y: 0.5 * (p["w"] - y) ** 2, theta, (torch.tensor(4.0),), inner_lr=0.5, num_steps=2)
    {'w': tensor(3.)}
    """
    batch = as_tensors("batch", batch, check_params(params))
    rates, step = _as_rates(inner_lr, params), _inner_step(_checked(loss_fn), first_order, clip_norm)
    for _ in range(as_count("num_steps", num_steps)):
        params = step(params, rates, batch)
    return params


def meta_gradient(
    loss_fn: LossFn,
    params: Pytree,
    *,
    support: Batch,
    query: Batch,
    inner_lr: Any,
    num_steps: int,
    first_order: bool = False,
    learn_inner_lr: bool = False,
    **options: Any,
) -> MetaGradient:
    r"""Differentiate the mean outer loss of a batch of tasks through the inner loop (claims R2, R4).

    .. math:: \nabla_\theta \frac1T \sum_{t=1}^T L^Q_t(\phi_t), \qquad
        \nabla_\theta L^Q(\phi) = \prod_{k=0}^{K-1} \big(I - \alpha H^S(\theta_k)\big)^\top \, \nabla L^Q(\phi)

    Reverse mode multiplies the factors from the right, one Hessian-vector product each, and never forms a Hessian.

    Parameters
    ----------
    loss_fn, params, inner_lr, num_steps, first_order
        As in `adapt`.
    support, query : tuple of tensors or arrays
        The tasks' support and query sets; every tensor has a leading task axis. By keyword only, since swapping
        them is silent and wrong.
    learn_inner_lr : bool
        Also return the gradient in `inner_lr`, in all of it but plain zeros.
    **options
        `clip_norm`, `step_weights`, `recompute`, `task_axis` and `chunk_size`, as in `MetaStep`.

    Returns
    -------
    MetaGradient

    Raises
    ------
    TypeError, ValueError
        As in `adapt`, and if support and query hold different numbers of tasks.

    Notes
    -----
    Source: Finn, Abbeel and Levine (2017), equation (1).

    Examples
    --------
    >>> def loss(theta, centre):
    ...     return 0.5 * (theta - centre) ** 2
    >>> tasks = (torch.tensor([4.0, 8.0]),)
    >>> meta_gradient(loss, torch.tensor(0.0), support=tasks, query=tasks, inner_lr=0.5, num_steps=1).gradient
    tensor(-1.5000)
    """
    step = MetaStep(loss_fn, inner_lr, num_steps=num_steps, first_order=first_order, **options)
    learned = step.learned_rates(params) if learn_inner_lr else {}
    (gradient, in_learned), losses = step((params, learned), support=support, query=query)
    return MetaGradient(losses.mean(), gradient, losses, step.as_inner_lr(in_learned) if learn_inner_lr else None)


def evaluate(
    loss_fn: LossFn,
    params: Pytree,
    *,
    support: Batch,
    query: Batch,
    inner_lr: Any,
    num_steps: int,
    clip_norm: float | None = None,
    task_axis: str = "vmap",
) -> Tensor:
    """Return each task's query loss after 0, 1, ..., K inner steps, shape (K + 1, num_tasks); no meta-gradient.

    Examples
    --------
    >>> tasks = (torch.tensor([4.0, 8.0]),)
    >>> evaluate(lambda p, y: (p - y) ** 2, torch.tensor(0.0), support=tasks, query=tasks, inner_lr=0.25, num_steps=1)
    tensor([[16., 64.],
            [ 4., 16.]])
    """
    like = check_params(params)
    tasks = as_tensors("support", support, like), as_tensors("query", query, like)
    num_tasks = count_tasks(*tasks)
    inner = {"inner_lr": inner_lr, "num_steps": 1, "clip_norm": clip_norm, "first_order": True}

    def curve(support: Batch, query: Batch) -> Tensor:
        phi, losses = params, [_checked(loss_fn)(params, *query)]
        for _ in range(as_count("num_steps", num_steps)):
            phi = adapt(loss_fn, phi, support, **inner)
            losses.append(_checked(loss_fn)(phi, *query))
        return torch.stack(losses)

    with torch.no_grad():
        if task_axis == "vmap":
            return vmap(curve, randomness="different")(*tasks).T
        each = [pytree.tree_map(lambda leaf, t=t: leaf[t], tasks) for t in range(num_tasks)]
        return torch.stack([curve(*task) for task in each], dim=1)


class MetaStep:
    """`meta_gradient` with its options bound, built once and called often.

    Parameters
    ----------
    loss_fn, inner_lr, num_steps, first_order, clip_norm
        As in `adapt`.
    step_weights : sequence of float, length K + 1, optional
        Weight of the query loss after 0, 1, ..., K steps (the multi-step loss of MAML++); the last alone if left out.
    recompute : bool
        Recompute each step on the way back instead of remembering it: the same gradient, in memory that keeps the
        K points but one step's activations, for about a third more time. The loss must not be random.
    task_axis : {"vmap", "loop"}
        All tasks in one batched computation (best for small networks), or one after the other (for convolutions).
    chunk_size : int, optional
        How many tasks "vmap" batches at a time; all if left out.
    """

    def __init__(
        self,
        loss_fn: LossFn,
        inner_lr: Any,
        *,
        num_steps: int,
        first_order: bool = False,
        clip_norm: float | None = None,
        step_weights: Sequence[float] | None = None,
        recompute: bool = False,
        task_axis: str = "vmap",
        chunk_size: int | None = None,
    ) -> None:
        if task_axis not in ("vmap", "loop"):
            raise ValueError(f'task_axis must be "vmap" or "loop", got {task_axis!r}')
        self.inner_lr, self.loop = inner_lr, task_axis == "loop"
        self.chunk_size = None if chunk_size is None else as_count("chunk_size", chunk_size, minimum=1)
        weights = _as_weights(step_weights, as_count("num_steps", num_steps))
        loss_fn, differentiate = (
            _checked(loss_fn, batched=not self.loop),
            _by_recomputing if recompute else _by_remembering,
        )
        inner_step = _inner_step(loss_fn, first_order, clip_norm)

        def task_gradient(theta: Pytree, support: Batch, query: Batch) -> tuple[Pytree, Tensor]:
            def step(params: Pytree, learned: dict[int, Tensor]) -> Pytree:
                return inner_step(params, _as_rates(self.as_inner_lr(learned), params), support)

            return differentiate(step, lambda params: loss_fn(params, *query), theta, weights)

        def one_task(theta: Pytree, support: Batch, query: Batch) -> tuple[Pytree, Tensor]:
            gradient, loss = task_gradient(theta, *pytree.tree_map(lambda leaf: leaf[0], (support, query)))
            return gradient, loss[None]

        def all_tasks(theta: Pytree, support: Batch, query: Batch) -> tuple[Pytree, Tensor]:
            batched = vmap(task_gradient, in_dims=(None, 0, 0), randomness="different")
            gradients, losses = batched(theta, support, query)
            return pytree.tree_map(lambda leaf: leaf.mean(0), gradients), losses

        self.work: Callable[..., Any] = one_task if self.loop else all_tasks

    def __call__(self, theta: Pytree, *, support: Batch, query: Batch) -> tuple[Pytree, Tensor]:
        """Return the mean gradient in theta, a pair of parameters and learned rates, and each task's loss."""
        like = check_params(theta[0])
        tasks = as_tensors("support", support, like), as_tensors("query", query, like)
        num_tasks = count_tasks(*tasks)
        size = self.piece(num_tasks)
        if size == num_tasks:
            return self.work(theta, *tasks)
        mean, losses = pytree.tree_map(torch.zeros_like, theta), []
        for start in range(0, num_tasks, size):
            chunk = slice(start, start + size)
            gradient, loss = self.work(theta, *pytree.tree_map(lambda leaf, chunk=chunk: leaf[chunk], tasks))
            share = len(loss) / num_tasks
            mean = pytree.tree_map(lambda total, part, share=share: total + share * part, mean, gradient)
            losses.append(loss)
        return mean, torch.cat(losses)

    def piece(self, num_tasks: int) -> int:
        """Return how many of `num_tasks` tasks one call of `work` takes."""
        return 1 if self.loop else min(self.chunk_size or num_tasks, num_tasks)

    def learned_rates(self, params: Pytree) -> dict[int, Tensor]:
        """Return the inner learning rates as tensors, by their place among the leaves of `inner_lr`; no plain zeros."""
        _as_rates(self.inner_lr, params)
        rates, like = enumerate(pytree.tree_leaves(self.inner_lr)), check_params(params)
        is_learned = lambda rate: isinstance(rate, Tensor) or rate != 0  # noqa: E731
        return {i: torch.as_tensor(r, dtype=like.dtype, device=like.device).clone() for i, r in rates if is_learned(r)}

    def as_inner_lr(self, learned: dict[int, Tensor]) -> Pytree:
        """Put `learned` rates in their places in `inner_lr`."""
        leaves, spec = pytree.tree_flatten(self.inner_lr)
        return pytree.tree_unflatten([learned.get(index, leaf) for index, leaf in enumerate(leaves)], spec)


def _inner_step(loss_fn: LossFn, first_order: bool, clip_norm: float | None) -> Callable[..., Pytree]:
    """Return the step ``(params, rates, batch) -> params`` that the inner loop repeats."""
    limit = None if clip_norm is None else as_positive("clip_norm", clip_norm)

    def step(params: Pytree, rates: list[Any], batch: Batch) -> Pytree:
        point = pytree.tree_map(torch.detach, params) if first_order else params  # FOMAML is this line
        leaves, spec = pytree.tree_flatten(point)
        moving = [index for index, rate in enumerate(rates) if rate is not None]

        def support_loss(moved: list[Tensor]) -> Tensor:
            values = dict(enumerate(leaves)) | dict(zip(moving, moved, strict=True))
            return loss_fn(pytree.tree_unflatten(values.values(), spec), *batch)

        stepped = pytree.tree_leaves(params)
        gradients = _clip(grad(support_loss)([leaves[index] for index in moving]), limit)
        for index, gradient in zip(moving, gradients, strict=True):
            stepped[index] = stepped[index] - rates[index] * gradient
        return pytree.tree_unflatten(stepped, spec)

    return step


def _clip(gradients: list[Tensor], limit: float | None) -> list[Tensor]:
    if limit is None:
        return gradients
    squared = torch.stack([(gradient * gradient).sum() for gradient in gradients]).sum()
    scale = limit / squared.clamp(min=limit**2).sqrt()  # clamped first: the root has no slope at zero
    return [scale * gradient for gradient in gradients]


def _by_remembering(step: Any, query_loss: Any, theta: Pytree, weights: list[float]) -> tuple[Pytree, Tensor]:
    """Return gradient and value of the weighted query losses, by reverse mode through the whole inner loop."""

    def outer_loss(theta: Pytree) -> Tensor:
        total: Any = 0.0
        params, learned = theta
        for k, weight in enumerate(weights):
            params = step(params, learned) if k else params
            total = total + weight * query_loss(params) if weight else total
        return total

    return grad_and_value(outer_loss)(theta)


def _by_recomputing(step: Any, query_loss: Any, theta: Pytree, weights: list[float]) -> tuple[Pytree, Tensor]:
    """Return the same from the points of the inner loop alone: each step is run again on the way back (claim R4)."""
    params, learned = theta
    points = [params]
    for _ in weights[1:]:
        points.append(step(points[-1], learned))
    total: Any = 0.0
    back, in_learned = pytree.tree_map(torch.zeros_like, theta)
    for k in reversed(range(len(points))):
        if weights[k]:
            gradient, loss = grad_and_value(query_loss)(points[k])
            back = pytree.tree_map(lambda b, g, w=weights[k]: b + w * g, back, gradient)
            total = total + weights[k] * loss
        if k:  # multiply by the transposed Jacobian of step k, I - alpha H at the point it started from
            back, more = vjp(step, points[k - 1], learned)[1](back)
            in_learned = pytree.tree_map(torch.add, in_learned, more)
    return (back, in_learned), total


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
            return value
        value = np.asarray(value, order="C")
        return torch.as_tensor(value, dtype=like.dtype if value.dtype.kind == "f" else None, device=like.device)

    return tuple(pytree.tree_map(convert, value) for value in batch)


def count_tasks(support: Batch, query: Batch) -> int:
    """Return the number of tasks, the same in every tensor of both sets."""
    counts = [sorted({leaf.shape[0] if leaf.ndim else 0 for leaf in pytree.tree_leaves(s)}) for s in (support, query)]
    if counts[0] != counts[1] or len(counts[0]) != 1 or counts[0] == [0]:
        raise ValueError(
            "support and query must hold the same number of tasks, the length of the first axis of every tensor; "
            f"got {counts[0]} in support and {counts[1]} in query"
        )
    return counts[0][0]


def _as_rates(inner_lr: Any, params: Pytree) -> list[Any]:
    """Spread `inner_lr` over the tensors of `params`; None marks a tensor that the inner loop leaves alone."""
    spec = pytree.tree_structure(params)
    rates = pytree._broadcast_to_and_flatten(inner_lr, spec)
    if rates is None:
        raise ValueError(f"inner_lr must be a number or a pytree like params, got {inner_lr!r} for {spec!r}")
    return [rate if isinstance(rate, Tensor) else as_nonnegative("inner_lr", rate) or None for rate in rates]


def _as_weights(step_weights: Sequence[float] | None, num_steps: int) -> list[float]:
    if step_weights is None:
        return [0.0] * num_steps + [1.0]
    weights = [as_number(f"step_weights[{index}]", weight) for index, weight in enumerate(step_weights)]
    if len(weights) != num_steps + 1 or not any(weights):
        raise ValueError(f"step_weights must hold num_steps + 1 = {num_steps + 1} weights, not all 0, got {weights}")
    return weights


def _checked(loss_fn: LossFn, batched: bool = True) -> LossFn:
    """Wrap `loss_fn`: a scalar out, nothing changed in place, and under vmap normalisation that we can vouch for."""

    def checked(params: Pytree, *batch: Any) -> Tensor:
        tensors = [leaf for leaf in pytree.tree_leaves((params, batch)) if isinstance(leaf, Tensor)]
        versions = [tensor._version for tensor in tensors]
        in_place = ValueError("loss_fn must not change its arguments in place: write x = x * 2, not x.mul_(2)")
        try:
            with Vouched() if batched else nullcontext():
                loss = loss_fn(params, *batch)
        except RuntimeError as error:
            raise (in_place if "in-place" in str(error) else error) from error
        if versions != [tensor._version for tensor in tensors]:
            raise in_place
        if not isinstance(loss, Tensor) or loss.ndim:
            got = f"shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else repr(loss)
            raise ValueError(f"loss_fn must return a scalar tensor, one number for the whole batch, got {got}")
        return loss

    return checked
