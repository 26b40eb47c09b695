"""Glyphs: what is drawn, which scripts are held out, and what an episode holds."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mamlkit.tasks import glyphs

IMAGES = glyphs.digits()


@pytest.fixture(scope="module")
def splits():
    return {split: glyphs.letters(split) for split in glyphs.SCRIPTS}


def test_shapes_and_ranges(splits):
    for images in splits.values():
        count = len(images.labels)
        assert images.pixels.shape == (count, 20, 20, 20)
        assert images.pixels.dtype == np.float32
        assert len(images.scripts) == count
        assert images.pixels.min() >= 0
        assert images.pixels.max() <= 1
        ink = images.pixels.mean(axis=(2, 3))
        assert ink.min() > 0.01  # no drawing is empty
        assert ink.max() < 0.8


def test_enough_classes_of_every_script(splits):
    """Versions of the libraries that draw may move a handful of look-alikes, so a band and not a number."""
    for split, low, high in (("train", 700, 810), ("validation", 70, 95), ("test", 160, 200)):
        assert low < len(splits[split].labels) < high
        assert set(splits[split].scripts) == set(glyphs.SCRIPTS[split])


def test_no_script_and_no_letter_is_in_two_splits(splits):
    labels = [label for images in splits.values() for label in images.labels]
    assert len(set(labels)) == len(labels)
    scripts = [script for names in glyphs.SCRIPTS.values() for script in names]
    assert len(set(scripts)) == len(scripts)


def test_each_letter_is_of_the_script_that_unicode_says(splits):
    for images in splits.values():
        for label, script in zip(images.labels, images.scripts, strict=True):
            assert unicodedata.name(label).startswith(script)
            assert unicodedata.category(label).startswith("L")


def test_look_alikes_are_left_out(splits):
    """Latin A, Greek Alpha and Cyrillic A are one picture; the first in the order of code points stays."""
    labels = {label for images in splits.values() for label in images.labels}
    assert "A" in labels
    assert not labels & {"Α", "А"}
    assert "Ж" in labels


def test_drawings_of_a_letter_differ_and_are_more_alike_than_those_of_two(splits):
    pixels = splits["test"].pixels
    assert len(np.unique(pixels[0].reshape(20, -1), axis=0)) == 20
    means = pixels.mean(axis=1)
    within = ((pixels - means[:, None]) ** 2).sum(axis=(2, 3)).mean()
    between = ((means - means.mean(axis=0)) ** 2).sum(axis=(1, 2)).mean()
    assert 0.3 < between / within < 3  # neither trivial nor without a trace


def test_the_same_pictures_again():
    once = glyphs.letters("validation").pixels.copy()
    glyphs._draw_all.cache_clear()
    assert np.array_equal(glyphs.letters("validation").pixels, once)


def episodes(seed=0, **changes):
    form = {"num_tasks": 4, "num_ways": 5, "num_shots": 2, "num_query": 3} | changes
    return glyphs.sample(np.random.default_rng(seed), IMAGES, **form)


def test_an_episode_by_hand():
    found = episodes()
    assert found.support.x.shape == (4, 10, 8, 8)
    assert found.query.x.shape == (4, 15, 8, 8)
    assert found.support.y[0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert found.query.y[0].tolist() == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3 + [4] * 3
    for examples in found[:2]:
        for task in range(4):
            for image, label in zip(examples.x[task], examples.y[task], strict=True):
                assert (IMAGES.pixels[found.classes[task, label]] == image).all(axis=(1, 2)).any()


@given(st.integers(2, 10), st.integers(1, 5), st.integers(1, 5), st.integers(0, 100))
@settings(max_examples=25, deadline=None)
def test_classes_differ_and_no_drawing_is_in_both_sets(ways, shots, queries, seed):
    found = episodes(seed, num_ways=ways, num_shots=shots, num_query=queries)
    for task in range(4):
        assert len(set(found.classes[task])) == ways
        drawings = [image.tobytes() for examples in found[:2] for image in examples.x[task]]
        assert len(set(drawings)) == ways * (shots + queries)


def test_all_classes_come_equally_often():
    counts = np.bincount(episodes(num_tasks=2000).classes.ravel(), minlength=10)
    assert np.abs(counts - 1000).max() < 5 * (1000 * 0.5) ** 0.5  # five standard deviations


def test_the_seed_decides():
    for a, b in zip(episodes(3), episodes(3), strict=True):
        assert np.array_equal(np.asarray(a[0]), np.asarray(b[0]))
    assert not np.array_equal(episodes(3).classes, episodes(4).classes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"num_ways": 11}, "num_ways must be at most the 10 classes of images, got 11"),
        ({"num_ways": 1}, "num_ways must be at least 2, got 1"),
        ({"num_shots": 0}, "num_shots must be at least 1, got 0"),
        ({"num_shots": 168}, "num_shots \\+ num_query must be at most the 170 drawings of a class, got 171"),
        ({"num_query": 1.5}, "num_query must be a whole number, got 1.5"),
        ({"num_tasks": 0}, "num_tasks must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_drawn(changes, words):
    with pytest.raises((TypeError, ValueError), match=words):
        episodes(**changes)


def test_other_bad_input():
    with pytest.raises(ValueError, match="split must be one of train, validation, test, got 'dev'"):
        glyphs.letters("dev")
    with pytest.raises(TypeError, match=r"rng must be a numpy\.random\.Generator, got 0"):
        glyphs.sample(0, IMAGES, num_tasks=1, num_ways=2, num_shots=1, num_query=1)
