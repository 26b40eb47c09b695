"""The search finds symbols, names in code and terms in both languages, and says nothing in the console."""

from urllib.parse import quote

import pytest

GLOSSARY, NOTATION = "book/reference/glossary.html", "book/reference/notation.html"


def found(page):
    """The addresses of the results, best first, once all are there."""
    page.wait_for_function("document.querySelector('.search-summary')?.textContent")
    return [
        link.get_attribute("href").replace("?", "") for link in page.locator("#search-results ul.search > li > a").all()
    ]


@pytest.fixture
def search(site, open_page):
    return lambda words: found(open_page(f"{site}/search.html?q={quote(words)}"))


@pytest.mark.parametrize(
    ("words", "first", "chapter"),
    [
        ("α", f"{NOTATION}#symbol-alpha", "book/principles/meta-gradient.html"),
        ("alpha", f"{NOTATION}#symbol-alpha", "book/principles/meta-gradient.html"),
        ("θ", f"{NOTATION}#symbol-theta", "book/principles/learning-to-learn.html"),
        ("theta", f"{NOTATION}#symbol-theta", "book/principles/learning-to-learn.html"),
        ("inner_lr", f"{NOTATION}#symbol-alpha", "book/principles/first-order.html"),
        ("num_steps", f"{NOTATION}#symbol-num-steps", "book/principles/learning-to-learn.html"),
        ("元学习", f"{GLOSSARY}#term-meta-learning", "book/intro.html"),
        ("任务分布", f"{GLOSSARY}#term-task-distribution", "book/principles/learning-to-learn.html"),
        ("先验", f"{GLOSSARY}#term-prior", "book/principles/hierarchical-bayes.html"),
        ("task distribution", f"{GLOSSARY}#term-task-distribution", "book/principles/learning-to-learn.html"),
    ],
)
def test_symbols_and_terms_lead_to_where_they_are_explained(search, words, first, chapter):
    results = search(words)
    assert results[0] == first
    assert chapter in results


def test_a_chinese_sentence_is_parted_into_terms(search):
    assert {GLOSSARY, "book/intro.html"} <= set(search("什么是元学习"))
    assert GLOSSARY in search("元学习和任务分布")


@pytest.mark.parametrize("words", ["adapted loss", "α", "meta-gradient of a quadratic", "automatic differentiation"])
def test_an_exercise_comes_before_its_solution(search, words):
    results = [link.partition("#")[0] for link in search(words)]
    exercises = [i for i, link in enumerate(results) if link.startswith("exercises/")]
    solutions = [i for i, link in enumerate(results) if link.startswith("solutions/")]
    assert exercises
    assert solutions
    assert max(exercises) < min(solutions)


def test_the_excerpt_of_a_name_in_the_package_is_found(search):
    """Sphinx warns in the console where it cannot find the place in the page, which is a complaint of `open_page`."""
    assert any("#mamlkit." in link for link in search("meta_train"))


def test_what_is_in_no_page_is_said(site, open_page):
    for nonsense in ("ξυλοφων", "量子", "qwertyuiop"):
        page = open_page(f"{site}/search.html?q={quote(nonsense)}")
        assert found(page) == [], nonsense
        assert "did not match" in page.locator(".search-summary").inner_text()
