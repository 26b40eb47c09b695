"""Everything that can be wrong with an instructor's notebook, said in sentences, all at once."""

from __future__ import annotations

import ast
import difflib
import importlib.util
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from mamlkit.grade.cells import HEADING, MARKER, REGION, ROLES, about, part_of, role
from mamlkit.grade.parts import PUBLIC_SEED, Part
from mamlkit.grade.sandbox import Limits

ABOUT = {"exercise", "title", "preload", "limits", "seed"}
SEEDS = (PUBLIC_SEED, 1, 2, 3)
"""Inputs are drawn from each when a notebook is checked."""
Problems = Iterator[str]


def in_file(notebook: Any, file: str) -> Problems:
    """Yield what is wrong with the notebook as it is written, which was read from `file`."""
    if not isinstance(notebook, dict) or notebook.get("nbformat") != 4 or not isinstance(notebook.get("cells"), list):
        shown = notebook.get("nbformat") if isinstance(notebook, dict) else None
        yield f"nbformat {shown!r}, must be 4: open the file in Jupyter and save it."
        return
    if strange := [number for number, cell in enumerate(notebook["cells"], 1) if not _is_cell(cell)]:
        yield f"No cells of a notebook: number {', '.join(map(str, strange[:5]))}. Open and save it in Jupyter."
        return
    yield from _about(about(notebook), file)
    yield from _ids(notebook["cells"])
    name = str(about(notebook).get("exercise", ""))
    for cell in notebook["cells"]:
        for problem in _cell(cell, name):
            yield f"Cell {cell.get('id', '?')}: {problem}"
    yield from _order(notebook["cells"])


def _is_cell(cell: Any) -> bool:
    source = cell.get("source") if isinstance(cell, dict) else None
    lines = source if isinstance(source, list) else [source]
    return all(isinstance(line, str) for line in lines) and isinstance(cell.get("cell_type"), str)


def _about(given: dict[str, Any], file: str) -> Problems:
    name = given.get("exercise")
    if not isinstance(name, str) or not re.fullmatch(r"e\d\d", name):
        yield f'The notebook\'s metadata need "mamlkit": {{"exercise": "e01", ...}}; \'exercise\' is {name!r}.'
    elif not file.startswith(name):
        yield f"The metadata say exercise {name!r}, but the file is called {file}: its name must begin with {name!r}."
    if not isinstance(given.get("title"), str) or not given["title"].strip():
        yield f"The notebook's metadata need a 'title', a text; it is {given.get('title')!r}."
    for key in given.keys() - ABOUT:
        yield f"The notebook's metadata have {key!r}, which is not one of {sorted(ABOUT)}{_perhaps(key, ABOUT)}."
    preload = given.get("preload", [])
    if not isinstance(preload, list) or not all(isinstance(module, str) for module in preload):
        yield f"'preload' must be a list of modules, such as [\"torch\"]; it is {preload!r}."
    elif unknown := [module for module in preload if not _is_installed(module)]:
        yield f"'preload' names {', '.join(map(repr, unknown))}, which cannot be imported here."
    seed = given.get("seed", 0)
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        yield f"'seed' must be a whole number of 0 or more; it is {seed!r}."
    yield from _limits(given.get("limits", {}))


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _limits(given: Any) -> Problems:
    known = {field.name for field in fields(Limits)}
    if not isinstance(given, dict):
        yield f"'limits' must be a dictionary, such as {{\"cell_seconds\": 20}}; it is {given!r}."
        return
    for name, value in given.items():
        if name not in known:
            yield f"There is no limit {name!r}{_perhaps(name, known)}; the limits are {', '.join(sorted(known))}."
        elif isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            yield f"The limit {name!r} is {value!r}; it must be a number above 0."
        elif not name.endswith("_seconds") and not isinstance(value, int):
            yield f"The limit {name!r} is {value!r}; it must be a whole number."


