"""What a meta-gradient costs in time, arithmetic and memory (claim R4)."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from mamlkit._check import Array, as_count
from mamlkit.engine import meta_gradient

METHODS: dict[str, dict[str, Any]] = {
    "MAML": {},
    "MAML, recomputed": {"recompute": True},
    "FOMAML": {"first_order": True},
}
# In units of one forward pass: a gradient costs 3, a Hessian-vector product 6. Recomputing repeats the gradient on
# the way back, and a forward pass on the way out, when the inner gradient asks for what was not remembered.
THEORY = {"MAML": (9, 3), "MAML, recomputed": (13, 3), "FOMAML": (3, 3), "plain gradient": (0, 3)}


class Cost(NamedTuple):
    """Costs of each method by name, one entry for each problem.

    `seconds` is the shortest of a few runs, `flops` counts the operations in matrix products and convolutions,
    `peak_bytes` is the most memory that tensors made on the way held at once. `theory` is the number of forward
    passes that the arithmetic should equal: 9 K + 3 for MAML, 3 K + 3 for FOMAML, 3 for the plain gradient.
    """

    seconds: dict[str, Array]
    flops: dict[str, Array]
    peak_bytes: dict[str, Array]
    theory: dict[str, Array]

    def relative(self) -> dict[str, Array]:
        """Return the seconds in units of the plain gradient of the same problem."""
        return {method: seconds / self.seconds["plain gradient"] for method, seconds in self.seconds.items()}


def measure(problems: Iterable[Mapping[str, Any]], *, repeats: int = 3) -> Cost:
    """Measure MAML, FOMAML and the plain gradient of the query loss on each problem (claim R4).

    Parameters
    ----------
    problems : iterable of mappings
        Arguments of `meta_gradient` by name: `loss_fn`, `params`, `support`, `query`, `num_steps`, and `inner_lr`,
        which is 0.001 where it is left out.
    repeats : int
        How many timed runs; the shortest counts. The methods take turns.

    Examples
    --------
    >>> w = torch.eye(50).expand(4, 50, 50)
    >>> problem = {"loss_fn": lambda p, x: ((x @ p) ** 2).mean(), "params": w[0], "support": (w,), "query": (w,)}
    >>> cost = measure(problem | {"num_steps": k} for k in (1, 2))
    >>> cost.theory["MAML"], sorted(cost.seconds)
    (array([12., 21.]), ['FOMAML', 'MAML', 'MAML, recomputed', 'plain gradient'])
    """
    rows = []
    for problem in problems:
        problem = {"inner_lr": 1e-3} | dict(problem)
        calls = {name: partial(meta_gradient, **problem, **options) for name, options in METHODS.items()}
        calls["plain gradient"] = partial(meta_gradient, **problem | {"num_steps": 0})
        seconds = _time(calls, as_count("repeats", repeats, minimum=1))
        num_steps = as_count("num_steps", problem["num_steps"])
        rows.append(
            {
                name: (seconds[name], *_count(call), THEORY[name][0] * num_steps + THEORY[name][1])
                for name, call in calls.items()
            }
        )
    return Cost(*({name: np.array([row[name][i] for row in rows], float) for name in THEORY} for i in range(4)))


def _count(call: Callable[[], object]) -> tuple[int, int]:
    with FlopCounterMode(display=False) as flops, PeakMemory() as memory:
        call()
    return flops.get_total_flops(), memory.peak


def _time(calls: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - start)
    return {name: min(taken) for name, taken in times.items()}


class PeakMemory(TorchDispatchMode):
    """Counts the bytes of the tensors made while it is active; `peak` is the most that were alive at once.

    Examples
    --------
    >>> with PeakMemory() as memory:
    ...     total = (torch.ones(1000) + 1).sum()  # two vectors of 4000 bytes, for a moment
    >>> memory.peak
    8000
    """

    def __init__(self) -> None:
        super().__init__()
        self.alive, self.peak, self.seen = 0, 0, set[int]()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call `func` and follow the storage of what it returns."""
        result = func(*args, **(kwargs or {}))
        for tensor in pytree.tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                self._follow(tensor.untyped_storage())
        return result

    def _follow(self, storage: Any) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key not in self.seen:
            self.seen.add(key)
            self.alive += size
            self.peak = max(self.peak, self.alive)
            weakref.finalize(storage, self._forget, key, size)

    def _forget(self, key: int, size: int) -> None:
        self.seen.discard(key)
        self.alive -= size
