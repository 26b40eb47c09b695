"""Operators that PyTorch differentiates wrongly, or not twice, and what is computed in their place.

Each is known to be wrong, or missing, in PyTorch 2.13, and a test shows it. The page "Known limits" lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode


class Mended(TorchFunctionMode):
    """While it is active, some of PyTorch's functions are computed in another way; `twice`: differentiably twice.

    Examples
    --------
    >>> pad = torch.nn.Embedding(3, 1, padding_idx=0)
    >>> with Mended():
    ...     pad(torch.tensor([0, 1])).sum().backward()
    >>> pad.weight.grad.tolist()
    [[0.0], [1.0], [0.0]]
    """

    def __init__(self, *, twice: bool = False) -> None:
        super().__init__()
        self.twice = twice

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call `func`, or what stands in its place."""
        with without_cudnn() if self.twice and func in RECURRENT else nullcontext():
            return OTHER_WAYS.get(func, func)(*args, **(kwargs or {}))


@contextmanager
def mended(*, twice: bool, batched: bool = False) -> Iterator[None]:
    """Compute rightly what PyTorch does not; attention plainly, where it is differentiated `twice` or `batched`.

    Its fast kernels have no second derivative, and vmap runs them one task after the other.
    """
    with Mended(twice=twice), sdpa_kernel(SDPBackend.MATH) if twice or batched else nullcontext():
        yield


def without_cudnn() -> Any:
    """Use PyTorch's own recurrent networks: cuDNN's have no second derivative."""
    return torch.backends.cudnn.flags(enabled=False)


@contextmanager
def second_derivatives_explained() -> Iterator[None]:
    """Say what to do where PyTorch has no second derivative."""
    try:
        yield
    except RuntimeError as error:
        if not any(sign in str(error) for sign in ("derivative for ", "once_differentiable", "double backward")):
            raise
        raise NotImplementedError(
            f"loss_fn uses an operator that PyTorch cannot differentiate twice ({str(error).splitlines()[0]:.120}): "
            "write it with other operators, or ask for first_order=True, which needs no second derivative"
        ) from error


def _weight_norm(v: Tensor, g: Tensor, dim: int = 0) -> Tensor:
    """Return g v / |v|: the second derivative of PyTorch's own fails `gradgradcheck`."""
    axes = [axis for axis in range(v.ndim) if dim == -1 or axis != dim % v.ndim]
    return v * (g / (v * v).sum(axes, keepdim=True).sqrt())


def _embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Look `input` up, with gradients that are dense; under vmap PyTorch keeps the padding of the first task alone."""
    _refuse("Embedding", max_norm, scale_grad_by_freq)
    found = F.embedding(input, weight, padding_idx)
    if padding_idx is None:
        return found
    return torch.where((input == padding_idx % weight.shape[0]).unsqueeze(-1), found.detach(), found)


def _raw_embedding(
    weight: Tensor, indices: Tensor, padding_idx: int = -1, scale_grad_by_freq: bool = False, sparse: bool = False
) -> Tensor:
    """Do the same for `torch.embedding`, where -1 stands for no padding."""
    padding = None if padding_idx < 0 else padding_idx
    return _embedding(indices, weight, padding, scale_grad_by_freq=scale_grad_by_freq)


def _embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Look bags of equal size up and reduce them; PyTorch's own has no second derivative."""
    _refuse("EmbeddingBag", max_norm, scale_grad_by_freq)
    if input.ndim != 2:  # bags of different sizes
        return F.embedding_bag(input, weight, offsets, mode=mode, per_sample_weights=per_sample_weights,
                               include_last_offset=include_last_offset, padding_idx=padding_idx)  # fmt: skip
    found = _embedding(input, weight)
    absent = torch.zeros_like(input, dtype=torch.bool) if padding_idx is None else input == padding_idx % len(weight)
    absent = absent.unsqueeze(-1)
    if mode == "max":
        return torch.where(absent.all(1), 0.0, found.masked_fill(absent, -torch.inf).amax(1))
    if per_sample_weights is not None:
        found = found * per_sample_weights.unsqueeze(-1)
    total = found.masked_fill(absent, 0.0).sum(1)
    return total / (~absent).sum(1).clamp(min=1) if mode == "mean" else total


def _refuse(layer: str, max_norm: float | None, scale_grad_by_freq: bool) -> None:
    if max_norm is not None:
        raise ValueError(f"{layer}(max_norm={max_norm}) changes its weights in place: scale them in the loss instead")
    if scale_grad_by_freq:
        raise ValueError(
            f"{layer}(scale_grad_by_freq=True) has a gradient that is no derivative of the loss, and PyTorch's second "
            "derivative of it is wrong: leave it out, and weigh the loss by frequency instead"
        )


def _select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """Put `src` in place of one slice: under vmap the gradient of PyTorch's own in `src` is wrong."""
    index %= input.shape[dim]
    return torch.slice_scatter(input, src.unsqueeze(dim), dim, index, index + 1)


def _linear_cross_entropy(*args: Any, options: Any = None, **kwargs: Any) -> Tensor:
    """Leave the computation in chunks out, whose gradient under vmap is wrong."""
    return F.linear_cross_entropy(*args, **kwargs)


RECURRENT = {torch.lstm, torch.gru, torch.rnn_tanh, torch.rnn_relu}
OTHER_WAYS: dict[Any, Callable[..., Any]] = {
    torch._weight_norm: _weight_norm,
    F.embedding: _embedding,
    F.embedding_bag: _embedding_bag,
    torch.embedding: _raw_embedding,
    torch.select_scatter: _select_scatter,
    Tensor.select_scatter: _select_scatter,
    getattr(F, "linear_cross_entropy", None): _linear_cross_entropy,  # new in PyTorch 2.13
}
