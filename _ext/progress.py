"""What a reader has read and done, remembered by the browser on the reader's machine and nowhere else.

Chapters and exercises end in a button; ``{progress}`` lists all of them, with ways to export, import and erase marks
(theme/progress.js). Everything that is shown stands in the page from the build on, so that nothing moves when it wakes.
"""

from __future__ import annotations

import html
import json
import re
from typing import Any

from docutils import nodes
from edition import in_order
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective

from mamlkit.text import gettext as _

LIVE = "pst-js-only d-print-none"  # what does nothing without scripts, or on paper
READ = re.compile(r"(?P<kind>book/(?:principles|today|applications)|exercises)/")


def kind(page: str) -> str | None:
    """Return whether a page is one to be read, an exercise to be done, or neither.

    Examples
    --------
    >>> kind("exercises/e01_the_adapted_loss"), kind("book/today/few-shot"), kind("book/reference/glossary")
    ('done', 'read', None)
    """
    match = READ.match(page)
    return match and ("done" if match["kind"] == "exercises" else "read")


def words() -> dict[str, str]:
    """Return what the script says; fields in braces are filled in there."""
    return {
        "read": _("read"),
        "done": _("done"),
        "on": _("{state} on {day}"),
        "not_yet": _("not yet"),
        "kept": _("Remembered on this machine."),
        "forgotten": _("The mark is gone."),
        "unkept": _("This browser keeps nothing for this page, so the mark will be gone when you leave it."),
        "count": _("{count} of {all} are marked."),
        "folder": _(
            "You read the book from a folder. Some browsers then keep apart what each page remembers:"
            " this list may lack what other pages know."
        ),
        "erase": _("Erase all marks on this machine ({count})? This cannot be undone."),
        "erased": _("All marks are erased."),
        "none": _("There is nothing to erase."),
        "exported": _("Your marks are in the file {file}."),
        "imported": _("Marks taken from {file}: {count}. Those that were here are kept."),
        "unknown": _("Left out, since this edition has no such page: {count}."),
        "not_json": _("{file} is no file that this page exported: it holds no JSON. Nothing was changed."),
        "not_ours": _("{file} is no file that this page exported: it names no pages. Nothing was changed."),
        "not_dates": _("{file} names the page {page} without a day such as 2026-01-31. Nothing was changed."),
        "too_large": _("{file} is too large to be a file that this page exported. Nothing was changed."),
    }


def button(does: str, label: str) -> str:
    return f'<button type="button" class="btn btn-sm" data-do="{does}">{html.escape(label)}</button>'


def mark(page: str, what: str) -> str:
    """Return the button at the end of a page, unpressed."""
    label = {"read": _("I have read this page"), "done": _("I have done this exercise")}[what]
    pressed = button("mark", label).replace("<button", '<button aria-pressed="false"')
    return f'<div class="progress-mark {LIVE}" data-page="{page}">{pressed}<span role="status"></span></div>'


def box() -> str:
    """Return what stands below the list: buttons, the place where they answer, the question before all is erased."""
    erase, keep = button("really", _("Erase")), button("keep", _("Keep"))
    return (
        f'<div class="progress-box {LIVE}">{button("export", _("Export"))}{button("import", _("Import"))}'
        f'{button("erase", _("Erase"))}<input type="file" accept="application/json,.json" hidden>'
        f'<p role="status"></p><dialog aria-labelledby="progress-question"><p id="progress-question"></p>'
        f"{keep}{erase}</dialog></div>"
    )


class ProgressList(nodes.General, nodes.Element):
    """The place of the list, until all pages have been read."""


class ProgressDirective(SphinxDirective):
    """A list of all chapters and exercises, each with whether the reader has marked it."""

    def run(self) -> list[nodes.Node]:
        self.env.note_reread()
        return [ProgressList()]


class FillProgress(SphinxPostTransform):
    """Put the list in its place."""

    default_priority = 8  # before references are resolved

    def run(self, **_options: object) -> None:
        for place in list(self.document.findall(ProgressList)):
            entries = [self.entry(page, what) for page in in_order(self.env) if (what := kind(page))]
            count = nodes.raw("", '<p class="progress-count">&nbsp;</p>', format="html")
            listed = nodes.bullet_list("", *entries)
            place.replace_self(
                nodes.container("", count, listed, nodes.raw("", box(), format="html"), classes=["progress-list"])
            )

    def entry(self, page: str, what: str) -> nodes.list_item:
        where = {"refdoc": self.env.docname, "reftype": "doc", "refdomain": "std", "refexplicit": True}
        link = pending_xref("", nodes.inline("", self.env.titles[page].astext()), reftarget=f"/{page}", **where)
        state = f': <span data-page="{page}" data-kind="{what}">{html.escape(words()["not_yet"])}</span>'
        return nodes.list_item("", nodes.paragraph("", "", link, nodes.raw("", state, format="html")))


def end_pages(app: Sphinx, page: str, _template: str, context: dict[str, Any], _tree: object) -> None:
    """Put the button at the end of a page that can be marked."""
    if "body" in context and (what := kind(page)):
        context["body"] += mark(page, what)


def hand_over_words(app: Sphinx, _config: Config) -> None:
    said = json.dumps(words(), ensure_ascii=False).replace("</", "<\\/")
    app.add_js_file(None, body=f"window.progressWords = {said};")


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_node(ProgressList)
    app.add_directive("progress", ProgressDirective)
    app.add_post_transform(FillProgress)
    app.add_js_file("progress.js", loading_method="defer")
    app.connect("config-inited", hand_over_words)
    app.connect("html-page-context", end_pages, priority=400)  # before previews, which stand last
    return {"parallel_read_safe": True, "parallel_write_safe": True}
