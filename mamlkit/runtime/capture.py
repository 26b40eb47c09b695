"""Fewer calls, same numbers: a pure function recorded as one graph, and compiled where the machine can.

On small networks the time goes into calling operators, not into arithmetic. Running the recorded graph leaves out
all but its operators; compiling it (TorchInductor, which needs a C++ compiler) fuses them.
"""

from __future__ import annotations

import copy
import ctypes
import logging
import math
import platform
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.fx.passes.reinplace import reinplace

from mamlkit.runtime.record import record

log = logging.getLogger(__name__)
Function = Callable[..., list[Tensor]]
TRIALS = 2  # the first may be on the very tensors that the graph was recorded on


class Captured:
    """The pure function `function(*tensors) -> list of tensors`, run as a graph: one for each set of shapes and types.

    What cannot be recorded (a loss that branches on its values) or compiled runs as before, with one line in the
    log. Each graph's numbers are first checked against the function's own, on the tensors that it was recorded on and
    in the next `TRIALS` calls. `level` says what was reached: 0 the function itself, 1 recorded, 2 compiled;
    `num_nodes` is the length of the graph.

    Examples
    --------
    >>> double = Captured(lambda x: [2 * x])
    >>> double(torch.tensor([1.0, 2.0])), double.level
    ([tensor([2., 4.])], 1)
    """

    def __init__(self, function: Function, *, compiled: bool = False) -> None:
        self.function, self.compiled = function, compiled
        self.programs: dict[Any, Function] = {}
        self.trials: dict[Any, int] = {}
        self.level = self.num_nodes = 0

    def __call__(self, *tensors: Tensor) -> list[Tensor]:
        """Return ``function(*tensors)``."""
        kinds = tuple([(tensor.shape, tensor.dtype) for tensor in tensors])
        if kinds not in self.programs:
            crowded = len(self.programs) >= (2 if self.compiled else 8)  # shapes that change all the time
            self.programs[kinds] = self.function if crowded else self._build(tensors)
            self.trials[kinds] = TRIALS
        elif self.trials[kinds] and self.programs[kinds] is not self.function:
            return self._try(kinds, tensors)
        return self.programs[kinds](*tensors)

    def _try(self, kinds: Any, tensors: tuple[Tensor, ...]) -> list[Tensor]:
        """Return what the program gives for tensors that it was not made with, or, if that is wrong, drop it."""
        generator = torch.get_rng_state()
        expected = self.function(*tensors)
        torch.set_rng_state(generator)
        self.trials[kinds] -= 1
        try:
            found = self.programs[kinds](*tensors)
            _check_same(found, expected)
        except Exception as error:
            log.warning("going on without a recorded step: it is right for the first tensors alone (%s)", _brief(error))
            self.programs[kinds], self.level = self.function, 0
            return expected
        return found

    def _build(self, tensors: tuple[Tensor, ...]) -> Function:
        generator = torch.get_rng_state()

        def again(function: Function) -> list[Tensor]:
            torch.set_rng_state(generator)
            return function(*tensors)

        best, expected, self.level = self.function, again(self.function), 0
        last = ("a compiled step", _compile, 2) if self.compiled else ("writing in place", _in_place, 1)
        for name, improve, level in (("a recorded step", record, 1), last):
            try:
                better = improve(best, tensors)
                _check_same(again(better), expected)
            except Exception as error:
                severity = logging.WARNING if level > self.level else logging.INFO
                log.log(severity, "going on without %s: %s", name, _brief(error))
                break
            best, self.level = better, level
            self.num_nodes = self.num_nodes or len(better.graph.nodes)  # of the recorded graph, which comes first
        torch.set_rng_state(generator)
        return best


# Seconds that compiling a graph costs, and saves in each run; measured on two cores by benchmarks/break_even.py.
COMPILE_ONCE, COMPILE_PER_NODE, SAVED_PER_NODE = 8.9, 0.0094, 2.8e-6


def break_even(num_nodes: int) -> float:
    """Return after how many runs compiling a graph of `num_nodes` operators has repaid itself; never if it has none.

    Examples
    --------
    >>> round(break_even(300))
    13952
    """
    if num_nodes == 0:
        return math.inf
    return (COMPILE_ONCE + COMPILE_PER_NODE * num_nodes) / (SAVED_PER_NODE * num_nodes)


def _in_place(graph: Any, tensors: tuple[Tensor, ...]) -> Any:
    """Let results take the memory of arguments that nothing needs any more."""
    return reinplace(copy.deepcopy(graph), *tensors)


def _compile(graph: Any, tensors: tuple[Tensor, ...]) -> Any:
    seconds = COMPILE_ONCE + COMPILE_PER_NODE * len(graph.graph.nodes)
    log.warning("compiling, which takes some %.0f seconds the first time and is kept for the next", seconds)
    # Shapes are the key to the program and `as_tensors` sees to the strides, so they need no second check.
    options = {"size_asserts": False, "alignment_asserts": False, "cpp_wrapper": True}
    return torch._inductor.compile(graph, list(tensors), options=options)


def _brief(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _check_same(found: list[Tensor], expected: list[Tensor]) -> None:
    """Raise unless the numbers are the same to rounding: of their own size, or of the largest if they are near zero."""
    sizes = [float(theirs.abs().max()) if theirs.numel() else 0.0 for theirs in expected]
    largest = max(sizes, default=0.0)
    for ours, theirs, size in zip(found, expected, sizes, strict=True):
        eps = torch.finfo(theirs.dtype).eps
        tolerance = max(size * eps**0.5, largest * 100 * eps)
        torch.testing.assert_close(ours, theirs, rtol=0, atol=tolerance, equal_nan=True)


def keep_freed_memory() -> None:
    """Let the C library keep what is freed for the next tensor: to fetch it from the system anew costs a tenth."""
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(-1, 1 << 30)  # M_TRIM_THRESHOLD: up to a gibibyte
        libc.mallopt(-3, 1 << 25)  # M_MMAP_THRESHOLD: the most that glibc accepts
