"""Derive the students' notebooks from the instructor's: no solution, no hidden cell, no output."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

from mamlkit.grade import instructor
from mamlkit.grade.parts import PUBLIC_SEED, dump_key

DIGITS = 10
INSTALL = """\
try:
    import mamlkit
except ImportError:  # on Colab, say
    %pip install -q "mamlkit[{extras}] @ git+{url}"\
"""
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
KEY = """\
# @title Numbers for the checks: run this cell, there is nothing to read in it
from mamlkit.grade import load_key

load_key("{text}")"""


def release(source: Path, url: str) -> str:
    """Return the release of the instructor's notebook at `source` as the text of an .ipynb file.

    The same notebook gives the same bytes: cell ids are kept, inputs come from a fixed seed, and the numbers of the
    keys are rounded to ten digits, so that another machine's last bit does not show.

    Parameters
    ----------
    source : Path
        An instructor's notebook.
    url : str
        The repository that the first cell installs mamlkit from where it is missing.
    """
    notebook = instructor.read(source)
    found = instructor.parts(notebook)
    about = notebook["metadata"]["mamlkit"]
    seed = about.get("seed", PUBLIC_SEED)  # a private variant has its own
    keys = [part.key(seed, digits=DIGITS).to_json() for part in found.values()]
    extras = "book,grade" if "torch" in about.get("preload", ()) else "grade"
    cells = []
    for cell in notebook["cells"]:
        if instructor.role(cell) in {"part", "solution"}:
            continue
        cells.append(_released(cell))
        if len(cells) == 1:  # a page begins with its title
            cells.append(_new("install", INSTALL.format(extras=extras, url=url), about))
        if instructor.role(cell) == "setup":
            cells.append(_new("key", KEY.format(text=dump_key(keys)), about))
    public = {"exercise": about["exercise"], "title": about["title"]}
    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}, "mamlkit": public}
    released = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(released, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _new(role: str, source: str, about: dict[str, Any]) -> dict[str, Any]:
    """Return a cell that readers need to run but not to read: folded in JupyterLab, Colab and the book."""
    metadata = {
        "cellView": "form",
        "jupyter": {"source_hidden": True},
        "mamlkit": {"role": role},
        "tags": ["hide-input"],
    }
    cell = {"cell_type": "code", "id": f"{about['exercise']}-{role}", "metadata": metadata, "source": source}
    return _released(cell)


def _released(cell: dict[str, Any]) -> dict[str, Any]:
    """Return `cell` without output and solution, its source as lines."""
    source = instructor.strip(cell["source"]) if instructor.role(cell) == "answer" else cell["source"]
    empty: dict[str, Any] = {"outputs": [], "execution_count": None} if cell["cell_type"] == "code" else {}
    return {**cell, **empty, "source": source.splitlines(keepends=True)}


def repository_url(config: Path) -> str:
    """Return ``repository.url`` of the book's `config`, the one setting that a fork changes."""
    found = re.search(
        r"^repository:\n(?:[ ]+.*\n)*?[ ]+url:[ ]*(\S+)", config.read_text(encoding="utf-8"), re.MULTILINE
    )
    if found is None:
        raise ValueError(f"{config} has no repository.url")
    return found[1].removesuffix("/")


def check(arguments: list[str]) -> int:
    """Say everything that is wrong with instructors' notebooks, in sentences; return 0 when nothing is."""
    parser = argparse.ArgumentParser(prog="mamlkit-grade check", description=check.__doc__)
    parser.add_argument("notebooks", type=Path, nargs="+")
    wrong = 0
    for path in parser.parse_args(arguments).notebooks:
        try:
            points = sum(part.points for part in instructor.parts(instructor.read(path)).values())
            print(f"{path}: nothing is wrong; {points} points.")
        except (ValueError, OSError) as error:
            wrong += 1
            print("\n".join([f"{path}:", *(f"  - {line}" for line in str(error).split("\n"))]))
    return int(wrong > 0)


def main(arguments: list[str] | None = None) -> int:
    """Write the release of every instructor's notebook, or tell with --check which are out of date."""
    parser = argparse.ArgumentParser(prog="mamlkit-grade release", description=main.__doc__)
    parser.add_argument("--solutions", type=Path, default=Path("solutions"))
    parser.add_argument("--exercises", type=Path, default=Path("exercises"))
    parser.add_argument("--config", type=Path, default=Path("_config.yml"), help="where repository.url stands")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a release is out of date")
    options = parser.parse_args(arguments)
    url, stale = repository_url(options.config), 0
    for source in sorted(options.solutions.glob("e[0-9][0-9]*.ipynb")):
        target = options.exercises / source.name
        try:
            text = release(source, url)
        except ValueError as error:
            raise ValueError(f"{source}:\n{error}") from error
        if target.exists() and target.read_text(encoding="utf-8") == text:
            print(f"{target}: up to date")
            continue
        stale += 1
        if not options.check:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        print(f"{target}: {'out of date' if options.check else 'written'}")
    return int(options.check and stale > 0)
