"""The explorer of the groups: what it shows is what was measured, and its prompts answer rightly."""

import gzip
from functools import cache

import numpy as np
import pytest
from unpack import Unpacked

from mamlkit.applications import fairness, school_study
from mamlkit.explorers.groups import FEATURES, PUPILS, Trade, groups_explorer, groups_scene

WEIGHTS = [0, 0.02, 0.25, 0.5, 0.75, 1]


@cache
def measured():
    pupils = fairness.math_achieve()

    def one(features, n):
        rng = np.random.default_rng(0)
        setting = school_study.Setting(
            pupils, features=features, groups=pupils.minority, num_support=n, rng=rng, draws=5
        )
        return Trade(WEIGHTS, **school_study.trade(setting, WEIGHTS, rng=rng))

    return {(features, n): one(features, n) for features in FEATURES for n in PUPILS}


def test_frames_are_direct_calls_at_every_corner():
    explorer = groups_explorer(measured())
    unpacked = Unpacked(explorer.spec)
    for (features, n), trade in measured().items():
        for place, weight in enumerate(WEIGHTS):
            frame = unpacked.frame(weight=weight, features=features, num_support=n)
            scene = groups_scene(trade, weight)
            for readout, values in zip(scene.readouts[:3], trade.rmse[place], strict=True):
                assert float(readout.value) == values
            for mark in (*scene.scenes["error"].marks, *scene.scenes["bias"].marks):
                rows = unpacked.rows(unpacked.part("marks", mark.name), frame)
                np.testing.assert_allclose(np.reshape(rows, mark.xy.shape), mark.xy, atol=2e-3)


def test_readouts_are_what_was_measured():
    trade = measured()["blind", 5]
    words = {readout.name: str(readout) for readout in groups_scene(trade, 0.5).readouts}
    place = WEIGHTS.index(0.5)
    assert words["minority"] == f"{trade.rmse[place, 2]:.2f}"
    assert words["worst"] == f"{trade.rmse[place, 1:].max():.2f}"
    assert words["bias_majority"] == f"−{-trade.bias[place, 0]:.2f}"
    assert words["bias_minority"] == f"+{trade.bias[place, 1]:.2f}"


def test_what_the_prompts_answer():
    blind, aware = measured()["blind", 5], measured()["aware", 5]
    low, high = blind.bias[WEIGHTS.index(0.25)], blind.bias[WEIGHTS.index(0.5)]
    assert 1.5 < low[1] < 2
    assert -1 < low[0] < -0.5
    assert abs(np.diff(low)[0] - np.diff(high)[0]) < 0.15  # the distance of the biases
    assert (high < low).all()
    middle = aware.rmse[[WEIGHTS.index(w) for w in (0.25, 0.5, 0.75)]]
    assert np.ptp(middle, axis=0).max() < 0.05
    near = aware.rmse[WEIGHTS.index(0.02)] - aware.rmse[WEIGHTS.index(0.25)]
    assert -0.01 < near[1] < 0.01
    assert near[2] > 0.03
    assert aware.bias[WEIGHTS.index(0.02), 1] > 0.5


def test_arrays_must_fit():
    with pytest.raises(ValueError, match=r"rmse must have shape \(2, 3\), got \(2, 2\)"):
        Trade([0, 1], np.ones((2, 2)), np.ones((2, 2)), average=0.3, minimax=0.4, regret=0.5)


def test_the_explorer_is_light():
    assert len(gzip.compress(groups_explorer(measured()).html().encode())) < 60_000
