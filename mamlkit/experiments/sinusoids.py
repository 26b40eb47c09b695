"""The first experiment of the MAML paper in full: 70,000 iterations on sinusoids, and six other ways to start.

About 10 minutes of processor time. The networks of three seeds are trained side by side, as stacks of matrices: their
parameters do not touch, each sees waves of its own, and Adam works entry by entry.

Source: Finn, Abbeel and Levine (2017), section 5.1.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from mamlkit import models
from mamlkit.engine import evaluate, meta_gradient, meta_train
from mamlkit.experiments._keeping import interval, kept, rounds
from mamlkit.tasks import sinusoid
from mamlkit.variants import implicit, reptile

Params = dict[str, Tensor]
ALPHA, STEPS, POINTS, WAVES = 0.01, 10, 10, 25
FACTORS = (0.1, 0.3, 1.0, 2.0, 5.0, 10.0)  # of the inner rate, tried on validation waves for every method


class Method(NamedTuple):
    """How a start is learned; `options` go to `meta_train`."""

    iterations: int
    num_steps: int = 1
    algorithm: Callable[..., Any] = meta_gradient
    outer_lr: float = 1e-3
    inner_lr: float = ALPHA
    options: dict[str, Any] = {}  # noqa: RUF012 (never changed)


METHODS = {
    "MAML": Method(70_000),
    "FOMAML": Method(70_000, options={"first_order": True}),
    "Meta-SGD": Method(30_000, options={"learn_inner_lr": True}),
    "joint": Method(70_000, num_steps=0),
    "Reptile": Method(20_000, num_steps=5, algorithm=reptile),
    "implicit": Method(  # at a rate of 0.01 its steps overshoot after 2,000 iterations, and training ends
        4_000, num_steps=30, algorithm=implicit, inner_lr=0.002, options={"strength": 2.0, "cg_steps": 5}
    ),
}


def start(seeds: int) -> tuple[Params, Callable[[Params, Tensor], Tensor]]:
    """Return the networks of all seeds as stacks: weights (seeds, in, out), biases (seeds, 1, out)."""
    nets = [models.mlp([1, 40, 40, 1], torch.Generator().manual_seed(seed)) for seed in range(seeds)]
    return {name: torch.stack([torch.atleast_2d(net[0][name]) for net in nets]) for name in nets[0][0]}, nets[0][1]


def stack_loss(net: Callable[[Params, Tensor], Tensor]) -> Callable[..., Tensor]:
    """Return the squared error: the mean over points, the sum over the networks of a stack."""
    return lambda params, x, y: ((net(params, x) - y) ** 2).mean(dim=(-2, -1)).sum()


def sampler(seeds: int, *, jointly: bool) -> Callable[[np.random.Generator], Any]:
    """Return a function that draws waves for each seed: tensors (waves, seeds, points, 1)."""

    def sample(rng: np.random.Generator) -> Any:
        waves = sinusoid.sample(rng, num_tasks=WAVES * seeds, num_support=POINTS, num_query=POINTS)
        sets = [[part.reshape(WAVES, seeds, POINTS, 1) for part in one] for one in (waves.support, waves.query)]
        if jointly:  # it has no support set, so it may use those points too
            sets[1] = [np.concatenate(parts, axis=2) for parts in zip(*sets, strict=True)]
        return SimpleNamespace(support=tuple(sets[0]), query=tuple(sets[1]))

    return sample


def train(name: str, seeds: int, shrink: float) -> dict[str, Any]:
    """Return the stack that a method learns, its inner rates and the processor seconds."""
    method, (params, net) = METHODS[name], start(seeds)
    rates: Any = method.inner_lr
    if method.options.get("learn_inner_lr"):
        rates = {key: torch.full_like(value, ALPHA) for key, value in params.items()}
    begun = time.process_time()
    trained = meta_train(
        stack_loss(net), params, sampler(seeds, jointly=name == "joint"), inner_lr=rates, num_steps=method.num_steps,
        algorithm=method.algorithm, outer_lr=method.outer_lr, iterations=max(2, int(method.iterations * shrink)),
        seed=0, progress=False, **method.options,
    )  # fmt: skip
    return {"params": trained.params, "rates": trained.inner_lr, "seconds": time.process_time() - begun}


def errors(params: Params, rates: Any, shots: int, factor: float, tasks: sinusoid.SinusoidTasks) -> np.ndarray:
    """Return the query errors of each network of a stack after 0, ..., 10 steps: (seeds, 11, tasks)."""
    (_, net), found = start(1), []
    for seed in range(len(params["1.weight"])):
        one = {name: value[seed] for name, value in params.items()}
        steps = {n: factor * r[seed] for n, r in rates.items()} if isinstance(rates, dict) else factor * rates
        support = tuple(part[:, :shots] for part in tasks.support)
        query = tuple(tasks.query)
        path = evaluate(stack_loss(net), one, support=support, query=query, inner_lr=steps, num_steps=STEPS)
        found.append(path.numpy())
    return np.nan_to_num(np.stack(found), nan=1e6, posinf=1e6).clip(max=1e6)  # steps that run away


def judged(params: Params, rates: Any, shots: int, tests: int) -> dict[str, Any]:
    """Return a method's errors on test waves; the rate for each number of steps is the best on validation waves."""
    validation, test = (
        sinusoid.sample(np.random.default_rng(seed), num_tasks=tests, num_support=10, num_query=100) for seed in (1, 2)
    )
    trials = np.stack([errors(params, rates, shots, factor, validation).mean(axis=(0, 2)) for factor in FACTORS])
    best = trials.argmin(axis=0)  # of each number of steps
    paths = {index: errors(params, rates, shots, FACTORS[index], test) for index in set(best.tolist())}
    found = np.stack([paths[index][:, step] for step, index in enumerate(best.tolist())], axis=1)
    steps = [interval(found[:, step]) for step in range(STEPS + 1)]
    return {
        "factors": [FACTORS[index] for index in best],
        "mean": [one["mean"] for one in steps],
        "half": [one["half"] for one in steps],
        "each_seed": rounds(found.mean(axis=2)),
        "_all": found,
    }


