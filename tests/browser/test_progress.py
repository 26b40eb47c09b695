"""What a reader has read and done: marked by keyboard, shown in contents and in a list, kept on this machine alone."""

import json
import re
from urllib.parse import urljoin

import pytest

from .conftest import BUILT

CHAPTER = "book/principles/first-order"
EXERCISE = "exercises/e01_the_adapted_loss"
LIST = "book/reference/where-next"
# Only what this book keeps is refused: the theme remembers light or dark in the same place, and trusts it.
REFUSE = """for (const name of NAMES) {
  const plain = Storage.prototype[name];
  Storage.prototype[name] = function (key, ...rest) {
    if (key.startsWith("mamlkit:")) throw new DOMException("no", "SecurityError");
    return plain.call(this, key, ...rest);
  };
}"""
REFUSALS = {"full": '["setItem"]', "forbidden": '["getItem", "setItem", "removeItem"]'}


class Reader:
    """A page and what a reader finds on it."""

    def __init__(self, page, site):
        self.page, self.site = page, site

    def go(self, name):
        self.page.goto(urljoin(f"{self.site}/", f"{name}.html"))
        return self

    @property
    def mark(self):
        return self.page.locator(".progress-mark button")

    @property
    def said(self):
        status = self.page.locator(".progress-mark [role=status], .progress-box > [role=status]")
        self.page.wait_for_function(
            "document.querySelector('.progress-mark [role=status], .progress-box > [role=status]').textContent"
        )
        return status.inner_text()

    def press(self, does):
        self.page.locator(f".progress-box [data-do={does}]").first.click()

    def contents(self, name):
        """What the table of contents says of a page, to ears."""
        links = self.page.locator(".bd-links a.reference").all()
        (link,) = (link for link in links if urljoin(self.page.url, link.get_attribute("href")).startswith(
            f"{self.site}/{name}.html"))  # fmt: skip
        return link.text_content()

    def state(self, name):
        return self.page.locator(f".progress-list [data-page='{name}']").inner_text()

    def take(self, file, text):
        """Import a file with this text; its name is `file`."""
        self.page.evaluate("document.querySelector('.progress-box > [role=status]').textContent = ''")
        self.page.locator(".progress-box input[type=file]").set_input_files(
            {"name": file, "mimeType": "application/json", "buffer": text.encode()}
        )
        return self.said


@pytest.fixture
def reader(site, open_page):
    return Reader(open_page(f"{site}/{CHAPTER}.html"), site)


def test_a_page_is_marked_by_keyboard_and_the_contents_say_so_everywhere(reader):
    assert reader.mark.get_attribute("aria-pressed") == "false"
    assert "read" not in reader.contents(CHAPTER)
    reader.mark.focus()
    reader.page.keyboard.press("Enter")
    assert reader.said == "Remembered on this machine."
    assert reader.mark.get_attribute("aria-pressed") == "true"
    assert reader.contents(CHAPTER).endswith("✓ (read)")
    reader.go(EXERCISE).mark.press("Space")
    assert reader.contents(CHAPTER).endswith("✓ (read)")
    assert reader.contents(EXERCISE).endswith("✓ (done)")
    reader.go(LIST)
    assert re.fullmatch(r"read on \d{4}-\d\d-\d\d", reader.state(CHAPTER))
    assert reader.state(EXERCISE).startswith("done on ")
    assert reader.state("book/principles/geometry") == "not yet"
    assert reader.page.locator(".progress-count").inner_text().startswith("2 of ")
    reader.go(CHAPTER).mark.click()
    assert reader.said == "The mark is gone."
    assert "read" not in reader.contents(CHAPTER)
    assert reader.go(CHAPTER).mark.get_attribute("aria-pressed") == "false"


def test_every_chapter_and_exercise_has_its_button_and_stands_in_the_list(site):
    listed = set(re.findall(r'data-page="([^"]+)"', (BUILT / f"{LIST}.html").read_text("utf-8")))
    having = {
        page.relative_to(BUILT).with_suffix("").as_posix()
        for page in BUILT.rglob("*.html")
        if 'class="progress-mark' in page.read_text("utf-8")
    }
    assert listed == having
    assert {CHAPTER, EXERCISE, "book/applications/medicine"} <= listed
    assert not [name for name in listed if name.startswith(("solutions", "book/reference"))]


