"""What the search knows beside words: Greek letters, symbols of the notation, Chinese words of the glossary."""

import re
from pathlib import Path

import pytest
from docutils import nodes
from search import LETTERS, SPLITTER, SearchBook, chinese, spoken
from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("θ", ["theta"]),
        ("αh = 1", ["alpha", "h", "1"]),
        (r"\varepsilon \phi", ["epsilon", "phi"]),
        ("inner_lr", ["inner_lr"]),
        ("Δθ", ["delta", "theta"]),
        ("元学习", ["元学习"]),
        ("variance", ["variance"]),
    ],
)
def test_a_text_is_split_into_what_is_asked_for(text, words):
    assert SearchBook({}).split(text) == words


def test_letters_are_those_of_the_alphabet_and_the_page_gets_them_all():
    assert len(set(LETTERS.values())) == 24
    assert LETTERS["λ"] == LETTERS["Λ"] == "lambda"
    assert "letters = {" in SearchBook.js_splitter_code
    assert SPLITTER.count("LETTERS") == 1


def test_every_term_has_its_chinese_words():
    text = (ROOT / "book/reference/glossary.md").read_text("utf-8")
    assert chinese()["meta-learning"] == "元学习"
    assert chinese()["prior"] == "先验"
    terms = re.findall(r"^(\S.*)\n  \*([^*]+)\*", text, re.M)
    assert chinese().keys() == {term for term, word in terms if not word.isascii()}


@pytest.mark.parametrize(
    ("formulas", "code", "names"),
    [
        ([r"\alpha"], ["inner_lr"], ["alpha", "α", "inner_lr"]),
        ([r"\theta \in \R^n"], ["theta", "params"], ["theta", "θ", "params"]),
        ([r"a", "d"], ["curvature"], ["curvature"]),
        ([r"\mathcal T_i"], ["sample(rng, ...)"], []),
        ([], ["no_symbol"], []),
    ],
)
def test_a_row_is_asked_for_by_letter_by_name_and_by_code(formulas, code, names):
    cells = [
        nodes.entry("", *(nodes.math("", text) for text in formulas)),
        nodes.entry("", *(nodes.literal("", text) for text in code)),
        nodes.entry("", nodes.Text("its meaning")),
    ]
    assert spoken(cells) == names


def test_a_page_that_is_not_written_again_keeps_its_entries(tmp_path):
    (tmp_path / "conf.py").write_text("extensions = ['search']\n")
    for name in ("index", "other"):
        (tmp_path / f"{name}.rst").write_text(f":orphan:\n\n.. index:: word of {name}; more\n\nTitle\n=====\n")

    def build():
        Sphinx(*[str(tmp_path)] * 2, str(tmp_path / "out"), str(tmp_path / "out"), "html", status=None).build()
        return (tmp_path / "out/searchindex.js").read_text("utf-8")

    whole = build()
    assert "word of other" in whole
    with (tmp_path / "index.rst").open("a") as page:
        page.write(" \n")
    assert build() == whole
