"""Pages of worked solutions: what an instructor's notebook says to students, said to a reader of the solution.

A notebook of `solutions/` is the single source of its exercise, so its first cell tells students how to work. On the
page the title says that this is the solution, and a link to the exercise stands in place of that advice.
"""

from __future__ import annotations

import json

from sphinx.application import Sphinx

ADVICE = "How to work:"  # what the paragraph for students begins with


def as_solution(app: Sphinx, docname: str, source: list[str]) -> None:
    """Rewrite the first cell of a solution; code cells stay as they are, or the cache of their outputs is lost."""
    if not docname.startswith("solutions/"):
        return
    notebook = json.loads(source[0])
    first = notebook["cells"][0]
    first["source"] = opening("".join(first["source"]), docname.removeprefix("solutions/"))
    source[0] = json.dumps(notebook)


def opening(text: str, name: str) -> str:
    """Return the first cell of the solution of exercise `name`."""
    title, *paragraphs = text.split("\n\n")
    exercise = (
        f"This page solves {{doc}}`the exercise </exercises/{name}>` and gives the reason for each step. Try it first."
    )
    kept = [paragraph for paragraph in paragraphs if not paragraph.startswith(ADVICE)]
    return "\n\n".join([title.replace(" · ", " worked out · ", 1), exercise, *kept])


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("source-read", as_solution)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
