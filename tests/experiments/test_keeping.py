"""Keeping and intervals, against simulation."""

import numpy as np
import pytest

from mamlkit.experiments._keeping import interval, kept


def test_a_second_call_is_answered_from_the_file(tmp_path):
    calls = []

    def make(x, *, y):
        calls.append(x)
        return x + y

    assert [kept(tmp_path / "new", "sum", make, 2, y=3) for _ in range(2)] == [5, 5]
    assert calls == [2]
    assert kept(None, "sum", make, 4, y=0) == 4


def test_intervals_cover():
    """Seeds and tasks vary by known amounts: the interval must hold the truth in some 95 of 100 draws, or more."""
    rng = np.random.default_rng(0)
    hits = 0
    for _draw in range(400):
        values = rng.normal(0, 0.02, (3, 1)) + rng.normal(0, 0.2, (1, 300)) + rng.normal(0, 0.1, (3, 300))
        found = interval(values, digits=9)
        hits += abs(found["mean"]) <= found["half"]
    assert 0.93 <= hits / 400 <= 1.0


def test_parts_of_an_interval_by_hand():
    found = interval([[0.0, 2.0], [1.0, 3.0]], digits=9)
    assert found["mean"] == 1.5
    assert found["tasks"] == pytest.approx(1.96 * 2**0.5 / 2**0.5)  # task means 0.5 and 2.5
    assert found["seeds"] == pytest.approx(12.71 * 0.5**0.5 / 2**0.5)  # seed means 1 and 2
    assert found["half"] == pytest.approx(np.hypot(found["tasks"], found["seeds"]))
    with pytest.raises(ValueError, match=r"values must be \(seeds, tasks\)"):
        interval([1.0, 2.0])
