"""A search that knows symbols and both languages of the glossary.

Sphinx's own splits a text into words and searches for these. Here, in the index and in what a reader types, a Greek
letter counts as its name, which is what formulas write. Symbols of the page "Notation", their names in code, and the
Chinese words of the glossary are entries of the index, which come first in the results. A page that links to a term is
found by its Chinese word too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.search.en import SearchEnglish
from sphinx.transforms import SphinxTransform
from sphinx.util.index_entries import split_index_msg

ROOT = Path(__file__).parents[1]
GLOSSARY, NOTATION = "book/reference/glossary", "book/reference/notation"
TERM = re.compile(r"^(?P<term>\S.*)\n  \*(?P<chinese>[^*]+)\*", re.M)
COMMAND = re.compile(r"\\(?:var)?(?P<name>[A-Za-z]+)")
HAN = re.compile(r"[\u3400-\u9fff]")


NAMES = [
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu",
    "nu", "xi", "omicron", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega",
]  # fmt: skip
LETTERS = {
    **dict(zip("ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ", NAMES, strict=True)),
    **{"ϵ": "epsilon", "ϑ": "theta", "ς": "sigma", "ϕ": "phi"},
    **dict(zip("αβγδεζηθικλμνξοπρστυφχψω", NAMES, strict=True)),
}
SPLITTER = (Path(__file__).parent / "splitter.js").read_text("utf-8")


class SearchBook(SearchEnglish):
    """English, with Greek letters."""

    js_splitter_code = SPLITTER.replace("LETTERS", json.dumps(LETTERS, ensure_ascii=False))
    variant: ClassVar[re.Pattern[str]] = re.compile(r"\bvar(epsilon|theta|phi|rho|sigma|pi)\b")

    def split(self, text: str) -> list[str]:
        spelled = "".join(f" {LETTERS[letter]} " if letter in LETTERS else letter for letter in text)
        return super().split(self.variant.sub(r"\1", spelled))


@cache
def chinese() -> dict[str, str]:
    """Return the Chinese words for each term of the glossary."""
    text = (ROOT / f"{GLOSSARY}.md").read_text("utf-8")
    return {found["term"]: found["chinese"] for found in TERM.finditer(text) if HAN.search(found["chinese"])}


class Entries(SphinxTransform):
    """Add the entries of the glossary's and the notation's pages to the index, and Chinese keywords to all pages."""

    default_priority = 840  # before the index is read

    def apply(self, **kwargs: Any) -> None:
        if self.env.docname == GLOSSARY:
            self.add((chinese()[term.astext()], term["ids"][0], term) for term in self.terms())
        elif self.env.docname == NOTATION:
            self.add(self.symbols())
        words = {chinese()[found] for found in self.linked() if found in chinese()}
        if words:
            self.env.note_dependency(str(ROOT / f"{GLOSSARY}.md"))
            self.document.insert(0, nodes.meta(name="keywords", content=", ".join(sorted(words))))

    def terms(self) -> Iterator[nodes.term]:
        return (term for term in self.document.findall(nodes.term) if term.astext() in chinese())

    def linked(self) -> Iterator[str]:
        """Yield the terms that this page links to."""
        for link in self.document.findall(addnodes.pending_xref):
            if link["reftype"] == "term":
                yield link["reftarget"]

    def symbols(self) -> Iterator[tuple[str, str, nodes.Element]]:
        """Yield each symbol of the tables' first column with its names in code, its anchor, and where it stands."""
        seen: set[str] = set()
        for row in self.document.findall(nodes.row):
            cells = list(row.findall(nodes.entry))
            names = [name for name in spoken(cells) if name not in seen]
            seen.update(names)
            if names:
                anchor = f"symbol-{nodes.make_id(names[0])}"
                cells[0]["ids"].append(anchor)
                yield from ((name, anchor, cells[0]) for name in names)

    def add(self, entries: Iterator[tuple[str, str, nodes.Element]]) -> None:
        for words, anchor, place in list(entries):
            index = addnodes.index(entries=[("single", words.replace(";", ","), anchor, "main", None)])
            place.insert(0, index) if isinstance(place, nodes.entry) else place.append(index)


def spoken(cells: list[nodes.entry]) -> list[str]:
    """Return what a row of the notation is asked for by: Greek letters, their names, names in code.

    Only rows whose symbol stands first in their formula count: the row of θ, not each in which θ occurs.
    """
    formulas = [node.astext() for node in cells[0].findall(nodes.math)]
    if not formulas or len(cells) != 3:
        return []
    by_name = {name: letter for letter, name in LETTERS.items()}  # the small ones come last
    first = [match["name"].lower() for formula in formulas if (match := COMMAND.match(formula))]
    names = [name for name in first if name in by_name]
    code = [node.astext() for node in cells[1].findall(nodes.literal)]
    plain = [name for name in code if re.fullmatch(r"[a-z_]\w+", name)]
    return list(dict.fromkeys([*names, *(by_name[name] for name in names), *plain]))


def keep_entries(app: Sphinx) -> list[tuple[str, dict[str, Any], str]]:
    """Give the index the entries of pages that this build does not write.

    Sphinx reads all else of such pages from the index that it wrote last.
    """
    indexed = app.builder.indexer._index_entries  # type: ignore[attr-defined]
    for page, entries in app.env.get_domain("index").entries.items():  # type: ignore[attr-defined]
        words = ((word, one) for one in entries for word in split_index_msg(one[0], one[1]))
        indexed.setdefault(page, sorted({(word, target, main) for word, (_, _, target, main, _) in words}))
    return []


def on_the_page_of_the_search(app: Sphinx, page: str, *_given: object) -> None:
    if page == "search":
        app.add_js_file("search.js", loading_method="defer")


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_search_language(SearchBook)
    app.connect("html-collect-pages", keep_entries)  # the last moment before the index is written
    app.connect("html-page-context", on_the_page_of_the_search)
    app.add_transform(Entries)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
