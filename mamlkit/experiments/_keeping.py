"""Keeping what a long experiment has done so far, and intervals over seeds and tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

T_SEEDS = {2: 12.71, 3: 4.303, 4: 3.182, 5: 2.776}  # 97.5 % points of Student's t for so many seeds


def kept(folder: Path | None, name: str, make: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Return ``make(*arguments, **options)``, or what the file `name` in `folder` kept of an earlier call.

    Without a folder nothing is kept.

    Examples
    --------
    >>> kept(None, "largest", max, 2, 3)
    3
    """
    path = None if folder is None else folder / f"{name}.pt"
    if path is not None and path.is_file():
        return torch.load(path, weights_only=False)
    made = make(*arguments, **options)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(made, path)
    return made


def interval(values: Any, digits: int = 4) -> dict[str, Any]:
    """Return the mean of `values` (seeds, tasks) and half the widths of 95 % intervals, rounded.

    ``tasks`` is over tasks, of the mean over seeds; ``seeds`` over seeds, of the mean over tasks, with Student's t;
    ``half`` is the root of the sum of their squares, since what a seed draws and what a test draws are independent.

    Raises
    ------
    ValueError
        If `values` has not two axes, or fewer than two tasks.

    Examples
    --------
    >>> interval([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])["mean"]
    2.0
    """
    found = np.asarray(values, dtype=float)
    if found.ndim != 2 or found.shape[1] < 2:
        raise ValueError(f"values must be (seeds, tasks) with at least two tasks, got shape {found.shape}")
    seeds, tasks = found.shape
    over_tasks = 1.96 * found.mean(0).std(ddof=1) / tasks**0.5
    over_seeds = T_SEEDS[seeds] * found.mean(1).std(ddof=1) / seeds**0.5 if seeds > 1 else 0.0
    numbers = {"mean": found.mean(), "tasks": over_tasks, "seeds": over_seeds, "half": np.hypot(over_tasks, over_seeds)}
    rounded = {name: round(float(value), digits) for name, value in numbers.items()}
    return rounded | {"each_seed": rounds(found.mean(1), digits)}


def rounds(values: Sequence[float] | Any, digits: int = 4) -> Any:
    """Return nested lists of numbers rounded to so many digits, for a file that a person can read."""
    return np.round(np.asarray(values, dtype=float), digits).tolist()
