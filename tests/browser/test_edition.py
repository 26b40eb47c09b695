"""The built pages as an edition: addresses, cards, the way in and the way back, and every link inside the book."""

import re
from functools import cache
from urllib.parse import unquote, urljoin, urlsplit
from zipfile import ZipFile

import pytest
import yaml
from bs4 import BeautifulSoup
from offline import pack

from .conftest import BUILT, ROOT

SETTINGS = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
BASE = SETTINGS["html"]["baseurl"]
WITHOUT_CONTENT = {"index.html", "404.html", "search.html", "genindex.html", "py-modindex.html"}


def names():
    return sorted(path.relative_to(BUILT).as_posix() for path in BUILT.rglob("*.html") if "_static" not in path.parts)


@cache
def page(name):
    return BeautifulSoup((BUILT / name).read_text("utf-8"), "html.parser")


@cache
def anchors(name):
    return {node["id"] for node in page(name).select("[id]")} | {node["name"] for node in page(name).select("a[name]")}


def told(name, what):
    return page(name).select_one(f"meta[property='{what}'], meta[name='{what}']")["content"]


def test_the_map_of_the_site_lists_every_page_where_it_is_published(site):
    listed = set(re.findall(r"<loc>(.*?)</loc>", (BUILT / "sitemap.xml").read_text("utf-8")))
    assert {urljoin(BASE, name) for name in set(names()) - WITHOUT_CONTENT} <= listed
    assert all(address.startswith(BASE) for address in listed)


def test_every_page_says_where_it_belongs_and_what_it_is_about(site):
    for name in set(names()) - WITHOUT_CONTENT:
        assert page(name).select_one("link[rel=canonical]")["href"] == urljoin(BASE, name), name
        assert told(name, "og:site_name") == SETTINGS["title"]
        about = told(name, "description")
        assert about == told(name, "og:description")
        assert 10 < len(about) < 500, (name, about)
        assert not re.search(r"[\\$]|\.\.\.$", about), (name, about)
        assert (BUILT / told(name, "og:image").removeprefix(BASE)).is_file(), name


def test_the_front_door_has_a_title_and_a_language_and_leads_in(site):
    door = page("index.html")
    assert door.html["lang"] == "en"
    assert door.title.text == SETTINGS["title"]
    assert (BUILT / door.a["href"]).is_file()
    assert door.a["href"] in door.select_one("meta[http-equiv=refresh]")["content"]


def test_a_missing_page_is_answered_by_one_that_works_at_any_depth(published, open_page):
    opened = open_page(f"{published}book/nowhere/at/all.html")  # a file that is missing there would be a complaint
    assert opened.locator("article h1").inner_text() == "Page not found"
    opened.locator("nav a", has_text="The meta-gradient").first.click()
    assert opened.locator("article h1").first.inner_text().startswith("The meta-gradient")


def test_the_footer_names_the_edition(site):
    version = re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.M)[1]
    for name in set(names()) - {"index.html"}:
        link = page(name).find("a", string=f"Edition {version}")
        assert link is not None, name
    assert version in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_status_page_lists_every_chapter_that_ran(site):
    text = page("book/reference/status.html").get_text()
    chapters = [path.relative_to(ROOT).with_suffix(".html").as_posix() for path in ROOT.glob("book/**/*.ipynb")]
    for name in chapters:
        title = page(name).h1.get_text().removesuffix("#").strip()
        assert re.search(rf"{re.escape(title)}: \d+ s", text), title


def test_every_link_inside_the_book_leads_somewhere(site):
    broken = []
    for name in names():
        for link in page(name).select("a[href], link[href], img[src], script[src]"):
            address = link.get("href") or link.get("src")
            parts = urlsplit(address)
            if parts.scheme or parts.netloc or re.match(r"[\w-]+:", parts.fragment) or name == "404.html":
                continue  # another site; the state of a figure, which the build checks; absolute addresses
            target = unquote(urljoin(name, parts.path)) if parts.path else name
            there = (BUILT / target).is_file() and (
                not parts.fragment or not target.endswith(".html") or unquote(parts.fragment) in anchors(target)
            )
            if not there and address != "#":
                broken.append((name, address))
    assert not broken


@pytest.fixture(scope="module")
def unpacked(site, tmp_path_factory):
    """The folder that a reader gets from the ZIP."""
    folder = tmp_path_factory.mktemp("offline")
    pack(BUILT, folder / "book.zip")
    assert (folder / "book.zip").stat().st_size < 12e6
    with ZipFile(folder / "book.zip") as archive:
        archive.extractall(folder)
    return folder / "learning-to-learn"


@pytest.mark.parametrize("name", ["book/principles/learning-to-learn.html", "book/today/few-shot.html"])
def test_the_book_in_a_zip_needs_no_network(name, unpacked, open_page):
    """Figures, formulas with their fonts: a file that is missing, or a request to elsewhere, is a complaint."""
    opened = open_page((unpacked / name).as_uri(), offline=True)
    opened.locator("mjx-container").first.wait_for()
    opened.locator(".mk-explorer svg[role=img]").first.wait_for()
    assert opened.evaluate(
        "document.fonts.ready.then(() => [...document.fonts].some((one) => one.status === 'loaded'))"
    )


@pytest.mark.parametrize("words", ["prior", "先验", "FOMAML"])
def test_the_search_in_a_zip_finds(words, unpacked, open_page):
    opened = open_page(f"{(unpacked / 'search.html').as_uri()}?q={words}", offline=True)
    opened.locator("#search-results li a").first.wait_for()


def test_a_book_that_is_not_built_is_not_packed(tmp_path):
    with pytest.raises(FileNotFoundError, match="make html"):
        pack(tmp_path, tmp_path / "book.zip")
    assert not list(tmp_path.iterdir())
