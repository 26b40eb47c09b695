"""Questions under a reader's hands: each answer is met with its own sentence, and kept on this machine alone."""

import html
import json
import re

import pytest

from mamlkit.explorers.question import Answer, choice, number

CHAPTER = "principles/learning-to-learn.html"
QUESTIONS = [
    choice(
        "ltl-q1",
        "Which loss do the *inner* steps descend?",
        [
            Answer("$L^S_i$, on the support set", "The query set only judges where they lead.", right=True),
            Answer("$L^Q_i$, on the query set", "That is the outer loop's business."),
            Answer("Both", "Then nothing would be left to judge with."),
        ],
    ),
    number(
        "ltl-p1",
        "Where does one step lead?",
        right=2.0,
        tolerance=0.01,
        right_answer="The slope at 0 is $-4$.",
        wrong={2.5: "You swapped the two sets.", -2.0: "You went uphill."},
        otherwise="Take the slope of the support loss at 0.",
    ),
]
HEAD = (
    "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Questions</title>"
    "<meta name='viewport' content='width=device-width, initial-scale=1'><style>"
    ":root { color-scheme: light dark } body { font-family: sans-serif; max-width: 46rem; margin: 1rem auto;"
    " padding: 0 .75rem; background: Canvas; color: CanvasText }</style></head><body><h1>Questions</h1>"
)


def words(name):
    """What the page itself has to say, in the language of the test run."""
    form = next(question for question in QUESTIONS if question.name == name).form
    return json.loads(html.unescape(re.search(r'data-question="([^"]*)"', form)[1]))["words"]


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("questions")
    for name in ("one", "two"):
        (folder / f"{name}.html").write_text(HEAD + "".join(q.html() for q in QUESTIONS), encoding="utf-8")
    return folder


@pytest.fixture
def address(folder):
    return (folder / "one.html").as_uri()


class Asked:
    """A question on a page, as a reader meets it."""

    def __init__(self, page, name):
        self.page = page
        self.root = page.locator(f'.mk-question[data-name="{name}"]')
        self.check = self.root.locator("button[type=submit]")
        self.forget = self.root.locator("button[type=reset]")
        self.verdict = self.root.get_by_role("status")

    def said(self):
        """Whether the answer is right, and every sentence after that word."""
        lines = [line for line in self.verdict.inner_text().split("\n") if line]
        return [self.verdict.get_attribute("data-verdict"), *lines[1:]]

    def choose(self, words):
        self.root.get_by_label(words).check()
        self.check.click()
        return self.said()

    def write(self, text):
        self.root.locator("input[type=text]").fill(text)
        self.check.click()
        return self.said()


@pytest.fixture
def page(address, open_page):
    return open_page(address)


def test_each_choice_is_met_with_its_own_sentence(page):
    asked = Asked(page, "ltl-q1")
    assert asked.verdict.inner_text() == ""
    assert asked.choose("on the query set") == ["wrong", "That is the outer loop's business."]
    assert asked.choose("Both") == ["wrong", "Then nothing would be left to judge with."]
    assert asked.choose("on the support set") == ["right", "The query set only judges where they lead."]
    assert asked.choose("on the query set") == ["wrong", "That is the outer loop's business."]


def test_a_choice_by_keyboard_alone(page):
    asked = Asked(page, "ltl-q1")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    assert asked.verdict.inner_text() == ""  # moving among the answers gives none away
    page.keyboard.press("Enter")
    assert asked.said() == ["wrong", "That is the outer loop's business."]
    assert asked.root.get_by_role("group", name="Which loss do the inner steps descend?").count() == 1


def test_no_answer_is_no_mistake(page):
    for name in ("ltl-q1", "ltl-p1"):
        asked = Asked(page, name)
        asked.check.click()
        assert asked.verdict.inner_text() == words(name)["none"]
        assert asked.said() == ["none"]
        assert not asked.forget.is_visible()


@pytest.mark.parametrize(
    "text", ["2", "2.0", "2,0", " 2 ", "+2", "4/2", "1,0 / 0.5", "2.005", "1.995", "2.", "2e0", "-2/-1"]
)
def test_the_right_number_in_many_spellings(page, text):
    assert Asked(page, "ltl-p1").write(text)[0] == "right"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2,5", "You swapped the two sets."), ("5/2", "You swapped the two sets."), ("−2", "You went uphill."),
        ("-2.004", "You went uphill."), ("–2", "You went uphill."), ("2.02", "Take the slope"),
        (".5", "Take the slope"),
    ],
)  # fmt: skip
def test_wrong_numbers_are_met_with_their_own_sentence(page, text, said):
    lead, sentence = Asked(page, "ltl-p1").write(text)
    assert lead == "wrong"
    assert sentence.startswith(said)


@pytest.mark.parametrize(
    "text", ["two", "1/0", "1/2/3", "1,2,3", "2..0", "0x2", "Infinity", "NaN", "<b>2</b>", "1e999"]
)
def test_what_is_no_number_is_told(page, text):
    asked = Asked(page, "ltl-p1")
    assert asked.write(text) == ["none"]
    assert asked.verdict.inner_text() == words("ltl-p1")["unread"].replace("{text}", text)
    assert asked.write("2")[0] == "right"


