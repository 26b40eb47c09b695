"""Plans of a course: ``{week}`` writes what to read and to do in a week, with the times and points of the pages.

The minutes of a chapter stand in its box "In this chapter", those of an exercise and its points in its first cell.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).parents[1]
MINUTES = re.compile(r"\*\*(?:It takes|Time\.)\*\*[^.]*?(\d+) minutes")
POINTS = re.compile(r"\*\*Points\.\*\* (\d+)")


class Week(SphinxDirective):
    """A list for one week: pages to read, exercises to do, and what to ask in class, which is the content.

    ``:read:`` names pages of the book, ``:do:`` exercises such as ``e04``.
    """

    has_content = True
    option_spec = {"read": str.split, "do": str.split}  # noqa: RUF012

    def run(self) -> list[nodes.Node]:
        pages = [f"book/{name}" for name in self.options.get("read", [])]
        exercises = [exercise(name) for name in self.options.get("do", [])]
        for page in [*pages, *exercises]:
            self.env.note_dependency(str(ROOT / f"{page}.ipynb"))
        lines = [f"- Read {{doc}}`/{page}`, {minutes(page)} minutes." for page in pages]
        lines += [f"- Do {{doc}}`/{page}`, {minutes(page)} minutes, {points(page)} points." for page in exercises]
        total = sum(map(minutes, [*pages, *exercises]))
        lines += ["", f"Together {total // 60} h {total % 60:02d} min.", "", *self.content]
        box = nodes.container()
        self.state.nested_parse(lines, self.content_offset, box)
        return box.children


def exercise(name: str) -> str:
    """Return the page of an exercise.

    Raises
    ------
    ValueError
        If there is no exercise `name`, or several.
    """
    found = sorted((ROOT / "exercises").glob(f"{name}_*.ipynb"))
    if len(found) != 1:
        raise ValueError(f"exercise {name!r}: there are {len(found)} notebooks for it in exercises/")
    return f"exercises/{found[0].stem}"


def minutes(page: str) -> int:
    """Return how long a page says that it takes."""
    return _number(MINUTES, page, "a time in minutes")


def points(page: str) -> int:
    """Return how many points an exercise is worth."""
    return _number(POINTS, page, "points")


def _number(pattern: re.Pattern[str], page: str, what: str) -> int:
    cells = json.loads((ROOT / f"{page}.ipynb").read_text(encoding="utf-8"))["cells"]
    found = pattern.search("\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"))
    if found is None:
        raise ValueError(f"{page} does not say {what}")
    return int(found[1])


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("week", Week)
    return {"parallel_read_safe": True}
