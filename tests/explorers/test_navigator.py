"""The navigator: what it shows is what was measured, and its prompts answer rightly."""

import gzip

import numpy as np
import pytest
from unpack import Unpacked

from mamlkit import experiments
from mamlkit.applications import navigation
from mamlkit.experiments import navigation as trained
from mamlkit.explorers.navigator import EDGE, NAMES, mean_return, navigator_explorer, navigator_scene

PATHS = trained.trajectories(experiments.load("navigation"))


def explorer():
    return navigator_explorer(PATHS, trained.SHOWN)


def test_frames_are_direct_calls_for_every_choice():
    made = explorer()
    unpacked = Unpacked(made.spec)
    for method in NAMES:
        for number, goal in enumerate(trained.SHOWN, 1):
            for steps in range(4):
                frame = unpacked.frame(steps=steps, goal=number, method=method)
                scene = navigator_scene(PATHS[method][number - 1], goal, steps=steps)
                for mark in scene.marks:
                    rows = unpacked.rows(unpacked.part("marks", mark.name), frame)
                    np.testing.assert_allclose(np.reshape(rows, mark.xy.shape), mark.xy, atol=2e-3)


def test_the_readouts_are_what_the_environment_pays():
    """Play the moves of the kept paths in gymnasium's environment; positions are kept in thousandths."""
    goal, paths = trained.SHOWN[1], PATHS["maml"][1]
    for steps in range(4):
        paid = navigation.replay(goal, np.diff(paths[steps], axis=1)).rewards.sum(1).mean()
        assert mean_return(paths[steps], goal) == pytest.approx(paid, rel=0.01, abs=0.01)
        shown = {readout.name: readout.value for readout in navigator_scene(paths, goal, steps=steps).readouts}
        assert float(shown["after"]) == mean_return(paths[steps], goal)
        ends = [np.linalg.norm(path[-1] - goal) for path in paths[steps]]
        assert float(shown["distance"]) == pytest.approx(np.mean(ends))


def test_what_leaves_the_picture_runs_along_its_edge():
    far = np.full((1, 2, 3, 2), 5.0)
    scene = navigator_scene(far, [0.1, 0.1], steps=0)
    assert max(np.abs(mark.xy).max() for mark in scene.marks) == EDGE
    assert float(scene.readouts[0].value) == pytest.approx(-4 * 4.9**2)  # the number is not cut


def test_what_the_prompts_answer():
    def after(method, goal, steps):
        return mean_return(PATHS[method][goal - 1][steps], trained.SHOWN[goal - 1])

    def resting(goal):
        return -20 * float(np.square(trained.SHOWN[goal - 1]).sum())

    for method in ("maml", "joint"):
        assert after(method, 1, 0) == pytest.approx(resting(1), rel=0.35)
    assert after("maml", 1, 1) > 0.25 * resting(1)
    assert resting(1) < after("joint", 1, 1) < after("maml", 1, 1)
    both = [np.mean([after(method, goal, 1) for goal in range(1, 6)]) for method in ("maml", "fomaml")]
    assert abs(both[0] - both[1]) < 0.3


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="steps must be at most 3, got 4"):
        navigator_scene(PATHS["maml"][0], [0, 0], steps=4)
    with pytest.raises(ValueError, match="paths must have 4 axes"):
        navigator_scene(np.zeros((3, 2)), [0, 0], steps=0)


def test_the_explorer_is_light():
    assert len(gzip.compress(explorer().html().encode())) < 60_000
