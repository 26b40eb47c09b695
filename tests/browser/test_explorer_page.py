"""What every explorer can do, on one page of its own: panels, handles, play, prompts, links of the prose, numbers
under the pointer, and what readers without a mouse, without colours or with a screen reader get of it.
"""

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for dial.py beside this file

from dial import PROMPTS, RATES, dial_explorer, loss, scene

from mamlkit.explorers import still

START = {"theta": 30.0, "alpha": 0.2, "kind": "loss"}
PROSE = """<p>Go <a id="west" href="#dial:theta=-90">west</a>,
<a id="far" href="#dial:theta=999&alpha=1&beta=2">too far</a>, or
<a id="other" href="#other:alpha=1">elsewhere</a>.</p>"""


@pytest.fixture(scope="module")
def dial():
    return dial_explorer()


@pytest.fixture
def address(dial, tmp_path):
    """Prose, the dial, a still picture of it, and a screen further down the same prose again."""
    below = PROSE.replace('id="', 'id="low-')
    body = f"{PROSE}{dial.html()}{still(scene(**START)).html()}<div style='height: 2000px'></div>{below}"
    (tmp_path / "page.html").write_text(
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Dial</title>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'><style>:root { color-scheme: light dark }"
        " body { max-width: 46rem; margin: 1rem auto; padding: 0 .75rem; background: Canvas; color: CanvasText }"
        f"</style></head><body>{body}</body></html>",
        encoding="utf-8",
    )
    return (tmp_path / "page.html").as_uri()


class Dial:
    """The explorer on its page."""

    def __init__(self, page):
        self.page, self.root = page, page.locator("[data-name=dial]")
        self.tip = {name: self.panel(name).locator(".mk-tip") for name in ("dial", "curves")}

    def panel(self, name):
        return self.root.locator(f"[data-panel={name}]")

    def control(self, name):
        return self.root.locator(f"[data-control={name}]")

    def state(self):
        self.root.locator("[data-do=link]").evaluate("button => button.click()")
        fields = dict(re.findall(r"(\w+)=([^&]*)", self.page.url.split("#dial:")[1]))
        return {"theta": float(fields["theta"]), "alpha": float(fields["alpha"]), "kind": fields["kind"]}

    def value(self):
        return float(self.root.locator("[data-readout=value]").inner_text().replace("−", "-"))

    def place(self, name, x, y):
        """The place of a point of a panel's plane on the screen, from the frame that the panel draws in."""
        frame = self.panel(name).locator("clipPath rect").first
        box = self.panel(name).bounding_box()
        left, top, width, height = (float(frame.get_attribute(side)) for side in ("x", "y", "width", "height"))
        (x0, x1), (y0, y1) = {"dial": ((-1.3, 1.3),) * 2, "curves": ((-180, 180), (-0.05, 2.05))}[name]
        return box["x"] + left + (x - x0) / (x1 - x0) * width, box["y"] + top + (y1 - y) / (y1 - y0) * height


@pytest.fixture
def figure(address, open_page):
    return Dial(open_page(address))


def test_panels_share_controls_and_stand_side_by_side(figure):
    dial, curves = (figure.panel(name).bounding_box() for name in ("dial", "curves"))
    assert dial["x"] + dial["width"] <= curves["x"]
    assert figure.root.locator(".mk-legend label").count() == 4  # one entry for a label of both panels
    figure.control("theta").press("ArrowRight")
    assert figure.state() == {**START, "theta": 40.0}
    assert figure.value() == pytest.approx(loss(40.0, 0.2), abs=6e-4)


def test_on_a_phone_prompts_stand_directly_above_the_plot(address, open_page):
    figure = Dial(open_page(address, width=360))
    prompts, dial, curves = (
        figure.root.locator(where).bounding_box()
        for where in (".mk-prompts", "[data-panel=dial]", "[data-panel=curves]")
    )
    assert prompts["y"] + prompts["height"] <= dial["y"] < prompts["y"] + prompts["height"] + 40
    assert dial["y"] + dial["height"] <= curves["y"]
    assert curves["width"] > 300


def test_in_a_wide_column_prompts_stand_beside_the_plot(address, open_page):
    figure = Dial(open_page(address))
    figure.page.add_style_tag(content="body { max-width: 70rem !important }")
    prompts, plots = (figure.root.locator(where).bounding_box() for where in (".mk-prompts", ".mk-plots"))
    assert prompts["x"] >= plots["x"] + plots["width"]
    assert prompts["y"] == pytest.approx(plots["y"], abs=2)


