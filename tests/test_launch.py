"""What the launch buttons open: every notebook, derived from the built book, reads there as its page does."""

import json
import re
import subprocess
from functools import cache
from pathlib import Path

import launch
import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from plain import FOLD_TITLE, plain
from published import read_book

ROOT = Path(__file__).parents[1]
BUILT = ROOT / "_build/html"
SETTINGS = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
PAGES = [
    path.relative_to(ROOT).with_suffix("").as_posix()
    for folder in ("book", "exercises", "solutions")
    for path in sorted(ROOT.glob(f"{folder}/**/*.ipynb"))
]
MARKDOWN = MarkdownIt("commonmark").enable("table").use(dollarmath_plugin)
CODE = re.compile(r"^```.*?^```|(`+).+?(?<!`)\1(?!`)", re.S | re.M)
MATHS = re.compile(r"\$\$.*?\$\$|\$[^$]+\$", re.S)
LEFTOVERS = re.compile(  # roles, attributes, substitutions, directives and options, targets, comments, footnotes, TeX
    r"\{[\w:.-]+\}|\{\{|\]\{|:{3,}|^:\w+:|^`{3,}\{|^\([\w-]+\)=|^\+\+\+|^%|\[\^|\[\]\(|\\(LS|LQ|R|E)(?![A-Za-z])", re.M
)
LABEL = re.compile(r"\$\$ *\([\w-]+\) *$", re.M)


@pytest.fixture(scope="module")
def book():
    if not (BUILT / "objects.inv").is_file():
        pytest.skip("the book is not built: make html")
    return read_book(ROOT)


def committed(page):
    return json.loads((ROOT / f"{page}.ipynb").read_text("utf-8"))


@pytest.fixture(scope="module", params=PAGES)
def derived(request, book):
    """The name of a page, and its notebook in plain form."""
    return request.param, plain(committed(request.param), request.param, book)


def texts(notebook, kind="markdown"):
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == kind]


def without_code(text):
    return CODE.sub("x", text)


def leftovers(text):
    """Return what only MyST understands: outside code, and outside formulas but for the book's own commands."""
    text = without_code(text)
    prose = MATHS.sub(lambda formula: " ".join(["x", *re.findall(r"\\[A-Za-z]+", formula[0])]), text)
    return [match[0] for match in [*LABEL.finditer(text), *LEFTOVERS.finditer(prose)]]


def test_no_myst_is_left(derived):
    page, notebook = derived
    assert [found for text in texts(notebook) for found in leftovers(text)] == [], page
    assert not any("mystnb" in cell["metadata"] for cell in notebook["cells"])


MYST = ["{term}`task`", ":::{note}", "(label)=", "$$\nx\n$$ (eq-x)", r"$\LS_i$", "```{note}", "{{ x }}", "[x](y){.z}"]


@pytest.mark.parametrize("text", MYST)
def test_the_scanner_finds(text):
    assert leftovers(text)


def test_code_is_what_was_committed_but_for_a_title_where_it_is_folded(derived):
    page, notebook = derived
    before, after = ([c for c in book["cells"] if c["cell_type"] == "code"] for book in (committed(page), notebook))
    assert [cell["id"] for cell in before] == [cell["id"] for cell in after]
    for old, new in zip(before, after, strict=True):
        folded = new["source"][:1] == [FOLD_TITLE]
        assert "".join(new["source"][folded:]) == "".join(old["source"])
        assert not folded or new["metadata"]["jupyter"]["source_hidden"]
        assert new["metadata"].get("tags") == old["metadata"].get("tags")


def test_it_is_a_notebook(derived):
    _, notebook = derived
    nbformat.validate(nbformat.from_dict(notebook))
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)


def test_exercises_are_plain_already(book):
    for page in PAGES:
        if page.startswith("exercises/"):
            assert texts(plain(committed(page), page, book)) == texts(committed(page))


def test_maths_is_balanced(derived):
    page, notebook = derived
    for text in map(without_code, texts(notebook)):
        assert text.count("$$") % 2 == 0, (page, text)
        rest = re.sub(r"\$\$.*?\$\$", "", text, flags=re.S).replace(r"\$", "")
        for paragraph in rest.split("\n\n"):
            assert paragraph.count("$") % 2 == 0, (page, paragraph)
        for formula in re.findall(r"\$\$(.*?)\$\$", text, re.S) + re.findall(r"\$([^$]+)\$", rest):
            assert formula.count("{") == formula.count("}"), (page, formula)
            assert len(re.findall(r"\\begin\{", formula)) == len(re.findall(r"\\end\{", formula)), (page, formula)


