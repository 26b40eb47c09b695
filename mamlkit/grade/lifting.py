"""Lift the answers out of a notebook, with the helpers that they need; trust nothing else, and note what is unusual."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mamlkit.grade import names, plain
from mamlkit.grade.cells import part_of, role
from mamlkit.grade.instructor import Cell, Exercise

MAX_ANSWER, MAX_HELPERS, MAX_ALL = 100_000, 300_000, 1_000_000
"""Characters of one cell, of the cells where helpers are looked for, and of all cells: to read them takes time."""
FENCE = re.compile(r"^```.*$", re.MULTILINE)
WAYS = ("its id", "its metadata", "its marker", "its function's name")


@dataclass
class Lifted:
    """The answers found, by part, and notes on what was unusual."""

    answers: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Found:
    source: str
    role: str
    part: str
    id: str
    kind: str = "code"

    @cached_property
    def pieces(self) -> list[names.Piece]:
        """What the cell defines."""
        return names.pieces(self.source)

    def defines(self, name: str) -> bool:
        """Tell whether the cell gives `name` a value."""
        return name in self.source and any(name in piece.binds for piece in self.pieces)

    def was(self, pristine: Cell) -> bool:
        """Tell whether the cell has the id of `pristine`, or its metadata, which some editors keep instead."""
        return self.id == pristine.id or (bool(self.role) and (self.role, self.part) == (pristine.role, pristine.part))


def lift(notebook: dict[str, Any], exercise: Exercise) -> Lifted:
    """Return the student's answers to `exercise`, each found in the first of WAYS that leads to one.

    Of several cells for one part, the last that is filled in counts, with what the cells between it and its check do
    to its function. What an answer needs and no other cell that is
    graded defines is taken along from the student's other cells: imports, functions, values. Everything else in the
    notebook is ignored.
    """
    lifted = Lifted()
    cells = _cells(notebook["cells"], lifted)
    if not {cell.id for cell in cells} & {cell.id for cell in exercise.cells}:
        lifted.notes.append(f"No cell of {exercise.name} kept its id.")
    helpers = _Helpers(cells, exercise, lifted)
    for pristine in exercise.cells:
        if pristine.role == "answer":
            _lift_part(cells, pristine, helpers, lifted)
    _note_changes([cell for cell in cells if cell.kind == "code"], exercise, lifted)
    lifted.notes = plain.few(lifted.notes)
    return lifted


def _lift_part(cells: list[_Found], pristine: Cell, helpers: _Helpers, lifted: Lifted) -> None:
    answer, name = _marked(cells, pristine, lifted), function_of(pristine.source)
    source = ""
    if answer is not None:  # a graded kernel has no shell, and a cell's magic would have to come first
        source = "\n\n".join([names.as_python(answer.source), *_redone(cells, answer, pristine.part, name, lifted)])
    missing = helpers.for_answer(source, name)
    if not source and not any(name in piece.binds for piece in missing):
        return
    lifted.answers[pristine.part] = "\n\n".join([*(piece.source for piece in missing), source]).strip()
    if taken := sorted({name for piece in missing for name in piece.binds}):
        lifted.notes.append(f"{pristine.part}: taken along from other cells: {', '.join(taken)[:300]}.")


def _marked(cells: list[_Found], pristine: Cell, lifted: Lifted) -> _Found | None:
    """Return the answer cell of a part, or None where none is filled in."""
    part, name = pristine.part, function_of(pristine.source)
    filled = [(_evidence(cell, pristine), cell) for cell in cells if not _unanswered(cell.source, pristine.source)]
    marked = [(evidence, cell) for evidence, cell in filled if any(evidence[:3])]
    code = [(evidence, cell) for evidence, cell in marked if cell.kind == "code"]
    whole = [(evidence, cell) for evidence, cell in code if cell.defines(name)]
    if not (found := whole or code or marked or [(evidence, cell) for evidence, cell in filled if evidence[3]]):
        return None
    if len(found) > 1:
        lifted.notes.append(f"{part}: {len(found)} answer cells; the last one counts.")
    if rank := min(evidence.index(True) for evidence, _ in found):
        lifted.notes.append(f"{part}: the answer was found by {WAYS[rank]}; its cell had lost its id.")
    answer = found[-1][1]
    if answer.kind != "code":
        lifted.notes.append(f"{part}: the answer stands in a {answer.kind} cell; it was run as code.")
    return answer


def _redone(cells: list[_Found], answer: _Found, part: str, name: str, lifted: Lifted) -> list[str]:
    """Return what the cells between an answer and the check of its part do to its function, as the notebook has it."""
    after = cells[next(index for index, cell in enumerate(cells) if cell is answer) + 1 :]
    end = next((index for index, cell in enumerate(after) if (cell.role, cell.part) == ("check", part)), 0)
    done = [piece.source for cell in after[:end] if cell.kind == "code" and not cell.role for piece in cell.pieces
            if name in piece.gives and not _is_stub(piece)]  # fmt: skip
    if done:
        lifted.notes.append(f"{part}: the cells below the answer change {name}; that counts, too.")
    return done


def _evidence(cell: _Found, pristine: Cell) -> tuple[bool, ...]:
    """Return in which of WAYS `cell` is the answer cell that was `pristine`."""
    blank = r"[^\S\n]*"  # with \s, many empty lines would take hours
    marker = re.compile(rf"^{blank}#{blank}ANSWER\s{blank}{re.escape(pristine.part)}\b", re.MULTILINE)
    name, is_code = function_of(pristine.source), cell.kind == "code"
    return (
        cell.id == pristine.id and (is_code or cell.defines(name)),
        cell.role == "answer" and cell.part == pristine.part and (is_code or cell.defines(name)),
        bool(marker.search(cell.source)),
        is_code and cell.defines(name),
    )


class _Helpers:
    """What a student's cells define that no graded cell does."""

    def __init__(self, cells: list[_Found], exercise: Exercise, lifted: Lifted) -> None:
        graded = [cell for cell in exercise.cells if cell.role in {"setup", "answer"}]
        self.known = {name for cell in graded for piece in names.pieces(cell.source) for name in piece.binds}
        pristine = {cell.source.strip() for cell in exercise.cells}
        self.available, size = list[names.Piece](), 0
        for cell in cells:
            size += len(cell.source) if cell.kind == "code" else 0
            if size > MAX_HELPERS:
                lifted.notes.append(f"Helpers were looked for in the first {MAX_HELPERS} characters of code alone.")
                break
            if cell.kind == "code" and cell.source.strip() not in pristine:
                self.available += [piece for piece in cell.pieces if not _is_stub(piece)]

    def for_answer(self, source: str, name: str) -> list[names.Piece]:
        """Return what the answer in `source`, the function `name`, needs of other cells."""
        own = names.pieces(source)
        bound = {bound for piece in own for bound in piece.binds}
        wanted = {need for piece in own for need in piece.needs} | {name}
        wanted |= {feature for piece in self.available if _is_future(piece) for feature in piece.binds}
        known = self.known - {name} | bound
        others = [piece for piece in self.available if not piece.gives <= known]
        return [piece for piece in names.closure(wanted, others, known) if piece not in own]