def test_a_slider_is_dragged_by_its_mark(figure):
    figure.page.mouse.move(*figure.place("dial", 0.5, 0.866))  # 30° east of north
    figure.page.mouse.down()
    for x, y in ((0.9, 0.4), (1.2, 0.0), (0.7, -0.8)):
        figure.page.mouse.move(*figure.place("dial", x, y))
    figure.page.mouse.up()
    assert figure.state()["theta"] == 140.0  # atan2(0.7, -0.8) is 138.8°
    assert figure.panel("dial").locator(".mk-handle").get_attribute("aria-hidden") == "true"  # the slider has the keys


def test_prompts_set_their_states_and_keep_their_own_answers(figure):
    for i, prompt in enumerate(PROMPTS):
        item = figure.root.locator(".mk-prompts li").nth(i)
        assert item.locator("p").first.is_visible()
        assert item.locator("[data-do=set]").count() == bool(prompt.state)
        assert item.locator("details").count() == bool(prompt.answer)
    first = figure.root.locator(".mk-prompts li").first
    first.locator("[data-do=set]").focus()
    figure.page.keyboard.press("Enter")
    assert figure.state() == {**START, "theta": 180.0, "alpha": 0.0}
    assert not first.locator("details p").is_visible()
    first.locator("summary").focus()
    figure.page.keyboard.press("Enter")
    assert first.locator("details p").inner_text() == "It is highest: 2."
    assert not figure.root.locator(".mk-prompts li").nth(1).locator("details p").is_visible()


def test_prose_sets_what_it_names_and_nothing_else(figure):
    figure.page.locator("#west").click()
    assert figure.page.url.endswith("#dial:theta=-90")
    assert figure.state() == {**START, "theta": -90.0}
    figure.page.locator("#far").focus()
    figure.page.keyboard.press("Enter")
    note = figure.root.locator(".mk-note").inner_text()
    assert "theta=999, beta=2" in note
    assert figure.page.evaluate("document.activeElement.id") == "far"
    assert figure.state() == {**START, "theta": -90.0, "alpha": 1.0}


def test_prose_scrolls_only_to_what_cannot_be_seen(figure):
    figure.page.locator("#west").click()
    assert figure.page.evaluate("scrollY") == 0
    figure.page.locator("#low-west").click()
    box = figure.root.locator(".mk-plots").bounding_box()
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= 900
    assert figure.page.evaluate("document.activeElement.id") == "low-west"


def test_a_link_of_another_figure_is_left_alone(figure):
    figure.page.locator("#other").click()
    assert figure.state() == START


def test_play_runs_through_the_values_and_stops(figure):
    play = figure.root.locator("[data-do=play]")
    calm = play.get_attribute("aria-label")
    play.click()
    assert play.get_attribute("aria-label") != calm
    assert figure.control("alpha").input_value() == "2"
    figure.page.wait_for_function("document.querySelector('[data-control=alpha]').value === '4'", timeout=3000)
    figure.control("theta").press("ArrowLeft")  # the reader takes over
    assert play.get_attribute("aria-label") == calm
    figure.page.wait_for_timeout(900)
    assert figure.control("alpha").input_value() == "4"
    play.click()  # the last value ends it, the next press begins anew
    assert (figure.control("alpha").input_value(), play.get_attribute("aria-label")) == (str(len(RATES) - 1), calm)
    play.click()
    assert figure.control("alpha").input_value() == "0"


def test_play_takes_one_step_where_less_motion_is_asked_for(address, open_page):
    figure = Dial(open_page(address, reduced_motion="reduce"))
    figure.root.locator("[data-do=play]").click()
    figure.page.wait_for_timeout(900)
    assert figure.control("alpha").input_value() == "2"


def test_curves_are_read_off_under_the_pointer(figure):
    x, y = figure.place("curves", 61.0, 1.9)  # far from any curve
    figure.page.mouse.move(x, y)
    lines = figure.tip["curves"].locator("div").all_inner_texts()
    numbers = [float(line.split()[-1].replace("−", "-")) for line in lines]
    assert numbers[0] == pytest.approx(61.0, abs=1.0)
    assert numbers[1] == pytest.approx(loss(61.0), abs=0.02)
    assert numbers[2] == pytest.approx(loss(61.0, 0.2), abs=0.02)
    assert ["plain loss" in lines[1], "loss after" in lines[2]] == [True, True]
    assert figure.panel("curves").locator(".mk-dim").count() == 0
    figure.page.mouse.move(5, 5)
    assert figure.tip["curves"].locator("div").count() == 0


def test_what_the_pointer_is_near_stands_out_and_is_named(figure):
    figure.page.mouse.move(*figure.place("dial", 0.5 + 0.02, 0.866))
    assert figure.tip["dial"].inner_text().split("\n")[0] == "heading θ"
    assert "(0.500, 0.866)" in figure.tip["dial"].inner_text()
    for name in ("dial", "curves"):  # in every panel
        lit = figure.panel(name).locator(".mk-dim > .mk-lit")
        assert lit.get_attribute("data-mark") == {"dial": "theta", "curves": "here"}[name]


