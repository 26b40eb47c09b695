"""What cells show, in print: an explorer's picture and where it moves, a question with its choices, a table."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bs4 import BeautifulSoup, Tag
from docutils import nodes
from sphinx.addnodes import tabular_col_spec
from sphinx.config import Config
from sphinx.transforms.post_transforms import SphinxPostTransform

from mamlkit.explorers.question import MARKUP

NAME = re.compile(r'<div class="mk-(explorer|question)[^>]*\bdata-name="([^"]*)"')
FORMS = {"tex": nodes.math, "code": nodes.literal, "em": nodes.emphasis, "dollar": nodes.Text}
SCALE = 66  # per cent: two panels, 9.6 inches wide, fill the page, and all letters in figures are of one size
TABLE = re.compile(r"\s*<table")


class OutputsInPrint(SphinxPostTransform):
    """Take the HTML out of each output, and put into its place what can be printed."""

    default_priority = 3  # before MyST-NB chooses one of the forms of an output
    formats = ("latex",)

    def run(self, **_options: object) -> None:
        for bundle in list(self.document.findall(is_bundle)):
            html = form(bundle, "text/html")
            size_pictures(bundle)
            found = NAME.search(html)
            if found and found[1] == "question":
                bundle.replace_self(list(question(form(bundle, "text/plain"), self.address(bundle))))
            elif found and found[2]:
                say_where(bundle, self.address(bundle))
            elif TABLE.match(html):
                bundle.replace_self(list(table(BeautifulSoup(html, "html.parser").table)))

    def address(self, node: nodes.Node) -> str:
        return page_of(node, self.config)


def is_bundle(node: nodes.Node) -> bool:
    return isinstance(node, nodes.container) and node.get("nb_element") == "mime_bundle"


def form(bundle: nodes.Element, kind: str) -> str:
    """Return an output in one of its forms, as text; empty if it has none of that kind."""
    return next((child.astext() for child in bundle.children if child.get("mime_type") == kind), "")


def page_of(node: nodes.Node, config: Config) -> str:
    """Return the address of the page, in the published book, on which a node stands."""
    while node.parent and "docname" not in node:
        node = node.parent
    return f"{config.html_baseurl}{node.get('docname', config.root_doc)}.html"


def link(words: str, address: str) -> nodes.inline:
    """Return words that lead to an address, and the address itself, since paper cannot be clicked."""
    shown = nodes.reference("", address.removeprefix("https://"), refuri=address, internal=False)
    return nodes.inline("", "", nodes.Text(f"{words} "), shown)


def figure_of(node: nodes.Node) -> nodes.figure | None:
    """Return the figure with a caption in which a node stands, if there is one."""
    while node is not None and not isinstance(node, nodes.figure):
        node = node.parent
    return node


def size_pictures(bundle: nodes.Element) -> None:
    for image in bundle.findall(nodes.image):
        image["scale"] = SCALE
        if figure_of(bundle) is None:
            image["align"] = "center"


def say_where(bundle: nodes.Element, address: str) -> None:
    """Say, in a figure's caption or below it, where it answers to the reader's hand."""
    words = link("This figure moves at", address)
    figure = figure_of(bundle)
    caption = figure.next_node(nodes.caption) if figure is not None else None
    if caption is not None:
        caption.extend([nodes.Text(" "), words])
    else:
        bundle.parent.insert(bundle.parent.index(bundle) + 1, nodes.paragraph("", "", words))


def question(plain: str, address: str) -> Iterator[nodes.Node]:
    """Yield a question, its choices, and where it answers back: all on one page."""
    asked, *choices = plain.split("\n")
    yield nodes.raw("", rf"\needspace{{{len(choices) + 4}\baselineskip}}", format="latex")
    yield nodes.paragraph("", "", nodes.strong("", "Question. "), *marked(asked))
    texts = [choice.removeprefix("( ) ") for choice in choices]
    if texts:
        yield nodes.bullet_list("", *(nodes.list_item("", nodes.paragraph("", "", *marked(text))) for text in texts))
    yield nodes.paragraph("", "", link("Answer it at", address))


def marked(text: str) -> Iterator[nodes.Node]:
    """Yield the parts of a question's text: words, formulas, code, emphasis."""
    end = 0
    for match in MARKUP.finditer(text):
        kind = match.lastgroup or ""
        yield nodes.Text(text[end : match.start()])
        yield FORMS[kind](match[kind]) if kind == "dollar" else FORMS[kind](match[kind], match[kind])
        end = match.end()
    yield nodes.Text(text[end:])


def table(html: Tag) -> Iterator[nodes.Node]:
    """Yield a table of HTML as one of the document; numbers stand to the right, as they do on the page."""
    rows = [row.find_all(["th", "td"]) for row in html.find_all("tr")]
    sides = ["R" if "right" in cell.get("style", "") else "L" for cell in rows[-1]]
    group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in sides), cols=len(sides))
    heads = [row for row in rows if all(cell.name == "th" for cell in row)]
    if heads:
        group += nodes.thead("", *map(as_row, heads))
    group += nodes.tbody("", *(as_row(row) for row in rows if row not in heads))
    yield tabular_col_spec(spec="".join(sides))
    yield nodes.table("", group)


def as_row(cells: list[Tag]) -> nodes.row:
    texts = [" ".join(cell.get_text().split()) for cell in cells]
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", text)) for text in texts))
