"""Theophylline: starts learned on simulated patients, and what networks make of the twelve real people.

The chapter "Medicine" trains the model's start again, and reads the rest here. Starts are numbers of the simulation;
of the real people only errors are kept, no data.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from mamlkit.applications import medicine_maml as maml
from mamlkit.applications.medicine import oral, published
from mamlkit.applications.medicine_data import as_tasks, theophylline
from mamlkit.applications.medicine_fit import least_squares, two_stage
from mamlkit.applications.medicine_tasks import SCHEDULES, Patients, Samples, simulate, weights

if TYPE_CHECKING:
    import torch

SEEDS, COUNTS = 3, (1, 2, 3, 6)
MODEL: dict[str, Any] = {"inner_lr": {"mu": 0, "s": 0, "u": 0.1}, "num_steps": 5, "outer_lr": 0.005}
Params = dict[str, Any]


def run(
    iterations: int = 1000, network_iterations: int = 3000, rounds: int = 500, num_tuning: int = 300
) -> dict[str, Any]:
    """Train everything and return it as plain JSON; seeds are 0 to 2, side by side."""
    import torch

    torch.set_num_threads(1)
    joint = train_joint(maml.start(published("pooled"), SEEDS), maml.model_loss, iterations)
    rate, steps = tuned(maml.model_loss, joint, (0.01, 0.03, 0.1, 0.3), (1, 5, 20), num_tuning)
    return {
        "seeds": SEEDS,
        "iterations": iterations,
        "starts": {
            "pooled": plain(train_model("pooled", iterations)),
            "pooled, FOMAML": plain(train_model("pooled", iterations, first_order=True)),
            "pooled, joint": plain(joint),
            "clinic": plain(train_model("clinic", iterations)),
        },
        "fine-tuning": {"inner_lr": rate, "num_steps": steps},
        "others": others(iterations),
        "network": networks(network_iterations, rounds, num_tuning),
    }


def train_model(name: str, iterations: int, *, first_order: bool = False, num_seeds: int = SEEDS) -> Params:
    """Meta-train the model's start on simulated patients of a published population."""
    from mamlkit import engine

    population = published(name)
    return engine.meta_train(
        maml.model_loss,
        maml.start(population, num_seeds),
        lambda rng: simulate(rng, population, num_tasks=64, num_seeds=num_seeds),
        **MODEL,
        iterations=iterations,
        seed=0,
        progress=False,
        first_order=first_order,
    ).params


def train_joint(start: Params, loss: Callable[..., Any], iterations: int, outer_lr: float = 0.005) -> Params:
    """Train one curve for all simulated patients on all ten of their samples: MAML without steps (R15)."""
    from mamlkit import engine

    def every(rng: np.random.Generator) -> Patients:
        tasks = simulate(rng, published("pooled"), num_tasks=64, num_seeds=SEEDS)
        both = [np.concatenate(pair, axis=-1) for pair in zip(tasks.support, tasks.query, strict=True)]
        dose, weight = tasks.support.dose, np.full(both[0].shape, 0.1)
        return Patients(tasks.support, Samples(both[0], dose, both[2], weight), tasks.truth)

    return engine.meta_train(
        loss, start, every, inner_lr=0.0, num_steps=0, outer_lr=outer_lr, iterations=iterations, seed=0, progress=False
    ).params


def others(iterations: int) -> Any:
    """Meta-train, for each person, on the samples of the other eleven; return errors (schedule, n, seed, person)."""
    from mamlkit import engine

    people = theophylline()
    fits = [least_squares(partial(oral, time=p.time, dose=p.dose), p.concentration, LITERATURE) for p in people]
    columns = [person for _ in range(SEEDS) for person in range(len(people))]
    left = np.array([everyone_but(out, len(people)) for out in columns])
    start = [maml.start(two_stage([fits[other] for other in row])) for row in left]
    stacked = {name: _cat([each[name] for each in start]) for name in start[0]}
    real = as_tasks(people, "spread", 1)

    def draw(rng: np.random.Generator) -> Patients:
        who = left[np.arange(len(left)), rng.integers(0, left.shape[1], (16, len(left)))]
        support, query = (Samples(*(part[who, 0] for part in group)) for group in (real.support, real.query))
        ways = np.array([weights(kind, n) for kind in SCHEDULES for n in range(1, 7)])
        return Patients(support._replace(weight=ways[rng.integers(0, len(ways), who.shape)]), query, real.truth)

    trained = engine.meta_train(
        maml.model_loss, stacked, draw, **MODEL, iterations=iterations, seed=0, progress=False
    ).params
    found = {}
    for kind in SCHEDULES:
        rows = []
        for n in COUNTS:
            own = [_errors(maml.model_loss, _column(trained, c), as_tasks([people[p]], kind, n), MODEL["inner_lr"], 5)
                   for c, p in enumerate(columns)]  # fmt: skip
            rows.append(_rounded(np.reshape(own, (SEEDS, len(people)))))
        found[kind] = rows
    return found


