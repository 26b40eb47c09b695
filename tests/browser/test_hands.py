"""Every figure of every page without a mouse, with less motion, in the reader's own few colours."""

import re

import pytest

from .conftest import BUILT

PAGES = sorted(
    page.relative_to(BUILT).as_posix()
    for page in BUILT.glob("book/**/*.html")
    if re.search(r'class="mk-explorer[^>]*data-name="[^"]', page.read_text("utf-8"))  # stills have no name
)
FIGURES = "[...document.querySelectorAll('.mk-explorer[data-name]:not([data-name=\"\"])')]"
# Whatever takes the keyboard in a figure: what it is called, and whether it can have the focus.
STOPS = f"""() => {FIGURES}.flatMap((root) =>
  [...root.querySelectorAll("button, input, summary, [tabindex='0'], [role=slider]")]
    .filter((node) => !node.disabled && !node.closest("[aria-hidden=true]"))
    .filter((node) => node.checkVisibility({{ visibilityProperty: true }}))
    .map((node) => {{
      node.focus();
      const name = node.getAttribute("aria-label") ?? node.labels?.[0]?.textContent ?? node.textContent;
      const group = node.type === "radio" ? node.closest("fieldset")?.querySelector("legend")?.textContent : "one";
      return [root.dataset.name, node.outerHTML.slice(0, 120), name.trim(), group, document.activeElement === node];
    }}))"""
# What a screen reader has been told of a figure, and what its picture is called.
TOLD = """(name) => {
  const root = document.querySelector(`.mk-explorer[data-name="${name}"]`);
  return [root.querySelector(".mk-live").textContent, root.querySelector("svg[role=img]").getAttribute("aria-label")];
}"""
CONTROLS = "input[type=range], [role=slider][tabindex='0'], fieldset:not([hidden]) input[type=radio]:checked"
# Lines, points and frames that a reader with colours of her own cannot tell from the ground; text is checked elsewhere.
FAINT = f"""() => {{
  const canvas = document.createElement("canvas").getContext("2d", {{ willReadFrequently: true }});
  const luminance = (...colours) => {{
    canvas.clearRect(0, 0, 1, 1);
    for (const colour of colours) {{ canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }}
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3)
      .map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }};
  const ground = getComputedStyle(document.body).backgroundColor;
  const contrast = (colour) => {{
    const [a, b] = [luminance(ground), luminance(ground, colour)].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  }};
  const found = [];
  for (const root of {FIGURES}) {{
    for (const mark of root.querySelectorAll(".mk-marks > [data-mark]")) {{
      const parts = [...mark.querySelectorAll("path, circle, rect, line, text")];
      const paints = parts.flatMap((part) => [getComputedStyle(part).stroke, getComputedStyle(part).fill])
        .filter((paint) => paint !== "none");
      const best = Math.max(0, ...paints.map(contrast));
      if (parts.length && best < 3) found.push([root.dataset.name, mark.dataset.mark, paints]);
    }}
    for (const button of root.querySelectorAll("button:not([hidden])")) {{
      const style = getComputedStyle(button);
      if (button.checkVisibility() && (parseFloat(style.borderTopWidth) < 1 || contrast(style.borderTopColor) < 3))
        found.push([root.dataset.name, button.outerHTML.slice(0, 80)]);
    }}
  }}
  return found;
}}"""
RING = """() => {
  const node = document.activeElement;
  const { outlineStyle, outlineWidth } = getComputedStyle(node.type === "radio" ? node.nextElementSibling : node);
  return [outlineStyle !== "none" && parseFloat(outlineWidth) >= 2, node.outerHTML.slice(0, 80)];
}"""


@pytest.fixture(scope="module", params=PAGES)
def shown(request, chromium, site):
    """A page in forced colours, without motion; one visit serves all tests."""
    colours = ("light", "dark")[PAGES.index(request.param) % 2]
    options = {"forced_colors": "active", "reduced_motion": "reduce", "color_scheme": colours}
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, **options)
    page = context.new_page()
    page.complaints = []
    page.on("console", lambda said: said.type in ("error", "warning") and page.complaints.append(said.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.goto(f"{site}/{request.param}")
    yield page
    context.close()


def test_lines_and_buttons_are_seen_in_forced_colours(shown):
    assert shown.evaluate(FAINT) == []
    assert shown.complaints == []


def test_every_stop_has_a_name_and_takes_the_focus(shown):
    stops = shown.evaluate(STOPS)
    assert stops
    assert [stop for stop in stops if not (stop[2] and stop[3] and stop[4])] == []


def test_arrow_keys_move_every_control_and_it_is_announced(shown):
    for name in shown.evaluate(f"{FIGURES}.map((root) => root.dataset.name)"):
        root = shown.locator(f".mk-explorer[data-name='{name}']")
        controls = [node for node in root.locator(CONTROLS).all() if node.is_visible() or node.get_attribute("type")]
        heard = 0
        for control in controls:
            before = shown.evaluate(TOLD, name)
            value = control.get_attribute("aria-valuetext")
            control.focus()
            shown.keyboard.press("Shift")  # from now on the browser shows the focus
            ring, what = shown.evaluate(RING)
            assert ring, (name, what)
            shown.keyboard.press("ArrowRight")
            if control.get_attribute("type") != "radio" and control.get_attribute("aria-valuetext") == value:
                shown.keyboard.press("ArrowLeft")  # it stood at its end
            shown.wait_for_timeout(450)
            after = shown.evaluate(TOLD, name)
            heard += after[0] != before[0]
            spoken = control.get_attribute("type") == "radio" or control.get_attribute("aria-valuetext") != value
            assert spoken or after != before, (name, what)
        assert heard or not controls, f"nothing that {name} does is announced"
    assert shown.complaints == []


def test_play_takes_one_step_where_less_motion_is_asked_for(shown):
    state = f"{FIGURES}.map((root) => [...root.querySelectorAll('input')].map((node) => [node.value, node.checked]))"
    plays = shown.locator(".mk-explorer [data-do=play]")
    plays.evaluate_all("buttons => buttons.forEach((button) => button.click())")
    once = shown.evaluate(state)
    shown.wait_for_timeout(800)  # a value stays for 700 ms while a figure plays
    assert shown.evaluate(state) == once
    assert shown.locator(".mk-wave [data-do=run]:visible").count() == 0
    assert shown.evaluate("document.getAnimations().filter((one) => one.playState === 'running').length") == 0
