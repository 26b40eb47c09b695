r"""The book as one PDF: what only a page in a browser can show gets a form that can be printed.

Everything here speaks when LaTeX is written, and leaves pages alone. Figures print the vector picture that each cell
gives beside its HTML (``Picture.beside``) or its PNG; what stands in other outputs is the matter of `printed_outputs`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from docutils import nodes
from execute import draw_in_vectors
from printed_outputs import OutputsInPrint, page_of
from sphinx.application import Sphinx
from sphinx.builders.latex.nodes import thebibliography
from sphinx.config import Config
from sphinx.transforms.post_transforms import SphinxPostTransform

NAME = "learning-to-learn"  # of the file that is made
# What the fonts of text do not have, and the fonts that do.
FOREIGN = re.compile(r"(?P<chinese>[\u3000-\u30ff\u3400-\u9fff\uff00-\uffef]+)|(?P<signs>[\u0590-\u05ff\u2318]+)")
SUMMARY = re.compile(r"<summary>(.*?)</summary>", re.S)
LONG = 30  # rows, from which on Sphinx lets a table run over several pages
WORKS = "book/reference/bibliography"
NUMBER = re.compile(r"\d+\. ")
STATE = re.compile(r"#[\w-]+:.*=.*")
FONTS = Path(mpl.get_data_path(), "fonts/ttf").as_posix()
PREAMBLE = r"""
\setmonofont{DejaVuSansMono}[Path=%(fonts)s/, Extension=.ttf, Scale=0.78, UprightFont=*, BoldFont=*-Bold,
  ItalicFont=*-Oblique, BoldItalicFont=*-BoldOblique]
