"""What stands around the text: previews of links, the search, pages of solutions."""

import pytest

CHAPTER = "book/principles/meta-gradient.html"
PREVIEWED = "article a.reference.internal[href*='{}']"


@pytest.fixture
def chapter(site, open_page):
    return open_page(f"{site}/{CHAPTER}")


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        ("glossary.html#term-FOMAML", "First-order MAML"),
        ("bibliography.html#", "Fast exact multiplication"),
        ("#equation-eq-meta-gradient", None),  # mathematics
    ],
)
def test_a_link_shows_what_it_leads_to(chapter, part, shown):
    link = chapter.locator(PREVIEWED.format(part)).filter(visible=True).first
    link.hover()
    box = chapter.locator("#preview")
    box.wait_for()
    assert shown in box.inner_text() if shown else box.locator("mjx-container").count() == 1
    assert link.get_attribute("aria-describedby") == "preview"
    box.hover()  # it stays while it is pointed at
    chapter.wait_for_timeout(400)
    assert box.is_visible()
    chapter.keyboard.press("Escape")
    assert box.is_hidden()
    assert link.get_attribute("aria-describedby") is None


def test_a_preview_opens_by_keyboard(chapter):
    link = chapter.locator(PREVIEWED.format("glossary.html#term-Hessian")).filter(visible=True).first
    chapter.keyboard.press("Tab")  # from now on the browser shows the focus
    link.focus()
    box = chapter.locator("#preview")
    assert "second derivatives" in box.inner_text()
    place, screen = box.bounding_box(), chapter.viewport_size
    assert place["x"] >= 0
    assert place["x"] + place["width"] <= screen["width"]
    link.blur()
    assert box.is_hidden()


def test_copies_in_previews_keep_ids_unique(chapter):
    ids = chapter.evaluate("[...document.querySelectorAll('[id]')].map((node) => node.id)")
    assert len(set(ids)) == len(ids)


def test_the_search_ranks_an_exercise_before_its_solution(site, open_page):
    page = open_page(f"{site}/search.html?q=adapted+loss")
    links = page.locator("#search-results li a")
    links.and_(page.locator("[href*='solutions/e01']")).wait_for()  # results come one after the other
    found = [link.get_attribute("href").partition("?")[0] for link in links.all()]
    first = {
        kind: next(i for i, link in enumerate(found) if f"{kind}/e01" in link) for kind in ("exercises", "solutions")
    }
    assert first["exercises"] < first["solutions"]


@pytest.mark.parametrize("number", ["e01_the_adapted_loss", "e03_maml_by_automatic_differentiation"])
def test_a_solution_says_that_it_is_one(site, open_page, number):
    page = open_page(f"{site}/solutions/{number}.html")
    assert "worked out" in page.locator("article h1").inner_text()
    assert page.locator(f"article p a[href$='exercises/{number}.html']").count() >= 1
    assert "fill in each cell" not in page.locator("article").inner_text()
