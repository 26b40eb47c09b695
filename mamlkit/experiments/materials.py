"""Few energies of an alloy, few of a metal: what every method makes of held-out materials.

The chapter "Materials" trains two of the starts again, and reads the rest here. Three seeds, each with its own held-out
pairs of elements (for metals: every block of the periodic table is held out once), without noise and with 3 meV; all
side by side, a column for each.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mamlkit import experiments
from mamlkit.applications import materials
from mamlkit.applications import materials_fit as fit
from mamlkit.applications import materials_maml as maml
from mamlkit.applications.materials import FAR, NEAR, Curves, Errors, errors
from mamlkit.applications.materials_data import alloys, metals
from mamlkit.applications.materials_study import by_the_field, draw_test, summary
from mamlkit.applications.materials_tasks import NOISE, Materials, Split, hold_out, sample

SEEDS = 3
INNER: dict[str, Any] = {"inner_lr": 0.1, "num_steps": 3}
LEVELS = (0.0, NOISE)
STEPS = (1, 3, 5, 10, 20)  # tried on the validation pairs
CONDITIONS = {
    f"{points} {'clean' if noise == 0 else 'noisy'}": (points, noise, NEAR) for points in (2, 3, 6) for noise in LEVELS
} | {"6 far": (6, NOISE, FAR)}
METHODS: dict[str, dict[str, Any]] = {
    "MAML": {"learn": "basis"},
    "FOMAML": {"learn": "basis", "first_order": True},
    "MAML, by composition": {"learn": "basis", "composition": True},
    "one rate, powers": {"learn": "rate"},
    "one rate, orthonormal": {"learn": "rate", "orthonormal": True},
    "a rate each, orthonormal": {"learn": "rates", "orthonormal": True},
}
SHOWN = ("MAML", "one rate, powers", "one rate, orthonormal", "a rate each, orthonormal")  # whose starts are kept
GRIDS = {  # basis, inner rate, steps: tuned on the validation pairs
    "pre-train, fine-tune": [
        (b, r, k) for b in ("powers", "orthonormal") for r in (0.01, 0.1, 0.3) for k in (1, 3, 10, 30)
    ],
    "from scratch": [(b, r, k) for b in ("powers", "orthonormal") for r in (0.1, 0.3) for k in (3, 30, 200)],
}
HELD = {"basis": ("c0",), "rates": ("c0", "M"), "rate": ("c0", "M")}  # what the outer loop leaves as it is
Start = dict[str, Any]


def run(iterations: int = 300) -> dict[str, Any]:
    """Train everything and return it as plain JSON."""
    import torch

    torch.set_num_threads(1)
    curves, splits, columns = setting()
    starts = {name: train(curves, columns, iterations=iterations, **how) for name, how in METHODS.items()}
    validation = validate_steps(curves, splits, columns, iterations)
    return {"validation": validation, **assemble(curves, splits, columns, starts, train_metals(iterations))}


def setting() -> tuple[Curves, list[Split], list[Any]]:
    """Return the alloys, three splits of them, and the columns: noise (eV) and what is learned from."""
    curves = alloys(experiments.load("alloys"))
    splits = [hold_out(curves.fractions, np.random.default_rng(seed)) for seed in range(SEEDS)]
    return curves, splits, [(level, split.train) for level in LEVELS for split in splits]


def train(
    curves: Curves, columns: Any, *, learn: str, orthonormal: bool = False, composition: bool = False,
    iterations: int = 300, num_steps: int = INNER["num_steps"], **options: Any,
) -> Start:  # fmt: skip
    """Meta-train where the coefficients start and their rates, or their basis, each column by itself, side by side.

    The first half of the iterations takes outer steps ten times as long as the second.
    """
    from mamlkit import engine

    basis = materials.orthonormal() if orthonormal else np.eye(3)
    params = maml.cubic_start(basis, fit.guessed(1)[0], len(columns), rates=1 if learn == "rate" else 3)
    if composition:
        params = maml.by_composition(params, curves.fractions.shape[1])
    for seed, outer_lr in enumerate((0.02, 0.002)):
        params = engine.meta_train(
            maml.loss_of(maml.cubic_curve(*HELD[learn])), params, draw_from(curves, columns),
            inner_lr=maml.only_u(params, INNER["inner_lr"]), num_steps=num_steps, outer_lr=outer_lr,
            iterations=iterations, seed=seed, progress=False, backend="eager", **options,
        ).params  # fmt: skip
    return params


def validate_steps(curves: Curves, splits: list[Split], columns: Any, iterations: int) -> dict[str, float]:
    """Return errors on the validation pairs, mean over clean and noisy: MAML's by number of inner steps, MAP's; meV."""
    found = {}
    for num_steps in STEPS:
        start = train(curves, columns, learn="basis", iterations=iterations, num_steps=num_steps)
        found[str(num_steps)] = [validate(curves, splits, start, level, num_steps=num_steps) for level in LEVELS]
    found["MAP"] = [validate_map(curves, splits, level) for level in LEVELS]
    return {name: round(float(np.mean(each)), 3) for name, each in found.items()}


def validate_map(curves: Curves, splits: list[Split], noise: float) -> float:
    """Return the mean error of MAP's curves on the same validation pairs and points as :func:`validate`; meV."""
    rows = []
    for seed, split in enumerate(splits):
        for points in (2, 3, 6):
            asked, tasks = draw_test(curves, split.validation, points=points, noise=noise, seed=seed)
            rows.append(by_the_field(curves.take(split.train), asked, tasks, noise)["MAP"].curve.mean())
    return float(np.mean(rows))


