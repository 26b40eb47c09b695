"""What the book's Sphinx glue makes of live figures: on the built pages, and alone."""

import importlib.util
import re
from pathlib import Path

import pytest

from mamlkit.explorers.web import HERE, script, tags

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "_build/html"
FIGURE = '<div class="mk-explorer" data-static data-name="{}"></div>'


@pytest.fixture(scope="module")
def live():
    spec = importlib.util.spec_from_file_location("live", ROOT / "_ext/live.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def bodies():
    if not BUILT.is_dir():
        pytest.skip("the book is not built: make html")
    return {page.name: page.read_text("utf-8") for page in BUILT.glob("book/**/*.html")}


def test_a_built_page_holds_each_script_and_style_once(bodies):
    kinds = {page: re.findall(r'<(script|style)\b[^>]*data-mk="([^"]*)"', body) for page, body in bodies.items()}
    assert any(kinds.values())
    for page, found in kinds.items():
        assert len(set(found)) == len(found), page


def test_figures_of_a_built_page_have_different_names(bodies, live):
    names = {page: live.NAME.findall(body) for page, body in bodies.items()}
    assert any(names.values())
    for page, found in names.items():
        assert len(set(found)) == len(found), page


def test_only_repeated_blocks_go(live):
    look, life = tags("explorer", scripts=("page",), styles=("explorer",))
    other = '<script type="module" data-mk="question">1</script>'
    assert live.once(f"a{look}{life}b{look}{life}c{other}d") == f"a{look}{life}bc{other}d"


def test_figures_that_share_a_name_are_told(live, caplog):
    live.check_names(FIGURE.format("waves") + FIGURE.format("compass"), "page")
    assert not caplog.records
    live.check_names(FIGURE.format("waves") * 2, "page")
    assert "two figures are named 'waves'" in caplog.text


def test_no_script_declares_what_another_declares():
    """Joined files share one scope, where a second declaration is a syntax error."""
    joined = script(*sorted(path.stem for path in HERE.glob("*.js")))
    declared = re.findall(r"^(?:async )?(?:const|let|class|function) (\w+)", joined, re.M)
    assert len(set(declared)) == len(declared), sorted({x for x in declared if declared.count(x) > 1})
