"""Theophylline: the contest on simulated patients, where the Bayesian's prior is the truth."""

from __future__ import annotations

from typing import Any

import numpy as np

from mamlkit.applications.intervals import root_mean_square
from mamlkit.applications.medicine import published
from mamlkit.applications.medicine_fit import least_squares, map_estimate, posterior
from mamlkit.applications.medicine_maml import adapted_errors
from mamlkit.applications.medicine_tasks import Patients, each_patient, simulate, weights

COUNTS = (1, 2, 3, 6)


def run(num_tasks: int = 500) -> dict[str, Any]:
    """Return each method's error on new simulated patients, mg/L, and how far MAML is above the posterior mean."""
    from mamlkit.experiments import load

    starts, tuning = (load("medicine")[name] for name in ("starts", "fine-tuning"))
    tasks = simulate(np.random.default_rng(2024), published("pooled"), num_tasks=num_tasks)
    rng = np.random.default_rng(0)
    found: dict[str, Any] = {"patients": num_tasks, "errors": {}, "MAML above the posterior mean": {}}
    for n in COUNTS:
        shown = np.broadcast_to(weights("spread", n), tasks.support.time.shape)
        here = tasks._replace(support=tasks.support._replace(weight=shown))
        squared = of_the_field(here) | {
            "MAML": adapted_errors(starts["pooled"], here),
            "FOMAML": adapted_errors(starts["pooled, FOMAML"], here),
            "joint, fine-tuned": adapted_errors(starts["pooled, joint"], here, **tuning),
        }
        found["errors"][str(n)] = {name: root_mean_square(own, rng).rounded(4) for name, own in squared.items()}
        above = root_mean_square(squared["MAML"], rng, against=squared["posterior mean"])
        found["MAML above the posterior mean"][str(n)] = above.rounded(4)
    return found


def of_the_field(tasks: Patients) -> dict[str, Any]:
    """Return the mean squared errors (num_tasks,) of the population's curve and of what practitioners do."""
    prior = published("pooled")
    methods = {
        "population curve": lambda first, seen, rest: rest(prior.mean),
        "MAP": lambda first, seen, rest: rest(map_estimate(first, seen, prior)),
        "posterior mean": lambda first, seen, rest: posterior(first, seen, prior, size=25).mean(rest),
        "least squares": lambda first, seen, rest: rest(least_squares(first, seen, prior.mean)),
    }
    return {
        name: np.array([np.mean((method(first, seen, rest) - later) ** 2) for first, seen, rest, later in
                        each_patient(tasks)])
        for name, method in methods.items()
    }  # fmt: skip
