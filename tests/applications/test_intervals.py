"""Intervals over tasks, against the normal theory and against tasks drawn anew."""

import numpy as np
import pytest

from mamlkit.applications.intervals import Interval, root_mean_square


def test_the_value_is_the_root_of_the_mean_and_seeds_are_averaged():
    squared = [[1.0, 4.0], [9.0, 16.0]]
    found = root_mean_square(squared, np.random.default_rng(0))
    assert found.value == pytest.approx((2.5**0.5 + 12.5**0.5) / 2)


def test_the_interval_covers_the_truth_nineteen_times_in_twenty():
    rng, hits = np.random.default_rng(1), 0
    for _ in range(300):
        errors = rng.normal(size=80) ** 2  # mean 1
        found = root_mean_square(errors, rng, draws=400)
        hits += found.low <= 1.0 <= found.high
    assert 0.87 < hits / 300 <= 0.99  # a little short, as the docstring says


def test_a_paired_interval_is_the_shorter_one():
    rng = np.random.default_rng(2)
    common = rng.normal(size=60) ** 2 + 1
    one, other = common * 1.1, common
    paired = root_mean_square(one, rng, against=other)
    alone = root_mean_square(one, rng)
    assert paired.high - paired.low < 0.3 * (alone.high - alone.low)
    assert paired.low > 0
    assert paired.value == pytest.approx((common.mean() * 1.1) ** 0.5 - common.mean() ** 0.5)
    assert root_mean_square(other, rng, against=one).high < 0


def test_equal_methods_differ_by_nothing():
    squared = np.random.default_rng(3).random((3, 12))
    assert root_mean_square(squared, np.random.default_rng(0), against=squared) == Interval(0.0, 0.0, 0.0)


def test_it_reads_as_in_the_tables():
    assert str(Interval(-0.321, -0.56, 0.1)) == "−0.32 [−0.56, 0.10]"


@pytest.mark.parametrize(
    ("squared", "more", "words"),
    [
        ([-1.0], {}, "squared must be squared errors"),
        ([], {}, "squared must be squared errors"),
        ([1.0, np.nan], {}, "squared must be finite"),
        ([1.0], {"against": [1.0, 2.0]}, "against must have 1 tasks"),
        ([1.0], {"draws": 0}, "draws must be at least 1"),
    ],
)
def test_bad_arguments_are_named(squared, more, words):
    with pytest.raises(ValueError, match=words):
        root_mean_square(squared, np.random.default_rng(0), **more)


def test_the_generator_is_wanted():
    with pytest.raises(TypeError, match="rng must be"):
        root_mean_square([1.0], 0)
