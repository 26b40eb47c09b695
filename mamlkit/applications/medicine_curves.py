"""What two methods say of a person's whole curve, sample by sample: arrays for the explorer "patient"."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from mamlkit._check import Array
from mamlkit.applications.medicine import oral, published
from mamlkit.applications.medicine_data import Person, theophylline
from mamlkit.applications.medicine_fit import map_estimate
from mamlkit.applications.medicine_maml import log_parameters, model_loss
from mamlkit.applications.medicine_tasks import MOST, SCHEDULES, weights

HOURS = np.r_[np.arange(0, 2, 0.25), np.arange(2, 4, 0.5), np.arange(4, 8), np.arange(8, 27, 2)]


def patient_cases(start: Mapping[str, Any], *, inner_lr: float = 0.1, num_steps: int = 5) -> dict[str, Any]:
    """Return the twelve people and, for 0 to 6 samples of either schedule, their log-parameters by MAP and by MAML.

    Parameters
    ----------
    start : mapping of str to array_like
        The learned start: rows "mu", "s" and "u", of which the first is taken.
    inner_lr, num_steps
        Of the inner loop.

    Returns
    -------
    dict
        "hours" (n,); "people", by subject a dict with "time", "seen" (10,), the "order" of samples by schedule, and
        by method and schedule "curves" (7, n), "errors" (7,) in mg/L and "clearance" (7,) in L/h/kg.

    Examples
    --------
    >>> import numpy as np
    >>> zero = [[0.0, 0.0, 0.0]]
    >>> cases = patient_cases({"mu": [published("pooled").mean], "s": zero, "u": zero}, inner_lr=0.001)
    >>> cases["people"]["1"]["curves"]["maml"]["early"].shape == (7, len(cases["hours"]))
    True
    """
    people = theophylline()
    return {"hours": HOURS, "people": {p.subject: _case(p, start, inner_lr, num_steps) for p in people}}


def _case(person: Person, start: Mapping[str, Any], inner_lr: float, num_steps: int) -> dict[str, Any]:
    case: dict[str, Any] = {"time": person.time, "seen": person.concentration, "order": SCHEDULES}
    for name in ("curves", "errors", "clearance"):
        case[name] = {"baseline": {}, "maml": {}}
    for schedule in SCHEDULES:
        found = {
            "baseline": _by_map(person, schedule),
            "maml": _by_maml(person, schedule, start, inner_lr, num_steps),
        }
        for method, z in found.items():
            late = oral(z, person.time[7:], person.dose) - person.concentration[7:]
            case["curves"][method][schedule] = oral(z, HOURS, person.dose)
            case["errors"][method][schedule] = np.sqrt((late**2).mean(axis=1))
            case["clearance"][method][schedule] = np.exp(z[:, 1])
    return case


def _by_map(person: Person, schedule: str) -> Array:
    prior, found = published("pooled"), [published("pooled").mean]
    for n in range(1, MOST + 1):
        taken = list(SCHEDULES[schedule][:n])
        predict = partial(oral, time=person.time[taken], dose=person.dose)
        found.append(map_estimate(predict, person.concentration[taken], prior))
    return np.array(found)


def _by_maml(person: Person, schedule: str, start: Mapping[str, Any], inner_lr: float, num_steps: int) -> Array:
    """Adapt to 0, 1, ..., 6 samples side by side; without samples all weights are 0 and nothing moves."""
    import torch

    from mamlkit import engine

    shown = np.array([np.zeros(7), *(weights(schedule, n) for n in range(1, MOST + 1))])
    batch = [np.tile(row, (len(shown), 1)) for row in (person.time[:7], person.dose, person.concentration[:7])]
    rows = {name: torch.tensor(np.asarray(part)[:1]).repeat(len(shown), 1) for name, part in start.items()}
    rates = {"mu": 0, "s": 0, "u": inner_lr}
    adapted = engine.adapt(model_loss, rows, (*batch, shown), inner_lr=rates, num_steps=num_steps)
    return log_parameters(adapted).numpy()
