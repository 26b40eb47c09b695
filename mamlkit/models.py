"""Networks as pure functions: parameters in one hand, the function that uses them in the other."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.func import functional_call

from mamlkit._check import as_count

Params = dict[str, torch.Tensor]


def mlp(
    sizes: Sequence[int],
    generator: torch.Generator,
    *,
    activation: Callable[[torch.Tensor], torch.Tensor] = torch.relu,
    dtype: torch.dtype = torch.float32,
) -> tuple[Params, Callable[[Params, torch.Tensor], torch.Tensor]]:
    """Make a fully connected network, such as ``[1, 40, 40, 1]`` for the sinusoids.

    Returns
    -------
    params : dict of tensors
        ``"1.weight"`` (in, out), ``"1.bias"`` (out,), and so on, all uniform within
        1 / sqrt(in) of zero (as in `torch.nn.Linear`).
    apply : callable
        ``apply(params, x)`` maps inputs (..., in) to outputs (..., out).

    Raises
    ------
    TypeError, ValueError
        If a size is not a whole number of at least one, or there are fewer than two.

    Examples
    --------
    >>> params, net = mlp([1, 40, 40, 1], torch.Generator().manual_seed(0))
    >>> net(params, torch.zeros(10, 1)).shape
    torch.Size([10, 1])
    """
    sizes = [as_count(f"sizes[{index}]", size, minimum=1) for index, size in enumerate(sizes)]
    depth = as_count("len(sizes) - 1", len(sizes) - 1, minimum=1)
    params: Params = {}
    for layer, (fan_in, fan_out) in enumerate(pairwise(sizes), start=1):
        for name, shape in ("weight", (fan_in, fan_out)), ("bias", (fan_out,)):
            uniform = torch.rand(shape, generator=generator, dtype=dtype, device=generator.device)
            params[f"{layer}.{name}"] = (2 * uniform - 1) / fan_in**0.5

    def apply(params: Params, x: torch.Tensor) -> torch.Tensor:
        for layer in range(1, depth + 1):
            x = x @ params[f"{layer}.weight"] + params[f"{layer}.bias"]
            x = activation(x) if layer < depth else x
        return x

    return params, apply


def from_module(module: nn.Module, criterion: Callable[..., torch.Tensor]) -> tuple[Params, Callable[..., Any]]:
    """Turn a `torch.nn.Module` into parameters and a pure loss ``criterion(module(x), y)``.

    The module itself is never changed; write a result back with ``module.load_state_dict(params, strict=False)``.
    Buffers are held fixed. The mode that the module is in now counts: batch normalisation uses the statistics of its
    batch in training mode (strategy P), the running ones in evaluation mode (strategy G), and updates none (claim R13).

    Raises
    ------
    ValueError
        If a parameter has ``requires_grad=False``. To keep it out of the inner loop, give it an inner learning
        rate of 0; to keep it out of both loops, make it a buffer.

    Examples
    --------
    >>> params, loss_fn = from_module(nn.Linear(2, 1), nn.functional.mse_loss)
    >>> sorted(params), loss_fn(params, torch.zeros(5, 2), torch.zeros(5, 1)).ndim
    (['bias', 'weight'], 0)
    """
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad:
            raise ValueError(
                f"module's parameter {name!r} has requires_grad=False: set it to True (an inner learning rate of 0 "
                "keeps it out of the inner loop), or make it a buffer, which nothing changes"
            )
    module = copy.deepcopy(module)
    for layer in module.modules():
        if layer.training and hasattr(layer, "running_mean"):  # they would be changed in place and never read
            layer.running_mean = layer.running_var = layer.num_batches_tracked = None  # type: ignore[assignment]
    params = {name: value.detach().clone() for name, value in module.named_parameters()}
    held = dict(module.named_buffers())

    def loss_fn(params: Params, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        buffers = {name: buffer.clone() for name, buffer in held.items()}
        return criterion(functional_call(module, (params, buffers), (x,)), y)

    return params, loss_fn
