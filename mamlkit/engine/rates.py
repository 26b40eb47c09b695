"""Inner learning rates: for all tensors, for each, for each step; fixed or learned."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from mamlkit._check import as_nonnegative
from mamlkit.engine.checks import Pytree, check_params
from mamlkit.runtime.trees import spread


class PerStep(NamedTuple):
    """An inner learning rate for each step (MAML++), fixed or learned: K entries, each as `inner_lr` itself may be.

    Notes
    -----
    Source: Antoniou, Edwards and Storkey (2019), "per-layer per-step learning rates".

    Examples
    --------
    >>> from mamlkit.engine import adapt
    >>> rates = PerStep([0.5, {"w": 0.25}])
    >>> adapt(lambda p, y: 0.5 * (p["w"] - y) ** 2, {"w": torch.tensor(0.0)}, (torch.tensor(8.0),),
    ...       inner_lr=rates, num_steps=2)
    {'w': tensor(5.)}
    """

    rates: Sequence[Pytree] | Tensor


def schedule(inner_lr: Pytree, num_steps: int) -> list[Pytree]:
    """Return the rates of each of `num_steps` inner steps."""
    if not isinstance(inner_lr, PerStep):
        return [inner_lr] * num_steps
    if len(inner_lr.rates) != num_steps:
        raise ValueError(f"inner_lr holds rates for {len(inner_lr.rates)} steps, and num_steps={num_steps}")
    return list(inner_lr.rates)


def as_rates(inner_lr: Pytree, params: Pytree, task_axes: int = 0) -> list[Any]:
    """Spread `inner_lr` over the tensors of `params`; None marks a tensor that the inner loop leaves alone."""
    rates = spread("inner_lr", inner_lr, params)
    for rate, leaf in zip(rates, pytree.tree_leaves(params), strict=True):
        of = tuple(rate.shape) if isinstance(rate, Tensor) else ()
        to = tuple(leaf.shape[task_axes:])
        if len(of) > len(to) or any(n not in (1, m) for n, m in zip(of[::-1], to[::-1], strict=False)):
            raise ValueError(f"inner_lr of shape {of} does not fit a parameter of shape {to}")
    return [rate if isinstance(rate, Tensor) else as_nonnegative("inner_lr", rate) or None for rate in rates]


def as_learnable(inner_lr: Pytree, params: Pytree) -> Pytree:
    """Return `inner_lr` with its numbers as tensors like `params`, all but plain zeros."""
    for rate in inner_lr.rates if isinstance(inner_lr, PerStep) else [inner_lr]:
        as_rates(rate, params)
    if isinstance(inner_lr, PerStep) and not isinstance(inner_lr.rates, Tensor):
        inner_lr = PerStep(list(inner_lr.rates))  # of an array, say
    like = check_params(params)
    convert = partial(torch.as_tensor, dtype=like.dtype, device=like.device)
    return pytree.tree_map(lambda rate: convert(rate).clone() if isinstance(rate, Tensor) or rate else rate, inner_lr)
