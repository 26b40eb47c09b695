"""What a recorded graph must not hold: a value, or a shape, of the tensors that it was recorded on."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor
from torch.fx import Graph, Node
from torch.overrides import TorchFunctionMode

READERS = {"item", "numpy", "tolist", "is_nonzero", "data_ptr", "storage", "untyped_storage"} | {
    f"__{name}__"
    for name in (
        "array",
        "bool",
        "complex",
        "contains",
        "deepcopy",
        "dlpack",
        "float",
        "format",
        "index",
        "int",
        "repr",
    )
}


class Unsound(ValueError):
    """A function cannot be recorded, since its graph would be right for these tensors alone."""


class Blind(TorchFunctionMode):
    """While it is active, no value leaves its tensor for Python or NumPy.

    Examples
    --------
    >>> with Blind():
    ...     torch.ones(1).item()
    Traceback (most recent call last):
    mamlkit.runtime.sound.Unsound: Tensor.item takes values out of a tensor
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call `func` unless it is one of `READERS`."""
        if getattr(func, "__name__", "") in READERS:
            raise Unsound(f"Tensor.{func.__name__} takes values out of a tensor")
        return func(*args, **(kwargs or {}))


def blind(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function` as it runs while no value leaves its tensor."""

    @wraps(function)
    def wrapped(*tensors: Tensor) -> Any:
        with Blind():
            return function(*tensors)

    return wrapped


def refuse_shapes_from_values(graph: Graph) -> None:
    """Raise if an operator of `graph` gives a shape, or a number for Python, that depends on values."""
    for node in graph.nodes:
        tags = getattr(node.target, "tags", ())
        by_mask = node.target is torch.ops.aten.index.Tensor and any(map(_is_mask, node.args[1]))
        if torch.Tag.data_dependent_output in tags or (
            torch.Tag.dynamic_output_shape in tags and (by_mask or node.target is not torch.ops.aten.index.Tensor)
        ):
            raise Unsound(f"{node.target} gives a shape or a number that depends on values")


def _is_mask(index: Any) -> bool:
    return isinstance(index, Node) and index.meta["val"].dtype in (torch.bool, torch.uint8)
