"""Notebooks in plain Markdown: what only a page of the book understands, said so that Binder and Colab show it too.

Boxes become headings with rules around them, or `<details>`; roles become links to the published page; numbers of
equations and figures, and measured numbers in the prose, come from the built book.
"""

from __future__ import annotations

import ast
import copy
import json
import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bs4 import BeautifulSoup
from docutils.nodes import make_id
from pybtex.database import Entry, parse_file

from mamlkit.claims import CLAIMS

ROLE = re.compile(r"\{(?P<kind>[a-z:]+)\}`(?P<text>[^`]+)`")
TITLED = re.compile(r"(?P<title>.*?)\s*<(?P<target>[^>]+)>")
FENCE = re.compile(r"(?P<marks>:{3,})\{(?P<name>[\w-]+)\}\s*(?P<title>.*)")
LABELLED = re.compile(r"\$\$\s*\((?P<label>[\w-]+)\)\s*$")


@dataclass
class Book:
    """What the built book knows: where it is published, its titles, numbers, works and measured values."""

    address: str
    macros: dict[str, str]
    works: dict[str, Entry]
    titles: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, tuple[str, str]] = field(default_factory=dict)  # label -> (its number, the page it stands on)
    glued: dict[str, dict[str, str]] = field(default_factory=dict)  # page -> name -> value

    def page(self, name: str, anchor: str = "") -> str:
        return f"{self.address.rstrip('/')}/{name}.html{anchor and '#' + anchor}"


def read_book(root: Path, settings: dict) -> Book:
    """Read titles, numbers and values from `_build` below `root`; `settings` is what `_config.yml` says."""
    macros = settings["sphinx"]["config"]["mathjax3_config"]["tex"]["macros"]
    works = parse_file(root / settings["sphinx"]["config"]["bibtex_bibfiles"][0]).entries
    book = Book(settings["html"]["baseurl"], macros, works)
    built = root / "_build/html"
    for path in sorted(
        [*built.glob("book/**/*.html"), *built.glob("exercises/*.html"), *built.glob("solutions/*.html")]
    ):
        read_page(book, path.relative_to(built).with_suffix("").as_posix(), path.read_text("utf-8"))
    for path in sorted((root / "_build/jupyter_execute").glob("book/**/*.ipynb")):
        name = path.relative_to(root / "_build/jupyter_execute").with_suffix("").as_posix()
        book.glued[name] = dict(glued_values(json.loads(path.read_text("utf-8"))))
    return book


def read_page(book: Book, name: str, html: str) -> None:
    """Note the title of a page, and the numbers of its equations and figures."""
    page = BeautifulSoup(html, "lxml").find("article") or BeautifulSoup("", "lxml")
    if page.h1:
        book.titles[name] = page.h1.get_text().rstrip("#")
    for equation in page.select("div.math[id^=equation-]"):
        number = equation.find("span", class_="eqno")
        book.numbers[equation["id"].removeprefix("equation-")] = (number.get_text().rstrip("#"), name)
    for figure in page.select("figure[id]"):
        number = figure.find("span", class_="caption-number")
        if number:
            book.numbers[figure["id"]] = (number.get_text().strip(), name)


def glued_values(notebook: dict) -> Iterator[tuple[str, str]]:
    """Yield name and text of each value that an executed notebook handed to its prose."""
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            for kind, value in output.get("data", {}).items():
                if kind.startswith("application/papermill.record/"):
                    yield output["metadata"]["scrapbook"]["name"], ast.literal_eval("".join(value))


def plain(notebook: dict, name: str, book: Book) -> dict:
    """Return `notebook`, the one of page `name`, with every Markdown cell in plain form and captions below figures."""
    cells = []
    for cell in copy.deepcopy(notebook["cells"]):
        if cell["cell_type"] == "markdown":
            cell["source"] = plain_text("".join(cell["source"]), name, book).splitlines(keepends=True)
        figure = cell["metadata"].pop("mystnb", {}).get("figure")
        cells.append(cell)
        if figure:
            number, _ = book.numbers[figure["name"]]
            caption = plain_text(f"**{number}.** *{figure['caption']}*", name, book)
            cells.append({"cell_type": "markdown", "id": f"{cell['id']}-c", "metadata": {}, "source": [caption]})
    return {**notebook, "cells": cells}


