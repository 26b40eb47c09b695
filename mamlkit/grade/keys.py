"""The keys of an exercise: inputs, right answers and what misconceptions answer, drawn anew for each hand-in.

``python -P -m mamlkit.grade.keys notebook`` runs an instructor's notebook once and then draws keys. Each hand-in gets
inputs of its own, which follow from the seed of the run and from the bytes of the file: the same file gets the same
inputs again, and what the feedback on one tells is worth nothing for the next.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mamlkit.grade.instructor import Cell, Exercise
from mamlkit.grade.services import GraderError, Requests, Service, own_environment


@dataclass(frozen=True)
class Assignment:
    """An exercise with the keys of one hand-in, and what contains the kernel that runs it."""

    exercise: Exercise
    keys: list[dict[str, Any]]
    source_sha256: str
    isolation: str = "auto"
    hidden: tuple[str, ...] = ()
    """Folders that a kernel sees empty, where it could see them at all."""


class KeyMaker(Service):
    """The process that runs the instructor's notebook at `source` and draws keys from it.

    Raises
    ------
    GraderError
        If the notebook does not run or is not as it should be; the message says everything that is wrong.
    """

    def __init__(self, source: Path) -> None:
        super().__init__("mamlkit.grade.keys", str(source.resolve()), environment=own_environment(OMP_NUM_THREADS="1"))
        self.source_sha256 = str(self.started["sha256"])
        self.exercise = _exercise(self.started["exercise"])

    def assignment(self, *seed: int, isolation: str = "auto", hidden: tuple[str, ...] = ()) -> Assignment:
        """Return the assignment with keys drawn from `seed`."""
        keys = self.ask({"seed": seed})["keys"]
        return Assignment(self.exercise, keys, self.source_sha256, isolation, hidden)


def seed_of(run: int, sha256: str) -> tuple[int, int]:
    """Return what the inputs of one hand-in are drawn from: the seed of the run, and the bytes of the file.

    Examples
    --------
    >>> seed_of(7, "00ff") == seed_of(7, "00ff") != seed_of(7, "00fe")
    True
    """
    return run, int(sha256, 16)


def prepare(source: Path, *, seed: int, isolation: str = "auto") -> Assignment:
    """Return the assignment in the instructor's notebook at `source` with one set of keys.

    Raises
    ------
    GraderError
        If the notebook does not run or is not as it should be.
    """
    with KeyMaker(source) as maker:
        return maker.assignment(seed, isolation=isolation)


def _exercise(raw: dict[str, Any]) -> Exercise:
    """Return the exercise that came through a pipe as plain data."""
    cells = tuple(Cell(**cell) for cell in raw["cells"])
    needs = {part: tuple(needs) for part, needs in raw["needs"].items()}
    return Exercise(**{**raw, "cells": cells, "needs": needs, "preload": tuple(raw["preload"])})


def main(source: str) -> None:
    """Serve requests on standard input: a seed in, keys out."""
    from mamlkit.grade import instructor, sandbox

    sandbox.conceal()
    requests, path = Requests(), Path(source)
    try:
        notebook = instructor.read(path)
        parts = instructor.parts(notebook)
        exercise = asdict(instructor.exercise(notebook, parts))
        requests.reply({"exercise": exercise, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()})
    except Exception as error:  # an instructor's code may raise anything; the command says it in a sentence
        requests.reply({"error": f"{path.name}: {error if isinstance(error, ValueError) else repr(error)}"})
        return
    for request in requests:
        try:
            requests.reply({"keys": [part.key(request["seed"]).to_json() for part in parts.values()]})
        except Exception as error:
            requests.reply(
                {"error": f"{path.name}: {error if isinstance(error, (ValueError, GraderError)) else repr(error)}"}
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
