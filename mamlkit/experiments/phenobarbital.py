"""Phenobarbital: 59 preterm infants with one to six samples each, in five folds; nobody helps to predict themselves.

Of the infants only errors are kept, no data.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mamlkit.applications import medicine_maml as maml
from mamlkit.applications.medicine import Noise, Population, bolus
from mamlkit.applications.medicine_data import Infant, phenobarbital
from mamlkit.applications.medicine_fit import (
    fit_population,
    least_squares,
    log_evidence,
    map_estimate,
    posterior,
)

if TYPE_CHECKING:
    from torch import Tensor

SEEDS, FOLDS, COUNTS, MOST = 3, 5, (1, 2), 6
WIDE = Population(np.log([0.006, 1.2]), np.array([0.6, 0.4]))  # where the search for the prior may look
MODEL: dict[str, Any] = {"inner_lr": {"mu": 0, "s": 0, "u": 0.1}, "num_steps": 5}
RATES, STEPS = (0.01, 0.03, 0.1), (1, 5, 20)  # of fine-tuning, chosen on the training infants


class Fold(NamedTuple):
    """Who is trained on and who is held out, the prior and the noise that the former say."""

    train: list[int]
    test: list[int]
    prior: Population
    noise: Noise


class Padded(NamedTuple):
    """All infants as arrays of one shape: dose times and doses (N, M), times and concentrations (N, 6), counts (N,)."""

    dose_times: Any
    doses: Any
    time: Any
    seen: Any
    count: Any


def run(iterations: int = 600, folds: int = FOLDS) -> dict[str, Any]:
    """Fit, meta-train and test in each fold; return errors by method and number of samples, one for each infant."""
    import torch

    torch.set_num_threads(1)
    infants = phenobarbital()
    order = np.random.default_rng(0).permutation(len(infants))
    parts = [sorted(part.tolist()) for part in np.array_split(order, FOLDS)][:folds]
    groups = [_fold(infants, test) for test in parts]
    data = pad(infants)
    starts = {
        "MAML": _train(data, groups, iterations, first_order=False),
        "FOMAML": _train(data, groups, iterations, first_order=True),
        "joint, fine-tuned": _train(data, groups, iterations, joint=True),
    }
    errors: dict[str, dict[str, Any]] = {str(n): _field(infants, groups, n) for n in COUNTS}
    for n in COUNTS:
        for name, params in starts.items():
            errors[str(n)][name] = _adapted(data, groups, params, n, tune=name.startswith("joint"))
    return {
        "priors": [plain_population(fold.prior) for fold in groups],
        "noise": [fold.noise.proportional for fold in groups],
        "infants": {str(n): sum(len(_testable(data, fold, n)) for fold in groups) for n in COUNTS},
        "errors": errors,
    }


def plain_population(population: Population) -> dict[str, list[float]]:
    """Return a population as plain lists."""
    return {"mean": population.mean.round(4).tolist(), "std": population.std.round(4).tolist()}


def predictor(infant: Infant, rows: slice) -> Any:
    """Return the function from log-parameters to the infant's concentrations at some of the sample times."""
    return partial(bolus, time=infant.time[rows], dose_times=infant.dose_times, doses=infant.doses)


def _fold(infants: list[Infant], test: list[int]) -> Fold:
    """Let the training infants say their population and the noise, by the marginal likelihood (R12)."""
    train = [index for index in range(len(infants)) if index not in test]
    predicts = [predictor(infants[i], slice(None)) for i in train]
    seens = [infants[i].concentration for i in train]
    found = []
    for share in (0.08, 0.1, 0.12, 0.15):
        noise = Noise(0.5, share)
        prior = fit_population(predicts, seens, within=WIDE, noise=noise)
        found.append((log_evidence(predicts, seens, prior, noise), Fold(train, test, prior, noise)))
    return max(found, key=lambda pair: pair[0])[1]


def pad(infants: list[Infant]) -> Padded:
    """Return all infants in arrays; what is missing is a dose of 0, and a sample that nobody counts."""
    most = max(len(infant.doses) for infant in infants)
    shapes = {"dose_times": most, "doses": most, "time": MOST, "concentration": MOST}
    arrays = {name: np.zeros((len(infants), size)) for name, size in shapes.items()}
    for index, infant in enumerate(infants):
        for name, array in arrays.items():
            values = getattr(infant, name)
            array[index, : len(values)] = values
    count = np.array([len(infant.time) for infant in infants])
    return Padded(arrays["dose_times"], arrays["doses"], arrays["time"], arrays["concentration"], count)


class Tasks(NamedTuple):
    """Support and query sets as tuples of arrays (tasks, columns, ...)."""

    support: tuple[Any, ...]
    query: tuple[Any, ...]