def test_a_number_by_keyboard_alone(page):
    asked = Asked(page, "ltl-p1")
    asked.root.locator("input[type=text]").focus()
    page.keyboard.type("2.5")
    page.keyboard.press("Enter")
    assert asked.said()[1] == "You swapped the two sets."


def test_answers_are_kept_on_this_machine_page_by_page(folder, page):
    Asked(page, "ltl-q1").choose("Both")
    Asked(page, "ltl-p1").write("5/2")
    page.reload()
    assert Asked(page, "ltl-q1").root.get_by_label("Both").is_checked()
    assert Asked(page, "ltl-q1").verdict.inner_text().endswith("judge with.")
    assert Asked(page, "ltl-p1").root.locator("input[type=text]").input_value() == "5/2"
    keys = page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('mamlkit:question:'))")
    assert sorted(key.split("/")[-1] for key in keys) == ["one.html#ltl-p1", "one.html#ltl-q1"]
    page.goto((folder / "two.html").as_uri())
    assert Asked(page, "ltl-q1").verdict.inner_text() == ""


def test_an_answer_can_be_forgotten(page):
    asked = Asked(page, "ltl-q1")
    asked.choose("Both")
    asked.forget.click()
    assert asked.verdict.inner_text() == ""
    assert not asked.forget.is_visible()
    page.reload()
    assert asked.verdict.inner_text() == ""
    assert page.evaluate("Object.keys(localStorage).length") == 0
    assert asked.choose("Both")[1] == "Then nothing would be left to judge with."


def test_a_kept_answer_that_fits_no_more_is_left_alone(address, page):
    page.evaluate("localStorage.setItem(`mamlkit:question:${location.pathname}#ltl-q1`, '7')")
    page.evaluate("localStorage.setItem(`mamlkit:question:${location.pathname}#ltl-p1`, 'x')")
    page.reload()
    assert Asked(page, "ltl-q1").verdict.inner_text() == ""
    assert Asked(page, "ltl-p1").write("2")[0] == "right"


@pytest.mark.parametrize(
    "refusal",
    [
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } })",
        "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }",
    ],
)
def test_storage_that_is_refused_is_told_and_the_question_goes_on(address, open_page, refusal):
    page = open_page("about:blank")
    page.add_init_script(refusal)
    page.goto(address)
    said = Asked(page, "ltl-q1").choose("Both")
    assert said[:2] == ["wrong", "Then nothing would be left to judge with."]
    assert said[2] == words("ltl-q1")["unkept"]
    Asked(page, "ltl-q1").forget.click()


def test_without_scripts_question_and_answers_can_be_read(address, open_page):
    page = open_page(address, java_script_enabled=False)
    for name, folds in (("ltl-q1", 3), ("ltl-p1", 3)):
        asked = Asked(page, name)
        assert asked.root.locator("legend").is_visible()
        assert not asked.check.is_visible()
        assert asked.root.locator("details").count() == folds
        for fold in asked.root.locator("details").all():
            assert not fold.locator("p").is_visible()
            fold.locator("summary").click()
            assert fold.locator("p").is_visible()
    page.locator("input[type=text]").press("Enter")
    assert page.url == address  # nothing was sent anywhere


def test_keys_stay_inside(page):
    page.evaluate("document.addEventListener('keydown', (event) => (window.heard = event.key))")
    page.locator("input[type=text]").press("b")
    page.get_by_label("Both").press("ArrowDown")
    assert page.evaluate("window.heard") is None


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_everything_stands_out_from_the_page(address, open_page, contrast, colours):
    page = open_page(address, color_scheme=colours)
    for choose in ("Both", "on the support set"):
        Asked(page, "ltl-q1").choose(choose)
        Asked(page, "ltl-p1").write("7")
        for node in page.locator(".mk-question :is(legend, label span, p, b, button):visible").all():
            assert contrast(node) >= 4.5, node.inner_text()
        for node in page.locator(".mk-verdict p > span").all():  # the marks, beside words that say the same
            assert contrast(node) >= 3.0


@pytest.mark.parametrize("width", [320, 360, 1280])
def test_it_fits_the_screen_and_the_finger(address, open_page, width):
    page = open_page(address, width=width, has_touch=True)
    Asked(page, "ltl-q1").choose("Both")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for node in page.locator(".mk-question :is(label, button, input[type=text]):visible").all():
        assert node.bounding_box()["height"] >= 43.9


def test_questions_of_the_book_are_typeset_and_answer(site, built_page, open_page):
    """In the built chapter: TeX is set by the page's MathJax, in feedback as well, and every question answers."""
    address, from_file = built_page(f"book/{CHAPTER}", "ltl-which-loss")
    for place in (address, from_file):
        page = open_page(place)
        page.wait_for_function("window.MathJax?.startup?.promise")
        page.evaluate("MathJax.startup.promise")
        for root in page.locator(".mk-question").all():
            assert not re.search(r"\\\(|\\\)", root.inner_text())
            if root.locator("input[type=text]").count():
                root.locator("input[type=text]").fill("123456")
            else:
                root.locator("input[type=radio]").first.check()
            root.locator("button[type=submit]").click()
            verdict = root.get_by_role("status")
            assert len(verdict.locator("p").all()) == 2
            assert not re.search(r"\\\(|\\\)", verdict.inner_text())
