"""Sphinx glue for what lives in a page.

Each figure's HTML stands alone, so it carries the script and the style of its kind (``mamlkit.explorers.web.tags``); a
page that shows several needs them once. Links like ``[set α to 0](#quadratic-landscape:alpha=0)`` set a figure of the
same page; one that names no such figure, or a state that the figure does not have, fails the build. What pages load
and nothing reads is left out.
"""

from __future__ import annotations

import html
import json
import re
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

logger = logging.getLogger(__name__)
BLOCK = re.compile(r'<(script|style)\b[^>]*\bdata-mk="[^"]*"[^>]*>.*?</\1>', re.S)
NAME = re.compile(r'<div class="mk-[^"]*"[^>]*\bdata-name="([^"]+)"')
DATA = re.compile(
    r'<div class="mk-explorer"[^>]*\bdata-name="([^"]+)".*?<script type="application/json">(.*?)</script>', re.S
)
STATE = re.compile(r"#(?P<name>[\w-]+):(?P<fields>.*=.*)")
LINK = re.compile(r'href="(#[\w-]+:[^"]*=[^"]*)"')
# What pages load and do not use. The script of icons (542 kB) is for authors who add their own: the theme's are fonts.
# The index of the search (110 kB) is for themes that search while one types; here the page of the search reads it.
SCRIPT = r'[ \t]*<script(?: defer)? src="[^"]*{}\.js[^"]*"></script>\n?'
ICONS = re.compile(SCRIPT.format("scripts/fontawesome"))
UNUSED = re.compile(SCRIPT.format("(?:scripts/fontawesome|/searchtools|/language_data|searchindex)"))


class StateLinks(SphinxTransform):
    """Links that set a figure stay as they are: what they point to is no part of the text."""

    default_priority = 870  # before MyST looks for a heading of that name

    def apply(self, **kwargs: Any) -> None:
        for link in self.document.findall(nodes.reference):
            if link.get("id_link") and STATE.fullmatch(link.get("refuri", "")):
                del link["id_link"]
                link["internal"] = True
                link["classes"].append("mk-sets")


def once(body: str) -> str:
    """Return the page's body with each script and style of a live figure left where it comes first."""
    seen: set[str] = set()

    def first(match: re.Match[str]) -> str:
        new = match[0] not in seen
        seen.add(match[0])
        return match[0] if new else ""

    return BLOCK.sub(first, body)


def complaints(body: str) -> Iterator[str]:
    """Yield what is wrong with the names of a page's figures and with the links that set them."""
    names = NAME.findall(body)
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"two figures are named {name!r}: give one of them another name="
    data = {name: json.loads(text)["spec"]["controls"] for name, text in DATA.findall(body)}
    for link in LINK.findall(body):
        match = STATE.fullmatch(html.unescape(link))
        if match["name"] not in names:
            yield f"the link {match[0]} sets a figure that is not on this page; there is {', '.join(names) or 'none'}"
        elif match["name"] in data:
            yield from (f"the link {match[0]} {fault}" for fault in faults(match["fields"], data[match["name"]]))


def faults(fields: str, controls: list[dict[str, Any]]) -> Iterator[str]:
    """Yield what a state names that the controls do not have."""
    by_name = {control["name"]: control for control in controls}
    for name, text in urllib.parse.parse_qsl(fields, keep_blank_values=True):
        if name not in by_name:
            yield f"sets {name!r}; there is {', '.join(by_name)}"
        elif not accepts(by_name[name], text):
            yield f"sets {name} to {text!r}, which that control does not have"


def accepts(control: dict[str, Any], text: str) -> bool:
    if control["kind"] == "choice" and text in map(str, control["values"]):
        return True
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        return False
    if control["kind"] == "choice":
        return numbers[0] in control["values"] and len(numbers) == 1
    if control["kind"] == "slider":
        return len(numbers) == 1 and control["values"][0] <= numbers[0] <= control["values"][-1]
    inside = zip(control["low"], numbers, control["high"], strict=False)
    return len(numbers) == 2 and all(low <= number <= high for low, number, high in inside)


def finish_page(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    if "body" in context:
        for complaint in complaints(context["body"]):
            logger.warning(complaint, location=page)
        context["body"] = once(context["body"])
    # The state of Jupyter's widgets, a hundred kilobytes and more: figures bring their own data.
    context["script_files"][:] = [
        script
        for script in context.get("script_files", [])
        if "widget-state" not in str(getattr(script, "attributes", {}).get("type", ""))
    ]


def leave_out_unused(app: Sphinx, failure: Exception | None) -> None:
    """Take scripts that do nothing there out of the pages that were written."""
    for page in Path(app.outdir).rglob("*.html") if app.builder.format == "html" and not failure else ():
        text = page.read_text("utf-8")
        kept = ICONS.sub("", text) if page.name == "search.html" else UNUSED.sub("", text)
        if kept != text:
            page.write_text(kept, "utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_transform(StateLinks)
    app.connect("html-page-context", finish_page, priority=900)
    app.connect("build-finished", leave_out_unused)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
