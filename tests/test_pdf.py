"""The book as one PDF: what is put in place of HTML, the LaTeX of the whole book, and, where TeX is, its pages."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import printed
import printed_outputs
import pytest
import typeset
import yaml
from bs4 import BeautifulSoup
from docutils import nodes

from mamlkit.claims import CLAIMS
from mamlkit.explorers.question import Answer, choice, number

ROOT = Path(__file__).parents[1]
BUILT = ROOT / "_build"
JUPYTER_BOOK = str(Path(sys.executable).with_name("jupyter-book"))


def test_formulas_have_the_commands_of_the_pages():
    macros = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))["sphinx"]["config"]["mathjax3_config"]["tex"][
        "macros"
    ]
    found = dict(re.fullmatch(r"\\def\\(\w+)\{(.*)\}", line).groups() for line in printed.commands(macros))
    assert found == macros


def test_a_question_keeps_its_words_its_formulas_and_its_choices():
    answers = [Answer("$a<b$", "Yes.", right=True), Answer("`no`", "No.")]
    room, asked, choices, where = printed_outputs.question(
        choice("q", "Is *it*?", answers).plain, "https://a.org/page.html"
    )
    assert room.astext() == r"\needspace{6\baselineskip}"
    assert asked.astext() == "Question. Is it?"
    assert [type(item[0][1]) for item in choices] == [nodes.math, nodes.literal]
    assert [item.astext() for item in choices] == ["a<b", "no"]
    assert where.next_node(nodes.reference)["refuri"] == "https://a.org/page.html"


def test_a_question_for_a_number_has_no_empty_list():
    plain = number("q", "Half of 3?", right=1.5, right_answer="Yes.", otherwise="No.").plain
    assert [type(part) for part in printed_outputs.question(plain, "")] == [nodes.raw, nodes.paragraph, nodes.paragraph]


def test_a_table_keeps_its_head_and_sets_numbers_to_the_right():
    html = (
        '<table><thead><tr><th>α</th><th style="text-align: right;">loss</th></tr></thead>'
        '<tbody><tr><td>one</td><td style="text-align: right;"> 0.50</td></tr></tbody></table>'
    )
    columns, table = printed_outputs.table(BeautifulSoup(html, "html.parser").table)
    assert columns["spec"] == "LR"
    assert [entry.astext() for entry in table.next_node(nodes.thead).findall(nodes.entry)] == ["α", "loss"]
    assert [entry.astext() for entry in table.next_node(nodes.tbody).findall(nodes.entry)] == ["one", "0.50"]


def test_chinese_words_get_a_font_that_has_them():
    before, word, after = printed.in_fonts("task 任务, a problem")
    assert (before, word.astext(), after) == ("task ", r"{\chinese 任务}", ", a problem")


def test_a_formula_is_not_as_wide_as_its_source():
    cell = nodes.entry("", nodes.paragraph("", "at ", nodes.math("", r"\theta^\star")))
    assert printed.width_of(cell) == len("at ") + len(r"\theta^\star") - 3


def test_the_log_is_read_for_what_a_reader_would_see():
    log = "\n".join(
        [
            r"Overfull \hbox (19.9pt too wide) in paragraph at lines 1--2",
            r"Overfull \hbox (20.1pt too wide) in paragraph at lines 3--4",
            "Missing character: There is no 好 in font FreeSerif",
            "LaTeX Warning: Reference `a' on page 1 undefined on input line 5.",
            "! Undefined control sequence.",
        ]
    )
    assert len(list(typeset.complaints(log))) == 4
    assert not any("19.9" in one for one in typeset.complaints(log))


def test_pages_are_set_until_their_numbers_stand(tmp_path, monkeypatch):
    numbers = ["1", "2", "3", "3", "4"]

    def run(_command, *, cwd, **_options):
        (cwd / "learning-to-learn.aux").write_text(numbers.pop(0))
        (cwd / "learning-to-learn.log").write_text("the last log")

    monkeypatch.setattr(typeset.subprocess, "run", run)
    assert typeset.typeset(tmp_path) == "the last log"
    assert numbers == ["4"]


def test_where_tex_is_missing_one_sentence_says_what_to_install(tmp_path):
    command = [sys.executable, str(ROOT / "_ext/typeset.py"), "--ready"]
    done = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.strip().endswith(" ".join(typeset.NEEDED))
    assert done.stderr.count("\n") == 1


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """The LaTeX of the whole book, from the outputs that the built pages show."""
    if not (BUILT / "html/index.html").exists():
        pytest.skip("the book is not built (make html)")
    folder = tmp_path_factory.mktemp("print")
    shutil.copytree(BUILT / ".jupyter_cache", folder / "_build/.jupyter_cache")
    options = ["-W", "-n", "--keep-going", "--builder", "latex", "--path-output", str(folder), str(ROOT)]
    done = subprocess.run([JUPYTER_BOOK, "build", *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "Executing notebook" not in done.stdout + done.stderr  # no chapter runs twice
    return folder / "_build/latex"


@pytest.fixture(scope="module")
def latex(sources):
    return (sources / "learning-to-learn.tex").read_text("utf-8")


def pages():
    return [page for part in ("book", "exercises", "solutions") for page in (BUILT / "html" / part).rglob("*.html")]


@pytest.mark.slow
def test_every_figure_has_its_vector_picture_and_says_where_it_moves(latex):
    names = [
        name
        for page in pages()
        for name in re.findall(r'class="mk-explorer[^>]*data-name="([^"]*)"', page.read_text("utf-8"))
    ]
    pictures = re.findall(r"\\sphinxincludegraphics\[scale=[\d.]+\]\{\{\w+\}\.(\w+)\}", latex)
    assert set(pictures) == {"pdf"}
    assert len(pictures) >= len(names) > 40
    assert latex.count("This figure moves at") == sum(bool(name) for name in names)


@pytest.mark.slow
def test_parts_are_named_as_in_the_contents(latex):
    captions = [part["caption"] for part in yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))["parts"]]
    assert [name.replace(r"\sphinxhyphen{}", "-") for name in re.findall(r"\\part\{(.*)\}", latex)] == captions


@pytest.mark.slow
def test_hints_have_titles_and_keys_are_left_out(latex):
    cells = [
        "".join(cell["source"])
        for part in ("exercises", "solutions")
        for path in (ROOT / part).glob("*.ipynb")
        for cell in json.loads(path.read_text("utf-8"))["cells"]
    ]
    hints = sum(text.count("<summary>Hint") for text in cells)
    assert len(re.findall(r"\\sphinxstylestrong\{Hint[^\n]*\\nopagebreak\n", latex)) == hints > 20
    assert any("load_key(" in text for text in cells)
    assert "Numbers for the checks" not in latex


@pytest.mark.slow
def test_no_title_is_numbered_twice(latex):
    titles = re.findall(r"\\(?:sub)*section\{(.*)\}", latex)
    assert "What MAML computes" in titles
    assert not [title for title in titles if re.match(r"\d+\. ", title)]


@pytest.mark.slow
def test_a_cell_without_words_adds_no_line_to_its_row(latex):
    assert "\\sphinxAtStartPar\n\n&" not in latex
    assert "\n&\\sphinxstyletheadfamily" in latex


@pytest.mark.slow
def test_every_link_inside_the_book_leads_somewhere(latex):
    targets = set(re.findall(r"\\label\{\\detokenize\{(.*?)\}\}", latex))
    links = set(re.findall(r"\\hyperref\[\\detokenize\{(.*?)\}\]", latex))
    assert len(links) > 500
    assert links <= targets
    assert {label.lower() for label in CLAIMS} <= {target.rpartition(":")[2] for target in targets}


@pytest.mark.slow
def test_its_pages_show_every_sign_and_nothing_over_the_margin(sources):
    if packages := typeset.missing():
        pytest.skip(f"TeX is not installed; on Debian it needs {' '.join(packages)}")
    assert list(typeset.complaints(typeset.typeset(sources))) == []
    assert (sources / "learning-to-learn.pdf").stat().st_size < 10e6
