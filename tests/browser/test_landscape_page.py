"""The quadratic landscape under a reader's hands: what the page shows is what mamlkit computes.

Each test runs on a page of its own and on the chapter of the built book.
"""

import re
import urllib.parse

import numpy as np
import pytest

from mamlkit.explorers.quadratic import INNER_LRS, quadratic_scene
from mamlkit.reading import measure
from mamlkit.text import gettext as _

CHAPTER = "book/principles/meta-gradient.html"
ID = "quadratic-landscape"


@pytest.fixture(params=["standalone page", "book"])
def address(request):
    if request.param == "standalone page":
        return request.getfixturevalue("standalone")
    return request.getfixturevalue("built_page")(CHAPTER, ID)[0]


class Figure:
    """The explorer on a page, as a reader meets it."""

    def __init__(self, page):
        self.page = page
        self.root = page.locator(f'.mk-explorer[data-name="{ID}"]')
        self.root.scroll_into_view_if_needed()
        self.slider = {name: self.root.locator(f'input[data-control="{name}"]') for name in ("alpha", "curvature")}
        self.plane = self.root.locator("[data-panel=plane]")
        self.handle = self.root.locator(".mk-handle")

    def state(self):
        """All controls at full precision, from the link that the figure offers."""
        self.root.locator("[data-do=link]").evaluate("button => button.click()")  # without scrolling there
        link = urllib.parse.urlsplit(self.page.url).fragment
        name, state = link.split(":", 1)
        assert name == ID
        values = dict(urllib.parse.parse_qsl(state))
        return {
            "alpha": float(values["alpha"]),
            "curvature": float(values["curvature"]),
            "num_steps": int(values["num_steps"]),
            "theta": [float(x) for x in values["theta"].split(",")],
        }

    def readouts(self):
        rows = self.root.locator(".mk-readouts b").all()
        return {row.get_attribute("data-readout"): row.inner_text() for row in rows}

    def labels(self):
        rows = self.root.locator(".mk-readouts > div").all()
        return {row.locator("b").get_attribute("data-readout"): row.locator("span").inner_text() for row in rows}

    def check(self):
        """Compare every readout with mamlkit at the state of the controls; return that state."""
        state, shown = self.state(), self.readouts()
        scene = quadratic_scene(**state)
        assert set(shown) == {readout.name for readout in scene.readouts}
        for readout in scene.readouts:
            assert agrees(shown[readout.name], readout), f"{readout.name} at {state}: {shown[readout.name]!r}"
        return state


def agrees(shown, readout):
    """Whether the text shown is the number, correctly rounded to the digits that it shows."""
    if isinstance(readout.value, str) or measure(readout.rule, readout.value) is None:
        return shown == str(readout)
    tens = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
    plain = re.sub(r" × 10(\S+)", lambda m: f"e{m[1]}", shown.replace("−", "-").translate(tens))
    numbers = [float(x) for x in re.findall(r"-?\d[\d.]*(?:e-?\d+)?", plain)]
    exact = np.atleast_1d(measure(readout.rule, readout.value))
    if "×" in shown:  # two digits of a power of ten round to a twentieth
        return numbers == pytest.approx(list(exact), rel=0.0500001)
    return numbers == pytest.approx(list(exact), rel=0, abs=0.500001 * 10.0**-readout.digits)


@pytest.fixture
def figure(address, open_page):
    return Figure(open_page(address))


def test_it_opens_on_its_defaults(figure):
    assert figure.check() == {"alpha": 0.5, "curvature": 2.0, "num_steps": 1, "theta": [0.3, 1.5]}


def test_in_a_book_from_a_folder_it_answers_too(built_page, open_page):
    figure = Figure(open_page(built_page(CHAPTER, ID)[1]))
    figure.slider["alpha"].press("End")
    assert figure.check()["alpha"] == INNER_LRS[-1]


def test_sliders_by_keyboard(figure):
    for name, step in (("alpha", 0.05), ("curvature", -0.25)):
        before = figure.check()[name]
        figure.slider[name].focus()
        figure.page.keyboard.press("ArrowRight" if step > 0 else "ArrowLeft")
        after = figure.check()[name]
        assert after == pytest.approx(before + step)
        assert figure.slider[name].get_attribute("aria-valuetext") == f"{after:.2f}"
    figure.slider["alpha"].focus()
    figure.page.keyboard.press("Home")
    assert figure.check()["alpha"] == 0.0
    figure.slider["alpha"].focus()
    figure.page.keyboard.press("End")
    assert figure.check()["alpha"] == INNER_LRS[-1]


