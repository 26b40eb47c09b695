import matplotlib as mpl
import numpy as np
import pytest

from mamlkit import figures
from mamlkit.figures.draw import new_figure
from mamlkit.scene import KINDS, ArrowScale, Axes, Mark, Panels, Readout, Scene

mpl.use("agg")

ROWS = {"arrow": [[1.0, 1.0], [1.0, 0.5]], "ellipses": [[2.0, 2.0], [1.0, 0.0], [0.0, 0.5]]}


def scene_of(kind, **fields):
    xy = ROWS.get(kind, [[1.0, 1.0], [2.0, 3.0], [3.0, 2.0]])
    mark = Mark(kind, "it", "maml", xy, label="it", tag="WORDS", radii=(1.0,) if kind == "ellipses" else (), **fields)
    return Scene(Axes("across", "up", (0, 4), (0, 4), equal=True), [mark], [Readout("n", "number", 2.0)], "One mark.")


def ink(scene, **options):
    """How many pixels the drawing darkens."""
    figure, ax = new_figure(scene.axes)
    figures.draw(scene, ax, **options)
    figure.canvas.draw()
    dark = (np.asarray(figure.canvas.buffer_rgba())[..., :3].min(axis=-1) < 200).sum()
    mpl.pyplot.close(figure)
    return dark


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_mark_leaves_ink(kind):
    if kind == "area":  # a pale surface darkens nothing: look at its edge instead
        ax = figures.draw(scene_of(kind))
        assert len(ax.patches) == 1
        return
    assert ink(scene_of(kind)) > ink(scene_of(kind, visible=False)) + 40


def test_a_hidden_mark_is_drawn_on_request():
    hidden = scene_of("line", visible=False)
    assert ink(hidden, show=("it",)) > ink(hidden) + 40
    with pytest.raises(ValueError, match=r"show must name marks of the scene, got \['them'\]"):
        figures.draw(hidden, show=("them",))


def test_axes_are_labelled_and_limited():
    ax = figures.draw(scene_of("line"))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("across", "up")
    assert ax.get_xlim() == (0, 4)
    assert ax.get_aspect() == 1.0


def test_draw_uses_the_axes_it_is_given():
    figure, given = mpl.pyplot.subplots()
    assert figures.draw(scene_of("points"), given) is given
    mpl.pyplot.close(figure)


def test_an_ellipse_is_the_curve_of_its_half_axes():
    """The points centre + a cos t + b sin t, for axes that are not perpendicular, lie on the patch."""
    rows = np.array([[1.0, 2.0], [1.0, 0.3], [0.2, 0.8]])
    mark = Mark("ellipses", "e", "maml", rows, radii=(1.5,))
    ax = figures.draw(Scene(Axes("x", "y", (-3, 5), (-3, 5), equal=True), [mark], [], "An ellipse."))
    (patch,) = ax.patches
    t = np.linspace(0, 2 * np.pi, 50)[:, None]
    curve = rows[0] + 1.5 * (np.cos(t) * rows[1] + np.sin(t) * rows[2])
    unit = patch.get_patch_transform().inverted().transform(curve)
    np.testing.assert_allclose(np.hypot(*unit.T), 1.0, rtol=1e-9)


def test_arrows_end_where_the_common_scale_says():
    arrow = Mark("arrow", "maml", "maml", [[1.0, 1.0], [0.0, 10.0]])
    scene = Scene(Axes("x", "y", (0, 4), (0, 4)), [arrow], [], "An arrow.", arrows=ArrowScale(2.0, 0.5))
    ax = figures.draw(scene)
    assert ax.texts[0].xy == pytest.approx((1.0, 3.0))


def test_a_picture_carries_its_words():
    picture = figures.picture(scene_of("line"))
    assert picture.alt == "One mark. number: 2.000."
    bundle = picture._repr_mimebundle_()
    assert 'alt="One mark. number: 2.000."' in bundle["text/html"]
    assert bundle["image/png"].startswith(b"\x89PNG")
    assert bundle["application/pdf"].startswith(b"%PDF")
    with pytest.raises(ValueError, match="alt must say what is to be seen, got ' '"):
        figures.Picture(mpl.pyplot.figure(), " ")


@pytest.mark.parametrize("kind", ["svg", "pdf"])
def test_the_same_scene_gives_the_same_bytes(kind):
    assert figures.picture(scene_of("path")).save(kind) == figures.picture(scene_of("path")).save(kind)


def test_panels_stand_side_by_side():
    dial = Scene(Axes("x", "y", (-1, 1), (-1, 1), equal=True, frame=False), [], [], "A dial.")
    picture = figures.picture(Panels({"dial": dial, "line": scene_of("line")}, widths=(1, 2)))
    first, second = picture.figure.axes
    assert not first.axison
    assert second.get_xlabel() == "across"
    assert second.get_gridspec().get_width_ratios() == [1.0, 2.0]
    assert picture.alt == "A dial. One mark. number: 2.000."
