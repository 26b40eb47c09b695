"""The chapters as they are committed, and the links of the pages as they are built."""

import json
import re
import urllib.parse
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
import yaml
from launch import BRANCH

ROOT = Path(__file__).parents[1]
BUILT = ROOT / "_build/html"
NOTEBOOKS = sorted(ROOT.glob("book/**/*.ipynb")) + sorted(ROOT.glob("solutions/*.ipynb"))
EXERCISES = sorted(ROOT.glob("exercises/*.ipynb")) + sorted(ROOT.glob("solutions/*.ipynb"))
CHAPTERS = sorted(ROOT.glob("book/**/*.ipynb"))
REPOSITORY = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]


def name(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", CHAPTERS, ids=name)
def test_chapter_is_committed_without_outputs_in_short_cells(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert not cell.outputs
            assert cell.execution_count is None
            tags = cell.metadata.get("tags", [])
            # A question is words for the page, which shows it without its code.
            assert len(cell.source.splitlines()) <= (30 if "remove-input" in tags else 15), cell.source
            if "remove-cell" not in tags:
                assert max(map(len, cell.source.splitlines())) <= 76, f"wider than the page: {cell.source}"


@pytest.mark.parametrize("path", EXERCISES, ids=name)
def test_code_of_an_exercise_is_no_wider_than_the_page(path):
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code" and "hide-input" not in cell.metadata.get("tags", []):
            assert max(map(len, cell.source.splitlines()), default=0) <= 76, cell.source


@pytest.mark.parametrize("path", EXERCISES, ids=name)
def test_picture_of_an_exercise_has_words(path):
    for cell in nbformat.read(path, as_version=4).cells:
        drawn = cell.cell_type == "code" and re.search(r"plt\.(figure|subplots)\(", cell.source)
        if drawn and "Picture(" not in cell.source:
            assert cell.metadata.mystnb.image.alt, cell.source


@pytest.mark.parametrize("path", CHAPTERS, ids=name)
def test_chapter_installs_the_package_of_this_repository_first(path):
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    source = re.escape(f' @ git+{REPOSITORY["url"]}"')
    assert re.search(rf'%pip install -q "mamlkit\[book(,\w+)*\]{source}', cells[0].source)  # a field may need an extra
    assert "except ImportError" in cells[0].source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_a_proof_stands_in_its_block(path):
    assert not re.findall(r"\*\*Proof|\\\\square", path.read_text("utf-8"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_cell_ids_are_unique(path):
    ids = [cell["id"] for cell in json.loads(path.read_text())["cells"]]
    assert len(set(ids)) == len(ids)


def test_every_work_in_the_bibliography_is_cited():
    text = "".join(path.read_text("utf-8") for path in ROOT.glob("book/**/*") if path.suffix in (".ipynb", ".md"))
    cited = {key.strip() for keys in re.findall(r"\{cite:[pt]\}`([^`]+)`", text) for key in keys.split(",")}
    listed = set(re.findall(r"^@\w+\{(\w+),", (ROOT / "book/references.bib").read_text("utf-8"), re.MULTILINE))
    assert listed == cited


def test_every_link_to_the_repository_follows_the_one_setting():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["repository-code"] == REPOSITORY["url"]


class Links(HTMLParser):
    """All addresses that a page links to."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page.read_text())

    def handle_starttag(self, tag, attrs):
        self.found += [value for key, value in attrs if tag == "a" and key == "href" and value]


def launch_target(link):
    """Return the path of the notebook that a Binder or Colab link opens on the branch of plain notebooks, else None."""
    parts = urllib.parse.urlsplit(link)
    if parts.netloc == "mybinder.org":
        assert parts.path.endswith(f"/{BRANCH}"), link
        query = urllib.parse.parse_qs(parts.query)["urlpath"][0]
        return re.sub(r"^lab/tree/", "", urllib.parse.unquote(query))
    if parts.netloc == "colab.research.google.com":
        return urllib.parse.unquote(parts.path).split(f"/blob/{BRANCH}/")[1]
    return None


@pytest.fixture(scope="module")
def launch_links():
    if not BUILT.is_dir():
        pytest.skip("the book is not built: make html")
    links = {page: Links(page).found for page in BUILT.rglob("*.html")}
    return [(page, link) for page, found in links.items() for link in found if launch_target(link)]


def test_every_launch_link_opens_a_notebook_that_exists(launch_links):
    for page, link in launch_links:
        target = launch_target(link)
        assert target.endswith(".ipynb"), (page, link)
        assert (ROOT / target).is_file(), (page, link)
        owner_and_name = urllib.parse.urlsplit(REPOSITORY["url"]).path.strip("/")
        assert owner_and_name in link, (page, link)


def test_every_notebook_page_has_both_launch_links(launch_links):
    for path in CHAPTERS:
        page = (BUILT / path.relative_to(ROOT)).with_suffix(".html")
        hosts = {urllib.parse.urlsplit(link).netloc for where, link in launch_links if where == page}
        assert hosts == {"mybinder.org", "colab.research.google.com"}
