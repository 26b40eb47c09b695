"""Fewer operators, same numbers: a pure function recorded as one graph, and compiled where the machine can.

On small networks the time goes into calling operators, not into arithmetic. Recording the function once (make_fx)
leaves its operators alone; compiling that graph (TorchInductor, which needs a C++ compiler) fuses them.
"""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

log = logging.getLogger("mamlkit.engine")
Function = Callable[..., list[Tensor]]
aten = torch.ops.aten


class Captured:
    """The pure function `function(*tensors) -> list of tensors`, run as a graph: one for each set of shapes.

    What cannot be recorded (a loss that branches on its values) or compiled runs as before, with one line in the
    log. Each graph's numbers are first checked against the function's own. `level` says what was reached: 0 the
    function itself, 1 recorded, 2 compiled; `num_nodes` is the length of the graph.

    Examples
    --------
    >>> double = Captured(lambda x: [2 * x])
    >>> double(torch.tensor([1.0, 2.0])), double.level
    ([tensor([2., 4.])], 1)
    """

    def __init__(self, function: Function, *, compiled: bool = False) -> None:
        self.function, self.compiled = function, compiled
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
        steps = {"recorded": _record} | ({"compiled": _compile} if self.compiled else {"shortened": _shorten})
        for name, improve in steps.items():
            try:
                better = improve(best, tensors)
                _check_same(better(*tensors), expected)
            except Exception as error:
                reason = (str(error).strip() or type(error).__name__).splitlines()[0]
                log.warning("going on without a %s step: %s", name, reason)
                break
            best, self.level = better, self.level + (name != "shortened")
            self.num_nodes = len(better.graph.nodes) if isinstance(better, torch.fx.GraphModule) else self.num_nodes
        return best


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
    rules = {aten.bmm.default: _batched_product}
    graph = make_fx(function, rules, tracing_mode="fake", _allow_non_fake_inputs=True)(*tensors)
    graph.graph.eliminate_dead_code()
    graph.recompile()
    return graph


def _batched_product(a: Tensor, b: Tensor) -> Tensor:
    """Multiply (n, i, j) by (n, j, k) in the form that a CPU does fastest; the library's own call where that is it."""
    if a.device.type != "cpu":
        return NotImplemented
    if a.shape[2] == 1:
        return a * b
    if b.shape[2] == 1:
        return (a * b.mT).sum(2, keepdim=True)
    if b.stride(0) == 0:  # all tasks share one matrix, as at the first inner step: one large product
        return (a.reshape(-1, a.shape[2]) @ b[0]).view(*a.shape[:2], -1)
    return torch.bmm(b.mT, a.mT).mT if a.shape[1] > b.shape[2] else NotImplemented  # wide results are faster


def _shorten(graph: Any, tensors: tuple[Tensor, ...]) -> Any:
    """Replace each chain of views by one, and one that changes nothing by none; a call costs as much as a product."""
    module, known = copy.deepcopy(graph), {}
    for node in module.graph.nodes:
        base = node
        while _aliases(base) and not base.target._schema.is_mutable:
            base = base.args[0]
        if base is node or not isinstance(base.target, torch._ops.OpOverload) or _aliases(base):
            continue  # what is passed in may begin anywhere in its memory, so nothing about it can be fixed here
        layout = _layout(node.meta["val"])
        if (base, layout) not in known:
            known[base, layout] = base
            if layout != _layout(base.meta["val"]):
                with module.graph.inserting_before(node):
                    known[base, layout] = module.graph.call_function(aten.as_strided.default, (base, *layout))
                    known[base, layout].meta = node.meta
        if node is not known[base, layout]:
            node.replace_all_uses_with(known[base, layout])
    module.graph.eliminate_dead_code()
    module.recompile()
    return module


def _aliases(node: Any) -> bool:
    """Say whether the operator `node` gives back memory of its first argument."""
    if not isinstance(node.target, torch._ops.OpOverload):
        return False
    shared = any(result.alias_info is not None for result in node.target._schema.returns)
    return shared or node.target is aten._unsafe_view.default


def _layout(tensor: Tensor) -> tuple[Any, ...]:
    return tuple(tensor.shape), tensor.stride(), tensor.storage_offset()


def _compile(graph: Any, tensors: tuple[Tensor, ...]) -> Any:
    log.info("compiling %d operators; the result is kept for the next run", len(graph.graph.nodes))
    # Shapes are the key to the program and `as_tensors` sees to the strides, so they need no second check.
    options = {"size_asserts": False, "alignment_asserts": False, "cpp_wrapper": True}
    return torch._inductor.compile(graph, list(tensors), options=options)


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
