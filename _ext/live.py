"""Sphinx glue for what lives in a page: its script and style once a page, its names different.

Each figure's HTML stands alone, so it carries the script and the style of its kind (``mamlkit.explorers.web.tags``). A
page that shows several needs them once.
"""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)
BLOCK = re.compile(r'<(script|style)\b[^>]*\bdata-mk="[^"]*"[^>]*>.*?</\1>', re.S)
NAME = re.compile(r'<div class="mk-[^"]*"[^>]*\bdata-name="([^"]*)"')


def once(body: str) -> str:
    """Return the page's body with each script and style of a live figure left where it comes first."""
    seen: set[str] = set()

    def first(match: re.Match[str]) -> str:
        new = match[0] not in seen
        seen.add(match[0])
        return match[0] if new else ""

    return BLOCK.sub(first, body)


def check_names(body: str, page: str) -> None:
    """Warn (which fails the build) if two figures of a page would share their links."""
    names = NAME.findall(body)
    for name in {name for name in names if names.count(name) > 1}:
        logger.warning("two figures are named %r: give one of them another name=", name, location=page)


def finish_page(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    if "body" in context:
        check_names(context["body"], page)
        context["body"] = once(context["body"])


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", finish_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
