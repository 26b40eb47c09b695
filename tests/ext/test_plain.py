"""Each construct of MyST that notebooks use has its plain form; what has none is an error with the page's name."""

import re
from pathlib import Path

import pytest
import yaml
from inline import NoPlainFormError
from plain import EXTENSIONS, FOLD_TITLE, plain, plain_text
from published import Book
from pybtex.database import parse_string

PAGE = "book/principles/waves"
SITE = "https://site/book"
BOOK = Book(
    macros={"LS": r"L^{\mathrm S}", "R": r"\mathbb{R}", "pair": ["(#1, #2)", 2]},
    source="https://code/blob/main",
    places={
        "page": {PAGE: f"{SITE}/principles/waves.html", "book/intro": f"{SITE}/intro.html", "exercises/e01": "https://e1"},
        "label": {
            "eq-step": f"{SITE}/principles/waves.html#equation-eq-step",
            "fig-wave": f"{SITE}/principles/waves.html#fig-wave",
            "r1": f"{SITE}/principles/waves.html#r1",
        },
        "term": {"task": f"{SITE}/glossary.html#term-task"},
        "object": {"mamlkit.engine.adapt": f"{SITE}/api.html#adapt"},
    },
    titles={"book/intro": "Learning to Learn", PAGE: "Waves"},
    numbers={"eq-step": "(7)", "fig-wave": "Fig. 3"},
    works=parse_string(
        r"""@article{one, author = {M{\"u}ller, Ada}, year = {1994}, url = {https://one}}
        @article{three, author = {Li, A and Bo, B and Cy, C}, year = {2017}, url = {https://three}}
        @book{two, editor = {Thrun, S and Pratt, L}, year = {1998}, url = {https://two}}""",
        "bibtex",
    ).entries,
    glued={PAGE: {"error": "0.10"}},
)  # fmt: skip

INLINE = {
    "{doc}`../intro`": f"[Learning to Learn]({SITE}/intro.html)",
    "{doc}`/book/intro`": f"[Learning to Learn]({SITE}/intro.html)",
    "{doc}`the first\npage <../intro>`": f"[the first\npage]({SITE}/intro.html)",
    "{term}`task`": f"[task]({SITE}/glossary.html#term-task)",
    "{term}`tasks <task>`": f"[tasks]({SITE}/glossary.html#term-task)",
    "{eq}`eq-step`": f"[(7)]({SITE}/principles/waves.html#equation-eq-step)",
    "{numref}`fig-wave`": f"[Fig. 3]({SITE}/principles/waves.html#fig-wave)",
    "{numref}`See %s <fig-wave>`": f"[See Fig. 3]({SITE}/principles/waves.html#fig-wave)",
    "{ref}`the claim <R1>`": f"[the claim]({SITE}/principles/waves.html#r1)",
    "{py:obj}`adapt <mamlkit.engine.adapt>`": f"[`adapt`]({SITE}/api.html#adapt)",
    "{cite:p}`one`": "[[Müller, 1994](https://one)]",
    "{cite:p}`two,three`": "[[Thrun and Pratt, 1998](https://two), [Li *et al.*, 2017](https://three)]",
    "{cite:t}`three`": "Li *et al.* [[2017](https://three)]",
    "an error of {glue:text}`error`.": "an error of 0.10.",
    "[start](../intro.ipynb#plan)": f"[start]({SITE}/intro.html#plan)",
    r"$\LS_i$, $\R^2$, $\Rightarrow$": r"$L^{\mathrm S}_i$, $\mathbb{R}^2$, $\Rightarrow$",
    r"`{doc}` and ``\LS ` {eq}`` as they are": r"`{doc}` and ``\LS ` {eq}`` as they are",
    "[set α](#waves:alpha=0), [out](https://out/x.md)": "[set α](#waves:alpha=0), [out](https://out/x.md)",
}
BLOCKS = {
    "$$\n\\LS\n$$ (eq-step)": "$$\nL^{\\mathrm S}\n\\tag{7} $$",
    "$$ x $$ (eq-step)": "$$ x \\tag{7} $$",
    "(a-target)=\n## Waves": "## Waves",
    ":::{admonition} In short\n:class: note\nFirst {eq}`eq-step`.\n:::\nThen.": (
        f"---\n\n**In short**\n\nFirst [(7)]({SITE}/principles/waves.html#equation-eq-step).\n\n---\n\nThen."
    ),
    "```{warning}\nSteep.\n```": "---\n\n**Warning**\n\nSteep.\n\n---",
    ":::{admonition} The answer\n:class: note, dropdown\n$x$\n:::": (
        "<details>\n<summary>The answer</summary>\n\n$x$\n\n</details>"
    ),
    "::::{grid} 1 2\n:gutter: 3\n\n:::{grid-item-card} Read\nOne.\n:::\n:::{grid-item-card} Run\nTwo.\n:::\n::::": (
        "**Read**\n\nOne.\n\n**Run**\n\nTwo."
    ),
    ":::{prf:proof}\nSquare it.\n:::": "**Proof.**\nSquare it.",
    "```python\n# {doc}`x`\n:::{claim} R1\n```": "```python\n# {doc}`x`\n:::{claim} R1\n```",
}
UNKNOWN = {
    ":::{tab-set}\nx\n:::": "the directive 'tab-set'",
    ":::{note}\n:width: 3\nx\n:::": ":width: 3",
    "::::{claim} R999\nx\n::::": "'R999'",
    "- a list\n\n  ```{note}\n  inside\n  ```": "fence",
    "{kbd}`x`": "'kbd'",
    "{doc}`nowhere`": "'book/principles/nowhere'",
    "{eq}`eq-nowhere`": "'eq-nowhere'",
    "$$ x $$ (eq-nowhere)": "'eq-nowhere'",
    "{ref}`r1`": "{ref}`r1` without a title",
    "{cite:t}`nobody`": "'nobody'",
    "{glue:text}`nothing`": "'nothing'",
    "[there](nowhere.md)": "'book/principles/nowhere'",
    "![a wave](wave.svg)": "image",
    "[words]{.marked}": "span",
    "[words](https://x){.marked}": "link",
    "{#here .marked}\nWords.": "paragraph",
    "Term\n: its meaning": "dl",
    "{{ name }}": "substitution",
    "A note[^1].\n\n[^1]: Here.": "footnote",
    "% a comment": "comment",
    "+++": "block_break",
    r"$\pair{1}{2}$": r"\pair, which takes arguments",
    "{doc}`$\\R$ <../intro>`": r"the TeX command \R",
}


