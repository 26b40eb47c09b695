"""A step of an optimizer, as it is and as a pure function of all that it changes."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


def apply(optimizer: Optimizer, tensors: list[Tensor], gradients: list[Tensor]) -> None:
    """Let `optimizer` step `tensors` by `gradients`."""
    for tensor, gradient in zip(tensors, gradients, strict=True):
        tensor.grad = gradient
    optimizer.step()


def stepped(optimizer: Optimizer, tensors: list[Tensor], now: list[Tensor], gradients: list[Tensor]) -> list[Tensor]:
    """Return what `apply` would make of `now`, tensors like ``state(optimizer, tensors)``; `optimizer` stays."""
    moved, rest = now[: len(tensors)], iter(now[len(tensors) :])
    twin = copy.copy(optimizer)
    twin.state = defaultdict(dict)
    for old, new in zip(tensors, moved, strict=True):
        entries = {name: next(rest) for name in optimizer.state[old]}
        # A count in float32 would spoil Adam's bias correction, 1 - beta^step.
        twin.state[new] = {name: entry.double() if name == "step" else entry for name, entry in entries.items()}
    own = optimizer.param_groups[0]
    forms = {name: name == "capturable" for name in ("capturable", "fused", "foreach") if name in own}
    twin.param_groups = [own | forms | {"params": moved}]
    with compiling():
        apply(twin, moved, gradients)
    return [new.to(old.dtype) for new, old in zip(state(twin, moved), now, strict=True)]


def plain(optimizer: Optimizer, tensors: list[Tensor]) -> bool:
    """Say whether the optimizer is PyTorch's own and steps all tensors alike, with nothing hooked to it."""
    own = type(optimizer).__module__.startswith("torch.optim")
    alike = [[id(t) for t in group["params"]] for group in optimizer.param_groups] == [[id(t) for t in tensors]]
    return own and alike and not (optimizer._optimizer_step_pre_hooks or optimizer._optimizer_step_post_hooks)


def settings(optimizer: Optimizer) -> list[dict[str, Any]]:
    """Return what the optimizer's groups are set to."""
    return [{name: value for name, value in group.items() if name != "params"} for group in optimizer.param_groups]


def state(optimizer: Optimizer, tensors: list[Tensor]) -> list[Tensor]:
    """Return `tensors` and what the optimizer keeps for each, in one flat list."""
    return [*tensors, *(entry for tensor in tensors for entry in optimizer.state[tensor].values())]


@contextmanager
def compiling() -> Iterator[None]:
    """Tell `torch.optim` that it is being captured, so that it keeps its step counts in tensors."""
    before, torch.compiler._is_compiling_flag = torch.compiler._is_compiling_flag, True
    try:
        yield
    finally:
        torch.compiler._is_compiling_flag = before
