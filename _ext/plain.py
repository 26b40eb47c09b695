"""Notebooks in plain Markdown: what only a page of the book understands, said so that Binder and Colab show it too.

Boxes stand between two rules, or fold as `<details>`; roles become links to the published page; numbers of equations
and figures, and measured numbers in the prose, come from the built book. What has no plain form is an error.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from functools import cache
from itertools import takewhile
from typing import Any

from inline import NoPlainFormError, inline, known
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser
from published import Book

from book import evidence
from mamlkit.claims import CLAIMS
from solutions import opening

FENCE = re.compile(r"(?P<marks>:{3,}|`{3,})\{(?P<kind>[\w:-]+)\}[ \t]*(?P<title>.*?)\s*")
OPTION = re.compile(r":(?P<key>\w+):\s*(?P<value>.*)")
LABEL = re.compile(r"\$\$\s*\((?P<label>[\w-]+)\)\s*$")
TARGET = re.compile(r"\([\w-]+\)=\s*")

FOLDED = {"hide-input", "remove-input", "hide-cell", "remove-cell"}
FOLD_TITLE = "# @title Folded, as on the page: run this cell\n"  # Colab folds only cells that have a title

# What Jupyter and Colab show as a page does; all else that MyST finds in a cell has no plain form yet.
PLAIN = {
    "paragraph", "heading", "bullet_list", "ordered_list", "list_item", "blockquote", "hr", "fence", "code_block",
    "table", "thead", "tbody", "tr", "th", "td", "html_block", "html_inline", "math_block", "math_inline", "amsmath",
    "inline", "text", "text_special", "em", "strong", "link", "code_inline", "softbreak", "hardbreak",
}  # fmt: skip
EXTENSIONS = {"amsmath", "attrs_block", "attrs_inline", "colon_fence", "deflist", "dollarmath", "substitution"}


def plain(notebook: dict[str, Any], page: str, book: Book) -> dict[str, Any]:
    """Return the notebook of a page with Markdown in plain form, captions below figures, and folded code."""
    cells = copy.deepcopy(notebook["cells"])
    if page.startswith("solutions/"):
        cells[0]["source"] = opening("".join(cells[0]["source"]), page.removeprefix("solutions/"))
    return {**notebook, "cells": [new for cell in cells for new in plain_cell(cell, page, book)]}


def plain_cell(cell: dict[str, Any], page: str, book: Book) -> Iterator[dict[str, Any]]:
    """Yield a cell in plain form and, if it draws a figure, its caption."""
    text = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        text = plain_text(text, page, book)
    elif FOLDED & set(cell["metadata"].get("tags", [])) and "cellView" not in cell["metadata"]:
        folded = {**cell["metadata"].get("jupyter", {}), "source_hidden": True}
        cell["metadata"] |= {"cellView": "form", "jupyter": folded}
        text = text if text.startswith("%%") else FOLD_TITLE + text  # a cell's magic must come first
    rendering = cell["metadata"].pop("mystnb", {})
    yield cell | {"source": text.splitlines(keepends=True)}
    known = {"figure": {"name", "caption"}, "image": {"alt"}}  # an output has no room for a picture's text
    if any(given.keys() - known.get(kind, set()) for kind, given in rendering.items()):
        raise NoPlainFormError(page, f"the rendering {rendering}")
    if figure := rendering.get("figure"):
        caption = plain_text(f"**{{numref}}`{figure['name']}`** {figure['caption']}", page, book)
        yield {"cell_type": "markdown", "id": f"{cell['id']}-caption", "metadata": {}, "source": [caption]}


def plain_text(text: str, page: str, book: Book) -> str:
    """Return the Markdown of a cell in plain form.

    Raises
    ------
    NoPlainFormError
        If the text holds something that has none, or names what the built book does not know.
    """
    result = inline("\n".join(blocks(iter(text.split("\n")), page, book)), page, book)
    for found in strange(result, book):
        raise NoPlainFormError(page, found)
    return result


def blocks(lines: Iterator[str], page: str, book: Book) -> Iterator[str]:
    """Yield lines with directives opened up, equations numbered, and targets for links left out."""
    for line in lines:
        if fence := FENCE.fullmatch(line):
            yield from directive(fence["kind"], fence["title"], until(fence["marks"], lines), page, book)
        elif line.startswith("```"):
            yield from [line, *until("```", lines), "```"]
        elif label := LABEL.search(line):
            yield f"{line[: label.start()]}\\tag{{{known(book.numbers, label['label'], page).strip('()')}}} $$"
        elif not TARGET.fullmatch(line):
            yield line


def until(marks: str, lines: Iterator[str]) -> list[str]:
    """Return the lines up to the one that closes a fence, which is taken too."""
    return list(takewhile(lambda line: not (line.startswith(marks) and set(line.strip()) == {marks[0]}), lines))


def directive(kind: str, title: str, inside: list[str], page: str, book: Book) -> Iterator[str]:
    """Yield a directive in plain form: folded, between two rules, or as a bold title and a text."""
    options = [OPTION.fullmatch(line) for line in takewhile(OPTION.fullmatch, inside)]
    if {option["key"] for option in options} - {"class", "gutter"}:
        raise NoPlainFormError(page, f"an option of the directive {kind!r}, {[option[0] for option in options]},")
    body = list(blocks(iter(inside[len(options) :]), page, book))
    if kind == "grid":
        yield from body
        return
    if kind == "prf:proof":
        yield from ["", "**Proof.**", *body, ""]
        return
    if kind == "claim":
        claim = known(CLAIMS, title, page)
        title, body = f"{title} · {claim.title}", [*body, "", evidence(title, claim, book.source)]
    elif kind not in ("admonition", "dropdown", "grid-item-card", "hint", "important", "note", "tip", "warning"):
        raise NoPlainFormError(page, f"the directive {kind!r}")
    title = title or kind.capitalize()
    if kind == "dropdown" or any("dropdown" in option["value"] for option in options):
        form = ["<details>", f"<summary>{title}</summary>", "", *body, "", "</details>"]
    elif kind == "grid-item-card":
        form = [f"**{title}**", "", *body]
    else:
        form = ["---", "", f"**{title}**", "", *body, "", "---"]
    yield from ["", *form, ""]


@cache
def myst() -> MarkdownIt:
    return create_md_parser(MdParserConfig(enable_extensions=EXTENSIONS), RendererHTML)


def strange(text: str, book: Book) -> Iterator[str]:
    """Yield what MyST finds in a text and plain Markdown does not have."""
    tokens = [part for token in myst().parse(text) for part in (token, *(token.children or []))]
    for token in tokens:
        kind = token.type.removesuffix("_open").removesuffix("_close")
        if kind not in PLAIN or token.attrs.keys() & {"class", "id"} or token.info.startswith("{"):
            yield f"{kind} {token.content[:60] or token.attrs!r}"
        if kind.startswith("math") and (left := re.search(rf"\\({'|'.join(book.macros)})(?![A-Za-z])", token.content)):
            yield f"the TeX command {left[0]}"
