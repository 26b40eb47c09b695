"""The state of a training run, its steps and its validation."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import InitVar, dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from mamlkit._check import as_count, as_positive
from mamlkit.engine.checks import LossFn, Pytree, check_params, count_tasks
from mamlkit.engine.diverged import Diverged, explain
from mamlkit.engine.meta import evaluate
from mamlkit.engine.rates import as_learnable
from mamlkit.runtime import parallel, stepping
from mamlkit.runtime.batching import mean, pieces, tasks_at_once, unbatched
from mamlkit.runtime.capture import Captured, break_even, keep_freed_memory
from mamlkit.runtime.losses import Unbatched
from mamlkit.runtime.trees import as_tensors, split


class MetaTrained(NamedTuple):
    """What training learned: `params`, `inner_lr`, the mean outer loss of each iteration, `losses` (iterations,).

    `validation` (n, 2) holds iterations and mean validation losses; with validation, `params` are the best ones.
    """

    params: Pytree
    inner_lr: Pytree
    losses: np.ndarray
    validation: np.ndarray


@dataclass
class Run:
    """All that changes while training runs, which is what a checkpoint must hold; arguments as in `meta_train`."""

    loss_fn: LossFn
    params: InitVar[Pytree]
    inner_lr: Pytree
    outer_lr: float
    iterations: int
    seed: int
    learn: bool
    algorithm: Callable[..., Any]
    make_optimizer: Callable[..., torch.optim.Optimizer]
    backend: str
    options: dict[str, Any]
    losses: list[float] = field(default_factory=list)
    validation: list[tuple[int, float]] = field(default_factory=list)
    stopped: bool = False
    generators: dict[str, Any] | None = None
    whole: Captured | None = None
    task_spec: Any = None
    reviewed: int = 0

    def __post_init__(self, params: Pytree) -> None:
        if self.backend not in ("auto", "compile", "capture", "eager"):
            raise ValueError(f'backend must be "auto", "compile", "capture" or "eager", got {self.backend!r}')
        self.like, self.iterations = check_params(params), as_count("iterations", self.iterations)
        start = (params, as_learnable(self.inner_lr, params) if self.learn else None)
        tensors, self.rebuild = split(start)
        # A fused optimizer walks through memory, so parameters and gradients must lie there in one order.
        self.tensors = self.best = [tensor.detach().clone(memory_format=torch.contiguous_format) for tensor in tensors]
        self.optimizer = self.make_optimizer(self.tensors, lr=as_positive("outer_lr", self.outer_lr))
        self.rng = np.random.default_rng(as_count("seed", self.seed))
        self.size = tasks_at_once(self.options.get("task_axis", "vmap"), self.options.get("chunk_size"))
        self.can_loop = "task_axis" in inspect.signature(self.algorithm).parameters
        self.captured = Captured(self._gradients)
        self.work = self._gradients if self.backend == "eager" else self.captured
        self.settled = self.backend in ("capture", "eager")
        if self.size:
            keep_freed_memory()
        paths = [pytree.keystr(p) for p, leaf in pytree.tree_flatten_with_path(start)[0] if isinstance(leaf, Tensor)]
        self.names = [("params" if path.startswith("[0]") else "inner_lr") + path[3:] for path in paths]

    def trained(self) -> MetaTrained:
        """Return a copy of what is learned so far."""
        params, inner_lr = self.theta([t.clone() for t in (self.best if self.validation else self.tensors)])
        history = np.array(self.validation, dtype=float).reshape(-1, 2)
        return MetaTrained(params, inner_lr, np.array(self.losses), history)

    def theta(self, tensors: list[Tensor]) -> tuple[Pytree, Pytree]:
        """Return the parameters and the inner learning rate that `tensors` hold, or the fixed one."""
        params, learned = self.rebuild(tensors)
        return params, learned if self.learn else self.inner_lr

    def step(self, sample_tasks: Callable[[np.random.Generator], Any]) -> None:
        """Draw tasks and take one outer step, or raise `Diverged` and stay as it was."""
        tasks = self.tasks("sample_tasks must return", sample_tasks(self.rng))
        leaves, spec = pytree.tree_flatten(tasks)
        if spec != self.task_spec:
            self.task_spec, self.whole = spec, None
            self.captured.programs.clear()
        if self.losses and not self.settled:
            self.settle(tasks, leaves)
        if self.whole and self.settings != stepping.settings(self.optimizer):
            self.whole = None
        if self.whole:
            *after, losses, norm = self.whole(*self.state, *leaves)
        else:
            gradients, losses = self.gradients(tasks)
            norm = torch.stack(torch._foreach_norm(gradients)).norm()
        loss = float(losses.mean())
        if not (math.isfinite(loss) and float(norm) ** 2 <= torch.finfo(self.like.dtype).max):
            raise self.diverged(explain(self, losses, tasks))
        self.generators = None  # until the step is whole, there is nothing sound to save
        if self.whole:
            torch._foreach_copy_(self.state, after)
        else:
            stepping.apply(self.optimizer, self.tensors, gradients)
        self.losses.append(loss)
        self.mark()

    def gradients(self, tasks: tuple[Any, Any]) -> tuple[list[Tensor], Tensor]:
        """Return the mean gradient in each of `tensors` and the losses (num_tasks,)."""
        num_tasks = count_tasks(*tasks)
        mine = parallel.share(tasks, num_tasks) if parallel.active() else tasks

        def piece(tasks: Any) -> tuple[list[Tensor], Tensor]:
            *gradients, losses = self.work(*self.tensors, *pytree.tree_leaves(tasks))
            return gradients, losses

        generator = torch.get_rng_state()
        try:
            gradients, losses = mean(map(piece, pieces(mine, self.size)), count_tasks(*mine))
        except Unbatched:
            torch.set_rng_state(generator)
            self.options["task_axis"], self.size = "loop", 1
            return self.gradients(tasks)
        return parallel.gather(gradients, losses, num_tasks) if parallel.active() else (gradients, losses)

    def _gradients(self, *tensors_and_tasks: Tensor) -> list[Tensor]:
        """Return ``[*gradients, losses]``, as a pure function of tensors that can be recorded."""
        params, learned = self.rebuild(tensors_and_tasks[: len(self.tensors)])
        support, query = pytree.tree_unflatten(tensors_and_tasks[len(self.tensors) :], self.task_spec)
        inner = {"inner_lr": learned, "learn_inner_lr": True} if self.learn else {"inner_lr": self.inner_lr}
        found = self.algorithm(self.loss_fn, params, support=support, query=query, **inner, **self.options)
        if self.size != 1 and self.can_loop and unbatched(self.loss_fn):
            raise Unbatched  # and take the tasks one after the other here, so that one is recorded and not all
        return [*(g.contiguous() for g in split((found.gradient, found.inner_lr_gradient))[0]), found.task_losses]

    def settle(self, tasks: tuple[Any, Any], leaves: list[Tensor]) -> None:
        """Compile the whole step where that is asked for or repays itself: by the problem alone, not by the clock.

        The first step, taken as it is, has made the optimizer's state. A step in pieces is left recorded: the
        arithmetic of convolutions, which is what a loop is for, gains too little. So is one whose optimizer is
        not `plain`.
        """
        self.settled = True
        in_one_piece = not parallel.active() and (self.size is None or self.size >= count_tasks(*tasks))
        if not (in_one_piece and stepping.plain(self.optimizer, self.tensors)):
            return
        with torch.random.fork_rng():
            if not self.captured.programs:  # just resumed
                self.gradients(tasks)
            if self.backend == "compile" or self.iterations > break_even(self.captured.num_nodes):
                self.settings, self.state = (
                    stepping.settings(self.optimizer),
                    stepping.state(self.optimizer, self.tensors),
                )
                whole = Captured(self._outer_step, compiled=True)
                whole(*self.state, *leaves)
                self.whole = whole if whole.level == 2 else None

    def _outer_step(self, *state_and_tasks: Tensor) -> list[Tensor]:
        """Take one step as a pure function of all that it changes and of the tasks."""
        state, tasks = [t.clone() for t in state_and_tasks[: len(self.state)]], state_and_tasks[len(self.state) :]
        *gradients, losses = self._gradients(*state[: len(self.tensors)], *tasks)
        norm = torch.stack([(gradient * gradient).sum() for gradient in gradients]).sum().sqrt()
        return [*stepping.stepped(self.optimizer, self.tensors, state, gradients), losses, norm]

    def tasks(self, must: str, given: Any) -> tuple[Any, Any]:
        """Return support and query of `given` as tensors."""
        if not (hasattr(given, "support") and hasattr(given, "query")):
            raise TypeError(f"{must} an object with fields support and query, got {type(given).__name__}")
        return as_tensors("support", given.support, self.like), as_tensors("query", given.query, self.like)

    def review(self, validation_tasks: Any, patience: int | None) -> dict[str, str]:
        """Judge by validation tasks, look for parameters that no longer move, and return what the bar shows."""
        for name, tensor in zip(self.names, self.tensors, strict=True):
            if not all(
                bool(torch.as_tensor(entry).isfinite().all()) for entry in self.optimizer.state[tensor].values()
            ):
                raise self.diverged(
                    f"the optimizer's state for {name} is not finite, so it has silently stopped moving: earlier "
                    "gradients were too large; lower inner_lr or set clip_norm"
                )
        shown = {"loss": f"{self.losses[-1]:.4g}"}
        if validation_tasks is None:
            return shown
        tasks = self.tasks("validation_tasks must be", validation_tasks)
        losses = self.evaluate(*tasks)[-1]
        loss, values = float(losses.mean()), [value for _, value in self.validation]
        if not math.isfinite(loss):
            raise self.diverged(explain(self, losses, tasks, "validation "))
        if loss < min(values, default=math.inf):
            self.best = [tensor.clone() for tensor in self.tensors]
        self.validation.append((len(self.losses), loss))
        self.stopped |= patience is not None and len(values) - int(np.argmin([*values, loss])) >= patience
        return shown | {"validation": f"{loss:.4g}"}

    def evaluate(self, support: Any, query: Any) -> Tensor:
        """Return the query losses after each inner step, as `mamlkit.engine.evaluate` does."""
        names = ("num_steps", "clip_norm", "stream", "task_axis", "chunk_size")
        options = {name: self.options[name] for name in names if name in self.options}
        params, inner_lr = self.theta(self.tensors)
        return evaluate(self.loss_fn, params, support=support, query=query, inner_lr=inner_lr, **options)

    def diverged(self, reason: str) -> Diverged:
        """Return the error to raise, with what is learned so far."""
        return Diverged(f"iteration {len(self.losses)}: {reason}", self.trained())

    def mark(self) -> None:
        """Remember the generators' states, which with everything else here make a state to go on from."""
        self.generators = {"numpy": self.rng.bit_generator.state, "torch": torch.get_rng_state()}