@cache
def article(page):
    """Return the letters of a page, and the numbers of its equations."""
    html = BeautifulSoup((BUILT / f"{page}.html").read_text("utf-8"), "html.parser").find("article")
    for previews in html.select(".previews, script, style"):
        previews.decompose()
    return [number.get_text().rstrip("#") for number in html.select("span.eqno")], letters(html)


def test_equations_have_the_numbers_of_the_page(derived):
    page, notebook = derived
    tags = [f"({number})" for text in texts(notebook) for number in re.findall(r"\\tag\{(\d+)\}", text)]
    assert tags == article(page)[0]


def letters(node):
    """Return the letters of an element without formulas, links to itself and spaces, with typewriter quotes."""
    for inside in node.select(".math, .eqno, a.headerlink"):
        inside.decompose()
    return re.sub(r"\s", "", node.get_text().translate(str.maketrans("’‘“”", "''\"\""))).replace("…", "...")


def test_every_paragraph_reads_as_on_the_page(derived):
    page, notebook = derived
    shown = article(page)[1]
    for text in texts(notebook):
        html = BeautifulSoup(MARKDOWN.render(text), "html.parser")
        for block in html.select("p, h1, h2, h3, h4, td, th, summary"):
            assert letters(block) in shown, f"{page}, as it was built (make html), does not say: {block}"


def test_links_lead_to_what_is_published(derived):
    page, notebook = derived
    tokens = [part for text in texts(notebook) for token in MARKDOWN.parse(text) for part in token.children or []]
    for link in (token.attrs["href"] for token in tokens if token.type == "link_open"):
        if link.startswith(SETTINGS["html"]["baseurl"]):
            path, _, anchor = link.removeprefix(SETTINGS["html"]["baseurl"]).partition("#")
            html = (BUILT / path).read_text("utf-8")
            assert not anchor or f'id="{anchor}"' in html, (page, link)
        elif link.startswith(f"{SETTINGS['repository']['url']}/blob/main/"):
            path, _, _line = link.removeprefix(f"{SETTINGS['repository']['url']}/blob/main/").partition("#")
            assert (ROOT / path).is_file(), (page, link)
        else:
            assert re.match(r"https?://|#[\w-]+:\w+=", link), (page, link)


def test_the_tree_is_the_repository_with_plain_notebooks(book, tmp_path, monkeypatch):
    if not (ROOT / ".git").exists():
        pytest.skip("not a clone: which files the repository holds is not known")
    monkeypatch.setattr(launch, "TREE", tmp_path / "launch")
    (tmp_path / "launch").mkdir()
    (tmp_path / "launch/stale.txt").touch()
    launch.main()
    listed = set(subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines())
    written = {path.relative_to(launch.TREE).as_posix() for path in launch.TREE.rglob("*") if path.is_file()}
    assert written == {name for name in listed if not name.startswith(".github/")}
    for name in written:
        if not name.endswith(".ipynb"):
            assert (launch.TREE / name).read_bytes() == (ROOT / name).read_bytes(), name
    for page in PAGES:
        notebook = json.loads((launch.TREE / f"{page}.ipynb").read_text("utf-8"))
        assert notebook == plain(committed(page), page, book)
    assert (launch.TREE / ".binder/postBuild").stat().st_mode & 0o100


LAUNCH_LINKS = {  # of a fork whose repository is called main, too
    "https://mybinder.org/v2/gh/me/main/main?urlpath=lab/tree/book/a.ipynb": (
        "https://mybinder.org/v2/gh/me/main/launch?urlpath=lab/tree/book/a.ipynb"
    ),
    "https://colab.research.google.com/github/me/main/blob/main/book/a.ipynb": (
        "https://colab.research.google.com/github/me/main/blob/launch/book/a.ipynb"
    ),
}


@pytest.mark.parametrize("link", LAUNCH_LINKS)
def test_launch_links_change_their_branch_alone(link):
    assert launch.on_launch(link, "main") == LAUNCH_LINKS[link]


def test_without_a_built_book_it_says_what_to_do(tmp_path):
    (tmp_path / "_config.yml").write_text((ROOT / "_config.yml").read_text("utf-8"), "utf-8")
    with pytest.raises(FileNotFoundError, match="run make html first"):
        read_book(tmp_path)
