"""Pictures of measured results: the numbers handed over are those that are drawn."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mamlkit.explorers.results import errors_scene, moved_scene, seconds_scene


def test_means_over_seeds_against_seconds():
    found = {"MAML": {"seconds": [[1, 9], [3, 11]], "right": [[0.5, 0.9], [0.6, 0.8]]}}
    scene = seconds_scene(found, pixels=0.55)
    assert_allclose(scene.marks[1].xy, [[2, 0.55], [10, 0.85]])
    assert_allclose(scene.marks[0].xy[:, 1], 0.55)


def test_bands_are_the_intervals_within_the_frame():
    scene = errors_scene({"MAML": {"mean": [3.0, 0.3], "half": [2.0, 0.1]}}, top=4.0)
    band, line = scene.marks
    assert_allclose(line.xy, [[0, 3], [1, 0.3]])
    assert_allclose(band.xy, [[0, 1], [1, 0.2], [1, 0.4], [0, 4.0]])


def test_a_bar_for_each_layer():
    panels = moved_scene([0.1, 0.2, 0.5], [1.0, 0.3])
    assert_allclose(panels.scenes["glyphs"].marks[0].xy, np.column_stack([[1, 2, 3], [0.1, 0.2, 0.5]]))
    assert_allclose(panels.scenes["half-spaces"].marks[0].xy[:, 1], [1.0, 0.3])


@pytest.mark.parametrize("scene", [errors_scene, lambda found: seconds_scene(found, 0.5)])
def test_unknown_methods(scene):
    with pytest.raises(ValueError, match=r"found must name methods out of MAML, .*; got 'magic'"):
        scene({"magic": {"mean": [1], "half": [0], "seconds": [[1]], "right": [[1]]}})