def test_choice_by_keyboard_and_pointer(figure):
    figure.root.locator('input[data-control="num_steps"]').first.focus()
    figure.page.keyboard.press("ArrowRight")
    assert figure.check()["num_steps"] == 2
    figure.root.locator(".mk-choice label", has_text="10").click()
    assert figure.check()["num_steps"] == 10


def test_sliders_by_pointer(figure):
    for name in ("alpha", "curvature"):
        box = figure.slider[name].bounding_box()
        figure.page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] / 2)
        figure.page.mouse.down()
        figure.page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] / 2, steps=6)
        figure.page.mouse.up()
        figure.check()
    assert figure.state()["alpha"] == pytest.approx(0.2, abs=0.051)
    assert figure.state()["curvature"] == 0.5


def test_theta_follows_the_pointer(figure):
    before, box = figure.state()["theta"], figure.handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    figure.page.mouse.move(x, y)
    figure.page.mouse.down()
    for dx, dy in ((-40, 25), (-80, 50), (-123, 77)):
        figure.page.mouse.move(x + dx, y + dy)
    figure.page.mouse.up()
    after = figure.check()["theta"]
    width = figure.plane.locator("clipPath rect").get_attribute("width")
    per_pixel = 6.4 / float(width)
    assert after == pytest.approx([before[0] - 123 * per_pixel, before[1] - 77 * per_pixel], abs=1.5 * per_pixel)
    moved = figure.handle.bounding_box()
    assert (moved["x"] - box["x"], moved["y"] - box["y"]) == pytest.approx((-123, 77), abs=1.0)


def test_theta_stays_in_its_box(figure):
    box = figure.handle.bounding_box()
    figure.page.mouse.move(box["x"] + 22, box["y"] + 22)
    figure.page.mouse.down()
    figure.page.mouse.move(box["x"] + 2000, box["y"] - 700)
    figure.page.mouse.up()
    assert figure.check()["theta"] == [3.0, 2.4]


def test_theta_by_keyboard(figure):
    figure.handle.focus()
    for key in ("ArrowLeft", "ArrowDown", "ArrowDown", "Shift+ArrowRight"):
        figure.page.keyboard.press(key)
    assert figure.check()["theta"] == pytest.approx([0.7, 1.3])
    assert figure.handle.get_attribute("aria-valuetext") == "(0.70, 1.30)"
    assert figure.handle.get_attribute("role") == "slider"
    assert figure.handle.get_attribute("aria-label") == _("initialisation θ")


@pytest.fixture
def phone(address, open_page):
    return Figure(open_page(address, width=360, height=740, has_touch=True, is_mobile=True, device_scale_factor=2))


def test_touch(phone):
    for name in ("alpha", "curvature"):
        phone.slider[name].scroll_into_view_if_needed()
        box = phone.slider[name].bounding_box()
        phone.page.touchscreen.tap(box["x"] + box["width"] * 0.75, box["y"] + box["height"] / 2)
        phone.check()
    assert phone.state()["alpha"] == pytest.approx(0.75, abs=0.051)
    phone.root.locator(".mk-choice label", has_text="5").tap()
    assert phone.check()["num_steps"] == 5


def test_theta_follows_a_finger(phone):
    phone.plane.evaluate("node => node.scrollIntoView({ block: 'center' })")
    before, scroll = phone.state()["theta"], phone.page.evaluate("scrollY")
    phone.plane.evaluate("node => node.scrollIntoView({ block: 'center' })")
    box = phone.handle.bounding_box()
    x, y = box["x"] + 22, box["y"] + 22
    touch = phone.page.context.new_cdp_session(phone.page)

    def send(kind, *points):
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": a, "y": b} for a, b in points]})

    send("touchStart", (x, y))
    for share in (0.25, 0.5, 0.75, 1.0):
        send("touchMove", (x - 60 * share, y + 40 * share))
    send("touchEnd")
    after = phone.check()["theta"]
    assert after[0] < before[0] - 0.8
    assert after[1] < before[1] - 0.5
    assert phone.page.evaluate("scrollY") - scroll < 400  # the finger moved theta, not the page