def plain_text(text: str, name: str, book: Book) -> str:
    """Return the Markdown of a cell in plain form.

    Raises
    ------
    ValueError
        If the text holds a directive, a role or a label that has no plain form yet.
    """
    lines = "\n".join(blocks(text.split("\n"), name, book))
    parts = re.split(r"(```.*?```)", lines, flags=re.DOTALL)  # fenced code stays as it is
    return "".join(part if part.startswith("```") else inline(part, name, book) for part in parts)


def blocks(lines: list[str], name: str, book: Book) -> Iterator[str]:
    """Yield lines with fenced directives opened up and labelled equations numbered."""
    rest = iter(lines)
    for line in rest:
        fence = FENCE.fullmatch(line)
        if fence:
            inside = list(iter(lambda: next(rest).rstrip(), fence["marks"]))
            yield from box(fence["name"], fence["title"], inside, name, book)
        elif label := LABELLED.search(line):
            number = book.numbers[label["label"]][0].strip("()")
            yield LABELLED.sub(f"\\\\tag{{{number}}} $$", line)
        elif not re.fullmatch(r"\([\w-]+\)=", line):  # a target for links
            yield line


def box(kind: str, title: str, inside: list[str], name: str, book: Book) -> Iterator[str]:
    """Yield a directive in plain form: behind a heading that opens, or between two rules."""
    options = [line for line in inside if re.match(r":\w+:", line)]
    body = list(blocks(inside[len(options) :], name, book))
    if kind == "claim":
        title = f"{title} · {CLAIMS[title].title}"
    elif kind not in ("admonition", "note", "tip", "warning"):
        raise ValueError(f"the directive {kind!r} on the page {name} has no plain form yet")
    title = title or kind.capitalize()
    if any("dropdown" in option for option in options):
        yield from ["<details>", f"<summary>{title}</summary>", "", *body, "", "</details>"]
    else:
        yield from ["---", "", f"**{title}**", "", *body, "", "---"]


def inline(text: str, name: str, book: Book) -> str:
    """Return text with roles as links or values, and with the book's own TeX commands written out."""
    for macro, meaning in book.macros.items():
        text = re.sub(rf"\\{macro}(?![A-Za-z])", lambda _, meaning=meaning: meaning, text)
    return ROLE.sub(lambda match: ROLES[match["kind"]](match["text"], name, book), text)


def titled(text: str) -> tuple[str, str]:
    """Return title and target of a role's text, an empty title if there is none.

    >>> titled("next chapter <meta-gradient>"), titled("meta-gradient")
    (('next chapter', 'meta-gradient'), ('', 'meta-gradient'))
    """
    match = TITLED.fullmatch(text)
    return (match["title"], match["target"]) if match else ("", text)


def to_document(text: str, name: str, book: Book) -> str:
    title, target = titled(text)
    path = posixpath.normpath(posixpath.join("/" + posixpath.dirname(name), target)).lstrip("/")
    return f"[{title or book.titles[path]}]({book.page(path)})"


def to_term(text: str, name: str, book: Book) -> str:
    title, target = titled(text)
    return f"[{title or target}]({book.page('book/reference/glossary', 'term-' + make_id(target))})"


def to_number(text: str, name: str, book: Book) -> str:
    number, page = book.numbers[text]
    return f"[{number}]({book.page(page)})"


def to_work(text: str, name: str, book: Book, *, bracket: bool) -> str:
    entry = book.works[text]
    people = [" ".join(person.last_names) for person in entry.persons.get("author") or entry.persons["editor"]]
    who = people[0] if len(people) == 1 else " and ".join(people) if len(people) == 2 else f"{people[0]} et al."
    who, year = re.sub(r'[{}"\\]', "", who), entry.fields["year"]
    words = f"({who}, {year})" if bracket else f"{who} ({year})"
    return f"[{words}]({entry.fields['url']})"


ROLES: dict[str, Callable[[str, str, Book], str]] = {
    "doc": to_document,
    "term": to_term,
    "eq": to_number,
    "numref": to_number,
    "cite:p": lambda text, name, book: to_work(text, name, book, bracket=True),
    "cite:t": lambda text, name, book: to_work(text, name, book, bracket=False),
    "glue:text": lambda text, name, book: book.glued[name][text],
}
