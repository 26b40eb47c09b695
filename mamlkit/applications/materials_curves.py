"""What a fit and MAML say of an alloy's whole curve, point by point: arrays for the explorer "alloy"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mamlkit._check import Array
from mamlkit.applications import materials_fit as fit
from mamlkit.applications import materials_maml as maml
from mamlkit.applications.materials import PERCENT, QUERY, STRAINS, Curves, errors, powers
from mamlkit.applications.materials_tasks import MOST, NOISE, Materials, Samples

ORDER = {"both": (4, -4, 0, 6, -6, 2), "wide": (6, 5, 4, 3, 2, 1)}  # strains in percent, as they are added
FAR_AWAY = 400.0  # meV
SHOWN = ("AlNiPd2", "AlCuPt2", "Cu3Pt", "Cu2Pt2", "Ni3Pd", "Au2Pd2")  # all hold a pair that split 0 tests on


def alloy_cases(curves: Curves, start: Mapping[str, Any], names: Sequence[str] = SHOWN) -> dict[str, Any]:
    """Return a few alloys and, for 0 to 6 points of either order, clean or noisy, their curves by a fit and by MAML.

    Parameters
    ----------
    curves : Curves
    start : mapping of str to array_like
        The learned start, columns as the experiment has them: the first of the clean half and of the noisy half count.
    names : sequence of str

    Returns
    -------
    dict
        By alloy: "truth" (21,), in meV above its lowest, at volumes within 10 % of the guess; and by noise ("clean",
        "noisy") and order, "points" (6, 2), by method "curves" (7, 21), "lattice" (7,) and "modulus" (7,), errors in mÅ
        and GPa.

    Raises
    ------
    ValueError
        If there is no alloy of a name.
    """
    if strangers := set(names) - set(curves.names):
        raise ValueError(f"names must be of alloys, got {', '.join(sorted(strangers))}")
    return {name: _case(curves.take([curves.names.index(name)]), start) for name in names}


def _case(alloy: Curves, start: Mapping[str, Any]) -> dict[str, Any]:
    energy = alloy.energies[0]
    lowest = energy[QUERY].min()
    case: dict[str, Any] = {"truth": 1000 * (energy[QUERY] - lowest)}
    half = len(start["u"]) // 2
    for column, (level, noise) in enumerate({"clean": 0.0, "noisy": NOISE}.items()):
        row = {name: np.asarray(part)[column * half] for name, part in start.items()}
        case[level] = {order: _points(alloy, row, order, noise, lowest) for order in ORDER}
    return case


def _points(alloy: Curves, start: Mapping[str, Any], order: str, noise: float, lowest: float) -> dict[str, Any]:
    import torch

    places = np.array([PERCENT.tolist().index(percent) for percent in ORDER[order]])
    draws = np.random.default_rng(sum(map(ord, alloy.names[0]))).normal(size=len(PERCENT))
    seen = alloy.energies[0, places] + noise * draws[places]
    counts = np.arange(MOST + 1)
    weight = np.where(np.arange(MOST) < counts[:, None], 1 / np.maximum(counts, 1)[:, None], 0.0)
    tiled = [np.tile(part, (len(counts), 1)) for part in (STRAINS[places], (seen - seen.mean()) / alloy.unit[0])]
    fractions = np.tile(alloy.fractions[:, None], (len(counts), 1, 1))
    support = Samples(tiled[0], fractions, tiled[1], weight)
    guess = fit.guessed(len(counts))
    guess[3:] = fit.fit_fixed(Samples(*(part[3:] for part in support)))
    rows = {name: torch.tensor(part)[None].repeat(len(counts), *[1] * np.ndim(part)) for name, part in start.items()}
    batch = Materials(Samples(*(part[:, None] for part in support)), support)
    found = {
        "baseline": guess @ powers(STRAINS[QUERY]).T,
        "maml": maml.adapted(rows, batch, columns=counts, inner_lr=0.1, num_steps=3),
    }
    result: dict[str, Any] = {"points": np.column_stack([100 * STRAINS[places], 1000 * (seen - lowest)])}
    for method, curve in found.items():
        off = errors(curve, alloy.take(np.zeros(len(counts), int)))
        result[method] = {
            "curves": _placed(1000 * alloy.unit[0] * curve, result["points"][:, 1], places, weight),
            "lattice": off.lattice,
            "modulus": off.modulus,
        }
    return result


def _placed(curve: Array, seen: Array, places: Array, weight: Array) -> Array:
    """Move curves (7, 21) up or down to fit the points that they have seen, or to begin at 0 where there are none."""
    at = curve[:, places - QUERY[0]]
    offset = (weight * (seen - at)).sum(axis=1)
    offset[0] = -curve[0].min()
    return np.clip(curve + offset[:, None], -FAR_AWAY, FAR_AWAY)  # what lies beyond is out of view