def _perhaps(name: str, known: set[str]) -> str:
    close = difflib.get_close_matches(str(name), sorted(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _ids(cells: list[Any]) -> Problems:
    ids = Counter(str(cell.get("id", "")) for cell in cells)
    if ids.pop("", 0):
        yield "Some cells have no id: open the notebook in a current Jupyter and save it."
    for name, count in ids.items():
        if count > 1:
            yield f"{count} cells have the id {name!r}: each needs one of its own."


def _cell(cell: Any, name: str) -> Problems:
    what, part = role(cell), part_of(cell)
    if what not in ROLES | {""}:
        yield f"role {what!r} is not one of {sorted(ROLES)}{_perhaps(what, ROLES)}."
    for key in about(cell).keys() - {"role", "part"}:
        yield f"the metadata have {key!r}, which is neither 'role' nor 'part'."
    if what in {"setup", "answer", "part", "check"} and cell.get("cell_type") != "code":
        yield f"role {what!r} belongs to a code cell, and this is a {cell.get('cell_type')} cell."
    if what in {"answer", "check"} and not part:
        yield f"a cell with role {what!r} needs a part."
    if part and not re.fullmatch(rf"{name}\.[a-z]", part):
        yield f"part {part!r} does not belong to this exercise: its name must be {name}.a or another letter."
    if what == "answer":
        yield from _answer("".join(cell["source"]), part)


def _answer(source: str, part: str) -> Problems:
    if source.partition("\n")[0] != MARKER.format(part):
        yield f"the first line must be {MARKER.format(part)!r}."
    if not REGION.search(source):
        yield "there are no lines between '### BEGIN SOLUTION' and '### END SOLUTION'."
    try:
        body = ast.parse(source).body
    except SyntaxError as error:
        yield f"this is no Python: {error.msg} (line {error.lineno})."
        return
    if not any(isinstance(node, ast.FunctionDef) for node in body):
        yield "an answer must be a function: it is asked with inputs that nobody has seen."


def _order(cells: list[Any]) -> Problems:
    roles = [(role(cell), part_of(cell)) for cell in cells]
    count = Counter(roles)
    if sum(number for (what, _), number in count.items() if what == "setup") != 1:
        yield "There must be one cell with role 'setup', which imports check."
    answers = [part for what, part in roles if what == "answer"]
    for part in dict.fromkeys(part for what, part in roles if what in {"answer", "check"} and part):
        for what in ("answer", "check"):
            if count[what, part] != 1:
                yield f"Part {part} must have one cell with role {what!r}; it has {count[what, part] or 'none'}."
    if not answers:
        yield "There is no answer cell, so there is nothing to grade."


def in_parts(notebook: Any, found: Mapping[str, Part]) -> Problems:
    """Yield what is wrong with the parts that the notebook declares when it is run."""
    answers = {part_of(cell) for cell in notebook["cells"] if role(cell) == "answer"}
    for part in sorted(answers - found.keys()):
        yield f'Part {part} is declared nowhere: its part cell needs Part("{part}", points=...).'
    for part in sorted(found.keys() - answers):
        yield f"Part {part} is declared, but no answer cell belongs to it."
    for declared in found.values():
        yield from _part(declared, found)
    text = "\n".join(cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    headings = [int(number) for number in HEADING.findall(text)]
    if headings != [part.points for part in found.values()]:
        yield (
            f"The headings promise {headings} points, the parts give {[part.points for part in found.values()]}: "
            "end each part's heading in '· 3 points'."
        )


def _part(part: Part, found: Mapping[str, Part]) -> Problems:
    if isinstance(part.points, bool) or not isinstance(part.points, int) or part.points < 1:
        yield f"Part {part.name} is worth {part.points!r} points; it must be a whole number of 1 or more."
    if not isinstance(part.trials, int) or part.trials < 1:
        yield f"Part {part.name} draws {part.trials!r} inputs; it must be a whole number of 1 or more."
    for need in part.needs:
        if need not in found or need == part.name:
            yield f"Part {part.name} needs {need!r}, which is no other part of this exercise."
    try:
        for seed in SEEDS:
            part.key(seed)
    except Exception as error:  # the instructor's own code may raise anything
        yield str(error) if isinstance(error, ValueError) else f"Part {part.name}: drawing inputs raised {error!r}."