def draw_from(curves: Curves, columns: Any) -> Any:
    """Return what draws a batch of tasks: 25 materials for each column, 2, 3 or 6 points of each."""

    def draw(rng: np.random.Generator) -> Materials:
        who = np.stack([rng.choice(learned, 25) for _, learned in columns], axis=1)
        return sample(rng, curves, who, noise=[level for level, _ in columns])

    return draw


def plain_starts(curves: Curves, columns: Any) -> dict[str, Any]:
    """Return where pre-training ends (the mean coefficients of what is learned from), and no start at all, by basis.

    On whole curves the joint loss is smallest at the mean of the coefficients (R15, without steps).
    """
    import torch

    middle = [fit.prior_from(curves.take(learned)).mean for _, learned in columns]
    found: dict[str, Any] = {"pre-train, fine-tune": {}, "from scratch": {}}
    for basis, matrix in (("powers", np.eye(3)), ("orthonormal", materials.orthonormal())):
        blank = maml.cubic_start(matrix, np.zeros(3), len(columns))
        found["from scratch"][basis] = blank
        found["pre-train, fine-tune"][basis] = {**blank, "c0": torch.tensor(np.array(middle))}
    return found


def assemble(curves: Curves, splits: list[Split], columns: Any, starts: dict[str, Start], dft: Start) -> dict[str, Any]:
    """Tune what is tuned on the validation pairs, and return the errors of all on the test pairs, as plain JSON."""
    plain, tuned = plain_starts(curves, columns), {}
    for name, choices in GRIDS.items():
        for level in LEVELS:
            scores = [
                validate(curves, splits, plain[name][basis], level, inner_lr=rate, num_steps=steps)
                for basis, rate, steps in choices
            ]
            tuned[f"{name}, {level}"] = choices[int(np.argmin(scores))]
    return {
        "starts": {name: {part: value.tolist() for part, value in starts[name].items()} for name in SHOWN},
        "tuned": tuned,
        "alloys": {
            key: compare(curves, splits, starts, plain, tuned, *each) for key, each in CONDITIONS.items()
        },
        "metals": {key: compare_metals(dft, starts["MAML"], *each) for key, each in CONDITIONS.items()},
    }  # fmt: skip


