"""Networks as pure functions: parameters in one hand, the function that uses them in the other."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from types import CellType
from typing import Any

import torch
from torch import nn
from torch.func import functional_call

from mamlkit._check import as_count
from mamlkit.runtime.trees import differing

Params = dict[str, torch.Tensor]
OWN = "the module's parameters"


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

    The module itself is never changed; `into_module` puts a result back.
    Buffers are held fixed. The mode that the module is in now counts: batch normalisation uses the statistics of its
    batch in training mode (strategy P), the running ones in evaluation mode (strategy G), and updates none (claim R13).

    Raises
    ------
    ValueError
        If a parameter has ``requires_grad=False``. To keep it out of the inner loop, give it an inner learning
        rate of 0; to keep it out of both loops, make it a buffer. If the module wraps another one, has weights that
        it does not know as its own, or parameters without a size; names them.

    Examples
    --------
    >>> params, loss_fn = from_module(nn.Linear(2, 1), nn.functional.mse_loss)
    >>> sorted(params), loss_fn(params, torch.zeros(5, 2), torch.zeros(5, 1)).ndim
    (['bias', 'weight'], 0)
    """
    _check_module(module)
    module = copy.deepcopy(module)
    for layer in module.modules():
        if layer.training and hasattr(layer, "running_mean"):  # they would be changed in place and never read
            layer.running_mean = layer.running_var = layer.num_batches_tracked = None  # type: ignore[assignment]
    params = {name: value.detach().clone() for name, value in module.named_parameters()}
    names, held = params.keys(), dict(module.named_buffers())
    dtype = next((value.dtype for value in params.values()), None)

    def loss_fn(params: Params, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        if params.keys() != names:  # a parameter that is left out would stay as it was
            raise ValueError(
                f"params must have the names of the module's parameters: {differing(params.keys(), names)}"
            )
        now = next((value.dtype for value in params.values()), None)
        buffers = {
            name: buffer.to(now if buffer.dtype == dtype else buffer.dtype, copy=True) for name, buffer in held.items()
        }
        return criterion(functional_call(module, (params, buffers), (x,)), y)

    return params, loss_fn


def into_module(module: nn.Module, params: Params) -> nn.Module:
    """Put `params`, such as adapted ones, into the `module` that they were taken from, and return it.

    Raises
    ------
    ValueError
        If the names are not those of the module's parameters. (``load_state_dict(params, strict=False)`` would load
        what fits, and nothing at all into a model that is wrapped.)

    Examples
    --------
    >>> module = nn.Linear(1, 1, bias=False)
    >>> into_module(module, {"weight": torch.tensor([[3.0]])})(torch.ones(1)).item()
    3.0
    """
    own = dict(module.named_parameters())
    if params.keys() != own.keys():
        raise ValueError(
            f"params must have the names of the module's parameters: {differing(params.keys(), own.keys())}"
        )
    with torch.no_grad():
        for name, value in params.items():
            own[name].copy_(value)
    return module


def _check_module(module: nn.Module) -> None:
    """Raise unless all that `module` computes with are its own parameters and buffers."""
    if inner := WRAPPERS.get(type(module).__name__):
        raise ValueError(
            f"module is a {type(module).__name__}, whose parameters have other names: take from_module(model.{inner}, "
            f"...) and into_module(model.{inner}, ...)"
        )
    for name, parameter in module.named_parameters():
        if isinstance(parameter, nn.parameter.UninitializedParameter):
            raise ValueError(f"module's parameter {name!r} has no size yet: call the module once on a batch before")
        if not parameter.requires_grad:
            raise ValueError(
                f"module's parameter {name!r} has requires_grad=False: set it to True (an inner learning rate of 0 "
                "keeps it out of the inner loop), or make it a buffer, which nothing changes"
            )
    for name in hidden_weights(module):
        raise ValueError(
            f"module keeps weights in {name!r}, beside its registered parameters, where nothing can put adapted ones "
            "in their place: use nn.ParameterList, nn.ModuleList or nn.ModuleDict, read the weights from their layer "
            "in forward, or (for torch.nn.utils.weight_norm and spectral_norm) take those of torch.nn.utils."
            "parametrizations"
        )


def hidden_weights(module: nn.Module) -> Iterator[str]:
    """Yield the attributes, in lists, dicts and closures too, that hold weights which `module` has not registered.

    Examples
    --------
    >>> layer = nn.Linear(1, 1)
    >>> layer.kept = [layer.weight]
    >>> list(hidden_weights(layer))
    ['kept']
    """
    registered = set(module.modules())
    storages = {parameter.untyped_storage().data_ptr() for parameter in module.parameters()}

    def holds(value: Any, seen: set[int]) -> bool:
        if id(value) in seen:
            return False
        seen.add(id(value))
        if isinstance(value, torch.Tensor):
            return value.requires_grad or (value.numel() > 0 and value.untyped_storage().data_ptr() in storages)
        if isinstance(value, nn.Module):
            return value not in registered and any(True for _ in value.parameters())
        return any(holds(entry, seen) for entry in _inside(value))

    for path, layer in module.named_modules():
        for name, value in vars(layer).items():
            if name not in INTERNAL and holds(value, set()):
                yield f"{path}.{name}".lstrip(".")


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, list | tuple | set):
        return value
    if isinstance(value, partial):
        return (value.func, value.args, value.keywords)
    return [cell.cell_contents for cell in getattr(value, "__closure__", None) or () if cell != EMPTY]


EMPTY = CellType()
# An LSTM keeps its weights in a list besides, which follows its parameters.
INTERNAL = vars(nn.Module()).keys() - {"_buffers"} | {"_flat_weights", "_flat_weight_refs"}
WRAPPERS = {"DataParallel": "module", "DistributedDataParallel": "module", "OptimizedModule": "_orig_mod"}
