"""The tree that Binder and Colab open: the repository with every notebook in plain Markdown (see plain.py).

``python _ext/launch.py`` writes it to `_build/launch`; the publishing workflow pushes it to the branch `launch`, which
all launch buttons of the book open. As a Sphinx extension this file points the buttons there.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import yaml
from sphinx.application import Sphinx

ROOT = Path(__file__).parents[1]
BRANCH = "launch"


def main() -> None:
    """Write the tree anew."""
    from plain import plain, read_book

    target = ROOT / "_build" / BRANCH
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run(["git", "checkout-index", "--all", f"--prefix={target}/"], cwd=ROOT, check=True)
    book = read_book(ROOT, yaml.safe_load((ROOT / "_config.yml").read_text("utf-8")))
    for path in [*target.glob("book/**/*.ipynb"), *target.glob("solutions/*.ipynb"), *target.glob("exercises/*.ipynb")]:
        name = path.relative_to(target).with_suffix("").as_posix()
        notebook = plain(json.loads(path.read_text("utf-8")), name, book)
        path.write_text(json.dumps(notebook, ensure_ascii=False, indent=1) + "\n", "utf-8")
    print(f"{target.relative_to(ROOT)}: every notebook in plain Markdown")


def retarget(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: object) -> None:
    """Let launch buttons open the branch that holds the plain notebooks."""
    branch = app.config.html_theme_options["repository_branch"]
    for group in context.get("header_buttons", []):
        for button in group.get("buttons", []) if group.get("label") == "launch-buttons" else []:
            button["url"] = button["url"].replace(f"/blob/{branch}/", f"/blob/{BRANCH}/")
            button["url"] = button["url"].replace(f"/{branch}?", f"/{BRANCH}?")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", retarget, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    main()
