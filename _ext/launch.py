"""The tree that Binder and Colab open: the repository with every notebook in plain Markdown (see plain.py).

``python _ext/launch.py`` writes it to `_build/launch` from the built book; the publishing workflow pushes it to the
branch `launch`. As a Sphinx extension this file points the launch buttons of all pages to that branch.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

ROOT = Path(__file__).parents[1]
BRANCH = "launch"
TREE = ROOT / "_build" / BRANCH
LEFT_OUT = ".github/"  # a job's token may push no workflows, and none is to run there


def main() -> None:
    """Write the tree anew."""
    from plain import plain
    from published import read_book

    book = read_book(ROOT)
    shutil.rmtree(TREE, ignore_errors=True)
    listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True).split("\0")
    for name in filter(None, listed):
        if not name.startswith(LEFT_OUT):
            (TREE / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, TREE / name)
    for path in sorted(TREE.rglob("*.ipynb")):
        page = path.relative_to(TREE).with_suffix("").as_posix()
        notebook = plain(json.loads(path.read_text("utf-8")), page, book)
        path.write_text(json.dumps(notebook, ensure_ascii=False, indent=1) + "\n", "utf-8")
    print(f"{TREE}: the repository, with every notebook in plain Markdown")


def retarget(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object) -> None:
    """Let launch buttons open the branch that holds the plain notebooks."""
    branch = app.config.html_theme_options["repository_branch"]
    for group in context.get("header_buttons", []):
        if group.get("label") == "launch-buttons":
            for button in group["buttons"]:
                button["url"] = on_launch(button["url"], branch)


def on_launch(link: str, branch: str) -> str:
    """Return the link to Binder or Colab with the branch replaced."""
    return link.replace(f"/blob/{branch}/", f"/blob/{BRANCH}/").replace(f"/{branch}?", f"/{BRANCH}?")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", retarget, priority=900)  # after the theme has made its buttons
    return {"parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    main()
