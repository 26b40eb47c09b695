"""Fewer operators, same numbers: a pure function recorded as one graph, and compiled where the machine can.

On small networks the time goes into calling operators, not into arithmetic. Recording the function once (make_fx)
leaves its operators alone; compiling that graph (TorchInductor, which needs a C++ compiler) fuses them.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.func import functionalize
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils import _pytree as pytree

log = logging.getLogger("mamlkit.engine")
Function = Callable[..., list[Tensor]]


class Captured:
    """The pure function `function(*tensors) -> list of tensors`, run as a graph: one for each set of shapes.

    What cannot be recorded (a loss that branches on its values) or compiled runs as before, with one line in the
    log. Each graph's numbers are first checked against the function's own. `level` says what was reached:
    0 the function itself, 1 recorded, 2 compiled; `num_nodes` is the length of the graph.

    Examples
    --------
    >>> double = Captured(lambda x: [2 * x])
    >>> double(torch.tensor([1.0, 2.0])), double.level
    ([tensor([2., 4.])], 1)
    """

    def __init__(self, function: Function, *, compiled: bool = False) -> None:
        self.function = function
        self.improvements = {"recorded": _record} | ({"compiled": _compile} if compiled else {})
        self.programs: dict[Any, Function] = {}
        self.level = self.num_nodes = 0

    def __call__(self, *tensors: Tensor) -> list[Tensor]:
        """Return ``function(*tensors)``."""
        shapes = tuple([tensor.shape for tensor in tensors])
        if shapes not in self.programs:
            self.programs[shapes] = self._build(tensors)
        return self.programs[shapes](*tensors)

    def _build(self, tensors: tuple[Tensor, ...]) -> Function:
        best, expected, self.level = self.function, self.function(*tensors), 0
        for name, improve in self.improvements.items():
            try:
                better = improve(best, tensors)
                _check_same(better(*tensors), expected)
            except Exception as error:
                reason = (str(error).strip() or type(error).__name__).splitlines()[0]
                log.warning("going on without a %s step: %s", name, reason)
                break
            best, self.level = better, self.level + 1
            self.num_nodes = len(better.graph.nodes) if isinstance(better, torch.fx.GraphModule) else self.num_nodes
        return best


def capture_tree(function: Callable[..., Any], args: Any, result: Any, *, compiled: bool = False) -> Any:
    """Return `function` of pytrees as it is called with `args` and answers with `result`, captured; and its core."""
    spec, out_spec = pytree.tree_structure(args), pytree.tree_structure(result)
    core = Captured(
        lambda *leaves: pytree.tree_leaves(function(*pytree.tree_unflatten(leaves, spec))), compiled=compiled
    )
    return lambda *args: pytree.tree_unflatten(core(*pytree.tree_leaves(args)), out_spec), core


# Measured on two cores: what compiling a graph costs, and what it then saves in each run, in seconds.
COMPILE_ONCE, COMPILE_PER_NODE, SAVED_PER_NODE = 12.0, 0.012, 3.5e-6


def break_even(num_nodes: int) -> float:
    """Return after how many runs compiling a graph of `num_nodes` operators has repaid itself; never if it has none.

    Examples
    --------
    >>> round(break_even(300))
    14857
    """
    if num_nodes == 0:
        return math.inf
    return (COMPILE_ONCE + COMPILE_PER_NODE * num_nodes) / (SAVED_PER_NODE * num_nodes)


def _record(function: Function, tensors: tuple[Tensor, ...]) -> Any:
    graph = make_fx(functionalize(function), tracing_mode="fake", _allow_non_fake_inputs=True)(*tensors)
    graph.graph.eliminate_dead_code()
    graph.recompile()
    return graph


def _compile(graph: Any, tensors: tuple[Tensor, ...]) -> Any:
    log.info("compiling %d operators; the result is kept for the next run", len(graph.graph.nodes))
    # Shapes are the key to the program and `as_tensors` sees to the strides, so they need no second check.
    return torch._inductor.compile(graph, list(tensors), options={"size_asserts": False, "alignment_asserts": False})


def _check_same(found: list[Tensor], expected: list[Tensor]) -> None:
    for ours, theirs in zip(found, expected, strict=True):
        tolerance = float(theirs.abs().max()) * torch.finfo(theirs.dtype).eps ** 0.5 if theirs.numel() else 0.0
        torch.testing.assert_close(ours, theirs, rtol=0, atol=tolerance, equal_nan=True)


@contextmanager
def compiling() -> Iterator[None]:
    """Tell `torch.optim` that it is being captured, so that it keeps its step counts in tensors."""
    before, torch.compiler._is_compiling_flag = torch.compiler._is_compiling_flag, True
    try:
        yield
    finally:
        torch.compiler._is_compiling_flag = before
