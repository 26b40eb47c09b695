"""Room for formulas: how wide each in a line of text will be, guessed from its TeX.

MathJax sets formulas once a page is there. Until then each keeps a place of about its width free (book.css), so that
the text around does not jump. Half a letter more or less seldom moves a word to another line.

A browser may begin a new line on either side of a formula. So the full stop behind one, or the bracket before it, is
bound to it.
"""

from __future__ import annotations

import html
import re
import string
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
SPACE = 0.05  # after an index
SLANT = 0.09  # of a capital over what follows, unless that is an index
CAPITALS = tuple(string.ascii_uppercase)
SIGNS = ("+", "-", r"\pm", r"\mp")
BARE = 0.78  # the most that an operator is wide without the space around it, as in an index


def pairs(table: str) -> dict[str, float]:
    """Return the widths of a table that names one after each token."""
    words = table.split()
    return dict(zip(words[::2], map(float, words[1::2]), strict=True))


# Widths of TeX's fonts in their own units; of relations and operators with the space around them.
WIDTHS = pairs(r"""
a .53 b .43 c .43 d .52 e .47 f .55 g .48 h .58 i .35 j .41 k .52 l .30 m .88 n .60 o .49 p .50 q .45 r .45 s .47 t .36
u .57 v .49 w .72 x .57 y .49 z .47 A .75 B .76 C .72 D .83 E .74 F .64 G .79 H .83 I .44 J .56 K .85 L .68 M .97 N .80
O .76 P .64 Q .79 R .76 S .61 T .58 U .68 V .58 W .94 X .83 Y .58 Z .68
\alpha .64 \beta .57 \gamma .52 \delta .44 \epsilon .41 \varepsilon .47 \zeta .44 \eta .50 \theta .47 \iota .35
\kappa .58 \lambda .58 \mu .60 \nu .49 \xi .44 \pi .57 \rho .52 \sigma .57 \tau .44 \phi .60 \varphi .65 \chi .63
\psi .65 \omega .62 \Gamma .63 \Delta .83 \Theta .78 \Lambda .69 \Sigma .72 \Phi .72 \Psi .78 \Omega .72 \ell .42
= 1.33 < 1.33 > 1.33 \le 1.33 \leq 1.33 \ge 1.33 \geq 1.33 \ne 1.33 \neq 1.33 \approx 1.33 \sim 1.33 \propto 1.33
\equiv 1.33 \in 1.22 \ll 1.56 \gg 1.56 \to 1.56 \mapsto 1.56 \leftarrow 1.56 \rightarrow 1.56 \Rightarrow 1.56
\longrightarrow 2.19 \mid .83 : .83 + 1.22 - 1.22 \pm 1.22 \mp 1.22 \times 1.22 \oplus 1.22 \otimes 1.22 \odot 1.22
\circ .94 \cdot .72 \setminus .94 \cup 1.11 \cap 1.11 \star .50 * .50 \ast .50 \sum 1.22 \prod 1.11 \int 1.0
\nabla .83 \partial .57 \infty 1.0 \top .78 \cdots 1.34 \ldots 1.34 \dots 1.34 ( .39 ) .39 [ .28 ] .28 \{ .50 \} .50
\langle .39 \rangle .39 | .28 \| .50 \lvert .28 \rvert .28 \vert .28 , .44 ; .44 . .28 ! .28 ' .28 \prime .28
\, .17 \: .22 \; .28 \! -.17 \quad 1.0
\left 0 \right 0 \big 0 \Big 0 \bigl 0 \bigr 0 \Bigl 0 \Bigr 0 \bar 0 \hat 0 \tilde 0 \widetilde 0 \widehat 0 \vec 0
\dot 0 \overline 0 \mathbf 0 \mathcal 0 \mathbb 0 \mathit 0 \boldsymbol 0 \bm 0 \displaystyle 0 \textstyle 0 \limits 0
\\ 0
""")
OTHER = 0.5  # a digit
UPRIGHT = pairs("""
a .50 b .56 c .44 d .56 e .44 f .31 g .50 h .56 i .28 j .31 k .53 l .28 m .83 n .56 o .50 p .56 q .53 r .39 s .39 t .39
u .56 v .53 w .72 x .53 y .53 z .44
""")
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
            scripts = max(scripts, SPACE + SCRIPT * group(tokens, most=BARE))
            if not tokens or tokens[0] not in "_^":
                total, scripts = total + scripts, 0.0
            continue
        total += BARE if first and token in SIGNS else one(token, tokens, most)
        total += SLANT * (token in CAPITALS and tokens[:1] != ["_"])
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
        return letters(tokens) + (0.17 if token in (r"\operatorname", r"\operatorname*") and tokens[:1] != ["("] else 0)
    if FUNCTION.match(token):
        return 0.17 * (1 + (tokens[:1] != ["("])) + words(token[1:])
    return min(most, WIDTHS.get(token, OTHER))


def group(tokens: list[str], most: float) -> float:
    """Return the width of the next token or group."""
    return one(tokens.pop(0), tokens, most) if tokens else 0.0


def letters(tokens: list[str]) -> float:
    """Return the width of the next group of words; takes it."""
    depth, wide = 0, 0.0
    while tokens:
        token = tokens.pop(0)
        depth += (token == "{") - (token == "}")
        wide += words(token) * (len(token) == 1)
        if depth == 0:
            break
    return wide


def words(text: str) -> float:
    """Return the width of upright letters; other signs have none."""
    return sum(UPRIGHT.get(letter, 0.7 * (letter in CAPITALS)) for letter in text)


def make_room(app: Sphinx, _page: str, _template: str, context: dict[str, Any], _tree: object) -> None:
    if "body" in context:
        macros = app.config.mathjax3_config["tex"]["macros"]
        roomy = FORMULA.sub(partial(with_room, macros=macros), context["body"])
        context["body"] = BOUND.sub(bound, roomy)


def with_room(match: re.Match[str], macros: dict[str, Any]) -> str:
    wide = width(html.unescape(match["tex"]), macros)
    return match[0].replace(">", f' style="--wide:{wide:.2f}em">', 1)


def bound(match: re.Match[str]) -> str:
    return f'<span class="bound">{match[0]}</span>' if match["open"] or match["close"] else match[0]


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", make_room, priority=950)  # after previews, which hold formulas too
    return {"parallel_read_safe": True, "parallel_write_safe": True}
