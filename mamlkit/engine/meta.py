"""The inner loop and the meta-gradient, for any pure loss and any pytree of tensors (claims R1, R2, R4).

A loss is a function ``loss_fn(params, *batch)`` of tensors that returns a scalar and changes nothing. A batch is a
tuple such as ``(x, y)``. Parameters are any nesting of dicts, lists and tuples of floating-point tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.func import grad, grad_and_value, vmap
from torch.utils import _pytree as pytree

from mamlkit._check import as_count, as_nonnegative

Pytree = Any
Batch = Sequence[Any]
LossFn = Callable[..., torch.Tensor]


class MetaGradient(NamedTuple):
    """What a batch of tasks says about the initialisation.

    `loss` is the mean outer loss, `gradient` its gradient, a pytree like the parameters, `task_losses` (num_tasks,)
    each task's own outer loss.
    """

    loss: torch.Tensor
    gradient: Pytree
    task_losses: torch.Tensor


def adapt(
    loss_fn: LossFn, params: Pytree, batch: Batch, *, inner_lr: Any, num_steps: int, first_order: bool = False
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
        Inner learning rate alpha: one number, or a pytree like `params` with a number or a tensor for each tensor.
        A plain 0 leaves that tensor out of the inner loop: no gradient is taken (ANIL adapts the last layer alone).
    num_steps : int
        Number K of inner steps, zero or more.
    first_order : bool
        If true, treat the inner gradients as constants (FOMAML).

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
    batch = _as_tensors("batch", batch, _check_params(params))
    loss_fn, rates = _checked(loss_fn), _as_rates(inner_lr, params)
    for _ in range(as_count("num_steps", num_steps)):
        params = inner_step(loss_fn, params, batch, rates, first_order=first_order)
    return params


def inner_step(loss_fn: LossFn, params: Pytree, batch: Batch, rates: list[Any], *, first_order: bool) -> Pytree:
    """Take one gradient step; `rates` holds one learning rate for each tensor of `params`, None where it stays."""
    point = pytree.tree_map(torch.detach, params) if first_order else params  # FOMAML is this line
    leaves, spec = pytree.tree_flatten(point)
    moving = [index for index, rate in enumerate(rates) if rate is not None]

    def support_loss(moved: list[torch.Tensor]) -> torch.Tensor:
        values = list(leaves)
        for index, value in zip(moving, moved, strict=True):
            values[index] = value
        return loss_fn(pytree.tree_unflatten(values, spec), *batch)

    stepped = pytree.tree_leaves(params)
    for index, gradient in zip(moving, grad(support_loss)([leaves[i] for i in moving]), strict=True):
        stepped[index] = stepped[index] - rates[index] * gradient
    return pytree.tree_unflatten(stepped, spec)


def meta_gradient(
    loss_fn: LossFn,
    params: Pytree,
    *,
    support: Batch,
    query: Batch,
    inner_lr: Any,
    num_steps: int,
    first_order: bool = False,
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

    Returns
    -------
    MetaGradient
        The mean outer loss, its gradient, and each task's outer loss.

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
    like = _check_params(params)
    support, query = _as_tensors("support", support, like), _as_tensors("query", query, like)
    _count_tasks(support, query)
    checked = _checked(loss_fn)

    def task_loss(params: Pytree, support: Batch, query: Batch) -> torch.Tensor:
        phi = adapt(loss_fn, params, support, inner_lr=inner_lr, num_steps=num_steps, first_order=first_order)
        return checked(phi, *query)

    def outer_loss(params: Pytree) -> tuple[torch.Tensor, torch.Tensor]:
        losses = vmap(task_loss, in_dims=(None, 0, 0))(params, support, query)
        return losses.mean(), losses

    gradient, (loss, losses) = grad_and_value(outer_loss, has_aux=True)(params)
    return MetaGradient(loss, gradient, losses)


def _check_params(params: Pytree) -> torch.Tensor:
    """Return the first tensor of `params`, once all are seen to be tensors that a gradient can be taken in."""
    entries = pytree.tree_flatten_with_path(params)[0]
    if not entries:
        raise ValueError(f"params must hold at least one tensor, got {params!r}")
    for path, leaf in entries:
        if not isinstance(leaf, torch.Tensor) or not leaf.is_floating_point():
            kind = f"a tensor of {leaf.dtype}" if isinstance(leaf, torch.Tensor) else repr(leaf)
            raise TypeError(f"params{pytree.keystr(path)} must be a floating-point tensor, got {kind}")
    return entries[0][1]


def _as_tensors(name: str, batch: Batch, like: torch.Tensor) -> tuple[Any, ...]:
    """Return `batch` as a tuple in which NumPy arrays have become tensors; their floats take the type of `like`."""
    if isinstance(batch, torch.Tensor | np.ndarray) or not isinstance(batch, Sequence):
        raise TypeError(f"{name} must be a tuple such as (x, y), got {type(batch).__name__}")

    def convert(value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            return value
        return torch.as_tensor(value, dtype=like.dtype if value.dtype.kind == "f" else None, device=like.device)

    return tuple(pytree.tree_map(convert, tuple(batch)))


def _count_tasks(support: Batch, query: Batch) -> int:
    counts = [{len(leaf) for leaf in pytree.tree_leaves(batch)} for batch in (support, query)]
    if counts[0] != counts[1] or len(counts[0]) != 1 or 0 in counts[0]:
        raise ValueError(
            "support and query must have one leading task axis of one length in every tensor, "
            f"got lengths {sorted(counts[0])} and {sorted(counts[1])}"
        )
    return counts[0].pop()


def _as_rates(inner_lr: Any, params: Pytree) -> list[Any]:
    """Spread `inner_lr` over the tensors of `params`; None marks a tensor that the inner loop leaves alone."""
    spec = pytree.tree_structure(params)
    rates = pytree._broadcast_to_and_flatten(inner_lr, spec)
    if rates is None:
        raise ValueError(f"inner_lr must be a number or a pytree like params, got {inner_lr!r} for {spec!r}")
    for index, rate in enumerate(rates):
        if not isinstance(rate, torch.Tensor):
            rates[index] = as_nonnegative("inner_lr", rate) or None
    return rates


def _checked(loss_fn: LossFn) -> LossFn:
    """Wrap `loss_fn` so that a loss that is no scalar says so."""

    def checked(params: Pytree, *batch: Any) -> torch.Tensor:
        loss = loss_fn(params, *batch)
        if not isinstance(loss, torch.Tensor) or loss.ndim:
            got = f"shape {tuple(loss.shape)}" if isinstance(loss, torch.Tensor) else repr(loss)
            raise ValueError(f"loss_fn must return a scalar tensor, one number for the whole batch, got {got}")
        return loss

    return checked