def test_reset(figure):
    figure.slider["alpha"].press("End")
    figure.handle.press("ArrowLeft")
    assert figure.check()["alpha"] == 1.0
    figure.root.locator("[data-do=reset]").click()
    assert figure.check() == {"alpha": 0.5, "curvature": 2.0, "num_steps": 1, "theta": [0.3, 1.5]}


def test_a_link_restores_the_state(address, open_page):
    wanted = {"alpha": 0.75, "curvature": 1.25, "num_steps": 5, "theta": [-1.25, 0.5]}
    figure = Figure(open_page(f"{address}#{ID}:alpha=0.75&curvature=1.25&num_steps=5&theta=-1.25,0.5"))
    assert figure.check() == wanted


@pytest.mark.parametrize(
    "fragment",
    [
        f"{ID}:alpha=9&curvature=NaN&num_steps=3&theta=1",
        f"{ID}:alpha=&curvature=x&num_steps=&theta=,",
        f"{ID}:%E0%A4%A&&&===",
        f"{ID}:theta=1e9,0&alpha=-1&alpha=0.1",
        f"{ID}:__proto__=1&alpha=<img src=x onerror=alert(1)>",
        f"{ID}-other:alpha=0.1",
        ID,
        "%",
    ],
)
def test_a_bad_link_changes_nothing_and_is_told(standalone, open_page, fragment):
    figure = Figure(open_page(f"{standalone}#{fragment}"))
    note = figure.root.locator(".mk-note").inner_text()
    assert bool(note) == fragment.startswith(f"{ID}:")
    assert figure.root.locator(".mk-note *").count() == 0  # words, whatever they hold
    assert figure.check() == {"alpha": 0.5, "curvature": 2.0, "num_steps": 1, "theta": [0.3, 1.5]}


def test_a_valley_is_told_in_words(figure):
    for name, steps in (("alpha", 20), ("curvature", 3)):
        figure.slider[name].focus()
        figure.page.keyboard.press("Home")
        for _step in range(steps):
            figure.page.keyboard.press("ArrowRight")
    state = figure.check()
    assert (state["alpha"], state["curvature"]) == (1.0, 1.0)
    assert figure.readouts()["optimum"] == _("everywhere on a line")


def test_the_legend_switches_marks(figure):
    heads = figure.plane.locator("svg[role=img] path[fill='var(--mk-naive)']")
    figure.slider["alpha"].press("End")
    figure.root.locator(".mk-choice label", has_text="2").click()
    assert heads.count() == 0
    entry = figure.root.get_by_label(_("single-factor bug"))
    entry.check()
    assert heads.count() == 1
    entry.uncheck()
    assert heads.count() == 0


def test_the_figure_in_words(figure):
    """Nothing is said at first; then only what the reader's own movement changed, not the slider that speaks itself."""
    live = figure.root.locator("[aria-live=polite]")
    figure.page.wait_for_timeout(600)
    assert live.inner_text() == ""
    figure.slider["alpha"].press("Home")
    figure.page.wait_for_timeout(700)
    said = live.inner_text()
    shown, labels = figure.readouts(), figure.labels()
    assert f"{labels['outer_loss']}: {shown['outer_loss']}." in said
    assert labels["angle_naive"] not in said  # it was 0° and still is
    for silent in ("alpha", "curvature"):
        assert figure.root.locator(f"label[for={figure.slider[silent].get_attribute('id')}]").inner_text() not in said
    described = figure.plane.locator("svg[role=img]").get_attribute("aria-label")
    assert f"{labels['outer_loss']}: {shown['outer_loss']}" in described


def test_a_slider_is_called_by_its_label_alone(figure):
    for slider in figure.slider.values():
        label = figure.root.locator(f"label[for={slider.get_attribute('id')}]").inner_text()
        assert figure.page.get_by_role("slider", name=label, exact=True).first.get_attribute("data-control")
        assert slider.get_attribute("aria-valuetext") not in label


def test_the_numbers_of_the_figure(figure):
    figure.root.locator(".mk-numbers > summary").click()
    state = figure.state()
    cells = figure.root.locator("table").first.locator("tr").last.locator("td").all_inner_texts()
    assert [float(cell.replace("−", "-")) for cell in cells[1:]] == pytest.approx(state["theta"], abs=1e-3)


