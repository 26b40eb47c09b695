import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from unpack import Unpacked

from mamlkit.explorers.controls import Choice, Point, Slider
from mamlkit.explorers.grid import NODES, Grid, weights
from mamlkit.explorers.pack import pack
from mamlkit.scene import Axes, Mark, Panels, Readout, Scene

AXES = Axes("x", "y", (-1, 1), (-1, 1))
SLIDER = Slider([0.0, 0.5, 1.0], 0.5, "slope")
CHOICE = Choice(("up", "down"), "up", "direction")
POINT = Point((-1.0, -0.5), (1.0, 0.5), (0.0, 0.0), "point", mark="point")


def scene_of(slope, direction, point, *, bend=0.0, marks=(), value=None):
    """An affine mark, a number that is quadratic in the point, and whatever else is asked for."""
    x, y = point
    sign = 1 if direction == "up" else -1
    line = Mark("line", "line", "maml", [[0.0, 0.0], [x + bend * x * y, sign * slope * y]])
    number = x * x - 2 * x * y + 3 * y + slope if value is None else value
    dragged = Mark("points", "point", "initial", [point])
    return Scene(AXES, [line, dragged, *marks], [Readout("number", "number", number)], "A line.")


def grid_of(scene=scene_of):
    return Grid(scene, {"slope": SLIDER, "direction": CHOICE, "point": POINT})


@pytest.mark.parametrize("count", [1, 3, 6])
@given(st.tuples(st.floats(0, 1), st.floats(0, 1)), st.tuples(*[st.floats(-5, 5)] * 6))
def test_weights_are_exact_for_their_degree(count, share, coefficients):
    degree = [c if i < count else 0.0 for i, c in enumerate(coefficients)]

    def polynomial(s, t):
        return np.dot(degree, [1, s, t, s * s, s * t, t * t])

    at_nodes = [polynomial(*node) for node in NODES[:count]]
    assert weights(*share, count) @ at_nodes == pytest.approx(polynomial(*share), abs=1e-12)


def test_every_point_of_the_grid_is_evaluated():
    seen = set()

    def recorded(**values):
        seen.add(tuple(values.items()))
        return scene_of(**values)

    grid_of(recorded)
    corners = itertools.product(SLIDER.values, CHOICE.values, [(-1.0, -0.5), (1.0, -0.5), (-1.0, 0.5)])
    for slope, direction, point in corners:
        assert (("slope", slope), ("direction", direction), ("point", point)) in seen


def test_unpacked_frames_equal_direct_calls():
    grid = grid_of()
    unpacked = Unpacked(pack(grid))
    rng = np.random.default_rng(1)
    for slope, direction in itertools.product(SLIDER.values, CHOICE.values):
        share = rng.uniform(size=2)
        direct = scene_of(slope, direction, POINT.at(*share))
        frame = unpacked.frame(slope=slope, direction=direction)
        line = unpacked.rows(unpacked.part("marks", "line"), frame, share)
        assert_allclose(line, direct.marks[0].xy, atol=2e-4)  # two units of 16 bits, far below a pixel
        number = unpacked.rows(unpacked.part("readouts", "number"), frame, share)
        assert_allclose(number, [[direct.readouts[0].value]], atol=1e-12)


def test_a_bend_is_found():
    with pytest.raises(ValueError, match=r"mark line must be affine in point, but is not at slope=0.0.*point=\("):
        grid_of(lambda **values: scene_of(**values, bend=1e-3))


def test_a_cubic_number_is_found():
    def cubic(slope, direction, point):
        return scene_of(slope, direction, point, value=point[0] ** 3)

    with pytest.raises(ValueError, match=r"readout number must be at most quadratic in point"):
        grid_of(cubic)


def test_a_bend_between_nodes_of_one_frame_only_is_found():
    """No corner, no default and no other frame shows it."""

    def sly(slope, direction, point):
        return scene_of(slope, direction, point, bend=1.0 if (slope, direction) == (1.0, "down") else 0.0)

    with pytest.raises(ValueError, match=r"slope=1.0, direction='down'"):
        grid_of(sly)


def test_an_error_names_the_controls():
    def fragile(slope, direction, point):
        return scene_of(slope, direction, point, value=1.0 / (slope - 1.0))

    with pytest.raises(ValueError, match=r"fails at slope=1.0, direction='up', .*ZeroDivisionError"):
        grid_of(fragile)


def test_nan_names_the_controls():
    def undefined(slope, direction, point):
        return scene_of(slope, direction, point, value=float("nan") if direction == "down" else 0.0)

    with pytest.raises(ValueError, match=r"slope=0.0, direction='down'.*value of readout 'number' must be finite"):
        grid_of(undefined)


def test_frames_differ_in_numbers_only():
    def repainted(slope, direction, point):
        role = "maml" if direction == "up" else "fomaml"
        return scene_of(slope, direction, point, marks=[Mark("points", "dot", role, [[0.0, 0.0]])])

    with pytest.raises(ValueError, match=r"mark dot must differ in numbers only, .* direction='down'"):
        grid_of(repainted)


