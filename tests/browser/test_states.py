"""Every prompt and every link of the prose, on every built page, sets the state that it names."""

import json
import re
import urllib.parse
from pathlib import Path

import pytest

BUILT = Path(__file__).parents[2] / "_build" / "html"
PAGES = sorted(
    str(page.relative_to(BUILT))
    for page in BUILT.glob("book/**/*.html")
    if 'class="mk-explorer"' in page.read_text("utf-8")
)


def specs(page):
    """The spec of each explorer of a page, by its name; stills have none, and the wave is tested by itself."""
    texts = page.evaluate(
        """() => [...document.querySelectorAll(".mk-explorer > script[type='application/json']")]
          .map((node) => node.textContent)"""
    )
    return {
        spec["name"]: spec
        for spec in (json.loads(text)["spec"] for text in texts)
        if "prompts" in spec and spec["name"]
    }


def state(page, name):
    """What the controls of a figure say, from the link that it offers; texts as in links."""
    page.locator(f"[data-name='{name}'] [data-do=link]").evaluate("button => button.click()")
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(page.url).fragment.partition(":")[2]))


def as_number(value):
    """A number as a number, since Python writes 0.0 where scripts write 0; words as they are."""
    try:
        return float(value)
    except ValueError:
        return str(value)


def same(control, shown, wanted):
    if control["kind"] == "choice":
        return as_number(shown) == as_number(wanted)
    numbers = [[float(x) for x in str(text).strip("[]()").split(",")] for text in (shown, wanted)]
    if control["kind"] == "slider":  # the nearest value of the slider
        return abs(numbers[0][0] - min(control["values"], key=lambda x: abs(x - numbers[1][0]))) < 1e-9
    return numbers[0] == pytest.approx(numbers[1])


@pytest.mark.parametrize("path", PAGES)
def test_what_a_page_says_to_set_is_set(path, site, open_page):
    page = open_page(f"{site}/{path}")
    figures = specs(page)
    asked = [
        (name, prompt["state"], f"[data-name='{name}'] .mk-prompts li:nth-child({i}) [data-do=set]")
        for name, spec in figures.items()
        for i, prompt in enumerate(spec["prompts"], 1)
        if prompt["state"]
    ]
    for href in page.locator("a.mk-sets").evaluate_all("links => links.map((link) => link.getAttribute('href'))"):
        name, fields = re.fullmatch(r"#([\w-]+):(.*)", href).groups()
        if name in figures:
            asked.append((name, dict(urllib.parse.parse_qsl(fields)), f"a.mk-sets[href='{href}']"))
    for name, wanted, where in asked:
        controls = {control["name"]: control for control in figures[name]["controls"]}
        page.locator(f"[data-name='{name}'] [data-do=reset]").evaluate("button => button.click()")
        before = state(page, name)
        page.locator(where).first.evaluate("node => node.click()")
        after = state(page, name)
        for key, control in controls.items():
            assert same(control, after[key], wanted.get(key, before[key])), (where, key, after)
        assert page.locator(f"[data-name='{name}'] .mk-note").inner_text().count("=") == 0
