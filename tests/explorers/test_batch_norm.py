"""The explorer of batch norm: what it shows, against simulated support sets; what its prompts answer."""

import gzip

import numpy as np
import pytest

from mamlkit.explorers.batch_norm import batch_norm_explorer, batch_norm_scene


def readouts(size, spread):
    return {r.name: r.value for r in batch_norm_scene(size, spread).readouts}


@pytest.mark.parametrize(("size", "spread"), [(1, 0.2), (4, 0.5), (20, 2.0), (1, 2.0), (20, 0.2)])
def test_the_bars_are_those_of_simulated_support_sets(size, spread):
    rng = np.random.default_rng(size)
    means = spread * rng.normal(size=(20000, 1))
    support = (means + rng.normal(size=(20000, size))).mean(axis=1, keepdims=True)
    weight = readouts(size, spread)["weight"]
    marks = {m.name: m for m in batch_norm_scene(size, spread).scenes["parts"].marks}
    for name, share in (("G", 0.0), ("P", 1.0), ("mixture", float(weight))):
        bias, variance, total = marks[name].xy[:, 1]
        assert bias + variance == pytest.approx(total)
        assert total == pytest.approx(np.mean((share * support - means) ** 2), rel=0.04)
        assert bias == pytest.approx((1 - share) ** 2 * np.mean(means**2), rel=0.04, abs=1e-12)
    curves = {m.name: m for m in batch_norm_scene(size, spread).scenes["size"].marks}
    assert curves["mixture_here"].xy[0, 1] == marks["mixture"].xy[2, 1]


def test_what_the_prompts_answer():
    at_one, at_two = (readouts(n, 1.0) for n in (1, 2))
    assert at_one["G"] == at_one["P"]
    assert at_two["P"] < at_two["G"]
    alike = readouts(10, 0.3)
    assert (round(float(alike["G"]), 2), round(float(alike["P"]), 2)) == (0.09, 0.10)
    assert readouts(11, 0.3)["P"] > readouts(11, 0.3)["G"]
    assert readouts(12, 0.3)["P"] < readouts(12, 0.3)["G"]
    same = readouts(4, 0.5)
    assert same["mixture"] == same["G"] / 2 == same["P"] / 2
    wide = readouts(1, 2.0)
    assert (float(wide["weight"]), float(wide["mixture"]), float(wide["P"])) == pytest.approx((0.8, 0.8, 1.0))
    biases = {name: [bars(n)[name] for n in (1, 4, 20)] for name in ("G", "P", "mixture")}
    assert len(set(biases["G"])) == len(set(biases["P"])) == 1
    assert biases["mixture"][0] > biases["mixture"][1] > biases["mixture"][2]


def bars(size):
    marks = batch_norm_scene(size, 0.5).scenes["parts"].marks
    return {m.name: m.xy[0, 1] for m in marks if m.kind == "bars"}


def test_the_gain_is_greatest_where_g_and_p_err_alike():
    """The docstring's surprise: of all support sizes the mixture gains most, beside the better one, at the crossing."""
    gains = []
    for size in range(1, 21):
        found = readouts(size, 0.5)
        gains.append(1 - float(found["mixture"]) / min(float(found["G"]), float(found["P"])))
    assert np.argmax(gains) + 1 == 4
    assert max(gains) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("size", "words"), [(3, "here G is better"), (4, "G and P err alike"), (5, "here P is better")]
)
def test_the_words_say_which_is_better(size, words):
    assert words in readouts(size, 0.5)["crossing"]


def test_the_explorer_is_light():
    assert len(gzip.compress(batch_norm_explorer().html().encode())) < 250_000
