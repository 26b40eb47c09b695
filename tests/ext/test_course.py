"""The plans of a course: nothing is left out of the long one, and each time is what the page itself states."""

import re
from pathlib import Path

import course
import pytest

ROOT = Path(__file__).parents[2]
PAGES = {
    str(path.relative_to(ROOT / "book").with_suffix(""))
    for part in ("principles", "today", "applications")
    for path in (ROOT / "book" / part).glob("*.ipynb")
}
EXERCISES = {path.name[:3] for path in (ROOT / "exercises").glob("e*.ipynb")}


def planned(page, label, until):
    text = (ROOT / "book" / "reference" / page).read_text(encoding="utf-8").partition(label)[2].partition(until)[0]
    return [" ".join(re.findall(rf"^:{name}: (.*)$", text, re.MULTILINE)).split() for name in ("read", "do")]


@pytest.mark.parametrize(
    ("page", "label", "until"), [("course.md", "(course-12)=", "(course-6)="), ("self-study.md", "##", "## When")]
)
def test_a_whole_plan_has_every_chapter_and_every_exercise_once(page, label, until):
    read, do = planned(page, label, until)
    assert (sorted(read), sorted(do)) == (sorted(PAGES), sorted(EXERCISES))


def test_the_short_plan_has_six_weeks_and_repeats_nothing():
    read, do = planned("course.md", "(course-6)=", "## Marks")
    assert len(set(read)) == len(read)
    assert len(set(do)) == len(do)
    assert set(read) < PAGES
    assert set(do) < EXERCISES


def test_every_page_says_how_long_it_takes_and_every_exercise_what_it_is_worth():
    assert all(20 <= course.minutes(f"book/{page}") <= 120 for page in PAGES)
    assert all(20 <= course.minutes(course.exercise(name)) <= 120 for name in EXERCISES)
    assert {course.points(course.exercise(name)) for name in EXERCISES} == {10}


def test_the_built_page_adds_the_times_up():
    path = ROOT / "_build" / "html" / "book" / "reference" / "course.html"
    if not path.exists():
        pytest.skip("the book is not built: make html")
    page = path.read_text(encoding="utf-8")
    total = course.minutes("book/principles/learning-to-learn") + course.minutes(course.exercise("e01"))
    assert f"Together {total // 60} h {total % 60:02d} min." in page


def test_an_exercise_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="'e77': there are 0 notebooks"):
        course.exercise("e77")
