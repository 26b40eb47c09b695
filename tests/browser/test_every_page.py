"""Every page of the built book: silent, self-contained, no wider than the screen, and with words for every picture."""

import os
from pathlib import Path

import pytest

Axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe

BUILT = Path(__file__).parents[2] / "_build" / "html"
START = "book/intro.html"
# index.html only sends the reader on to START; search and 404 come further down, since they are asked for otherwise.
PARTS = ("book", "exercises", "solutions")
PAGES = sorted(str(page.relative_to(BUILT)) for part in PARTS for page in BUILT.glob(f"{part}/**/*.html")) or [START]
EVERY_FORM = bool(os.environ.get("MAMLKIT_EVERY_FORM"))  # all pages, light and dark

# A picture whose alternative text is missing, empty, or just a file's name. Decoration is marked role="presentation".
SPEECHLESS = """() => [...document.querySelectorAll("img:not([role=presentation])")]
  .filter((img) => !img.alt.trim() || /\\.(png|svg|jpe?g|gif)$/i.test(img.alt))
  .map((img) => img.outerHTML.slice(0, 200))"""

# What sticks out of the page to the right, if the page scrolls sideways.
TOO_WIDE = """() => document.documentElement.scrollWidth <= innerWidth ? [] :
  [...document.querySelectorAll("body *")].filter((node) => node.getBoundingClientRect().right > innerWidth + 1)
    .slice(0, 5).map((node) => node.outerHTML.slice(0, 120))"""


# The rules of WCAG 2.2, levels A and AA. What a static checker can see; keys and speech have tests of their own.
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], "preload": False}
WHERE = {"light": 1280, "dark": 390}
BOTH = ("book/intro", "book/principles", "book/today", "book/applications", "book/reference/claims")


def forms():
    """Yield pages with colours: both where readers stay long, the one or the other in turn where pages are alike."""
    for index, path in enumerate(PAGES):
        for turn, colours in enumerate(WHERE):
            if path.startswith(BOTH) or EVERY_FORM or (index + turn) % 2 == 0:
                yield pytest.param(path, colours, id=f"{path}-{colours}")


@pytest.mark.parametrize("colours", WHERE)
def test_search_and_missing_pages_keep_the_rules_of_accessibility(colours, site, published, open_page):
    for address in (f"{published}nowhere.html", f"{site}/search.html", f"{site}/search.html?q=prior"):
        page = open_page(address, color_scheme=colours, width=WHERE[colours])
        if "?" in address:
            page.wait_for_function("document.querySelector('.search-summary')?.textContent")
        assert_rules(page)
        assert page.evaluate(TOO_WIDE) == []


def assert_rules(page, beside=()):
    """Assert that a page keeps all rules, save one exception that the rule itself makes."""
    page.evaluate("() => window.MathJax?.startup?.promise")
    page.wait_for_timeout(300)  # what scrolls is found once formulas stand
    broken = Axe().run(page, context={"exclude": [[one] for one in beside]}, options=RULES).response["violations"]
    found = [(rule["id"], node["html"][:200]) for rule in broken for node in rule["nodes"]]
    # Points that lie side by side: where they lie is what they say, which the rule excepts.
    assert [one for one in found if not (one[0] == "target-size" and "mk-handle" in one[1])] == []


# Choices of a figure that are cut off at their box.
CUT = """() => [...document.querySelectorAll(".mk-choice div")]
  .filter((box) => box.scrollWidth > box.clientWidth + 1).map((box) => box.textContent)"""


@pytest.mark.parametrize(("path", "colours"), list(forms()))
def test_page(path, colours, site, open_page):
    """No console error and no request off localhost: `open_page` asserts both at the end."""
    page = open_page(f"{site}/{path}", color_scheme=colours, width=WHERE[colours])
    assert page.evaluate("document.documentElement.dataset.theme") == colours
    assert page.evaluate(SPEECHLESS) == []
    # The colours of code are the same everywhere; the pages of all forms see to them.
    assert_rules(page, beside=[] if path.startswith(BOTH) and colours == "light" else [".highlight pre"])
    for width in (WHERE[colours], 320):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(150)
        assert page.evaluate(TOO_WIDE) == [], f"at {width} px"
        assert page.evaluate(CUT) == [], f"at {width} px"


def test_code_keeps_its_contrast_in_the_dark(site, open_page):
    assert_rules(open_page(f"{site}/book/principles/meta-gradient.html", color_scheme="dark"))


@pytest.mark.parametrize("path", [page for page in PAGES if page.startswith("book")])
def test_page_from_a_file(path, site, open_page):
    """A reader may open an unpacked ZIP: the same page without a server (`site` only makes sure that it is built)."""
    page = open_page((BUILT / path).as_uri())
    assert page.locator("article h1").is_visible()


def test_the_front_door_leads_to_the_book(site, open_page):
    page = open_page(f"{site}/index.html")
    page.wait_for_url(f"{site}/{START}")
