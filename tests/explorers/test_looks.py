"""Marks of one picture can be told apart: by colour, and without it by dash, marker or kind."""

import itertools

import numpy as np
import pytest

from mamlkit.closed_form.first_order import METHODS as FAMILY
from mamlkit.explorers.alignment import alignment_scene
from mamlkit.explorers.batch_norm import batch_norm_scene
from mamlkit.explorers.centre import centre_scene
from mamlkit.explorers.compass import compass_scene
from mamlkit.explorers.cost import METHODS, cost_scene
from mamlkit.explorers.factors import factor_scene
from mamlkit.explorers.family import family_scene
from mamlkit.explorers.feature import feature_scene
from mamlkit.explorers.first_order import gap_scene
from mamlkit.explorers.in_context import in_context_scene, reading_scene
from mamlkit.explorers.leaning import leaning_scene
from mamlkit.explorers.leave_one_out import leave_one_out_scene
from mamlkit.explorers.letters import letters_scene
from mamlkit.explorers.loops import two_loops_scene
from mamlkit.explorers.prior import prior_scene
from mamlkit.explorers.probe import probe_scene
from mamlkit.explorers.quadratic import quadratic_scene
from mamlkit.explorers.race import race_scene
from mamlkit.explorers.results import ROLES as RESULTS
from mamlkit.explorers.results import errors_scene, seconds_scene
from mamlkit.explorers.shrinkage import rate_scene, stopping_scene, weights_scene
from mamlkit.explorers.sinusoid import CURVES, descent_scene, error_scene, wave_scene
from mamlkit.explorers.walkers import walkers_scene
from mamlkit.roles import ROLES

LETTER = ["0,0 1,0 0,1"]
TOY = {"support": [LETTER] * 5, "query": [LETTER] * 5, "answers": {"MAML": [[[0.2] * 5] * 5]}}
SCENES = {
    **{f"compass, {name}": scene for name, scene in compass_scene(1.0, 110.0, 30.0).scenes.items()},
    **{f"walkers, {name}": scene for name, scene in walkers_scene(0.5, 1.0, 2).scenes.items()},
    **{f"gap, {name}": scene for name, scene in gap_scene(0.5, 1.0, 2).scenes.items()},
    **{f"family, {name}": scene for name, scene in family_scene(0.2, 2, [0.3, 1.5]).scenes.items()},
    **{f"feature, {name}": scene for name, scene in feature_scene(1.0, 1.0).scenes.items()},
    **{f"alignment, {name}": scene for name, scene in alignment_scene(1.0, 9.0, 30.0).scenes.items()},
    **{f"prior, {name}": scene for name, scene in prior_scene(0.1, 4, 1.0).scenes.items()},
    **{f"stopping, {name}": scene for name, scene in stopping_scene(0.7, 3).scenes.items()},
    "rate": rate_scene(0.5, 1.0, 2),
    "weights": weights_scene([1, 4, 9], inner_lr=0.1, noise_var=1.0, prior_var=0.5),
    **{f"centre, {name}": scene for name, scene in centre_scene(0.5, 1.0, 1, "distance").scenes.items()},
    **{f"batch norm, {name}": scene for name, scene in batch_norm_scene(4, 0.5).scenes.items()},
    **{f"left out, {name}": scene for name, scene in leave_one_out_scene(0.4, 4, "none").scenes.items()},
    **{f"in context, {name}": scene for name, scene in in_context_scene(5, 1, "zero", 4).scenes.items()},
    "reading": reading_scene({name: [1, 0] for name in ("zero", "learned", "rates", "bayes")}, [[1, 0]]),
    "factors": factor_scene(0.5, 2.0, 2),
    "loops": two_loops_scene(),
    "leaning": leaning_scene([0, 1], means=([1, 1], [0, 0]), joint=[[0, 1]], maml={"A": [[0, 0]]}).scenes["A"],
    "descent": descent_scene({"by hand": [2, 1], "engine": [2, 1]}),
    "cost": cost_scene([1, 2], {key: [1, 2] for key in METHODS}, theory=None, quantity="memory"),
    "probe": probe_scene([0, 1], [0, 0], [0, 1], support=[[0, 0]], query=[[1, 1]]),
    "race": race_scene({key: [0, 1] for key in FAMILY}, {key: [[2, 1]] for key in FAMILY}, against="iterations"),
    **{f"letters, {name}": scene for name, scene in letters_scene([TOY], 1, 1, "MAML", 0).scenes.items()},
    "seconds": seconds_scene(
        {key: {"seconds": [[0, 1]], "right": [[0, 1]]} for key in RESULTS if key != "scratch"}, 0.5
    ),
    "steps": errors_scene({key: {"mean": [2, 1], "half": [0, 0]} for key in ("MAML", "FOMAML", "joint", "scratch")}),
    "landscape": quadratic_scene(0.5, 2.0, 2, [0.3, 1.5]),
    "wave": wave_scene([0, 1], {key: [0, 1] for key in CURVES}, [[0, 0]]),
    "errors": error_scene({key: [[2, 1]] for key in ("scratch", "joint", "maml")}),
}
SEEN_AS_LINES = {"line", "path", "arrow", "arc", "ellipses", "bars"}


def lab(colour):
    """CIE Lab (D65), in which the eye just sees a distance of 2 or so."""
    channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear
    x, y, z = np.cbrt(xyz / [0.9505, 1.0, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def without_colour(mark):
    """What is left of a mark's look in grey print: kind, dash and strength of a line, the shape of a point."""
    style = ROLES[mark.role]
    return (mark.kind, style.dash, style.width > 3) if mark.kind in SEEN_AS_LINES else (mark.kind, style.marker)


@pytest.mark.parametrize("name", SCENES)
def test_marks_of_different_roles_differ_without_colour(name):
    marks = [mark for mark in SCENES[name].marks if mark.kind != "words"]  # which speak for themselves
    for first, second in itertools.combinations(marks, 2):
        if first.role != second.role:
            assert without_colour(first) != without_colour(second), (first.name, second.name)


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("page", ["light", "dark"])
def test_lines_of_different_roles_differ_in_colour(name, page):
    lines = [mark for mark in SCENES[name].marks if mark.kind in SEEN_AS_LINES]
    for first, second in itertools.combinations({mark.role for mark in lines}, 2):
        distance = np.linalg.norm(lab(getattr(ROLES[first], page)) - lab(getattr(ROLES[second], page)))
        assert distance > 20, (first, second)
