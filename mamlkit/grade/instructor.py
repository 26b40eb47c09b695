"""The instructor's notebook: the one source of an exercise, of its release, and of the keys it is graded with."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mamlkit.grade import problems
from mamlkit.grade.cells import about, part_of, role, strip
from mamlkit.grade.judge import Key
from mamlkit.grade.parts import Part, declared


@dataclass(frozen=True)
class Cell:
    """A code cell that matters to grading: what it is for, and the part it belongs to."""

    id: str
    role: str
    part: str
    source: str


@dataclass(frozen=True)
class Exercise:
    """What the grader needs of an exercise; it holds no solution."""

    name: str
    title: str
    cells: tuple[Cell, ...]
    points: dict[str, int]
    needs: dict[str, tuple[str, ...]]
    preload: tuple[str, ...] = ()
    limits: dict[str, Any] = field(default_factory=dict)

    def stub(self, part: str) -> str:
        """Return the unanswered source of the answer cell of `part`."""
        return next(cell.source for cell in self.cells if cell.role == "answer" and cell.part == part)


def read(path: Path) -> Any:
    """Return the instructor's notebook at `path`.

    Raises
    ------
    ValueError
        If anything is wrong with it as it is written; the message has a line for everything.
    """
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path.name} is no notebook: {error}") from error
    _raise_any(list(problems.in_file(notebook, path.name)))
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
    return notebook


def parts(notebook: Any) -> dict[str, Part]:
    """Run the cells with a role, as an instructor's machine would, and return the declared parts with references.

    Raises
    ------
    ValueError
        If a cell does not run, or anything is wrong with the parts; the message has a line for everything.
    """
    namespace: dict[str, Any] = {"__name__": "__instructor__"}
    with declared() as found, contextlib.redirect_stdout(io.StringIO()):
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code" and role(cell):
                _run(cell, namespace)
    _raise_any(list(problems.in_parts(notebook, found)))
    return found


def _run(cell: Any, namespace: dict[str, Any]) -> None:
    try:
        exec(compile(cell["source"], f"<cell {cell['id']}>", "exec"), namespace)
    except Exception as error:  # whatever the instructor's code raises is said with its cell
        text = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        raise ValueError(f"Cell {cell['id']} does not run: {text}") from error


def _raise_any(found: list[str]) -> None:
    if found:
        raise ValueError("\n".join(dict.fromkeys(found)))


def keys(path: Path, seed: int) -> list[Key]:
    """Return the keys of the exercise at `path`, with inputs drawn from `seed`."""
    return [part.key(seed) for part in parts(read(path)).values()]


def exercise(notebook: Any, found: dict[str, Part]) -> Exercise:
    """Return what the grader needs of a notebook that :func:`read` gave, whose parts are `found`."""
    given = about(notebook)
    cells = [
        Cell(cell["id"], role(cell), part_of(cell), strip(cell["source"]))
        for cell in notebook["cells"]
        if role(cell) in {"setup", "answer", "check"}
    ]
    return Exercise(
        name=given["exercise"],
        title=given["title"],
        cells=tuple(cells),
        points={name: part.points for name, part in found.items()},
        needs={name: part.needs for name, part in found.items()},
        preload=tuple(given.get("preload", ())),
        limits=dict(given.get("limits", {})),
    )