def test_marks_go_from_one_machine_to_another(site, open_page, tmp_path):
    first = Reader(open_page(f"{site}/{CHAPTER}.html"), site)
    first.mark.click()
    first.go(LIST)
    with first.page.expect_download() as download:
        first.press("export")
    assert first.said == "Your marks are in the file mamlkit-progress.json."
    file = tmp_path / "marks.json"
    download.value.save_as(file)
    assert list(json.loads(file.read_text("utf-8"))["progress"]) == [CHAPTER]
    second = Reader(open_page(f"{site}/{EXERCISE}.html"), site)
    second.mark.click()
    second.go(LIST)
    assert second.take("marks.json", file.read_text("utf-8")).startswith("Marks taken from marks.json: 1.")
    assert second.state(CHAPTER).startswith("read on ")
    assert second.state(EXERCISE).startswith("done on ")  # what was there stays
    old = json.dumps({"progress": {CHAPTER: "2020-01-02", "book/gone": "2020-01-02"}})
    assert "this edition has no such page: 1." in second.take("old.json", old)
    assert second.state(CHAPTER) == "read on 2020-01-02"  # the earlier day


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("no JSON", "it holds no JSON"),
        ("", "it holds no JSON"),
        ("[]", "it names no pages"),
        ('{"cells": []}', "it names no pages"),
        ('{"progress": null}', "it names no pages"),
        (json.dumps({"progress": {CHAPTER: "2020-01-02", EXERCISE: True}}), f"the page {EXERCISE} without a day"),
        (json.dumps({"progress": {CHAPTER: "yesterday"}}), f"the page {CHAPTER} without a day"),
        (" " * 200_000, "too large"),
    ],
)
def test_a_wrong_file_is_told_and_changes_nothing(reader, text, told):
    reader.mark.click()
    reader.go(LIST)
    before = reader.page.evaluate("JSON.stringify(localStorage)")
    said = reader.take("wrong.json", text)
    assert told in said
    assert said.startswith("wrong.json")
    assert said.endswith("Nothing was changed.")
    assert reader.page.evaluate("JSON.stringify(localStorage)") == before


def test_erasing_asks_first(reader):
    reader.go(LIST).press("erase")
    assert reader.said == "There is nothing to erase."
    reader.go(CHAPTER).mark.click()
    reader.go(LIST).press("erase")
    question = reader.page.locator("dialog[open]:has(#progress-question)")
    assert "Erase all marks on this machine (1)?" in question.inner_text()
    reader.page.keyboard.press("Escape")
    assert reader.state(CHAPTER).startswith("read on")
    reader.press("erase")
    question.locator("[data-do=keep]").click()
    assert reader.state(CHAPTER).startswith("read on")
    reader.press("erase")
    question.locator("[data-do=really]").click()
    assert reader.said == "All marks are erased."
    assert reader.state(CHAPTER) == "not yet"
    assert reader.page.evaluate("localStorage.getItem('mamlkit:progress')") is None


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_browser_that_keeps_nothing_is_told(site, open_page, refusal):
    page = open_page("about:blank")
    page.add_init_script(REFUSE.replace("NAMES", REFUSALS[refusal]))
    reader = Reader(page, site).go(CHAPTER)
    reader.mark.click()
    assert reader.said.startswith("This browser keeps nothing for this page")
    assert reader.mark.get_attribute("aria-pressed") == "true"  # for as long as the page is open
    assert reader.go(CHAPTER).mark.get_attribute("aria-pressed") == "false"


@pytest.mark.parametrize("kept", ["no JSON", "[1]", '{"book/principles/first-order": 5}', "null"])
def test_what_was_kept_wrongly_is_left_aside(reader, kept):
    reader.page.evaluate("(kept) => localStorage.setItem('mamlkit:progress', kept)", kept)
    assert reader.go(CHAPTER).mark.get_attribute("aria-pressed") == "false"
    reader.mark.click()
    assert reader.go(CHAPTER).mark.get_attribute("aria-pressed") == "true"


def test_another_tab_is_followed(reader):
    other = reader.page.context.new_page()
    other.goto(reader.page.url)
    other.locator(".progress-mark button").click()
    reader.page.wait_for_selector(".progress-mark [aria-pressed=true]")


def test_from_a_folder_marks_are_kept_or_it_is_said(site, open_page):
    page = open_page((BUILT / f"{CHAPTER}.html").as_uri())
    reader = Reader(page, BUILT.as_uri())
    reader.mark.click()
    assert reader.said == "Remembered on this machine."
    assert reader.contents(CHAPTER).endswith("✓ (read)")
    page.goto((BUILT / f"{LIST}.html").as_uri())
    assert reader.said.startswith("You read the book from a folder.")
    assert reader.state(CHAPTER).startswith("read on ")  # in Chromium; other browsers may keep pages apart


def test_without_scripts_there_is_a_plain_list_and_no_dead_button(site, open_page):
    page = open_page(f"{site}/{LIST}.html", java_script_enabled=False)
    assert page.locator(".progress-list li a").count() > 10
    assert page.locator(".progress-box button:visible").count() == 0
    page.goto(f"{site}/{CHAPTER}.html")
    assert not page.locator(".progress-mark").is_visible()
