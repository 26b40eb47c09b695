"""A page on paper: in light colours, with what is folded open, nothing cut, and no buttons."""

import re

import pytest

from tests.browser.test_every_page import PAGES

EXERCISE = "exercises/e01_the_adapted_loss.html"
CHAPTER = "book/principles/the-compromise.html"
A4 = 718  # pixels between the margins of an A4 page, at 96 a unit

# Code and tables of which a part is hidden, since paper does not scroll.
CUT = """() => [...document.querySelectorAll("article :is(pre, table, .mk-prompts, .mk-choice div)")]
  .filter((box) => box.offsetParent && box.scrollWidth > box.clientWidth + 1)
  .map((box) => box.textContent.slice(0, 80))"""
OUTSIDE = """() => [...document.querySelectorAll("article :is(p, li, pre, td, svg, img)")]
  .filter((node) => node.offsetParent && !node.closest("mjx-container, .previews"))
  .filter((node) => node.getBoundingClientRect().right > innerWidth + 1)
  .map((node) => node.outerHTML.slice(0, 120))"""
CLICKED = [
    "button",
    ".prev-next-area",
    ".bd-header",
    ".bd-sidebar-primary",
    ".bd-sidebar-secondary",
    ".mk-buttons",
    ".mk-explorer input",
    ".preview",
]
HINTS = "article details:not(.hide, .mk-numbers)"


@pytest.fixture
def printed(site, open_page):
    """Open a page of the book, as a reader at night, and put it on paper."""

    def open_(path):
        page = open_page(f"{site}/{path}", color_scheme="dark", width=A4)
        page.emulate_media(media="print")
        page.wait_for_function("document.documentElement.dataset.theme === 'light'")
        return page

    return open_


@pytest.mark.parametrize("path", [EXERCISE, *PAGES])
def test_nothing_is_cut(path, printed):
    page = printed(path)
    page.wait_for_timeout(150)
    assert page.evaluate(CUT) == []
    assert page.evaluate(OUTSIDE) == []


@pytest.mark.parametrize("path", [EXERCISE, CHAPTER])
def test_what_is_clicked_is_left_out(path, printed):
    page = printed(path)
    for part in CLICKED:
        assert page.locator(part).filter(visible=True).count() == 0, part


def test_paper_is_white_and_the_screen_dark_again(printed):
    page = printed(CHAPTER)
    text = "getComputedStyle(document.querySelector('article p')).color"
    assert max(map(int, re.findall(r"\d+", page.evaluate(text))[:3])) < 100
    assert page.locator(".mk-explorer[data-dark]").count() == 0
    page.emulate_media(media="screen")
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    assert min(map(int, re.findall(r"\d+", page.evaluate(text))[:3])) > 150


def test_hints_open_and_close_again(site, open_page):
    page = open_page(f"{site}/{EXERCISE}")
    hints = page.locator(HINTS)
    hints.first.locator("summary").click()  # what the reader opened stays open
    page.evaluate(
        "addEventListener('beforeprint', () => (window.open_ = document.querySelectorAll('details[open]').length))"
    )
    page.pdf()
    assert page.evaluate("open_") >= hints.count() > 3
    assert page.locator(f"{HINTS}[open]").count() == 1


def test_folded_code_stays_as_the_reader_left_it(site, open_page):
    page = open_page(f"{site}/{CHAPTER}", width=A4)
    code = page.locator("article details.hide")
    code.first.locator("summary").click()
    page.emulate_media(media="print")
    assert code.first.locator("pre").is_visible()
    assert code.filter(visible=True).count() == 1


def test_addresses_of_links_are_not_printed(printed):
    page = printed(CHAPTER)
    after = "[...document.querySelectorAll('article a')].map((a) => getComputedStyle(a, '::after').content)"
    assert set(page.evaluate(after)) == {"none"}