def test_a_legend_entry_points_its_mark_out(figure):
    entry = figure.root.locator(".mk-legend label").filter(has_text="one step")
    for point_out in (entry.hover, entry.locator("input").focus):
        point_out()
        assert figure.panel("dial").locator(".mk-dim > .mk-lit").get_attribute("data-mark") == "step"
        assert "one step" in figure.tip["dial"].inner_text()
        figure.page.mouse.move(5, 5)
        figure.page.evaluate("document.activeElement.blur()")
        assert figure.panel("dial").locator(".mk-dim").count() == 0


def test_the_drawing_takes_no_part_in_hit_tests(figure):
    """Hit tests on dashed curves have stopped browsers; handles and legend are reached all the same."""
    x, y = figure.place("curves", 61.0, 1.0)
    assert figure.page.evaluate("([x, y]) => document.elementFromPoint(x, y).className", [x, y]) == "mk-plot"


def test_a_still_picture_has_legend_and_numbers_but_no_controls(figure):
    picture = figure.page.locator(".mk-explorer[data-name='']")
    assert picture.locator("button, input[type=range]").count() == 0
    assert picture.locator(".mk-legend label").count() == 4
    assert picture.bounding_box()["width"] == figure.root.bounding_box()["width"]
    picture.locator("[data-panel=curves]").hover(position={"x": 150, "y": 60})
    assert picture.locator("[data-panel=curves] .mk-tip div").count() >= 3
    picture.locator(".mk-numbers > summary").click()
    picture.locator("table").first.wait_for()
    assert picture.locator("table").count() == 2


def test_keys_stay_inside(figure):
    figure.page.evaluate("window.heard = []; addEventListener('keydown', (event) => heard.push(event.key))")
    figure.control("alpha").press("ArrowRight")
    figure.control("alpha").press("x")
    figure.root.locator("[data-do=play]").press("Escape")
    assert figure.page.evaluate("heard") == []
    assert figure.root.get_attribute("data-lm-suppress-shortcuts") == "true"


def test_the_focus_can_be_seen_everywhere(figure):
    figure.page.evaluate("document.querySelector('#other').focus()")
    seen = set()
    for _stop in range(20):
        figure.page.keyboard.press("Tab")
        focus = figure.page.evaluate(
            """() => {
              const node = document.activeElement;
              const ring = node.matches("input[type=radio]") ? node.nextElementSibling : node;
              const { outlineStyle, outlineWidth } = getComputedStyle(ring);
              return [node.closest("[data-name=dial]") ? node.outerHTML.slice(0, 60) : "", outlineStyle, outlineWidth];
            }"""
        )
        if focus[0]:
            seen.add(focus[0])
            assert focus[1] != "none", focus
            assert float(focus[2].removesuffix("px")) >= 2, focus
    assert len(seen) >= 9


def test_in_forced_colours_the_choice_shows_by_its_ground(address, open_page):
    figure = Dial(open_page(address, forced_colors="active"))
    chosen, other = (
        figure.root.locator(f"input[data-control=kind]{which} + span") for which in (":checked", ":not(:checked)")
    )
    grounds = [node.evaluate("node => getComputedStyle(node).backgroundColor") for node in (chosen, other)]
    assert grounds[0] != grounds[1]


@pytest.mark.parametrize("width", [320, 360, 1280])
def test_it_fits_the_screen(address, open_page, width):
    figure = Dial(open_page(address, width=width))
    assert figure.page.evaluate("document.documentElement.scrollWidth") <= width
    figure.page.mouse.move(*figure.place("curves", 100.0, 1.0))
    assert figure.page.evaluate("document.documentElement.scrollWidth") <= width  # with what the pointer shows


@pytest.mark.parametrize("width", [320, 700, 1280])
def test_ticks_and_labels_do_not_run_into_one_another(address, open_page, width):
    figure = Dial(open_page(address, width=width))
    boxes = [text.bounding_box() for text in figure.panel("curves").locator(".mk-axes text").all()]
    assert len(boxes) >= 8
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            apart = a["x"] + a["width"] <= b["x"] + 1 or b["x"] + b["width"] <= a["x"] + 1
            assert apart or a["y"] + a["height"] <= b["y"] + 2 or b["y"] + b["height"] <= a["y"] + 2, (a, b)


def test_what_the_pointer_shows_stays_within_its_panel(figure):
    panel = figure.panel("curves").bounding_box()
    for heading in (-175, -60, 0, 60, 175):
        figure.page.mouse.move(*figure.place("curves", heading, 1.0))
        tip = figure.tip["curves"].bounding_box()
        assert tip["x"] >= panel["x"] - 1
        assert tip["x"] + tip["width"] <= panel["x"] + panel["width"] + 1
