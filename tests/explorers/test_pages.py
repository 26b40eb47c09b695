"""What the book's Sphinx glue makes of live figures: on the built pages, and alone."""

import importlib.util
import re
from pathlib import Path

import pytest

from mamlkit.explorers import page, playable
from mamlkit.explorers.web import script, tags

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "_build/html"
FIGURE = '<div class="mk-question" data-static data-name="{}"></div>'


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
    for name, found in kinds.items():
        assert len(set(found)) == len(found), name


def test_figures_of_a_built_page_have_different_names_and_links_fit_them(bodies, live):
    assert any(live.NAME.findall(body) for body in bodies.values())
    for name, body in bodies.items():
        assert list(live.complaints(body)) == [], name


def test_a_built_page_carries_nothing_that_nobody_reads(bodies):
    for name, body in bodies.items():
        assert "jupyter.widget-state" not in body, name
        assert "fontawesome.js" not in body, name


def test_only_repeated_blocks_go(live):
    look, life = tags("explorer", scripts=("page",), styles=("explorer",))
    other = '<script data-mk="question">1</script>'
    assert live.once(f"a{look}{life}b{look}{life}c{other}d") == f"a{look}{life}bc{other}d"


def test_figures_that_share_a_name_are_told(live):
    assert list(live.complaints(FIGURE.format("waves") + FIGURE.format("compass"))) == []
    (told,) = live.complaints(FIGURE.format("waves") * 2)
    assert "two figures are named 'waves'" in told


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("alpha=0.5&amp;num_steps=2&amp;theta=-1,0.5", None),
        ("alpha=", "sets alpha to '', which that control does not have"),
        ("alpha=1.01", "sets alpha to '1.01'"),
        ("num_steps=3", "sets num_steps to '3'"),
        ("theta=0,9", "sets theta to '0,9'"),
        ("theta=0", "sets theta to '0'"),
        ("beta=1", "sets 'beta'; there is alpha, curvature, num_steps, theta"),
    ],
)
def test_a_link_that_a_figure_cannot_follow_is_told(landscape, live, state, told):
    found = list(live.complaints(f'{landscape.html()}<a href="#quadratic-landscape:{state}">set it</a>'))
    assert len(found) == (told is not None)
    assert not told or told in found[0]


def test_a_link_to_no_figure_is_told(live):
    (told,) = live.complaints(FIGURE.format("waves") + '<a href="#compass:alpha=1">set it</a>')
    assert told == "the link #compass:alpha=1 sets a figure that is not on this page; there is waves"


@pytest.mark.parametrize("bundle", [page.SCRIPTS, playable.SCRIPTS], ids=["figure", "wave"])
def test_no_script_declares_what_another_declares(bundle):
    """Joined files share one scope, where a second declaration is a syntax error."""
    joined = script(*bundle)
    declared = re.findall(r"^(?:async )?(?:const|let|class|function) (\w+)", joined, re.M)
    assert len(set(declared)) == len(declared), sorted({x for x in declared if declared.count(x) > 1})
