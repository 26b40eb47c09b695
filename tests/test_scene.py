import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mamlkit.reading import format_number, measure, ticks
from mamlkit.roles import ROLES
from mamlkit.scene import ArrowScale, Axes, Mark, Panels, Readout, Scene, arc

AXES = Axes("x", "y", (0, 1), (0, 1))
LINE = Mark("line", "line", "maml", [[0, 0], [1, 1]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "blob"}, "kind of mark 'm' must be one of line, .*'blob'"),
        ({"role": "hero"}, "role of mark 'm' must be one of .*'hero'"),
        ({"xy": [[0.0, math.nan], [1, 1]]}, "xy of mark 'm' must be finite"),
        ({"xy": [[0.0, 1.0, 2.0]]}, "xy of mark 'm' must have 2 columns"),
        ({"xy": [[0.0, 1.0]]}, "at least 2 rows"),
        ({"kind": "arrow", "xy": [[0, 1], [1, 1], [2, 2]]}, r"2 rows \(arrow\), got shape \(3, 2\)"),
        ({"kind": "ellipses", "xy": [[0, 1], [1, 1], [2, 2]]}, "radii of mark 'm' belong to ellipses"),
        ({"radii": (1.0,)}, "radii of mark 'm' belong to ellipses"),
        ({"name": ""}, "name must be text"),
    ],
)
def test_a_bad_mark_is_refused_by_name_and_value(change, message):
    with pytest.raises(ValueError, match=message):
        Mark(**{"kind": "line", "name": "m", "role": "maml", "xy": [[0, 0], [1, 1]], **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"xlabel": " "}, "xlabel must be text"),
        ({"xlim": (1, 0)}, r"xlim must be two increasing numbers, got \(1, 0\)"),
        ({"ylim": (0, math.inf)}, "ylim must be finite"),
    ],
)
def test_bad_axes_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Axes(**{"xlabel": "x", "ylabel": "y", "xlim": (0, 1), "ylim": (0, 1), **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rule": "sum"}, "rule of readout 'r' must be one of value, norm, angle"),
        ({"value": math.nan}, "value of readout 'r' must be finite"),
        ({"value": ""}, "value of readout 'r' must be text"),
        ({"value": [1.0, 2.0], "rule": "angle"}, "value of readout 'r' must have 2 axes"),
        ({"value": np.eye(3), "rule": "angle"}, r"two plane vectors, shape \(2, 2\)"),
    ],
)
def test_a_bad_readout_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Readout(**{"name": "r", "label": "r", "value": 1.0, **change})


def test_a_scene_refuses_strangers_and_doubles():
    with pytest.raises(TypeError, match="marks must hold Mark objects, got 'line'"):
        Scene(AXES, ["line"], [], "alt")
    with pytest.raises(ValueError, match="names of marks must differ"):
        Scene(AXES, [LINE, LINE], [], "alt")
    with pytest.raises(ValueError, match="alt must be text"):
        Scene(AXES, [LINE], [], "")
    with pytest.raises(ValueError, match="arrows must be positive"):
        Scene(AXES, [LINE], [], "alt", arrows=ArrowScale(0.0, 1.0))


def test_arrows_share_one_scale():
    arrows = [Mark("arrow", name, name, [[0, 0], vector]) for name, vector in (("maml", [3, 4]), ("fomaml", [1, 0]))]
    assert Scene(AXES, arrows, [], "alt", arrows=ArrowScale(2.0, 0.5)).arrow_scale() == 2.0 / 5.0
    short = [Mark("arrow", "maml", "maml", [[0, 0], [0.1, 0]])]
    assert Scene(AXES, short, [], "alt", arrows=ArrowScale(2.0, 0.5)).arrow_scale() == 2.0 / 0.5
    assert Scene(AXES, arrows, [], "alt").arrow_scale() == 1.0


@given(st.floats(0, 180), st.floats(-180, 180), st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_the_angle_is_the_one_between_the_vectors(angle, turn, first, second):
    a, b = math.radians(turn), math.radians(turn + angle)
    value = np.array([[first * math.cos(a), first * math.sin(a)], [second * math.cos(b), second * math.sin(b)]])
    assert measure("angle", value) == pytest.approx(angle, abs=1e-9)


def test_no_angle_without_a_direction():
    assert measure("angle", np.array([[0.0, 0.0], [1.0, 0.0]])) is None
    assert str(Readout("a", "a", [[1e-12, 0.0], [1.0, 0.0]], rule="angle", unit="°")) == "–"


@given(st.floats(-1e5, 1e5).filter(lambda x: abs(x) > 1e-3), st.integers(3, 6))
def test_numbers_read_back_to_half_a_unit(value, digits):
    assert float(format_number(value, digits).replace("−", "-")) == pytest.approx(value, abs=0.51 * 10.0**-digits)


@given(st.floats(-100, 100), st.floats(0.01, 1000))
def test_ticks_are_few_and_inside(low, span):
    marks = ticks(low, low + span)
    assert 2 <= len(marks) <= 12
    assert low - 1e-6 * span <= marks[0] < marks[-1] <= low + span * (1 + 1e-6)


def test_each_role_has_one_look():
    """A colour with its dash and marker means one thing in the whole book."""
    looks = [(style.light, style.dash, style.marker) for style in ROLES.values()]
    assert len(set(looks)) == len(looks)


def relative_luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return np.dot([0.2126, 0.7152, 0.0722], linear)


@pytest.mark.parametrize("role", ROLES)
def test_colours_stand_out_from_the_page(role):
    """WCAG asks 4.5 for text (tags are drawn in these colours) on white and on the theme's dark pages."""
    style = ROLES[role]
    for colour, page in ((style.light, "#ffffff"), (style.dark, "#14181e"), (style.dark, "#121212")):
        light, dark = sorted((relative_luminance(colour), relative_luminance(page)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_panels_hold_scenes():
    scene = Scene(AXES, [LINE], [], "alt")
    assert list(Panels([scene, scene]).scenes) == ["1", "2"]
    assert Panels({"a": scene, "b": scene}).widths == (1.0, 1.0)
    with pytest.raises(TypeError, match="panel 'a' must be a Scene, got 'b'"):
        Panels({"a": "b"})
    with pytest.raises(ValueError, match=r"widths must be one for each of 1 panels \(one or more\), got \(1, 2\)"):
        Panels([scene], widths=(1, 2))
    with pytest.raises(ValueError, match="widths must be one for each of 0 panels"):
        Panels([])


def test_an_arc_runs_along_its_circle():
    vertices = arc(2.0, 0.5, -1.0, centre=(1.0, -1.0), num=7)
    np.testing.assert_allclose(np.hypot(*(vertices - [1.0, -1.0]).T), 2.0)
    turn = np.unwrap(np.arctan2(*(vertices - [1.0, -1.0]).T[::-1]))
    np.testing.assert_allclose(turn, np.linspace(0.5, -1.0, 7))