def _is_future(piece: names.Piece) -> bool:
    """Tell whether a statement is ``from __future__ import ...``, which holds for all cells of a notebook."""
    return piece.source.startswith("from __future__ ")


def _is_stub(piece: names.Piece) -> bool:
    return 'raise NotImplementedError("your answer here")' in piece.source


def _cells(raws: list[Any], lifted: Lifted) -> list[_Found]:
    found, size = list[_Found](), 0
    for raw in raws:
        if (cell := _cell(raw, lifted)) is not None:
            size += len(cell.source)
            if size > MAX_ALL:
                lifted.notes.append(f"Only the first {MAX_ALL} characters of the notebook's cells were read.")
                break
            found.append(cell)
    return found


def _cell(raw: Any, lifted: Lifted) -> _Found | None:
    """Return a cell with every field checked, or None."""
    if not isinstance(raw, dict) or raw.get("cell_type") not in ("code", "markdown", "raw"):
        return None
    kind, source = str(raw["cell_type"]), raw.get("source", "")
    what = f"A {kind} cell"
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        lifted.notes.append(f"{what} without text was left out.")
        return None
    try:
        source.encode()
    except UnicodeEncodeError:
        lifted.notes.append(f"{what} with characters that are no text was left out.")
        return None
    if len(source) > MAX_ANSWER:
        lifted.notes.append(f"{what} of {len(source)} characters was left out; at most {MAX_ANSWER} are read.")
        return None
    source = re.sub(r"\r\n?", "\n", source)  # Windows' and old Macs' ends of lines
    source = source if kind == "code" else FENCE.sub("", source)
    return _Found(source, role(raw), part_of(raw), str(raw.get("id", ""))[:64], kind)


def _unanswered(source: str, stub: str) -> bool:
    lines = [line.strip() for line in source.splitlines()]
    return [line for line in lines if line] == [line.strip() for line in stub.splitlines() if line.strip()] or not any(
        line and not line.startswith("#") for line in lines
    )


def function_of(source: str) -> str:
    """Return the name of the first function that an answer cell defines."""
    found = re.search(r"^def\s+(\w+)", source, re.MULTILINE)
    return found[1] if found else ""


def _note_changes(cells: list[_Found], exercise: Exercise, lifted: Lifted) -> None:
    for pristine in exercise.cells:
        if pristine.role not in {"check", "setup"}:
            continue
        what = f"the check of {pristine.part}" if pristine.role == "check" else "the set-up cell"
        sources = [cell.source.strip() for cell in cells if cell.was(pristine)]
        if not sources:
            lifted.notes.append(f"Missing: {what}; the original was used.")
        elif pristine.source.strip() not in sources:
            lifted.notes.append(f"Changed: {what}; the original was used.")
