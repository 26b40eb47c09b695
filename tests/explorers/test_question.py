"""Questions as Python writes them: what they refuse, and that every word of them can be read without a script."""

import html
import json
import re
from html.parser import HTMLParser

import pytest

from mamlkit.explorers.question import Answer, choice, markup, number

ANSWERS = [
    Answer("$L^S_i$, on the support set", "The query set only judges.", right=True),
    Answer("$L^Q_i$, on the query set", "That is the outer loop's business."),
    Answer("Both <at> once", "Then `nothing` is left to judge & compare."),
]


def step(**changes):
    given = {
        "right": 2.0, "tolerance": 0.01, "right_answer": "The slope is $-4$.", "wrong": {2.5: "You swapped the sets."},
        "otherwise": "Take the slope at 0.",
    }  # fmt: skip
    return number("ltl-p1", "Where does one step lead?", **(given | changes))


class Reader(HTMLParser):
    """What a reader without scripts sees: all text outside script and style, folded or not, hidden parts left out."""

    def __init__(self, page):
        super().__init__()
        self.stack, self.words, self.folds = [], [], 0
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag != "input":
            self.stack.append((tag, "hidden" in dict(attrs)))
        self.folds += tag == "details"

    def handle_endtag(self, tag):
        assert self.stack.pop()[0] == tag

    def handle_data(self, text):
        if not any(tag in ("script", "style") or hidden for tag, hidden in self.stack):
            self.words.append(text)


@pytest.fixture(params=["choice", "number"])
def question(request):
    return choice("ltl-q1", "Which loss do the inner steps descend?", ANSWERS) if request.param == "choice" else step()


def test_everything_can_be_read_without_a_script(question):
    reader = Reader(question.html())
    said = " ".join(reader.words)
    for words in ["Which loss", "on the support set", "only judges", "outer loop's", "Both <at> once", "left to judge"]:
        assert words in said or question.name == "ltl-p1"
    for words in ["Where does", "The slope is", "You swapped", "If you found 2.500"]:
        assert words in said or question.name == "ltl-q1"
    assert reader.folds == (3 if question.name == "ltl-q1" else 2)
    assert not reader.stack


def test_the_question_is_never_folded_with_its_answer(question):
    folded = re.findall(r"<details.*?</details>", question.html(), re.S)
    assert not any("loss do the inner" in fold or "Where does" in fold or "<input" in fold for fold in folded)


def test_nothing_leaves_the_page(question):
    assert not re.search(r"https?://|\bsrc=|\baction=", question.html())
    assert 'method="dialog"' in question.html()


def test_a_notebook_without_html_shows_plain_words():
    plain = choice("ltl-q1", "Which?", ANSWERS)._repr_mimebundle_()["text/plain"]
    assert plain.splitlines()[:2] == ["Which?", "( ) $L^S_i$, on the support set"]


def test_markup_escapes_what_is_no_markup():
    assert markup("a < b & `x<y` costs \\$5, not *much* of $\\tfrac12$") == (
        "a &lt; b &amp; <code>x&lt;y</code> costs $5, not <em>much</em> of \\(\\tfrac12\\)"
    )


def test_the_numbers_are_those_given():
    page = step(wrong={2.5: "Swapped.", -2: "Uphill."}).html()
    assert re.findall(r'<details data-value="([^"]*)"( data-right)?>', page) == [
        ("2.0", " data-right"), ("2.5", ""), ("-2.0", ""),
    ]  # fmt: skip
    data = json.loads(html.unescape(re.search(r'data-question="([^"]*)"', page)[1]))
    assert (data["kind"], data["tolerance"]) == ("number", 0.01)


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (ANSWERS[1:], r"exactly one answer of 'q' must have right=True, got 0"),
        ([ANSWERS[0], Answer("x", "y", right=True)], "exactly one answer of 'q' must have right=True, got 2"),
        ([ANSWERS[0], Answer(ANSWERS[0].text, "again")], "must be two or more with different texts"),
        (ANSWERS[:1], "must be two or more with different texts"),
        ([], "must be two or more with different texts"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(answers, said):
    with pytest.raises(ValueError, match=said):
        choice("q", "Which?", answers)


def test_answers_must_be_answers():
    with pytest.raises(TypeError, match=r"answers of 'q' must be Answer objects, got \('a', 'b'\)"):
        choice("q", "Which?", [("a", "b")])
    with pytest.raises(ValueError, match="text must be text, got ' '"):
        Answer(" ", "why")
    with pytest.raises(ValueError, match="feedback of the answer 'x' must be text, got ''"):
        Answer("x", "")


@pytest.mark.parametrize("name", ["", "Q1", "1q", "a b", "q<1>", None])
def test_names_can_stand_in_links_and_keys(name):
    with pytest.raises(ValueError, match="name must be small letters"):
        choice(name, "Which?", ANSWERS)


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"right": float("nan")}, ValueError, "right of 'ltl-p1' must be finite"),
        ({"right": "2"}, TypeError, "right of 'ltl-p1' must be a real number"),
        ({"tolerance": -1}, ValueError, "tolerance of 'ltl-p1' must not be negative"),
        ({"tolerance": 0.3}, ValueError, "tolerance of 'ltl-p1' must tell 2 from 2.5, got 0.3"),
        ({"wrong": {2: "no"}}, ValueError, "wrong of 'ltl-p1' must not hold the right answer, 2"),
        ({"wrong": {3: ""}}, ValueError, "the sentence of 'ltl-p1' for 3 must be text"),
        ({"right_answer": ""}, ValueError, "the sentence of 'ltl-p1' for 2 must be text"),
        ({"otherwise": None}, ValueError, "otherwise of 'ltl-p1' must be text"),
    ],
)
def test_a_number_that_makes_no_sense_is_refused(changes, error, said):
    with pytest.raises(error, match=said):
        step(**changes)


def test_words_go_through_gettext(monkeypatch):
    from mamlkit.explorers import question as module

    monkeypatch.setattr(module, "_", lambda sentence: f"«{sentence}»")
    page = html.unescape(choice("q", "Which?", ANSWERS).html())
    assert "«Which?»" in page
    assert "«The query set only judges.»" in page
    assert "«Check»" in page
    assert "«You swapped the sets.»" in html.unescape(step().html())