def as_tasks(data: Padded, who: Any, n: Any) -> Tasks:
    """Return infants `who`, of any shape, as tasks with their first `n` samples as support and the rest as query.

    Support errors are relative to 11.5 % of the sample, query errors in mg/L.
    """
    number, n = np.arange(MOST), np.asarray(n)[..., None]
    early, late = number < n, (number >= n) & (number < data.count[who][..., None])
    seen = data.seen[who]
    relative = np.where(seen > 0, 1 / (0.115 * np.maximum(seen, 1e-9)) ** 2, 0.0)
    parts = (data.dose_times[who], data.doses[who], data.time[who], seen)
    mean = late / np.maximum(late.sum(axis=-1, keepdims=True), 1)
    return Tasks((*parts, early / np.maximum(n, 1) * relative), (*parts, mean))


def loss(params: Any, dose_times: Tensor, doses: Tensor, time: Tensor, seen: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted squared error of the model's concentrations, summed over columns (claim R1)."""
    import torch

    predicted = bolus(maml.log_parameters(params), time, dose_times, doses, xp=torch)
    return (weight * (predicted - seen) ** 2).sum()


def _train(data: Padded, groups: list[Fold], iterations: int, *, first_order: bool = False, joint: bool = False) -> Any:
    """Train a start for each fold and seed, side by side: columns are fold by fold, three seeds each."""
    from mamlkit import engine

    starts = [maml.start(fold.prior, SEEDS) for fold in groups]
    pools = [[i for i in fold.train if data.count[i] > 1] for fold in groups for _ in range(SEEDS)]

    def draw(rng: np.random.Generator) -> Tasks:
        who = np.stack([rng.choice(pool, 24) for pool in pools], axis=1)
        n = rng.integers(1, np.minimum(data.count[who], 3))
        if joint:  # one curve for all samples, weighed as the inner loop weighs them
            tasks = as_tasks(data, who, data.count[who])
            return Tasks(tasks.support, tasks.support)
        return as_tasks(data, who, n)

    options: dict[str, Any] = {"inner_lr": 0.0, "num_steps": 0} if joint else {**MODEL, "first_order": first_order}
    stacked = {name: _cat([start[name] for start in starts]) for name in starts[0]}
    return engine.meta_train(
        loss, stacked, draw, outer_lr=0.01, iterations=iterations, seed=0, progress=False, **options
    ).params


def _field(infants: list[Infant], groups: list[Fold], n: int) -> dict[str, Any]:
    """Return the errors of what practitioners do, each infant in turn."""
    found: dict[str, list[float]] = {"population": [], "MAP": [], "posterior mean": [], "least squares": []}
    for fold in groups:
        for infant in (infants[i] for i in fold.test if len(infants[i].time) > n):
            first, rest = predictor(infant, slice(n)), predictor(infant, slice(n, None))
            seen, later = infant.concentration[:n], infant.concentration[n:]
            z = map_estimate(first, seen, fold.prior, noise=fold.noise)
            guesses = {
                "population": rest(fold.prior.mean),
                "MAP": rest(z),
                "posterior mean": posterior(first, seen, fold.prior, noise=fold.noise, size=61).mean(rest),
                "least squares": rest(least_squares(first, seen, fold.prior.mean)),
            }
            for name, guess in guesses.items():
                found[name].append(round(float(np.sqrt(np.mean((guess - later) ** 2))), 4))
    return {name: [values] for name, values in found.items()}


def _testable(data: Padded, fold: Fold, n: int) -> list[int]:
    return [i for i in fold.test if data.count[i] > n]


def _adapted(data: Padded, groups: list[Fold], params: Any, n: int, *, tune: bool) -> list[list[float]]:
    """Return errors (seed, infant) after the inner loop from each fold's start."""
    rows = []
    for seed in range(SEEDS):
        own: list[float] = []
        for index, fold in enumerate(groups):
            here = {name: part[index * SEEDS + seed][None] for name, part in params.items()}
            pool = [i for i in fold.train if data.count[i] > n]
            choices = [(rate, k) for rate in RATES for k in STEPS] if tune else [(0.1, 5)]
            best = min(choices, key=partial(_mean_error, data, here, pool, n)) if tune else choices[0]
            own += _errors(data, here, _testable(data, fold, n), n, best).round(4).tolist()
        rows.append(own)
    return rows


def _mean_error(data: Padded, params: Any, pool: list[int], n: int, choice: tuple[float, int]) -> float:
    return float(np.nan_to_num(_errors(data, params, pool, n, choice).mean(), nan=np.inf))


def _errors(data: Padded, params: Any, who: list[int], n: int, choice: tuple[float, int]) -> Any:
    from mamlkit import engine

    tasks = as_tasks(data, np.array(who)[:, None], n)
    losses = engine.evaluate(
        loss,
        params,
        support=tasks.support,
        query=tasks.query,
        inner_lr={"mu": 0, "s": 0, "u": choice[0]},
        num_steps=choice[1],
    )[-1]
    return losses.sqrt().numpy()


def _cat(tensors: list[Tensor]) -> Tensor:
    import torch

    return torch.cat(tensors)
