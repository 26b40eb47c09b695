"""How often does the worked solution of exercise E13 miss its own bound? A thousand runs, and simpler rivals beside it.

About 20 minutes of processor time. Solution, tasks and error are those of the exercise: they are read out of its
notebook, so this runs in the repository alone, where ``solutions/`` lies beside the package.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from mamlkit.experiments._keeping import kept, rounds
from mamlkit.grade import instructor
from mamlkit.grade.accepted import RootMeanSquare, error
from mamlkit.grade.cells import part_of, role
from mamlkit.grade.parts import Part, rng

NOTEBOOK = Path(__file__).parents[2] / "solutions" / "e13_capstone.ipynb"
UNLEARNED = ("num_steps=2", "num_steps=0")
RIVALS: dict[str, tuple[tuple[str, str], ...]] = {  # what stands in the solution, and what a rival has in its place
    "joint training": (UNLEARNED, ("x_query, 4)", "x_query, 0)")),
    "joint training, 4 steps of 0.05": (UNLEARNED,),
    "joint training, 20 steps of 0.02": (UNLEARNED, ("0.05)", "0.02)"), ("x_query, 4)", "x_query, 20)")),
    "joint training, 50 steps of 0.01": (UNLEARNED, ("0.05)", "0.01)"), ("x_query, 4)", "x_query, 50)")),
    "MAML, 25 iterations": (("32, 250", "32, 25"),),
    "MAML, fixed rates": (
        ("32, 250", "40, 1500"),
        ("p.requires_grad_() for p in learned", "p.requires_grad_() for p in learned[:6]] + learned[6:"),
        ("Adam(learned, lr=0.02", "Adam(learned[:6], lr=0.01"),
    ),
    "FOMAML": (
        ("create_graph=True", "retain_graph=True"),
        ("32, 250", "40, 2000"),
        ("lr=0.02", "lr=0.003"),
        ("num_steps=2", "num_steps=3"),
        ("x_query, 4)", "x_query, 5)"),
    ),
}
QUANTILES = (0.0, 0.01, 0.25, 0.5, 0.75, 0.99, 1.0)
PIECE = 50  # runs that are kept together


@lru_cache(maxsize=1)
def part() -> Part:
    """Return part c of the exercise, as its notebook declares it.

    Raises
    ------
    FileNotFoundError
        If the notebook does not lie beside the package.
    """
    return instructor.parts(instructor.read(NOTEBOOK))["e13.c"]


def bound() -> float:
    """Return the largest error that the exercise accepts."""
    return _drawn(0)[1].at_most


def one(seed: int) -> tuple[float, float]:
    """Return the error of the solution on the tasks that `seed` draws, and the processor seconds that it took."""
    inputs, accepted = _drawn(seed)
    begun, reference = time.process_time(), part().reference
    assert reference is not None  # the notebook has been run
    predicted = reference(**inputs)
    return error(predicted, accepted.target), time.process_time() - begun


@lru_cache(maxsize=len(RIVALS))
def rival(name: str) -> Callable[..., Any]:
    """Return the solution with the edits of `RIVALS` as a function of the same inputs."""
    namespace: dict[str, Any] = {}
    for cell in instructor.read(NOTEBOOK)["cells"]:
        if role(cell) == "setup" or (role(cell), part_of(cell)) == ("answer", "e13.c"):
            source = cell["source"]
            for old, new in RIVALS[name] if role(cell) == "answer" else ():
                if old not in source:
                    raise ValueError(f"{old!r} is no longer in the solution")
                source = source.replace(old, new)
            exec(source, namespace)
    sampler, learn = namespace["wave_sampler"], namespace["learn_and_predict"]
    return lambda frequency, **inputs: learn(sampler(frequency), **inputs)


def beside(name: str, seeds: int) -> list[float]:
    """Return the errors of a rival on the tasks of the first seeds."""
    errors = []
    for seed in range(seeds):
        inputs, accepted = _drawn(seed)
        errors.append(error(rival(name)(**inputs), accepted.target))
    return errors


def _drawn(seed: int) -> tuple[dict[str, Any], RootMeanSquare]:
    draws, accepts = part().draws, part().accepts
    assert draws is not None  # the notebook has been run
    assert accepts is not None
    drawn: Any = draws(rng(seed, "e13.c"))
    inputs, hidden = drawn
    return inputs, accepts(**inputs, **hidden)


def piece(first: int, count: int) -> list[tuple[float, float]]:
    """Return what :func:`one` says for `count` seeds, in a process of its own."""
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        return list(pool.map(one, range(first, first + count)))


def run(folder: Path | None = None, *, runs: int = 1000, seeds: int = 8) -> dict[str, Any]:
    """Run the solution with seeds 0, 1, ..., and each rival with the first `seeds`; `folder` keeps what is done."""
    pieces = [(first, min(PIECE, runs - first)) for first in range(0, runs, PIECE)]
    found = np.array([row for at in pieces for row in kept(folder, f"capstone-{at[0]}-{at[1]}", piece, *at)])
    errors, seconds = found.T
    return {
        "bound": bound(),
        "runs": runs,
        "failures": int((errors > bound()).sum()),
        "mean": round(float(errors.mean()), 4),
        "sd": round(float(errors.std(ddof=1)), 4),
        "largest": round(float(errors.max()), 4),
        "sds_to_bound": round(float((bound() - errors.mean()) / errors.std(ddof=1)), 1),
        "quantiles": {str(q): round(float(np.quantile(errors, q)), 4) for q in QUANTILES},
        "seconds": {"mean": round(float(seconds.mean()), 2), "largest": round(float(seconds.max()), 2)},
        "rivals": {name: rounds(kept(folder, f"rival-{name}", beside, name, seeds)) for name in RIVALS},
        "one_in": math.floor(1 / (1 - 0.05 ** (1 / runs))),  # with no failure seen, 95 % sure that they are rarer
    }
