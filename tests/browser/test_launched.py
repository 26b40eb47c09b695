"""A chapter in plain form, as Binder opens it: a real JupyterLab shows no MyST, and typesets the equations."""

import json
import re
from pathlib import Path

import pytest
from plain import plain
from published import read_book

ROOT = Path(__file__).parents[2]
CHAPTER = "book/principles/meta-gradient"
READY = 60_000  # milliseconds, on a busy machine
# JupyterLab draws cells as they are scrolled into view; here all of them, at once.
WHOLE = "config/lab/user-settings/@jupyterlab/notebook-extension/tracker.jupyterlab-settings"
MYST = re.compile(r"\{[a-z:]+\}|:::|\$\$|\$\\|\\(frac|tag|theta|alpha|mathrm)|\]\(|\(eq-|\(fig-")


@pytest.fixture
def launched(jupyterlab, site):  # the site: it says so where the book is not built
    folder, address = jupyterlab
    notebook = plain(json.loads((ROOT / f"{CHAPTER}.ipynb").read_text("utf-8")), CHAPTER, read_book(ROOT))
    (folder / "chapter.ipynb").write_text(json.dumps(notebook), "utf-8")
    (folder / WHOLE).parent.mkdir(parents=True)
    (folder / WHOLE).write_text('{"windowingMode": "none"}', "utf-8")
    return notebook, f"{address}/chapter.ipynb"


@pytest.mark.slow
def test_a_plain_chapter_in_jupyterlab(launched, chromium):
    notebook, address = launched
    texts = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    page = chromium.new_page(viewport={"width": 1280, "height": 1000})
    page.goto(address)
    shown = page.locator(".jp-MarkdownCell .jp-RenderedMarkdown")
    shown.nth(len(texts) - 1).wait_for(state="attached", timeout=READY)
    equations = sum(text.count("$$") for text in texts) // 2
    page.locator("mjx-container[display=true]").nth(equations - 1).wait_for(state="attached", timeout=READY)

    assert shown.count() == len(texts)
    assert page.locator("mjx-container[display=true]").count() == equations
    assert page.locator("mjx-merror, .MathJax_Error").count() == 0
    words = "\n".join(shown.all_inner_texts())
    assert [match[0] for match in MYST.finditer(words)] == []
    numbers = page.locator("mjx-container[display=true] mjx-labels mjx-mtext")
    assert numbers.count() == sum(text.count("\\tag{") for text in texts)

    # What the page folds is folded: a bar stands where the code would.
    folded = [cell for cell in notebook["cells"] if cell["metadata"].get("jupyter", {}).get("source_hidden")]
    assert page.locator(".jp-CodeCell .jp-InputPlaceholder, .jp-CodeCell .jp-Placeholder").count() == len(folded) > 5
    page.context.close()
