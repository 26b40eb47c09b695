r"""Questions that answer back: a choice or a number, checked in the page, with the sentence that fits the answer given.

A question is the last line of a code cell; it needs neither kernel nor network once the page is there. Without scripts
it can still be read: question, choices, and each answer under a heading of its own that opens.

In all texts ``$...$`` is TeX, ```...``` code and ``*...*`` emphasis; a dollar sign itself is written ``\$``.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from mamlkit._check import as_nonnegative, as_number
from mamlkit.explorers import web
from mamlkit.reading import format_number
from mamlkit.text import gettext as _

NAME = re.compile(r"[a-z][a-z0-9-]*")
MARKUP = re.compile(r"\\(?P<dollar>\$)|\$(?P<tex>[^$]+)\$|`(?P<code>[^`]+)`|\*(?P<em>[^*]+)\*")


@dataclass(frozen=True)
class Answer:
    """One answer to choose, and what to say to a reader who chose it.

    Parameters
    ----------
    text : str
        The answer.
    feedback : str
        Why it is right, or which misunderstanding it fits.
    right : bool
        Whether it is the right one.

    Raises
    ------
    ValueError
        If a text is empty.
    """

    text: str
    feedback: str
    right: bool = False

    def __post_init__(self) -> None:
        _check_words("text", self.text)
        _check_words(f"feedback of the answer {self.text!r}", self.feedback)


@dataclass(frozen=True)
class Question:
    """A question as HTML, shown as the last line of a cell; made by :func:`choice` or :func:`number`."""

    name: str
    plain: str
    form: str

    def html(self) -> str:
        """Return the question as self-contained HTML, with its style and its script."""
        style, script = web.tags("question", scripts=("page", "question"), styles=("question",))
        # tex2jax_process is what MyST's pages tell MathJax to look into.
        head = f'<div class="mk-question tex2jax_process" data-static data-name="{self.name}">'
        return f"{style}{head}{self.form}</div>{script}"

    def _repr_mimebundle_(self, **kwargs: object) -> dict[str, str]:
        return {"text/html": self.html(), "text/plain": self.plain}


def choice(name: str, question: str, answers: Sequence[Answer]) -> Question:
    """Return a question with a few answers, one of them right.

    A wrong choice is met with its own feedback and leaves the question open.

    Parameters
    ----------
    name : str
        Unique on its page: small letters, digits and hyphens. The reader's answer is kept under it.
    question : str
    answers : sequence of Answer
        At least two; they stay in this order.

    Raises
    ------
    TypeError, ValueError
        If not exactly one answer is right, two have one text, or a text is empty.

    Examples
    --------
    >>> answers = [Answer("Yes", "It does: 2 is even.", right=True), Answer("No", "Halve it: 2 = 1 + 1.")]
    >>> print(choice("even", "Is 2 even?", answers).plain)
    Is 2 even?
    ( ) Yes
    ( ) No
    """
    _check_head(name, question)
    for answer in answers:
        if not isinstance(answer, Answer):
            raise TypeError(f"answers of {name!r} must be Answer objects, got {answer!r}")
    texts = [_(answer.text) for answer in answers]
    if len(set(texts)) < len(texts) or len(texts) < 2:
        raise ValueError(f"answers of {name!r} must be two or more with different texts, got {texts!r}")
    right = [answer.text for answer in answers if answer.right]
    if len(right) != 1:
        raise ValueError(f"exactly one answer of {name!r} must have right=True, got {len(right)}: {right!r}")
    options = "".join(
        f'<div><label><input type="radio" name="{name}" value="{index}"><span>{markup(text)}</span></label>'
        f"{_folded(index, _('If you chose this'), answer.feedback, right=answer.right)}</div>"
        for index, (text, answer) in enumerate(zip(texts, answers, strict=True))
    )
    plain = "\n".join([_(question), *(f"( ) {text}" for text in texts)])
    return Question(name, plain, _form("choice", question, options))


def number(
    name: str,
    question: str,
    *,
    right: float,
    right_answer: str,
    tolerance: float = 1e-9,
    wrong: Mapping[float, str] | None = None,
    otherwise: str,
) -> Question:
    """Return a question whose answer is a number, typed by the reader.

    A point or a comma, a fraction such as 1/2 and either kind of minus sign are understood.

    Parameters
    ----------
    name : str
        Unique on its page: small letters, digits and hyphens. The reader's answer is kept under it.
    question : str
    right : float
        The right number.
    right_answer : str
        What to say to it: how one gets there.
    tolerance : float
        Numbers at most this far from `right`, or from a number of `wrong`, count as that number.
    wrong : mapping of float to str, optional
        Wrong numbers that people come to, and the sentence that helps each.
    otherwise : str
        What to say to any other number.

    Raises
    ------
    TypeError, ValueError
        If a number is not finite, a text is empty, or an answer could count as two of the numbers.

    Examples
    --------
    >>> number("half", "Half of 3?", right=1.5, right_answer="Yes.", wrong={6.0: "Twice."}, otherwise="No.").plain
    'Half of 3?'
    """
    _check_head(name, question)
    _check_words(f"otherwise of {name!r}", otherwise)
    tolerance = as_nonnegative(f"tolerance of {name!r}", tolerance)
    known = {as_number(f"right of {name!r}", right): right_answer}
    for value, feedback in (wrong or {}).items():
        known.setdefault(as_number(f"a number of wrong of {name!r}", value), feedback)
    if len(known) < 1 + len(wrong or {}):
        raise ValueError(f"wrong of {name!r} must not hold the right answer, {right!r}")
    for low, high in pairwise(sorted(known)):
        if high - low <= 2 * tolerance:
            raise ValueError(f"tolerance of {name!r} must tell {low:g} from {high:g}, got {tolerance!r}")
    for value, feedback in known.items():
        _check_words(f"the sentence of {name!r} for {value:g}", feedback)
    field = f'<label><span>{_("Your number")}</span><input type="text" inputmode="decimal" autocomplete="off"></label>'
    folds = "".join(
        _folded(value, _answer_title(value, value == right), feedback, right=value == right)
        for value, feedback in known.items()
    )
    rest = f"<div hidden data-otherwise><p>{markup(_(otherwise))}</p></div>"
    return Question(name, _(question), _form("number", question, field + folds + rest, tolerance=tolerance))


def markup(text: str) -> str:
    r"""Return `text` as HTML: ``$...$`` for TeX, ```...``` for code, ``*...*`` for emphasis.

    Examples
    --------
    >>> markup("Is $a<b$ *really* what `f` says?")
    'Is \\(a&lt;b\\) <em>really</em> what <code>f</code> says?'
    """
    forms = {"dollar": "{}", "tex": r"\({}\)", "code": "<code>{}</code>", "em": "<em>{}</em>"}
    parts, end = [], 0
    for match in MARKUP.finditer(text):
        kind = match.lastgroup or ""
        parts += [html.escape(text[end : match.start()]), forms[kind].format(html.escape(match[kind]))]
        end = match.end()
    return "".join([*parts, html.escape(text[end:])])


def _form(kind: str, question: str, body: str, **more: float) -> str:
    """Return the form; method="dialog" keeps a browser without scripts from sending it anywhere."""
    words = {
        "right": _("Right."),
        "wrong": _("Not yet."),
        "none": _("Choose an answer first.") if kind == "choice" else _("Write a number first."),
        "unread": _("“{text}” cannot be read as a number. Write 2.5, 2,5, 5/2 or −2.5, for example."),
        "unkept": _("This browser keeps no answers for this page; yours will be gone after a reload."),
    }
    data = html.escape(json.dumps({"kind": kind, "words": words, **more}, ensure_ascii=False))
    return (
        f'<form method="dialog" data-question="{data}">'
        f"<fieldset><legend>{markup(_(question))}</legend>{body}</fieldset>"
        f'<div class="mk-buttons"><button type="submit">{_("Check")}</button>'
        f'<button type="reset" hidden>{_("Forget my answer")}</button></div></form>'
        '<div class="mk-verdict" role="status"></div>'
    )


def _folded(value: float, title: str, feedback: str, *, right: bool) -> str:
    mark = " data-right" if right else ""
    return (
        f'<details data-value="{value}"{mark}><summary>{html.escape(title)}</summary>'
        f"<div><p>{markup(_(feedback))}</p></div></details>"
    )


def _answer_title(value: float, right: bool) -> str:
    return _("The answer") if right else _("If you found {number}").format(number=format_number(value, 3))


def _check_head(name: str, question: str) -> None:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(f"name must be small letters, digits and hyphens, such as 'ltl-q1', got {name!r}")
    _check_words(f"question of {name!r}", question)


def _check_words(what: str, words: object) -> None:
    if not isinstance(words, str) or not words.strip():
        raise ValueError(f"{what} must be text, got {words!r}")