\newfontfamily\chinese{WenQuanYi Micro Hei}[Scale=0.9, ItalicFont=*, BoldFont=*]
\newfontfamily\signs{DejaVuSans}[Path=%(fonts)s/, Extension=.ttf, Scale=0.8, BoldFont=*-Bold]
\newenvironment{sphinxVerbatimInput}{}{}
\newenvironment{sphinxVerbatimOutput}{}{}
\setlength{\emergencystretch}{3em}
\setcounter{tocdepth}{0}
\makeatletter
\newcolumntype{T}{L}  %% cells are too narrow for straight right edges
\newcolumntype{\X}[2]{>{\raggedright\arraybackslash}p{\dimexpr
  (\linewidth-\spx@arrayrulewidth)*#1/#2-\tw@\tabcolsep-\spx@arrayrulewidth\relax}}
\@beginparpenalty=10000  %% a list stays with the words before it
\AddToHook{env/DUlineblock/begin}{\@beginparpenalty=-300\@endparpenalty=10000}  %% the first page's titles
\AddToHook{env/sphinxadmonition/begin}{%% a box stays on one page, and keeps the distance of its paragraphs
  \spx@inframedtrue\edef\@minipagerestore{\parskip\the\parskip\relax}}
%% the list of works stands in its chapter, which has a title of its own
\renewenvironment{sphinxthebibliography}[1]{\list{\@biblabel{\@arabic\c@enumiv}}{\settowidth\labelwidth{\@biblabel{#1}}%%
  \leftmargin\labelwidth\advance\leftmargin\labelsep\usecounter{enumiv}}\sloppy}{\endlist}
\makeatother
\AtBeginDocument{\topskip=1\topskip plus 4\baselineskip  %% a page that is not quite full is no fault
%(macros)s}
"""
LOOK = {
    "papersize": "a4paper",
    "figure_align": "htbp",
    "fncychap": "",
    "extraclassoptions": "openany,oneside",
    "releasename": "Edition",
    "tableofcontents": r"\sphinxtableofcontents\markboth{}{}",
    "makeindex": "",
    "printindex": "",
    "sphinxsetup": "verbatimforcewraps, verbatimmaxoverfull=0, verbatimwithframe=false, hmargin={24mm,24mm},"
    " vmargin={24mm,26mm}, VerbatimColor={RGB}{247,247,247}, TitleColor={RGB}{20,40,60}",
}


def settings(_app: Sphinx, config: Config) -> None:
    """Say how LaTeX is to look; the commands of formulas are those that pages use, from the one list."""
    macros = "\n".join(commands(config.mathjax3_config["tex"]["macros"]))
    config.latex_elements = {**LOOK, **config.latex_elements}
    given = config.latex_elements.get("preamble", "")
    config.latex_elements["preamble"] = given + PREAMBLE % {"fonts": FONTS, "macros": macros}
    config.latex_theme = "manual"  # Jupyter Book's own class loads what no page of this book needs
    config.latex_use_xindy = config.latex_domain_indices = False
    config.latex_documents = [(config.root_doc, f"{NAME}.tex", config.project, config.author, "manual")]


def commands(macros: Mapping[str, str | list[Any]]) -> Iterator[str]:
    r"""Yield the LaTeX definition of each of MathJax's macros.

    Examples
    --------
    >>> list(commands({"R": r"\mathbb{R}", "half": ["#1/2", 1]}))
    ['\\def\\R{\\mathbb{R}}', '\\def\\half#1{#1/2}']
    """
    for name, given in macros.items():
        body, arguments = (given[0], given[1]) if isinstance(given, list) else (given, 0)
        yield rf"\def\{name}{''.join(f'#{i + 1}' for i in range(arguments))}{{{body}}}"


class TextInPrint(SphinxPostTransform):
    """Make text printable: links lead somewhere, hints have their titles, every character has a font."""

    default_priority = 900  # once all references are resolved
    formats = ("latex",)

    def run(self, **_options: object) -> None:
        self.aim_links()
        self.mark_boxes()
        self.title_hints()
        self.hold_together()
        self.number_once()
        self.empty_cells()
        self.widen_columns()
        self.place_works()
        self.set_foreign()

    def aim_links(self) -> None:
        """Let a link that sets a figure lead to the figure's page, where it can be set."""
        for link in self.document.findall(nodes.reference):
            if STATE.fullmatch(link.get("refuri", "")):
                link["refuri"] = page_of(link, self.config) + link["refuri"]
                link["internal"] = False

    def mark_boxes(self) -> None:
        """Put a mark before each claim, since LaTeX forgets the names of boxes."""
        for box in list(self.document.findall(nodes.admonition)):
            place = box.parent.index(box)
            if not isinstance(box[0], nodes.title):  # a proof: a box would have an empty title
                box.replace_self(box.children)
            else:
                box.parent[place:place] = [nodes.target(ids=box["ids"]), no_break()]
                box["ids"] = []

    def widen_columns(self) -> None:
        """Give the columns of a long table widths that fit what stands in them; LaTeX sees to the short ones."""
        for table in self.document.findall(nodes.table):
            rows = list(table.findall(nodes.row))
            if len(rows) > LONG:
                table["classes"] = ["colwidths-given"]
                for column, spec in enumerate(table.findall(nodes.colspec)):
                    spec["colwidth"] = min(60, max(width_of(row[column]) for row in rows))

    def place_works(self) -> None:
        """Put the list of works back into its chapter; Sphinx moves it to the end of the book."""
        for works in list(self.document.findall(thebibliography)):
            chapter = next(part for part in self.document.findall(nodes.section) if part.get("docname") == WORKS)
            works.parent.remove(works)
            chapter.append(works)

    def title_hints(self) -> None:
        """Print what is written on a fold of HTML; what is folded in it follows by itself."""
        for fold in list(self.document.findall(nodes.raw)):
            title = SUMMARY.search(fold.astext())
            if title:
                fold.replace_self(nodes.paragraph("", "", nodes.strong("", title[1].strip()), no_break()))

    def hold_together(self) -> None:
        """Keep the lines of a claim, or of a promise, on one page."""
        for entry in self.document.findall(nodes.container):
            if "claim-entry" in entry["classes"]:
                for line in entry[:-1]:
                    line += no_break()

    def number_once(self) -> None:
        """Take away the number with which a title begins: LaTeX numbers it."""
        for title in self.document.findall(nodes.title):
            number = NUMBER.match(title.astext())
            if number and isinstance(title[0], nodes.Text):
                title.replace(title[0], nodes.Text(title[0][number.end() :]))

    def empty_cells(self) -> None:
        """Leave nothing in a cell without words: an empty paragraph would make its row two lines high."""
        for cell in self.document.findall(nodes.entry):
            if not cell.astext() and cell.next_node(nodes.image) is None:
                cell.clear()

    def set_foreign(self) -> None:
        for text in list(self.document.findall(nodes.Text)):
            if FOREIGN.search(text) and not isinstance(text.parent, nodes.literal_block | nodes.raw):
                text.parent.replace(text, list(in_fonts(text)))


def width_of(cell: nodes.entry) -> int:
    """Return about how many letters wide a cell is; of what a formula is written in, not all is seen."""
    return len(cell.astext()) - sum(len(formula.astext()) // 4 for formula in cell.findall(nodes.math))


def no_break() -> nodes.raw:
    return nodes.raw("", r"\nopagebreak", format="latex")


def in_fonts(text: str) -> Iterator[nodes.Node]:
    """Yield the parts of a text, each in a font that has its characters."""
    end = 0
    for match in FOREIGN.finditer(text):
        yield nodes.Text(text[end : match.start()])
        yield nodes.raw("", rf"{{\{match.lastgroup} {match[0]}}}", format="latex")
        end = match.end()
    yield nodes.Text(text[end:])


def vectors(app: Sphinx) -> None:
    draw_in_vectors(Path(app.doctreedir).parent)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", settings, priority=900)  # after those who set LaTeX's look before
    app.connect("builder-inited", vectors, priority=1)  # before a kernel starts
    app.add_post_transform(OutputsInPrint)
    app.add_post_transform(TextInPrint)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
