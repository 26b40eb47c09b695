"""The inner loop and the meta-gradient, for any pure loss and any pytree of tensors (claims R1, R2, R4).

A loss is a function ``loss_fn(params, *batch)`` of tensors that returns a scalar and changes nothing. A batch is a
tuple such as ``(x, y)``. Parameters are any nesting of dicts, lists and tuples of floating-point tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import grad

from mamlkit._check import as_count
from mamlkit.engine.checks import (
    Batch,
    LossFn,
    Pytree,
    as_step_weights,
    check_params,
    count_tasks,
)
from mamlkit.engine.inner import InnerLoop, connected
from mamlkit.engine.rates import as_learnable
from mamlkit.runtime.batching import in_pieces, mean
from mamlkit.runtime.operators import second_derivatives_explained
from mamlkit.runtime.trees import as_tensors, split


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
    inner_lr: Pytree,
    num_steps: int,
    first_order: bool = False,
    clip_norm: float | None = None,
    stream: bool = False,
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
        (a tensor of the same shape is Meta-SGD; a smaller one must broadcast to it). Entries are matched by key, in
        any order, and one may stand for a whole branch. A plain 0 leaves that tensor out of the inner loop and no
        gradient is taken in it: ANIL is 0 everywhere but in the last layer. `PerStep` holds one of these for each step.
    num_steps : int
        Number K of inner steps, zero or more.
    first_order : bool
        If true, treat the inner gradients as constants (FOMAML).
    clip_norm : float, optional
        Scale each inner gradient down to this Euclidean norm, over all tensors together.
    stream : bool
        If true, each tensor of the batch has a leading axis of length K, and step k sees entry k of it alone: a
        mini-batch of its own.

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
    loop = InnerLoop(loss_fn, batch, (), inner_lr, first_order, clip_norm, None, stream)
    return loop.adapted(params, num_steps)


def meta_gradient(
    loss_fn: LossFn,
    params: Pytree,
    *,
    support: Batch,
    query: Batch,
    inner_lr: Pytree,
    num_steps: int,
    first_order: bool = False,
    learn_inner_lr: bool = False,
    clip_norm: float | None = None,
    step_weights: Sequence[float] | None = None,
    recompute: bool = False,
    stream: bool = False,
    task_axis: str = "vmap",
    chunk_size: int | None = None,
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
    clip_norm : float, optional
        As in `adapt`.
    step_weights : sequence of float, length K + 1, optional
        Weight of the query loss after 0, 1, ..., K steps (the multi-step loss of MAML++); the last alone if left out.
    recompute : bool
        Recompute each step on the way back instead of remembering it (`torch.utils.checkpoint`): the same gradient,
        in memory that keeps the K points but one step's activations, for about half as much time again.
    stream : bool
        If true, each tensor of `support` has a second axis of length K, and inner step k of task t sees entry (t, k)
        of it alone. The query set is as ever.
    task_axis : {"vmap", "loop"}
        All tasks in one batched computation (best for small networks), or one after the other (for convolutions).
        A loss that vmap cannot batch, such as that of an LSTM, goes "loop" by itself, with one line in the log.
    chunk_size : int, optional
        How many tasks "vmap" batches at a time; all if left out.

    Returns
    -------
    MetaGradient

    Raises
    ------
    TypeError, ValueError
        As in `adapt`; if support and query hold different numbers of tasks; if the loss depends on a tensor that
        requires a gradient and is not in `params`.
    NotImplementedError
        If PyTorch has no second derivative of an operator in the loss.

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
    weights = as_step_weights(step_weights, as_count("num_steps", num_steps))
    learned = as_learnable(inner_lr, params) if learn_inner_lr else None
    tensors, rebuild = split((params, learned))

    def piece(support: Batch, query: Batch, task_axis: str) -> tuple[Sequence[Tensor], Tensor]:
        loop = InnerLoop(loss_fn, support, query, inner_lr, first_order, clip_norm, task_axis, stream)
        with torch.enable_grad(), second_derivatives_explained():
            theta = fresh(tensors)
            path = loop.path(*rebuild(theta), num_steps=num_steps, recompute=recompute)
            losses = [weight * loop.query_losses(phi) for weight, phi in zip(weights, path, strict=True) if weight]
            total = connected(torch.stack(losses).sum(0))
            return grad(total.mean(), theta, materialize_grads=True), total.detach()

    return average(piece, (params, learned), support, query, task_axis, chunk_size, loss_fn)


def evaluate(
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
) -> Tensor:
    """Return each task's query loss after 0, 1, ..., K inner steps, shape (K + 1, num_tasks); no meta-gradient.

    Examples
    --------
    >>> tasks = (torch.tensor([4.0, 8.0]),)
    >>> evaluate(lambda p, y: (p - y) ** 2, torch.tensor(0.0), support=tasks, query=tasks, inner_lr=0.25, num_steps=1)
    tensor([[16., 64.],
            [ 4., 16.]])
    """

    def curve(support: Batch, query: Batch, task_axis: str) -> Tensor:
        loop = InnerLoop(loss_fn, support, query, inner_lr, False, clip_norm, task_axis, stream)
        return torch.stack([loop.query_losses(phi) for phi in loop.path(params, num_steps=num_steps)])

    with torch.no_grad():
        tasks = as_tasks(params, support, query)
        return torch.cat(list(in_pieces(curve, tasks, task_axis, chunk_size, loss_fn)), dim=1)


def fresh(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Return `tensors` as points at which to differentiate: with the same values and no past."""
    return [tensor.detach().requires_grad_() for tensor in tensors]


def as_tasks(params: Pytree, support: Batch, query: Batch) -> tuple[Any, Any]:
    """Return support and query as tuples of tensors like `params`, with one number of tasks."""
    like = check_params(params)
    tasks = as_tensors("support", support, like), as_tensors("query", query, like)
    count_tasks(*tasks)
    return tasks


def average(
    piece: Callable[..., Any],
    theta: Any,
    support: Batch,
    query: Batch,
    task_axis: str,
    chunk_size: int | None,
    loss_fn: LossFn,
) -> MetaGradient:
    """Return the mean of what ``piece(support, query, task_axis)`` gives: gradients in the tensors of `theta`, losses.

    `theta` is the pair of parameters and learned inner learning rates, which are None where none are learned.
    """
    tasks = as_tasks(theta[0], support, query)
    gradients, losses = mean(in_pieces(piece, tasks, task_axis, chunk_size, loss_fn), count_tasks(*tasks))
    gradient, inner_lr_gradient = split(theta)[1](gradients)
    return MetaGradient(losses.mean(), gradient, losses, inner_lr_gradient)
