import numpy as np
import pytest
from numpy.testing import assert_allclose

from mamlkit.closed_form import compass

GRID = np.linspace(-np.pi, np.pi, 721)


@pytest.mark.parametrize("delta", [0.4, 1.2, 2.0, 2.9])
def test_means_are_those_of_the_two_tasks(delta):
    one_by_one = [[1 - np.cos(theta - target) for theta in GRID] for target in (delta, -delta)]
    assert_allclose(compass.mean_loss(GRID, delta=delta), np.mean(one_by_one, axis=0), atol=1e-12)
    assert_allclose(compass.outer_loss(GRID, delta=delta, inner_lr=0.0), np.mean(one_by_one, axis=0), atol=1e-12)


def test_the_inner_step_follows_the_slope():
    step, delta = 1e-6, 2.0
    slope = [
        (np.cos(theta - step - target) - np.cos(theta + step - target)) / (2 * step)
        for target in (delta, -delta)
        for theta in [0.7]
    ]
    assert_allclose(compass.adapt(0.7, delta=delta, inner_lr=0.3), 0.7 - 0.3 * np.array(slope), atol=1e-8)


@pytest.mark.parametrize("delta", [1.7, np.radians(110), 2.6])
def test_r1a_the_best_initialisation_is_the_worst_average_model(delta):
    after = compass.outer_loss(GRID, delta=delta, inner_lr=compass.solving_rate(delta))
    before = compass.mean_loss(GRID, delta=delta)
    middle = len(GRID) // 2
    assert np.argmax(before) == middle
    assert np.argmin(after) == middle
    assert_allclose(after[middle], 0, atol=1e-12)
    # And the best average model is a worse place to start from.
    assert after[np.argmin(before)] > after[middle] + 0.01


@pytest.mark.parametrize("delta", [1.7, np.radians(110), 2.6])
def test_north_beats_south_as_a_start_once_the_step_is_longer_than_a_quarter_turn(delta):
    for inner_lr in np.linspace(0.0, np.pi / np.sin(delta), 41):
        north, south = compass.outer_loss(np.array([0.0, np.pi]), delta=delta, inner_lr=inner_lr)
        if abs(inner_lr * np.sin(delta) - np.pi / 2) > 1e-6:
            assert (north < south) == (inner_lr * np.sin(delta) > np.pi / 2)


def test_within_a_quarter_turn_the_two_agree():
    assert np.argmin(compass.mean_loss(GRID, delta=1.0)) == len(GRID) // 2


@pytest.mark.parametrize("delta", [0.0, np.pi, -1.0, 4.0])
def test_a_rate_that_cannot_exist_is_refused(delta):
    with pytest.raises(ValueError, match="delta must lie strictly between 0 and pi"):
        compass.solving_rate(delta)
