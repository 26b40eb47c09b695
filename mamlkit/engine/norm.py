"""Normalisation layers whose second derivatives are right, also under `torch.func.vmap` (claim R13).

PyTorch's own batch, layer and instance norm give a wrong second-order meta-gradient under vmap, silently: the rule
for a batch of tasks treats the saved mean and deviation as constants (seen in PyTorch 2.13). These are the same
formulas written out. Inside the engine they stand in for PyTorch's own, whatever the loss or module calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel of `input` (N, C, ...) over all other axes; arguments as `torch.nn.functional.batch_norm`.

    With `training` the statistics are those of `input` (strategy P: the support set normalises itself), else the
    running ones (strategy G). A loss is pure, so the running ones are never updated and `momentum` has no effect.

    Examples
    --------
    >>> batch_norm(torch.tensor([[1.0], [3.0]]), None, None, training=True, eps=0.0)
    tensor([[-1.],
            [ 1.]])
    """
    channels = (1, -1) + (1,) * (input.ndim - 2)
    if training:
        normal = _standardise(input, [0, *range(2, input.ndim)], eps)
    elif running_mean is None or running_var is None:
        raise ValueError("batch_norm needs training=True, or running_mean and running_var")
    else:
        normal = (input - running_mean.view(channels)) * (running_var.view(channels) + eps).rsqrt()
    return _affine(normal, weight, bias, channels)


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each example of `input` over its last axes; arguments as `torch.nn.functional.layer_norm`."""
    return _affine(
        _standardise(input, list(range(-len(normalized_shape), 0)), eps), weight, bias, tuple(normalized_shape)
    )


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Normalise groups of channels of each example (N, C, ...); arguments as `torch.nn.functional.group_norm`."""
    groups = input.reshape(len(input), num_groups, -1)
    channels = (1, -1) + (1,) * (input.ndim - 2)
    return _affine(_standardise(groups, [2], eps).reshape(input.shape), weight, bias, channels)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel of each example (N, C, ...); arguments as `torch.nn.functional.instance_norm`."""
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    return group_norm(input, input.shape[1], weight, bias, eps)


_STAND_INS = {
    F.batch_norm: batch_norm,
    F.layer_norm: layer_norm,
    F.group_norm: group_norm,
    F.instance_norm: instance_norm,
}
_REFUSED = (torch.batch_norm, torch.layer_norm, torch.instance_norm, torch.native_batch_norm, torch.native_layer_norm)


class Vouched(TorchFunctionMode):
    """While active, PyTorch's four normalisation functions are answered by the ones above."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call `func`, or what stands in for it."""
        if func in _REFUSED:
            raise ValueError(f"torch.{func.__name__} has a wrong second derivative under vmap: call F.{func.__name__}")
        return _STAND_INS.get(func, func)(*args, **(kwargs or {}))


def _standardise(x: Tensor, axes: list[int], eps: float) -> Tensor:
    centred = x - x.mean(axes, keepdim=True)
    return centred * ((centred * centred).mean(axes, keepdim=True) + eps).rsqrt()


def _affine(x: Tensor, weight: Tensor | None, bias: Tensor | None, shape: tuple[int, ...]) -> Tensor:
    x = x if weight is None else x * weight.view(shape)
    return x if bias is None else x + bias.view(shape)
