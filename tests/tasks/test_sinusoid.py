import numpy as np
import pytest
from numpy.testing import assert_allclose

from mamlkit.tasks import sinusoid


def test_examples_lie_on_their_own_wave():
    tasks = sinusoid.sample(np.random.default_rng(0), num_tasks=4, num_support=3, num_query=5)
    for part in (tasks.support, tasks.query):
        for index in range(4):
            assert_allclose(part.y[index, :, 0], tasks.curve(part.x[index, :, 0])[index])


def test_ranges_are_those_of_the_paper():
    tasks = sinusoid.sample(np.random.default_rng(1), num_tasks=4000, num_support=5, num_query=5)
    for values, (low, high) in (
        (tasks.amplitude, (0.1, 5.0)),
        (tasks.phase, (0.0, np.pi)),
        (tasks.support.x, (-5.0, 5.0)),
        (tasks.query.x, (-5.0, 5.0)),
    ):
        assert low <= values.min() < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < values.max() <= high
        # The mean of a uniform draw, within five standard errors of it.
        assert abs(values.mean() - (low + high) / 2) < 5 * (high - low) / np.sqrt(12 * values.size)


def test_r1b_the_average_of_many_waves():
    """Against the mean of a sample: 200,000 waves, within five standard errors at every input."""
    tasks = sinusoid.sample(np.random.default_rng(2), num_tasks=200_000, num_support=1, num_query=1)
    x = np.linspace(-5, 5, 11)
    curves = tasks.curve(x)
    error = curves.std(axis=0) / np.sqrt(len(curves))
    assert (np.abs(curves.mean(axis=0) - sinusoid.mean_curve(x)) < 5 * error).all()


def test_one_seed_gives_one_sample():
    first, again = (
        sinusoid.sample(np.random.default_rng(7), num_tasks=2, num_support=3, num_query=4) for _ in range(2)
    )
    assert_allclose(first.query.y, again.query.y, rtol=0)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"num_tasks": 0}, ValueError, "num_tasks must be at least 1, got 0"),
        ({"num_support": 2.0}, TypeError, "num_support must be a whole number, got 2.0"),
        ({"rng": 3}, TypeError, "rng must be a numpy.random.Generator, got 3"),
    ],
)
def test_bad_arguments_are_named(change, error, message):
    good = {"rng": np.random.default_rng(0), "num_tasks": 1, "num_support": 1, "num_query": 1}
    with pytest.raises(error, match=message):
        sinusoid.sample(**(good | change))
