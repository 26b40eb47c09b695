"""Errors by group, and intervals from a bootstrap over schools, against counts by hand and a case that is known."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mamlkit.applications.held_out import HeldOut, interval, merge


def run(error, members=1.0):
    error = np.asarray(error, dtype=float)
    return HeldOut(error * members, error**2 * members, np.full(error.shape, float(members)))


def test_rmse_and_bias_by_hand():
    one = HeldOut(np.array([[2.0, -3.0], [0.0, 1.0]]), np.array([[4.0, 9.0], [4.0, 1.0]]), np.array([[1, 1], [3, 1.0]]))
    assert_allclose(one.rmse(), np.sqrt([18 / 6, 8 / 4, 10 / 2]))
    assert_allclose(one.bias(), [0.5, -1.0])
    both = merge([one, one])
    assert_allclose(both.rmse(), one.rmse())
    assert both.members.sum() == 12


def test_an_interval_of_a_mean_is_that_of_the_central_limit():
    """Squared errors of 400 schools: the interval of the RMSE against the delta method, within a tenth."""
    rng = np.random.default_rng(0)
    error = rng.normal(size=(400, 2)) + 3
    found = interval(run(error), rng=np.random.default_rng(1))
    square = error[:, 0] ** 2
    half = 1.96 * square.std() / np.sqrt(400) / (2 * np.sqrt(square.mean()))
    assert_allclose(np.diff(found[1])[0] / 2, half, rtol=0.1)
    assert found[1, 0] < np.sqrt(square.mean()) < found[1, 1]


def test_what_a_school_adds_to_both_cancels():
    rng = np.random.default_rng(2)
    hard = 1 + 5 * rng.random((200, 1)) * np.ones(2)
    better, worse = run(hard), run(hard + 0.1)
    paired = interval(worse, better, rng=np.random.default_rng(3))
    alone = interval(worse, rng=np.random.default_rng(3))
    assert (paired[:, 0] > 0.08).all()
    assert (paired[:, 1] < 0.11).all()
    assert (np.diff(alone, axis=1) > 10 * np.diff(paired, axis=1)).all()
    assert_allclose(interval(better, better, rng=np.random.default_rng(3)), 0, atol=1e-12)


def test_too_few_draws_are_refused():
    with pytest.raises(ValueError, match="draws must be at least 100"):
        interval(run(np.ones((5, 2))), rng=np.random.default_rng(0), draws=5)
