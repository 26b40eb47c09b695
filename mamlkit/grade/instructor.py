"""The instructor's notebook: the one source of an exercise, of its release, and of the keys it is graded with."""

from __future__ import annotations

import contextlib
import io
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mamlkit.grade.judge import Key
from mamlkit.grade.parts import Part, declared

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
MARKER = "# ANSWER {} (keep this line)"
ROLES = {"setup", "answer", "check", "part", "solution"}
_REGION = re.compile(rf"^(?P<indent>[ \t]*){BEGIN}\n.*?^[ \t]*{END}[ \t]*$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ .*· (\d+) points?$", re.MULTILINE)


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


def role(cell: Any) -> str:
    """Return what `cell` is for, one of ROLES, or an empty string for text and code that is only shown."""
    return str(cell["metadata"].get("mamlkit", {}).get("role", ""))


def part_of(cell: Any) -> str:
    """Return the part that `cell` belongs to, or an empty string."""
    return str(cell["metadata"].get("mamlkit", {}).get("part", ""))


def read(path: Path) -> Any:
    """Return the instructor's notebook at `path`.

    Raises
    ------
    ValueError
        If a role is unknown, a cell that needs a part has none, or an answer lacks its marker or its solution.
    """
    notebook = json.loads(path.read_text(encoding="utf-8"))
    if notebook.get("nbformat") != 4:
        raise ValueError(f"{path.name}: nbformat {notebook.get('nbformat')!r}, must be 4")
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
        _validate(cell, f"{path.name}, cell {cell['id']}")
    return notebook


def _validate(cell: Any, where: str) -> None:
    part = part_of(cell)
    if role(cell) not in ROLES | {""}:
        raise ValueError(f"{where}: role {role(cell)!r} is not one of {sorted(ROLES)}")
    if role(cell) in {"answer", "check"} and not part:
        raise ValueError(f"{where}: a cell with role {role(cell)!r} needs a part")
    if role(cell) == "answer" and cell["source"].partition("\n")[0] != MARKER.format(part):
        raise ValueError(f"{where}: the first line must be {MARKER.format(part)!r}")
    if role(cell) == "answer" and not _REGION.search(cell["source"]):
        raise ValueError(f"{where}: no lines between {BEGIN!r} and {END!r}")


def strip(source: str) -> str:
    r"""Return an answer cell's source with each solution replaced by a line that raises NotImplementedError.

    Examples
    --------
    >>> print(strip('def f(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION'))
    def f(x):
        raise NotImplementedError("your answer here")
    """
    return _REGION.sub(lambda match: f'{match["indent"]}raise NotImplementedError("your answer here")', source)


def parts(notebook: Any) -> dict[str, Part]:
    """Run the cells with a role, as an instructor's machine would, and return the declared parts with references.

    Raises
    ------
    ValueError
        If the points in the headings ("· 3 points") are not those of the parts, or a part is checked nowhere.
    """
    namespace: dict[str, Any] = {"__name__": "__instructor__"}
    with declared() as found, contextlib.redirect_stdout(io.StringIO()):
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code" and role(cell):
                exec(compile(cell["source"], f"<cell {cell['id']}>", "exec"), namespace)
    text = "\n".join(cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    headings = [int(number) for number in _HEADING.findall(text)]
    if headings != [part.points for part in found.values()]:
        raise ValueError(f"headings promise {headings} points, the parts give {[p.points for p in found.values()]}")
    return found


def keys(path: Path, seed: int) -> list[Key]:
    """Return the keys of the exercise at `path`, with inputs drawn from `seed`."""
    return [part.key(seed) for part in parts(read(path)).values()]


def exercise(path: Path, found: dict[str, Part]) -> Exercise:
    """Return what the grader needs of the notebook at `path`, whose parts are `found`."""
    notebook = read(path)
    about = notebook["metadata"]["mamlkit"]
    cells = [
        Cell(cell["id"], role(cell), part_of(cell), strip(cell["source"]))
        for cell in notebook["cells"]
        if role(cell) in {"setup", "answer", "check"}
    ]
    return Exercise(
        name=about["exercise"],
        title=about["title"],
        cells=tuple(cells),
        points={name: part.points for name, part in found.items()},
        needs={name: part.needs for name, part in found.items()},
        preload=tuple(about.get("preload", ())),
        limits=dict(about.get("limits", {})),
    )