def luminance(colour):
    channels = [float(x) / 255 for x in re.findall(r"[\d.]+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def contrast(first, second):
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


# The colour behind an element: of the nearest ancestor that paints one, else the canvas; CSS mixes become plain rgb.
COLOURS = """(node, property) => {
  let behind = node;
  while (behind && /, 0\\)$|transparent/.test(getComputedStyle(behind).backgroundColor)) behind = behind.parentElement;
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const paint = (colour) => { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); };
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const read = () => `rgb(${[...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3)})`;
  paint(behind ? getComputedStyle(behind).backgroundColor : dark ? "#121212" : "#ffffff");
  const back = read();
  paint(getComputedStyle(node)[property]);
  return [read(), back];
}"""


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_everything_stands_out_from_the_page(address, open_page, colours):
    figure = Figure(open_page(address, color_scheme=colours))
    assert figure.root.evaluate("root => root.hasAttribute('data-dark')") == (colours == "dark")
    texts = [
        ".mk-control > span", ".mk-control > label", ".mk-control b", ".mk-readouts span", ".mk-readouts b",
        ".mk-buttons button", ".mk-legend span", "small", ".mk-numbers > summary",
    ]  # fmt: skip
    for selector in texts:
        for node in figure.root.locator(selector).all():
            assert contrast(*node.evaluate(COLOURS, "color")) >= 4.5, selector
    for node in figure.root.locator("svg[role=img] text").all():
        assert contrast(*node.evaluate(COLOURS, "fill")) >= 4.5, node.inner_text()
    for node in figure.root.locator("svg[role=img] path[stroke]").all():
        assert contrast(*node.evaluate(COLOURS, "stroke")) >= 3.0, node.get_attribute("stroke")


@pytest.mark.parametrize("width", [320, 360, 768, 1280])
def test_it_fits_the_screen(address, open_page, width):
    figure = Figure(open_page(address, width=width))
    assert figure.page.evaluate("document.documentElement.scrollWidth") <= width
    root = figure.root.bounding_box()
    for node in figure.root.locator("svg[role=img], .mk-panel, .mk-legend label, .mk-prompts, button").all():
        box = node.bounding_box()
        assert box["x"] >= root["x"] - 1
        assert box["x"] + box["width"] <= root["x"] + root["width"] + 1


def test_a_frame_is_drawn_within_16_ms(figure):
    """From the input event to finished layout, for 60 moves of a slider and 60 of theta; the median, on any machine."""
    times = figure.page.evaluate(
        """async (id) => {
          await window.MathJax?.startup?.promise; // the page's own work is not the figure's
          const root = document.querySelector(`.mk-explorer[data-name="${id}"]`);
          const slider = root.querySelector("input[data-control=alpha]");
          const handle = root.querySelector(".mk-handle");
          const times = [];
          for (let i = 0; i < 120; i++) {
            await new Promise(requestAnimationFrame);
            const start = performance.now();
            if (i % 2) {
              slider.value = i % 21;
              slider.dispatchEvent(new Event("input", { bubbles: true }));
            } else handle.dispatchEvent(new KeyboardEvent("keydown", { key: i % 4 ? "ArrowLeft" : "ArrowRight" }));
            root.getBoundingClientRect();
            times.push(performance.now() - start);
          }
          return times;
        }""",
        ID,
    )
    print(f"median {np.median(times):.2f} ms, 95 of 100 within {np.quantile(times, 0.95):.2f} ms")
    assert np.median(times) < 16


def test_figures_on_one_page_do_not_touch_each_other(standalone, open_page):
    page = open_page(standalone)
    first, second = page.locator(".mk-explorer").all()
    before = second.locator(".mk-readouts").inner_text()
    first.locator("input[data-control=alpha]").press("End")
    assert second.locator(".mk-readouts").inner_text() == before
    second.locator("input[data-control=alpha]").press("End")
    assert first.locator("input[data-control=alpha]").get_attribute("aria-valuetext") == "1.00"
    Figure(page).check()
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((node) => node.id)")
    assert len(set(ids)) == len(ids)


def test_without_scripts_there_is_a_picture(address, open_page):
    page = open_page(address, java_script_enabled=False)
    figure = page.locator(f'.mk-explorer[data-name="{ID}"]')
    assert figure.locator("noscript > p").first.inner_text().strip()
    picture = figure.locator("img")
    assert picture.bounding_box()["width"] > 200
    assert _("outer loss J(θ)") in picture.get_attribute("alt")