def test_a_dragged_point_keeps_every_mark():
    def vanishing(slope, direction, point):
        dot = [Mark("points", "dot", "maml", [[0.0, 0.0]])] if point[0] <= 0 else []
        return scene_of(slope, direction, point, marks=dot)

    with pytest.raises(ValueError, match="must not change which marks there are"):
        grid_of(vanishing)


def test_a_mark_may_be_missing_and_a_readout_may_say_words():
    def sometimes(slope, direction, point):
        up = direction == "up"
        dot = [Mark("points", "dot", "maml", [[slope, 0.0]])] if up else []
        return scene_of(slope, direction, point, marks=dot, value=slope if up else "no number")

    unpacked = Unpacked(pack(grid_of(sometimes)))
    up, down = (unpacked.frame(slope=1.0, direction=direction) for direction in CHOICE.values)
    assert_allclose(unpacked.rows(unpacked.part("marks", "dot"), up), [[1.0, 0.0]], atol=1e-4)
    assert unpacked.rows(unpacked.part("marks", "dot"), down) is None
    assert unpacked.rows(unpacked.part("readouts", "number"), down) == "no number"


def test_no_stretch_is_stored_twice():
    """A path of n steps begins with the path of fewer: all of them need one store of the longest."""
    points = np.random.default_rng(2).uniform(-1, 1, size=(9, 2))

    def path(steps):
        return Scene(AXES, [Mark("path", "path", "maml", points[: int(steps)])], [Readout("n", "n", steps)], "A path.")

    spec = pack(Grid(path, {"steps": Slider(range(1, 10), 1, "steps")}))
    assert len(Unpacked(spec).tables["mark plot/path"]) == 9


def test_coordinates_far_outside_fall_back_to_floats():
    def huge(slope):
        return Scene(AXES, [Mark("points", "dot", "maml", [[slope * 1e6, 0.25]])], [], "A dot.")

    unpacked = Unpacked(pack(Grid(huge, {"slope": SLIDER})))
    assert unpacked.tables["mark plot/dot"][:, 1] == pytest.approx(0.25, abs=1e-7)


def panels_of(slope, *, second="right", name="number"):
    left = Scene(AXES, [Mark("points", "dot", "maml", [[slope, 0.0]])], [Readout("number", "number", slope)], "Left.")
    right = Scene(
        AXES, [Mark("points", "dot", "fomaml", [[0.0, slope]])], [Readout(name, "other", 2 * slope)], "Right."
    )
    return Panels({"left": left, second: right})


def test_panels_are_packed_side_by_side():
    """Marks of one name live in different panels and keep their own numbers; readouts stand together."""
    spec = pack(Grid(lambda slope: panels_of(slope, name="other"), {"slope": SLIDER}))
    assert [panel["name"] for panel in spec["panels"]] == ["left", "right"]
    unpacked = Unpacked(spec)
    for i, slope in enumerate(SLIDER.values):
        left, right = (unpacked.rows(panel["marks"][0], i) for panel in spec["panels"])
        assert_allclose(left, [[slope, 0.0]], atol=1e-4)
        assert_allclose(right, [[0.0, slope]], atol=1e-4)
        assert_allclose(unpacked.rows(unpacked.part("readouts", "other"), i), [[2 * slope]])


def test_panels_stay_the_same_and_name_readouts_apart():
    with pytest.raises(ValueError, match=r"panels must be the same in every frame, but differ at slope=1\.0"):
        Grid(lambda slope: panels_of(slope, name="o", second="up" if slope == 1 else "right"), {"slope": SLIDER})
    with pytest.raises(ValueError, match="names of readouts must differ over all panels"):
        panels_of(0.5)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"handle": "dot"}, "panel of slope must be one of left, right; got ''"),
        ({"handle": "dot", "panel": "up"}, "panel of slope must be one of left, right; got 'up'"),
        ({"handle": "line", "panel": "left"}, "slope must be dragged by a mark of points in panel 'left', got 'line'"),
    ],
)
def test_a_handle_is_a_point_of_a_named_panel(fields, message):
    slider = Slider(SLIDER.values, 0.5, "slope", **fields)
    with pytest.raises(ValueError, match=message):
        Grid(lambda slope: panels_of(slope, name="other"), {"slope": slider})


def test_a_grid_without_controls_is_one_frame_and_exact():
    third = Scene(AXES, [Mark("points", "dot", "maml", [[1 / 3, 0.1]])], [Readout("n", "n", 0.1)], "A dot.")
    unpacked = Unpacked(pack(Grid(lambda: third, {})))
    assert_allclose(unpacked.rows(unpacked.part("marks", "dot"), 0), [[1 / 3, 0.1]], rtol=1e-10)