def attainable(shots: int, tests: int) -> float:
    """Return the mean query error of least squares on the true family, y = c sin x + d cos x."""
    test = sinusoid.sample(np.random.default_rng(2), num_tasks=tests, num_support=10, num_query=100)
    missed = []
    for x, y, x_query, y_query in zip(*test.support, *test.query, strict=True):
        basis, asked = (np.hstack([np.sin(part), np.cos(part)]) for part in (x[:shots], x_query))
        weights = np.linalg.lstsq(basis, y[:shots], rcond=None)[0]
        missed.append(float(((asked @ weights - y_query) ** 2).mean()))
    return float(np.mean(missed))


def run(folder: Path | None = None, *, seeds: int = 3, shrink: float = 1.0) -> dict[str, Any]:
    """Train and judge all; `folder` keeps what is done, `shrink` makes everything smaller for a test."""
    tests = max(20, int(600 * shrink))
    learned = {name: kept(folder, f"waves-{name}", train, name, seeds, shrink) for name in METHODS}
    learned["scratch"] = {"params": start(seeds)[0], "rates": ALPHA, "seconds": 0.0}
    results: dict[str, Any] = {"seconds": {name: round(one["seconds"], 1) for name, one in learned.items()}}
    results["iterations"] = {name: max(2, int(method.iterations * shrink)) for name, method in METHODS.items()}
    for shots in (10, 5):
        found = {name: judged(one["params"], one["rates"], shots, tests) for name, one in learned.items()}
        every = {name: one.pop("_all") for name, one in found.items()}
        for name, one in found.items():
            one["less_maml"] = {str(k): interval(every[name][:, k] - every["MAML"][:, k]) for k in (1, 5, 10)}
        results[f"{shots}-shot"] = found
        results[f"{shots}-shot attainable"] = attainable(shots, tests)
    return results
