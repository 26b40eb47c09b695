"""Read what a student hands in: lift the answers out of it, trust nothing else, and note what is unusual."""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass, field
from typing import Any

from mamlkit.grade.instructor import MARKER, Cell, Exercise

MAX_BYTES = 10 << 20
MAX_ANSWER = 100_000
WAYS = ("its id", "its metadata", "its first line", "its function's name")


class Unreadable(ValueError):
    """The file is no notebook that can be graded; the message says why, to the student."""


@dataclass
class Lifted:
    """The answers found, by part, and notes on what was unusual."""

    answers: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Found:
    source: str
    metadata_part: str
    id: str


def parse(data: bytes) -> dict[str, Any]:
    """Return the notebook in `data`.

    Raises
    ------
    Unreadable
        If it is too large, no JSON, no notebook, or a notebook of another format than 4.
    """
    if len(data) > MAX_BYTES:
        raise Unreadable(f"The file has {len(data) / 1e6:.0f} MB; clear the outputs and hand it in again.")
    try:
        notebook = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"The file is no notebook: {type(error).__name__}.") from error
    if not isinstance(notebook, dict) or "nbformat" not in notebook:
        raise Unreadable("The file is no notebook: it is JSON without a notebook's fields.")
    if notebook["nbformat"] != 4 or not isinstance(notebook.get("cells"), list):
        shown = str(notebook["nbformat"])[:20]
        raise Unreadable(f"The notebook has format {shown}; open it in Jupyter and save it as format 4.")
    return notebook


def named_exercise(notebook: dict[str, Any]) -> str:
    """Return the exercise that the notebook says it is, or an empty string."""
    metadata = notebook.get("metadata")
    about = metadata.get("mamlkit") if isinstance(metadata, dict) else None
    name = about.get("exercise") if isinstance(about, dict) else None
    return name if isinstance(name, str) else ""


def lift(notebook: dict[str, Any], exercise: Exercise) -> Lifted:
    """Return the student's answers to `exercise`, found in the first of WAYS that leads to one.

    Of several cells for one part, the last that is filled in counts. Everything else in the notebook is ignored.
    """
    lifted = Lifted()
    cells = [cell for raw in notebook["cells"] if (cell := _code(raw, lifted)) is not None]
    if not {cell.id for cell in cells} & {cell.id for cell in exercise.cells}:
        lifted.notes.append(f"No cell of {exercise.name} kept its id.")
    for pristine in exercise.cells:
        if pristine.role == "answer":
            _lift_part(cells, pristine, lifted)
    _note_changes(cells, exercise, lifted)
    return lifted


def _lift_part(cells: list[_Found], pristine: Cell, lifted: Lifted) -> None:
    filled = [(_evidence(cell, pristine), cell) for cell in cells if not _unanswered(cell.source, pristine.source)]
    for rank, way in enumerate(WAYS):
        found = [cell.source for evidence, cell in filled if evidence[rank]]
        if len(found) > 1:
            lifted.notes.append(f"{pristine.part}: {len(found)} answer cells; the last one counts.")
        if found and rank:
            lifted.notes.append(f"{pristine.part}: the answer was found by {way}; its cell had lost its id.")
        if found:
            lifted.answers[pristine.part] = found[-1]
            return


def _evidence(cell: _Found, pristine: Cell) -> tuple[bool, ...]:
    """Return in which of WAYS `cell` is the answer cell that was `pristine`."""
    name = _function(pristine.source)
    return (
        cell.id == pristine.id,
        cell.metadata_part == pristine.part,
        cell.source.startswith(MARKER.format(pristine.part)),
        name != "" and _function(cell.source) == name,
    )


def _code(raw: Any, lifted: Lifted) -> _Found | None:
    """Return a code cell with every field checked, or None."""
    if not isinstance(raw, dict) or raw.get("cell_type") != "code":
        return None
    source = raw.get("source", "")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        lifted.notes.append("A code cell without text was left out.")
        return None
    try:
        source.encode()
    except UnicodeEncodeError:
        lifted.notes.append("A code cell with characters that are no text was left out.")
        return None
    if len(source) > MAX_ANSWER:
        lifted.notes.append(f"A code cell of {len(source)} characters was left out; at most {MAX_ANSWER} are read.")
        return None
    metadata = raw.get("metadata")
    about = metadata.get("mamlkit") if isinstance(metadata, dict) else None
    part = about.get("part") if isinstance(about, dict) and about.get("role") == "answer" else ""
    return _Found(source, part if isinstance(part, str) else "", str(raw.get("id", ""))[:64])


def _unanswered(source: str, stub: str) -> bool:
    lines = [line.strip() for line in source.splitlines()]
    return [line for line in lines if line] == [line.strip() for line in stub.splitlines() if line.strip()] or not any(
        line and not line.startswith("#") for line in lines
    )


def _function(source: str) -> str:
    """Return the name of the first function that `source` defines."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    return next((node.name for node in body if isinstance(node, ast.FunctionDef)), "")


def _note_changes(cells: list[_Found], exercise: Exercise, lifted: Lifted) -> None:
    by_id = {cell.id: cell.source for cell in cells}
    for pristine in exercise.cells:
        if pristine.role not in {"check", "setup"}:
            continue
        what = f"the check of {pristine.part}" if pristine.role == "check" else "the set-up cell"
        if pristine.id not in by_id:
            lifted.notes.append(f"Missing: {what}; the original was used.")
        elif by_id[pristine.id].strip() != pristine.source.strip():
            lifted.notes.append(f"Changed: {what}; the original was used.")
