"""Each term of the glossary is a link where a page first uses it, and there alone."""

import re
from collections import Counter
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
GLOSSARY = ROOT / "book/reference/glossary.md"
TERMS = re.findall(r"^(\S.*)\n  \*", GLOSSARY.read_text("utf-8"), re.M)
CALLED = ("your-own-problem.ipynb", "known-limits.md", "performance.ipynb", "scaling.ipynb")
PAGES = [
    *(path for part in ("principles", "today", "applications") for path in sorted(ROOT.glob(f"book/{part}/*.ipynb"))),
    ROOT / "book/intro.ipynb",
    *(ROOT / "book/reference" / page for page in CALLED),
]
EVERYWHERE = [path for path in ROOT.glob("book/**/*") if path.suffix in (".ipynb", ".md") and path != GLOSSARY]

LINK = re.compile(r"\{term\}`(?:[^`<]*<)?([^`<>]+)>?`")
# What is no use yet: code, maths, titles of sections and boxes, words of links, the box that announces a chapter.
NO_PROSE = re.compile(
    r"(?P<kept>\{term\}`[^`]*`)|^:::\{admonition\} (?:In this chapter|On this page)$.*?^:::$|^(`{3,}).*?^\2"
    r"|\$\$.*?\$\$|\$[^$]+\$|^#.*?$|^:{3,}.*?$|\[[^\]]*\]\([^)]*\)|`[^`]+`",
    re.M | re.S,
)
# Where a word of the glossary means something else.
ANOTHER_SENSE = re.compile(r"(?:(?:single|double|numerical) precision|learning rate of 0 keeps)", re.I)


def prose(path):
    """Return what a page says between its cells of code, without what is no prose."""
    if path.suffix == ".md":
        text = path.read_text("utf-8")
    else:
        cells = nbformat.read(path, as_version=4).cells
        text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return ANOTHER_SENSE.sub(blank, NO_PROSE.sub(blank, text))


def blank(found):
    return found.groupdict().get("kept") or re.sub(r"\S", "·", found[0])


def uses(text):
    """Return the terms that a text uses, in its order, each with whether it is a link; the longest term wins."""
    words = sorted(TERMS, key=len, reverse=True)
    plain = "|".join(rf"(?P<t{i}>{pattern(word)})" for i, word in enumerate(words))
    found = re.finditer(rf"{LINK.pattern}|(?<![\w-])(?:{plain})(?![\w-])", text)
    return [(hit[1], True) if hit[1] else (words[int(hit.lastgroup[1:])], False) for hit in found]


def pattern(word):
    """Match a term and its plural, at the beginning of a sentence too; a name as it is written."""
    first, rest = re.escape(word[0]), re.escape(word[1:]).replace(r"\ ", r"\s+")
    return (first if word[0].isupper() else f"(?i:{first})") + rest + "(?:s|es)?"


def name(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_the_first_use_of_a_term_is_a_link(path):
    first = dict(reversed(uses(prose(path))))
    assert not [term for term, linked in first.items() if not linked]


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_a_page_links_a_term_once(path):
    links = Counter(term for term, linked in uses(prose(path)) if linked)
    assert not [term for term, count in links.items() if count > 1]


def test_every_term_is_linked_from_a_page():
    linked = {term for path in EVERYWHERE for term, is_link in uses(prose(path)) if is_link}
    assert set(TERMS) <= linked, set(TERMS) - linked


def test_every_term_stands_with_its_chinese_name_and_in_order():
    assert len(TERMS) >= 60
    assert [term.lower() for term in TERMS] == sorted(term.lower() for term in TERMS)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A {term}`task`, and tasks.", [("task", True), ("task", False)]),
        ("A task distribution.", [("task distribution", False)]),
        ("{term}`Tasks <task>` in $MAML$, `MAML` and [MAML](x).", [("task", True)]),
        ("Leave-one-task-out, in double precision.", [("leave-one-task-out", False)]),
        ("# The task\n:::{admonition} MAML\nIts head.\n:::", [("head", False)]),
        (":::{admonition} In this chapter\nMAML\n:::\nA head.", [("head", False)]),
    ],
)
def test_what_counts_as_a_use(text, found):
    assert uses(ANOTHER_SENSE.sub(blank, NO_PROSE.sub(blank, text))) == found