def everyone_but(out: int, size: int) -> list[int]:
    """Return the indices of all people but one."""
    return [person for person in range(size) if person != out]


LITERATURE = published("pooled").mean


def networks(iterations: int, rounds: int, num_tuning: int) -> dict[str, Any]:
    """Train networks and return the errors of each method on the real people, (schedule, n, seed, person)."""
    import torch

    from mamlkit import engine

    population = published("pooled")
    nets = [maml.network(torch.Generator().manual_seed(seed)) for seed in range(SEEDS)]
    start = {name: _cat([net[name] for net in nets]) for name in nets[0]}
    rates = {name: torch.full((SEEDS, 1, 1), 0.05, dtype=torch.float64) for name in start}
    options: dict[str, Any] = {"num_steps": 5, "outer_lr": 1e-3, "iterations": iterations, "seed": 0, "progress": False}
    trained = engine.meta_train(
        maml.network_loss,
        start,
        lambda rng: simulate(rng, population, num_tasks=64, num_seeds=SEEDS),
        inner_lr=rates,
        learn_inner_lr=True,
        **options,
    )
    joint = train_joint(start, maml.network_loss, iterations, outer_lr=1e-3)
    rate, steps = tuned(maml.network_loss, joint, (0.001, 0.003, 0.01), (5, 20, 100), num_tuning)
    methods = {
        "MAML": (trained.params, trained.inner_lr, 5),
        "joint, fine-tuned": (joint, dict.fromkeys(joint, rate), steps),
    }
    found: dict[str, Any] = {name: _table(maml.network_loss, *method) for name, method in methods.items()}
    return {**found, "from scratch": _scratch(nets, rounds), "fine-tuning": {"inner_lr": rate, "num_steps": steps}}


def tuned(
    loss: Any, params: Params, rates: tuple[float, ...], steps: tuple[int, ...], num_tasks: int
) -> tuple[float, int]:
    """Return the rate and the number of steps of fine-tuning that serve simulated patients best; none of the twelve."""
    tasks = simulate(np.random.default_rng(77), published("pooled"), num_tasks=num_tasks)
    names = ("u",) if "u" in params else tuple(params)

    def error(choice: tuple[float, int]) -> float:
        inner_lr = {name: choice[0] if name in names else 0 for name in params}
        own = [_errors(loss, _column(params, seed), tasks, inner_lr, choice[1]) for seed in range(SEEDS)]
        return float(np.nan_to_num(np.mean(own), nan=np.inf))

    return min(((rate, k) for rate in rates for k in steps), key=error)


def _scratch(nets: list[Params], rounds: int) -> Any:
    """Fit a fresh network to each person's samples alone, with Adam; all people side by side."""
    import torch

    people, found = theophylline(), {}
    for kind in SCHEDULES:
        rows = []
        for n in COUNTS:
            tasks = as_tasks(people, kind, n)
            support, query = ([torch.tensor(part[:, 0]) for part in group] for group in (tasks.support, tasks.query))
            own = []
            for net in nets:
                params = {k: v.repeat(len(people), 1, 1).requires_grad_() for k, v in net.items()}
                optimizer = torch.optim.Adam(params.values(), lr=0.01)
                for _ in range(rounds):
                    optimizer.zero_grad()
                    maml.network_loss(params, *support).backward()
                    optimizer.step()
                miss = maml.network_curve(params, *query[:2]) - query[2]
                own.append((miss**2).mean(dim=1).sqrt().detach().numpy())
            rows.append(_rounded(own))
        found[kind] = rows
    return found


def _table(loss: Any, params: Params, inner_lr: Any, num_steps: int) -> Any:
    people = theophylline()
    return {
        kind: [
            _rounded([_errors(loss, _column(params, s), as_tasks(people, kind, n), _column(inner_lr, s), num_steps)
                      for s in range(SEEDS)])
            for n in COUNTS
        ]
        for kind in SCHEDULES
    }  # fmt: skip


def _errors(loss: Any, params: Params, tasks: Patients, inner_lr: Any, num_steps: int) -> Any:
    """Return each patient's root mean squared error of the query concentrations after the inner loop, mg/L."""
    from mamlkit import engine

    losses = engine.evaluate(
        loss, params, support=tasks.support, query=tasks.query, inner_lr=inner_lr, num_steps=num_steps
    )[-1]
    return (losses * (maml.SCALE if loss is maml.network_loss else 1.0)).sqrt().numpy()


def _column(tree: Params, seed: int) -> Params:
    return {name: part[seed : seed + 1] if hasattr(part, "shape") else part for name, part in tree.items()}


def _cat(tensors: list[torch.Tensor]) -> torch.Tensor:
    import torch

    return torch.cat(tensors)


def plain(params: Params) -> dict[str, list[list[float]]]:
    """Return tensors as nested lists."""
    return {name: part.tolist() for name, part in params.items()}


def _rounded(values: Any) -> list[list[float]]:
    return np.round(np.asarray(values, dtype=float), 4).tolist()