def validate(curves: Curves, splits: list[Split], params: Any, noise: float, **inner: Any) -> float:
    """Return the mean error of curves on the validation pairs, over 2, 3 and 6 points; meV."""
    rows = [
        predict_split(curves, split.validation, seed, params, points, noise, NEAR, **inner)
        for seed, split in enumerate(splits)
        for points in (2, 3, 6)
    ]
    return float(np.mean([row.curve.mean() for row in rows]))


def predict_split(
    curves: Curves, who: Any, seed: int, start: Start, points: int, noise: float, where: Any, **inner: Any
) -> Errors:
    """Return the errors of an adapted start on materials `who` of one split."""
    asked, tasks = draw_test(curves, who, points=points, noise=noise, seed=seed, where=where)
    columns = np.full(len(asked.names), seed + SEEDS * LEVELS.index(noise))
    return errors(bounded(maml.adapted(start, tasks, columns=columns, **(INNER | inner))), asked)


def bounded(curve: Any) -> Any:
    """Return a curve that is not finite, or beyond a thousand units, as one of a thousand units: plainly lost."""
    return np.clip(np.nan_to_num(curve, nan=1e3), -1e3, 1e3)


def compare(
    curves: Curves, splits: list[Split], starts: dict[str, Start], plain: Any, tuned: Any,
    points: int, noise: float, where: Any,
) -> dict[str, Any]:  # fmt: skip
    """Return the errors of all methods on the test alloys under one condition."""
    methods: dict[str, tuple[Start, dict[str, Any]]] = {name: (start, {}) for name, start in starts.items()}
    for name, params in plain.items():
        basis, rate, steps = tuned[f"{name}, {noise}"]
        methods[name] = (params[basis], {"inner_lr": rate, "num_steps": steps})
    found: dict[str, list[Errors]] = {}
    for seed, split in enumerate(splits):
        asked, tasks = draw_test(curves, split.test, points=points, noise=noise, seed=seed, where=where)
        for name, each in by_the_field(curves.take(split.train), asked, tasks, noise).items():
            found.setdefault(name, []).append(each)
        for name, (start, inner) in methods.items():
            one = predict_split(curves, split.test, seed, start, points, noise, where, **inner)
            found.setdefault(name, []).append(one)
    return summary(found, "MAML")


def held_blocks() -> tuple[Curves, list[Any], list[Any]]:
    """Return the metals, a mask for each block, and the columns: every noise, block left out, and seed."""
    curves, blocks = metals()
    inside = [np.array(blocks) == name for name in dict.fromkeys(blocks)]
    return curves, inside, [(e, np.flatnonzero(~mask)) for e in LEVELS for mask in inside for _ in range(SEEDS)]


def train_metals(iterations: int) -> Start:
    """Meta-train on the metals with each block left out once."""
    curves, _, columns = held_blocks()
    return train(curves, columns, learn="basis", iterations=iterations)


def compare_metals(own: Start, from_alloys: Start, points: int, noise: float, where: Any) -> dict[str, Any]:
    """Return the errors of all methods on metals of the block that was left out, under one condition."""
    curves, inside, _ = held_blocks()
    level = LEVELS.index(noise)
    found: dict[str, list[Errors]] = {}
    for seed in range(SEEDS):
        parts: dict[str, list[Errors]] = {}
        for block, mask in enumerate(inside):
            asked, tasks = draw_test(
                curves, np.flatnonzero(mask), points=points, noise=noise, seed=seed + 10 * block, where=where
            )
            each = by_the_field(curves.take(~mask), asked, tasks, noise)
            columns = {"MAML": seed + SEEDS * (block + len(inside) * level), "MAML from alloys": seed + SEEDS * level}
            for (name, column), start in zip(columns.items(), (own, from_alloys), strict=True):
                at = np.full(len(asked.names), column)
                each[name] = errors(bounded(maml.adapted(start, tasks, columns=at, **INNER)), asked)
            for name, error in each.items():
                parts.setdefault(name, []).append(error)
        for name, rows in parts.items():
            found.setdefault(name, []).append(Errors(*(np.concatenate(part) for part in zip(*rows, strict=True))))
    return summary(found, "MAML")
