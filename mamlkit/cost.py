"""What a meta-gradient costs in time, arithmetic and memory (claim R4)."""

from __future__ import annotations

import time
import weakref
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from mamlkit._check import Array, as_count
from mamlkit.engine import meta_gradient
from mamlkit.engine.checks import Batch, LossFn, Pytree

METHODS: dict[str, dict[str, bool]] = {
    "MAML": {},
    "MAML, checkpointed": {"recompute": True},
    "FOMAML": {"first_order": True},
}
# In units of one forward pass: a gradient costs 3, a Hessian-vector product 6.
THEORY = {"MAML": (9, 3), "MAML, checkpointed": (12, 3), "FOMAML": (3, 3), "plain gradient": (0, 3)}


class Cost(NamedTuple):
    """Costs of each method by name, one entry for each of `num_steps`.

    `seconds` is the shortest of a few runs, `flops` counts the operations in matrix products and convolutions,
    `peak_bytes` is the most memory that tensors made on the way held at once. `theory` is the number of forward
    passes that the arithmetic should equal: 9 K + 3 for MAML, 3 K + 3 for FOMAML, 3 for the plain gradient.
    """

    num_steps: Array
    seconds: dict[str, Array]
    flops: dict[str, Array]
    peak_bytes: dict[str, Array]
    theory: dict[str, Array]


def measure(
    loss_fn: LossFn, params: Pytree, *, support: Batch, query: Batch, num_steps: Sequence[int], repeats: int = 3
) -> Cost:
    """Measure MAML, FOMAML and the plain gradient of the query loss on the same tasks (claim R4).

    Parameters
    ----------
    loss_fn, params, support, query
        As in `meta_gradient`.
    num_steps : sequence of int
        The numbers K of inner steps to measure at.
    repeats : int
        How many timed runs; the shortest counts.

    Examples
    --------
    >>> w = torch.eye(50).expand(4, 50, 50)
    >>> cost = measure(lambda p, x: ((x @ p) ** 2).mean(), w[0], support=(w,), query=(w,), num_steps=[1, 2])
    >>> sorted(cost.seconds)
    ['FOMAML', 'MAML', 'MAML, checkpointed', 'plain gradient']
    """
    steps = [as_count("num_steps", k) for k in num_steps]
    rows = {"plain gradient": [_run(loss_fn, params, support, query, 0, repeats, {})] * len(steps)}
    for name, options in METHODS.items():
        rows[name] = [_run(loss_fn, params, support, query, k, repeats, options) for k in steps]
    seconds, flops, peaks = ({name: np.array(row)[:, i] for name, row in rows.items()} for i in range(3))
    theory = {name: np.array([slope * k + start for k in steps], float) for name, (slope, start) in THEORY.items()}
    return Cost(np.array(steps, float), seconds, flops, peaks, theory)


def _run(loss_fn: LossFn, params: Pytree, support: Batch, query: Batch, k: int, repeats: int, options: Any) -> Any:
    def call() -> object:
        return meta_gradient(loss_fn, params, support=support, query=query, inner_lr=1e-3, num_steps=k, **options)

    with FlopCounterMode(display=False) as flops, PeakMemory() as memory:
        call()
    times = []
    for _ in range(as_count("repeats", repeats, minimum=1)):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times), flops.get_total_flops(), memory.peak


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
