"""The state of a training run: what a step changes, a checkpoint holds and a stop must explain."""

from __future__ import annotations

import copy
import math
import os
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from mamlkit import __version__
from mamlkit._check import as_count, as_positive
from mamlkit.engine import parallel
from mamlkit.engine.fast import Captured, break_even, capture_tree, compiling
from mamlkit.engine.meta import LossFn, MetaStep, Pytree, as_tensors, check_params, count_tasks, evaluate


class MetaTrained(NamedTuple):
    """What training learned: `params`, `inner_lr`, the mean outer loss of each iteration, `losses` (iterations,).

    `validation` (n, 2) holds iterations and mean validation losses; with validation, `params` are the best ones.
    """

    params: Pytree
    inner_lr: Any
    losses: np.ndarray
    validation: np.ndarray


class Diverged(ArithmeticError):
    """Training met a number that is not finite; `trained` is the last good state."""

    def __init__(self, message: str, trained: MetaTrained) -> None:
        super().__init__(message)
        self.trained = trained


HELD = ("problem", "tensors", "losses", "validation", "best", "stopped", "backend", "generators")


class Run:
    """All that changes while training runs, which is what a checkpoint must hold."""

    def __init__(
        self,
        loss_fn: LossFn,
        params: Pytree,
        inner_lr: Any,
        learn: bool,
        optimizer: Any,
        outer_lr: float,
        seed: int,
        backend: str,
        options: dict[str, Any],
    ) -> None:
        if backend not in ("auto", "compile", "capture", "eager"):
            raise ValueError(f'backend must be "auto", "compile", "capture" or "eager", got {backend!r}')
        self.loss_fn, self.options, self.backend, self.like = loss_fn, options, backend, check_params(params)
        self.meta = MetaStep(loss_fn, inner_lr, **options)
        learned = self.meta.learned_rates(params) if learn else {}
        leaves, self.spec = pytree.tree_flatten(params)
        self.places, self.num_leaves = list(learned), len(leaves)
        self.tensors = [tensor.detach().clone() for tensor in [*leaves, *learned.values()]]
        self.optimizer = optimizer(self.tensors, lr=as_positive("outer_lr", outer_lr))
        self.rng, self.iterations = np.random.default_rng(as_count("seed", seed)), 0
        self.losses: list[float] = []
        self.validation: list[tuple[int, float]] = []
        self.best, self.stopped, self.ready = self.tensors, False, False
        self.whole: Captured | None = None
        self.generators: dict[str, Any] | None = None
        paths = [pytree.keystr(path) for path, _ in pytree.tree_flatten_with_path(params)[0]]
        self.names = [f"params{path}" for path in paths] + [f"inner_lr, tensor {place}" for place in self.places]
        rates = pytree.tree_map(lambda rate: tuple(rate.shape) if isinstance(rate, Tensor) else rate, inner_lr)
        self.problem = {
            "version of mamlkit": __version__,
            "set of parameters": str(
                [(n, tuple(t.shape), str(t.dtype)) for n, t in zip(self.names, self.tensors, strict=True)]
            ),
            "inner loop": str((rates, self.places, sorted(options.items()))),
            "optimizer": f"{type(self.optimizer).__name__}, outer_lr {outer_lr}",
            "seed": str(seed),
        }

    def theta(self, tensors: list[Tensor]) -> tuple[Pytree, dict[int, Tensor]]:
        """Return parameters and learned inner learning rates from the flat list of `tensors`."""
        params, rates = tensors[: self.num_leaves], tensors[self.num_leaves :]
        return pytree.tree_unflatten(params, self.spec), dict(zip(self.places, rates, strict=True))

    def trained(self) -> MetaTrained:
        """Return a copy of what is learned so far."""
        params, learned = self.theta([tensor.clone() for tensor in (self.best if self.validation else self.tensors)])
        history = np.array(self.validation, dtype=float).reshape(-1, 2)
        return MetaTrained(params, self.meta.as_inner_lr(learned), np.array(self.losses), history)

    def step(self, sample_tasks: Callable[[np.random.Generator], Any]) -> None:
        """Draw tasks and take one outer step, or raise `Diverged` and stay as it was."""
        drawn = sample_tasks(self.rng)
        if not (hasattr(drawn, "support") and hasattr(drawn, "query")):
            raise TypeError(
                f"sample_tasks must return an object with fields support and query, got {type(drawn).__name__}"
            )
        support, query = as_tensors("support", drawn.support, self.like), as_tensors("query", drawn.query, self.like)
        if self.losses and not self.ready:  # the first step, taken as it is, has made the optimizer's state
            self.accelerate(support, query)
        if self.whole:
            *after, losses, norm = self.whole(*self.state, *support, *query)
        else:
            gradients, losses, norm = self.gradients(self.tensors, support, query)
        loss = float(losses.mean())
        if not (math.isfinite(loss) and float(norm) ** 2 <= torch.finfo(self.like.dtype).max):
            raise Diverged(self.explain(losses, support, query), self.trained())
        self.generators = None  # until the step is whole, there is nothing sound to save
        if self.whole:
            torch._foreach_copy_(self.state, after)
        else:
            _apply(self.optimizer, self.tensors, gradients)
        self.losses.append(loss)
        self.mark()

    def gradients(self, tensors: list[Tensor], support: Any, query: Any) -> tuple[list[Tensor], Tensor, Tensor]:
        """Return the gradient in each of `tensors`, the losses (num_tasks,) and the norm of the gradient."""
        num_tasks = count_tasks(support, query)
        if parallel.active():
            support, query = parallel.share((support, query), num_tasks)
        (in_params, in_rates), losses = self.meta(self.theta(tensors), support=support, query=query)
        gradients = [*pytree.tree_leaves(in_params), *in_rates.values()]
        if parallel.active():
            gradients, losses = parallel.gather(gradients, losses, num_tasks)
        return gradients, losses, torch.stack(torch._foreach_norm(gradients)).norm()

    def outer_step(self, *tensors_and_tasks: Tensor) -> list[Tensor]:
        """Take one step as a pure function of all that it changes and of the tasks, so that it can be captured."""
        state = [tensor.clone() for tensor in tensors_and_tasks[: len(self.state)]]
        tasks = tensors_and_tasks[len(self.state) :]
        support, query = tasks[: self.num_support], tasks[self.num_support :]
        tensors, rest = state[: len(self.tensors)], iter(state[len(self.tensors) :])
        gradients, losses, norm = self.gradients(tensors, support, query)
        twin = copy.copy(self.optimizer)
        twin.state = defaultdict(dict)
        for old, new in zip(self.tensors, tensors, strict=True):
            entries = {name: next(rest) for name in self.optimizer.state[old]}
            # A count in float32 would spoil Adam's bias correction, 1 - beta^step.
            twin.state[new] = {name: entry.double() if name == "step" else entry for name, entry in entries.items()}
        settings = self.optimizer.param_groups[0]
        plain = {name: name == "capturable" for name in ("capturable", "fused", "foreach") if name in settings}
        twin.param_groups = [settings | plain | {"params": tensors}]
        with compiling():
            _apply(twin, tensors, gradients)
        return [*(new.to(old.dtype) for new, old in zip(_state(twin, tensors), state, strict=True)), losses, norm]

    def accelerate(self, support: Any, query: Any) -> None:
        """Settle how to run from here on: by the problem alone, so that a resumed run settles on the same."""
        self.ready = True
        if self.backend == "eager":
            return
        plain, size = self.meta.work, self.meta.piece(count_tasks(support, query))
        args = self.theta(self.tensors), *pytree.tree_map(lambda leaf: leaf[:size], (support, query))
        self.meta.work, core = capture_tree(plain, args, (args[0], support[0]))
        self.gradients(self.tensors, support, query)
        in_one_piece = size == count_tasks(support, query) and not parallel.active()
        if self.backend == "auto":  # the arithmetic of convolutions, which is what a loop is for, gains nothing
            worth = in_one_piece and self.iterations > break_even(core.num_nodes)
            self.backend = "compile" if worth else "capture"
        if self.backend == "compile":
            self.state, self.num_support = _state(self.optimizer, self.tensors), len(support)
            if in_one_piece and all(isinstance(entry, Tensor) for entry in [*self.state, *support, *query]):
                self.whole = Captured(self.outer_step, compiled=True)
                self.whole(*self.state, *support, *query)
                self.whole = self.whole if self.whole.level == 2 else None
            else:
                self.meta.work, _ = capture_tree(plain, args, (args[0], support[0]), compiled=True)

    def review(self, tasks: Any, patience: int | None) -> dict[str, str]:
        """Judge by validation tasks, look for parameters that no longer move, and return what the bar shows."""
        for name, tensor in zip(self.names, self.tensors, strict=True):
            if not all(bool(entry.isfinite().all()) for entry in self.optimizer.state[tensor].values()):
                raise Diverged(
                    f"iteration {len(self.losses)}: the optimizer's state for {name} is not finite, so it has silently "
                    "stopped moving: earlier gradients were too large; lower inner_lr or set clip_norm",
                    self.trained(),
                )
        shown = {"loss": f"{self.losses[-1]:.4g}"}
        if tasks is None:
            return shown
        params, learned = self.theta(self.tensors)
        options = {key: self.options[key] for key in ("num_steps", "clip_norm", "task_axis") if key in self.options}
        inner_lr = self.meta.as_inner_lr(learned)
        losses = evaluate(self.loss_fn, params, support=tasks.support, query=tasks.query, inner_lr=inner_lr, **options)[
            -1
        ]
        loss = float(losses.mean())
        if not math.isfinite(loss):
            raise Diverged(self.explain(losses, tasks.support, tasks.query, "validation "), self.trained())
        if loss < min((value for _, value in self.validation), default=math.inf):
            self.best = [tensor.clone() for tensor in self.tensors]
        self.validation.append((len(self.losses), loss))
        values = [value for _, value in self.validation]
        self.stopped |= patience is not None and len(values) - 1 - int(np.argmin(values)) >= patience
        return shown | {"validation": f"{loss:.4g}"}

    def mark(self) -> None:
        """Remember the generators' states, which with everything else here make a state to go on from."""
        self.generators = {"numpy": self.rng.bit_generator.state, "torch": torch.get_rng_state()}

    def save(self, path: Path) -> None:
        """Write a checkpoint: in full beside the old one, then in its place."""
        if self.generators is None or not parallel.leader():
            return
        held = {name: getattr(self, name) for name in HELD} | {"optimizer": self.optimizer.state_dict()}
        draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        with draft.open("wb") as file:
            torch.save(held, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint of the same problem."""
        try:
            held = torch.load(path, map_location=self.like.device, weights_only=True)
            problem = held["problem"]
        except Exception as error:
            raise ValueError(
                f"checkpoint {path} cannot be read: it is cut short or of another kind; delete it"
            ) from error
        for name, value in self.problem.items():
            if problem.get(name) != value:
                raise ValueError(
                    f"checkpoint {path} is of another {name}: it holds {problem.get(name)}, this run has {value}; "
                    "go on with that, or choose another file"
                )
        self.optimizer.load_state_dict(held.pop("optimizer"))
        torch._foreach_copy_(self.tensors, held.pop("tensors"))
        for name, value in held.items():
            setattr(self, name, value)
        self.rng.bit_generator.state = held["generators"]["numpy"]
        torch.set_rng_state(held["generators"]["torch"].cpu())

    def explain(self, losses: Tensor, support: Any, query: Any, which: str = "") -> str:
        """Say which task, which inner step and what likely cause made a loss or the gradient not finite."""
        start = f"iteration {len(self.losses)}: "
        broken = (~losses.isfinite()).nonzero().flatten().tolist()
        if not broken:
            gradients = self.gradients(self.tensors, support, query)[0]
            sizes = [float(gradient.abs().max()) for gradient in gradients]
            worst = int(np.argmax(np.nan_to_num(sizes, nan=np.inf)))
            return (
                f"{start}the losses are finite, but the gradient in {self.names[worst]} reaches {sizes[worst]:.3g}, "
                "too large for an optimizer to square: the inner loop is near divergence (lower inner_lr or set "
                "clip_norm), or loss_fn has a point without a derivative, such as a root at 0"
            )
        task = broken[0]
        start += f"the outer loss of {which}task {task} is {float(losses[task])}; "
        sets = {"support": support, "query": query}
        for name, batch in sets.items():
            sets[name] = pytree.tree_map(lambda leaf: leaf[task], as_tensors(name, batch, self.like))
            if not all(bool(leaf.isfinite().all()) for leaf in pytree.tree_leaves(sets[name])):
                return f"{start}its {name} set holds a number that is not finite"
        params, learned = self.theta(self.tensors)
        batch = pytree.tree_map(lambda leaf: leaf[None], sets["support"])
        options = {key: self.options[key] for key in ("num_steps", "clip_norm") if key in self.options}
        inner_lr = self.meta.as_inner_lr(learned)
        curve = evaluate(self.loss_fn, params, support=batch, query=batch, inner_lr=inner_lr, **options)[:, 0].tolist()
        shown = ", ".join(f"{value:.3g}" for value in curve)
        if not math.isfinite(curve[0]):
            return f"{start}its support loss at the initialisation is {shown[0]}: check loss_fn, or lower outer_lr"
        if not math.isfinite(curve[-1]) or curve[-1] > 10 * curve[0]:
            step = next((k for k, value in enumerate(curve) if not math.isfinite(value)), len(curve) - 1)
            return (
                f"{start}its support loss goes {shown} and the inner loop diverges by step {step}: lower inner_lr "
                f"(now {self.meta.inner_lr}) or set clip_norm"
            )
        return f"{start}its support loss is sound ({shown}): check loss_fn on its query set"


def _apply(optimizer: torch.optim.Optimizer, tensors: list[Tensor], gradients: list[Tensor]) -> None:
    for tensor, gradient in zip(tensors, gradients, strict=True):
        tensor.grad = gradient
    optimizer.step()


def _state(optimizer: torch.optim.Optimizer, tensors: list[Tensor]) -> list[Tensor]:
    """Return `tensors` and what the optimizer keeps for each, in one flat list."""
    return [*tensors, *(entry for tensor in tensors for entry in optimizer.state[tensor].values())]