@pytest.mark.parametrize("text", INLINE)
def test_inline(text):
    assert plain_text(text, PAGE, BOOK) == INLINE[text]


@pytest.mark.parametrize("text", BLOCKS)
def test_block(text):
    assert re.sub("\n{3,}", "\n\n", plain_text(text, PAGE, BOOK)).strip() == BLOCKS[text]


@pytest.mark.parametrize("text", UNKNOWN)
def test_what_has_no_plain_form_is_an_error_that_names_page_and_construct(text):
    with pytest.raises(NoPlainFormError, match=f"^{PAGE}: ") as caught:
        plain_text(text, PAGE, BOOK)
    assert UNKNOWN[text] in str(caught.value)


def test_a_claim_ends_in_its_evidence():
    places = {"object": {"mamlkit.closed_form.quadratic.adapt": "https://api"}}
    places["page"] = {"exercises/e01_the_adapted_loss": "https://e01"}
    text = plain_text("::::{claim} R1\nOne step.\n::::", PAGE, Book(source="https://code/blob/main", places=places))
    rule, title, statement, evidence, end = (line for line in text.split("\n") if line)
    assert (rule, title, statement, end) == ("---", "**R1 · the inner step and the outer loss**", "One step.", "---")
    assert evidence.startswith(
        "[`closed_form.quadratic.adapt`](https://api) · [test](https://code/blob/main/tests/closed_"
    )
    assert evidence.endswith("[exercise](https://e01)")


def derive(*cells, page=PAGE):
    notebook = {"cells": [{"id": f"c{i}", **cell} for i, cell in enumerate(cells)], "metadata": {}, "nbformat": 4}
    return plain(notebook, page, BOOK)["cells"]


def code(*source, **metadata):
    return {"cell_type": "code", "metadata": metadata, "source": list(source), "outputs": [], "execution_count": None}


def test_a_caption_stands_below_its_figure():
    figure = {"name": "fig-wave", "caption": "A wave of {term}`task`."}
    cell, caption = derive(code("draw()", mystnb={"figure": figure}))
    assert cell["source"] == ["draw()"]
    assert cell["metadata"] == {}
    assert caption["cell_type"] == "markdown"
    (text,) = caption["source"]
    assert text.startswith(f"**[Fig. 3]({SITE}/principles/waves.html#fig-wave)** A wave of [task]")


def test_the_text_of_a_picture_is_left_to_the_page():
    (cell,) = derive(code("draw()", mystnb={"image": {"alt": "A wave."}}))
    assert (cell["source"], cell["metadata"]) == (["draw()"], {})


@pytest.mark.parametrize(
    "rendering", [{"image": {"width": 3}}, {"figure": {"name": "f", "caption": "", "align": "left"}}]
)
def test_a_rendering_without_a_plain_form_is_an_error(rendering):
    with pytest.raises(NoPlainFormError, match="the rendering"):
        derive(code("draw()", mystnb=rendering))


@pytest.mark.parametrize("tag", ["hide-input", "remove-input", "remove-cell"])
def test_what_a_page_folds_is_folded_in_jupyterlab_and_in_colab(tag):
    (cell,) = derive(code("a = 1\n", "a", tags=[tag]))
    assert cell["source"] == [FOLD_TITLE, "a = 1\n", "a"]
    assert FOLD_TITLE.startswith("# @title ")
    assert cell["metadata"] == {"tags": [tag], "cellView": "form", "jupyter": {"source_hidden": True}}


def test_folding_leaves_magic_first_and_what_is_folded_already():
    magic, shown = derive(code("%%time\n", "a", tags=["hide-input"]), code("b", tags=["hide-input"], cellView="form"))
    assert magic["source"] == ["%%time\n", "a"]
    assert shown["source"] == ["b"]


def test_a_solution_says_so_as_its_page_does():
    source = ["# E1 · Waves\n", "\n", "- **Goal.** See.\n", "\n", "How to work: fill in."]
    (cell,) = derive({"cell_type": "markdown", "metadata": {}, "source": source}, page="solutions/e01")
    text = "".join(cell["source"])
    assert text.startswith("# E1 worked out · Waves\n\nThis page solves [the exercise](https://e1)")
    assert "How to work" not in text


def test_the_scan_for_leftovers_knows_the_syntax_of_the_book():
    settings = yaml.safe_load((Path(__file__).parents[2] / "_config.yml").read_text("utf-8"))
    assert set(settings["parse"]["myst_enable_extensions"]) == EXTENSIONS
