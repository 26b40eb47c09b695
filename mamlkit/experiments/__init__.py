"""Trainings that do not fit a chapter's time: one file each, and what it measured in `results/`.

`make experiments` runs them all and writes the results anew; a test runs each in reduced size.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

__all__ = ["load"]


def load(name: str) -> Any:
    """Return what the experiment `name` measured, as its file in `results/` says.

    Raises
    ------
    ValueError
        If there is no result of that name.
    """
    results = files("mamlkit.experiments") / "results"
    path = results / f"{name}.json"
    if not path.is_file():
        known = sorted(one.name.removesuffix(".json") for one in results.iterdir() if one.name.endswith(".json"))
        raise ValueError(f"name must be one of {', '.join(known) or '(none yet)'}, got {name!r}")
    return json.loads(path.read_text("utf-8"))
