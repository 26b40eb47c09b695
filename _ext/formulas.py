"""Room for formulas: how wide each in a line of text will be, guessed from its TeX.

MathJax sets formulas once a page is there. Until then each keeps a place of about its width free (book.css), so that
the text around does not jump. A guess that is off by a letter moves a line by a letter; it need be no better.

A browser may begin a new line on either side of a formula. So the full stop behind one, or the bracket before it, is
bound to it.
"""

from __future__ import annotations

import html
import re
from functools import partial
from typing import Any

from sphinx.application import Sphinx

FORMULA = re.compile(r'<span class="math notranslate nohighlight">(?P<tex>\\\(.*?\\\))</span>', re.S)
BOUND = re.compile(  # what has got its room, with the signs that touch it
    r"(?P<open>[(“‘]?)<span class=\"math notranslate nohighlight\" style=\"[^\"]*\">[^<]*</span>"
    r"(?P<close>[.,;:!?)”’…]*)"
)
TOKEN = re.compile(r"\\[A-Za-z]+\*?|\\.|[^\s~]")
SIZE = 1.273  # of a formula beside the text, as MathJax sets it in this theme
SCRIPT = 0.707  # of an index beside its letter
BARE = 0.78  # an operator without the space around it, as in an index
# Widths in units of MathJax's font (TeX's own); relations and operators with the space around them.
WIDE = {
    1.33: r"= < > \le \leq \ge \geq \ne \neq \approx \sim \propto \in \equiv \to \ll \gg \mapsto \leftarrow",
    0.83: r"\mid",
    1.56: r"\rightarrow \Rightarrow \longrightarrow",
    1.22: r"\sum \prod \cdots \ldots \dots + - \pm \mp \times \circ \odot \oplus \otimes",
    1.0: r"\nabla \int M W \quad \infty",
    0.88: r"m",
    0.72: r"w \cdot \setminus \cup \cap",
    0.77: r"A B C D E G H K N O P Q R T U V X Y Z",
    0.41: r", ; \{ \} ( ) \langle \rangle \star \ast * ' i j l t r f \iota",
    0.5: r"\| 0 1 2 3 4 5 6 7 8 9 \alpha e a x",
    0.28: r"[ ] | \lvert \rvert \vert : . ! \; \:",
    0.17: r"\, \prime",
    0.78: r"\top",
    0.0: r"\left \right \big \Big \bigl \bigr \Bigl \Bigr \bar \hat \tilde \widetilde \widehat \mathbf \mathrm \mathcal"
    r" \mathbb \boldsymbol \dot \displaystyle \textstyle \limits \! \vec \overline \mathsf \mathit \bm \\",
}
WIDTHS = {token: width for width, tokens in WIDE.items() for token in tokens.split()}
OTHER = 0.56  # a small letter, a digit, a Greek letter
WORDS = (r"\text", r"\operatorname", r"\operatorname*", r"\mathrm", r"\texttt", r"\textrm", r"\textsf")
FUNCTION = re.compile(r"\\(arg)?(max|min|sinh?|cosh?|tanh?|ln|log|exp|lim|det|inf|sup|tr|dim|Pr)$")


def width(tex: str, macros: dict[str, Any]) -> float:
    """Return about how wide a formula is, in ems of the text around it."""
    for name, meaning in macros.items():
        tex = re.sub(rf"\\{name}(?![A-Za-z])", lambda _, meaning=meaning: f"{{{meaning}}}", tex)
    return SIZE * row(TOKEN.findall(tex.replace(r"\(", "").replace(r"\)", "")))


def row(tokens: list[str], most: float = 2.0) -> float:
    """Return the width of tokens side by side, none above `most`; takes them from the list."""
    total, first, scripts = 0.0, True, 0.0
    while tokens:
        token = tokens.pop(0)
        if token == "}":
            break
        if token in "_^":  # above one another, the longer counts
            scripts = max(scripts, SCRIPT * group(tokens, most=BARE))
            if not tokens or tokens[0] not in "_^":
                total, scripts = total + scripts, 0.0
            continue
        total += BARE if first and token in "+-" else one(token, tokens, most)
        first = token in "(=,"
    return total


def one(token: str, tokens: list[str], most: float) -> float:
    """Return the width of a token with what it takes in braces."""
    if token == "{":
        return row(tokens, most)
    if token in (r"\frac", r"\tfrac", r"\dfrac", r"\binom"):
        return 0.44 + max(group(tokens, most), group(tokens, most)) * (1 if token == r"\dfrac" else SCRIPT)
    if token == r"\sqrt":
        return 0.83 + group(tokens, most)
    if token in WORDS:
        return 0.5 * letters(tokens)
    if match := FUNCTION.match(token):
        space = 0 if tokens[:1] == ["("] else 0.17
        return space + 0.5 * len(token.removeprefix("\\")) - 0.1 * (match[2] == "lim")
    return min(most, WIDTHS.get(token, OTHER))


def group(tokens: list[str], most: float) -> float:
    """Return the width of the next token or group."""
    return one(tokens.pop(0), tokens, most) if tokens else 0.0


def letters(tokens: list[str]) -> int:
    """Return how many letters the next group of words has; takes it."""
    depth, count = 0, 0
    while tokens:
        token = tokens.pop(0)
        depth += (token == "{") - (token == "}")
        count += len(token) == 1 and token not in "{}"
        if depth == 0:
            break
    return count


def make_room(app: Sphinx, _page: str, _template: str, context: dict[str, Any], _tree: object) -> None:
    if "body" in context:
        macros = app.config.mathjax3_config["tex"]["macros"]
        roomy = FORMULA.sub(partial(with_room, macros=macros), context["body"])
        context["body"] = BOUND.sub(bound, roomy)


def with_room(match: re.Match[str], macros: dict[str, Any]) -> str:
    wide = width(html.unescape(match["tex"]), macros)
    return match[0].replace(">", f' style="--wide:{wide:.1f}em">', 1)


def bound(match: re.Match[str]) -> str:
    return f'<span class="bound">{match[0]}</span>' if match["open"] or match["close"] else match[0]


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", make_room, priority=950)  # after previews, which hold formulas too
    return {"parallel_read_safe": True, "parallel_write_safe": True}
