"""The room that is kept for a formula: whole TeX is read, and the guess grows with what is written."""

import re
from pathlib import Path

import pytest
import yaml
from formulas import BOUND, FORMULA, bound, width, with_room

ROOT = Path(__file__).parents[2]
MACROS = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))["sphinx"]["config"]["mathjax3_config"]["tex"][
    "macros"
]
# Widths in ems of the text, as MathJax 3 set these formulas in the built book.
SET = {
    r"\theta": 0.60,
    r"J = 0": 3.14,
    r"(A, b)": 3.06,
    r"\phi = \theta - \alpha \nabla \LS(\theta)": 9.54,
    r"P_k = I - \alpha \nabla^2 \LS(\theta_k)": 11.35,
    r"\tfrac d2 \theta^2": 2.18,
    r"\max(L_1 - c_1, L_2 - c_2)": 12.09,
    r"J(\theta) = \E_{\text{task}} \LQ(\phi)": 10.09,
    r"P_0^\top P_1^\top \cdots P_{K-1}^\top \nabla \LQ(\phi)": 12.93,
}


@pytest.mark.parametrize("tex", SET)
def test_the_guess_is_near(tex):
    assert width(tex, MACROS) == pytest.approx(SET[tex], rel=0.06, abs=0.3)


def test_more_is_wider_and_braces_that_do_not_match_end():
    assert width(r"a + b", MACROS) > width(r"a b", MACROS) > width("a", MACROS) > 0
    assert width(r"\frac{abc}{d}", MACROS) < width("abc d", MACROS)
    for broken in ("{", "}", r"\frac", r"\text{", "x^", r"\sqrt", "_"):
        assert width(broken, MACROS) >= 0


def test_formulas_of_a_page_get_their_room_and_nothing_else_changes():
    page = r'<p>So <span class="math notranslate nohighlight">\(a &lt; b\)</span>, <span class="math">x</span>.</p>'
    new = FORMULA.sub(lambda match: with_room(match, MACROS), page)
    assert re.sub(r' style="--wide:[\d.]+em"', "", new) == page
    assert float(re.search(r"--wide:([\d.]+)em", new)[1]) == pytest.approx(width("a < b", MACROS), abs=0.05)


def test_signs_that_touch_a_formula_stay_on_its_line():
    def formula(tex):
        return f'<span class="math notranslate nohighlight" style="--wide:1.0em">\\({tex}\\)</span>'

    a, b = formula("a"), formula("b")
    page = f"<p>Of {a} and {b}, which ({a}) is larger, {a}? Not {b} here.</p><p>(See {b}).</p>"
    told = BOUND.sub(bound, page)
    assert re.sub(r'<span class="bound">(.*?</span>.*?)</span>', r"\1", told) == page
    tied = re.findall(r'<span class="bound">(.*?)<span .*?</span>(.*?)</span>', told)
    assert tied == [("", ","), ("(", ")"), ("", "?"), ("", ").")]
