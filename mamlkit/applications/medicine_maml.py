"""MAML on the logarithms of a drug model's parameters, and on a network that knows no pharmacology (claims R1, R2).

Several seeds are trained side by side: every tensor has an axis for them, and a task holds a patient for each. Their
losses are summed, so none sees another's gradient.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from mamlkit._check import Array, as_count
from mamlkit.applications.medicine import Population, oral
from mamlkit.applications.medicine_tasks import Patients

if TYPE_CHECKING:
    from torch import Generator, Tensor

SCALE = 25.0  # (mg/L)^2: the network's loss is divided by it, so that its gradients are of order one


def start(population: Population, num_seeds: int = 1, width: float = 0.3) -> dict[str, Tensor]:
    """Return where meta-training starts: at the population's mean, all rates alike.

    The log-parameters are ``mu + exp(s) * u``; the inner loop moves `u` alone, the outer loop learns all three. A step
    of rate alpha on `u` moves log-parameter j by exp(2 s_j) alpha times its slope: a learned rate that is positive.

    Parameters
    ----------
    population : Population
    num_seeds : int
    width : float
        What exp(s) starts with.

    Returns
    -------
    dict of tensors "mu", "s" and "u", shape (num_seeds, p), float64

    Examples
    --------
    >>> from mamlkit.applications.medicine import published
    >>> start(published("clinic"), 3)["mu"].shape
    torch.Size([3, 3])
    """
    import torch

    mean = torch.tensor(population.mean).expand(as_count("num_seeds", num_seeds, minimum=1), -1).clone()
    return {"mu": mean, "s": torch.full_like(mean, width).log(), "u": torch.zeros_like(mean)}


def log_parameters(params: dict[str, Tensor]) -> Tensor:
    """Return the log-parameters (..., p) that `params` stand for."""
    return params["mu"] + params["s"].exp() * params["u"]


def model_loss(params: dict[str, Tensor], time: Tensor, dose: Tensor, seen: Tensor, weight: Tensor) -> Tensor:
    """Return the mean squared error of the model's concentrations in (mg/L)^2, summed over seeds (claim R1).

    Examples
    --------
    >>> import torch
    >>> from mamlkit.applications.medicine import published
    >>> one = torch.ones(1, 1, dtype=torch.float64)
    >>> model_loss(start(published("clinic")), one, 0 * one, one, one).item()
    1.0
    """
    import torch

    predicted = oral(log_parameters(params), time, dose, xp=torch)
    return (weight * (predicted - seen) ** 2).sum()


def network(generator: Generator, hidden: int = 32) -> dict[str, Tensor]:
    """Return one random network with two hidden layers, as tensors with an axis for one seed.

    Examples
    --------
    >>> import torch
    >>> {name: tuple(part.shape) for name, part in network(torch.Generator().manual_seed(0)).items()}["w1"]
    (1, 2, 32)
    """
    import torch

    sizes, parts = [2, hidden, hidden, 1], {}
    for layer, (wide, high) in enumerate(pairwise(sizes), 1):
        scale = wide**-0.5
        parts[f"w{layer}"] = scale * torch.randn(1, wide, high, generator=generator, dtype=torch.float64)
        parts[f"b{layer}"] = torch.zeros(1, 1, high, dtype=torch.float64)
    return parts


def network_curve(params: dict[str, Tensor], time: Any, dose: Any) -> Tensor:
    """Return what networks say of the concentration, (seeds, n) for time (seeds, n): their output times the dose.

    They see t / 12 and log(t + 0.25), with t in hours.
    """
    import torch

    x = torch.stack([time / 12, torch.log(time + 0.25)], dim=-1)
    for layer in (1, 2):
        x = torch.tanh(x @ params[f"w{layer}"] + params[f"b{layer}"])
    return dose * (x @ params["w3"] + params["b3"])[..., 0]


def network_loss(params: dict[str, Tensor], time: Tensor, dose: Tensor, seen: Tensor, weight: Tensor) -> Tensor:
    """Return the networks' mean squared error over 25 (mg/L)^2, summed over seeds."""
    return (weight * (network_curve(params, time, dose) - seen) ** 2).sum() / SCALE


def adapted_errors(start: dict[str, Any], tasks: Patients, *, inner_lr: float = 0.1, num_steps: int = 5) -> Array:
    """Return the mean squared errors (num_seeds, num_tasks) after the inner loop from each learned start, in (mg/L)^2.

    `start` holds "mu", "s" and "u" with a row for each seed, as tensors or lists.
    """
    import numpy as np
    import torch

    from mamlkit import engine

    rows = []
    for seed in range(len(start["mu"])):
        params = {name: torch.as_tensor(part[seed : seed + 1]).double() for name, part in start.items()}
        rates = {"mu": 0, "s": 0, "u": inner_lr}
        sets: dict[str, Any] = {"support": tasks.support, "query": tasks.query}
        rows.append(engine.evaluate(model_loss, params, **sets, inner_lr=rates, num_steps=num_steps)[-1].numpy())
    return np.array(rows)
