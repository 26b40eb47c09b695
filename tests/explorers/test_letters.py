"""Letters and answers: the scene shows what it is handed, and refuses what does not fit."""

import gzip

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mamlkit.experiments import load
from mamlkit.explorers.letters import METHODS, letters_explorer, letters_scene

SHOWN = load("adapting")


def mark(panels, panel, name):
    return next(mark for mark in panels.scenes[panel].marks if mark.name == name)


@pytest.mark.parametrize("start", METHODS)
@pytest.mark.parametrize(("task", "query", "num_steps"), [(1, 1, 0), (4, 5, 5), (2, 3, 1)])
def test_bars_are_the_recorded_answers(task, query, num_steps, start):
    panels = letters_scene(SHOWN, task, query, start, num_steps)
    said = np.array(SHOWN[task - 1]["answers"][start])[num_steps, query - 1]
    right, others = mark(panels, "said", "right").xy, mark(panels, "said", "others").xy
    assert_allclose(right, [[query, said[query - 1]]])
    assert_allclose(others[:, 1], np.delete(said, query - 1))
    assert str(panels.readouts[1]).endswith("right" if said.argmax() == query - 1 else "wrong")


def test_outlines_keep_their_shape_and_do_not_overlap():
    panels = letters_scene(SHOWN, 1, 2, "MAML", 0)
    first, second = mark(panels, "letters", "letter_0_0").xy, mark(panels, "letters", "letter_1_0").xy
    drawn = np.array([point.split(",") for point in SHOWN[0]["support"][0][0].split()], dtype=float)
    assert_allclose(first - first[0], drawn - drawn[0], atol=1e-12)
    assert first[:, 0].max() < second[:, 0].min()
    asked = [m.xy for m in panels.scenes["letters"].marks if m.name.startswith("asked")]
    assert len(asked) == len(SHOWN[0]["query"][1])


def test_what_was_recorded():
    """Probabilities; nothing before a step; and the surprise of the docstring, over all tasks that are shown."""
    answers = np.array([[one["answers"][name] for name in METHODS] for one in SHOWN])  # task, start, step, query, class
    assert_allclose(answers.sum(axis=-1), 1, atol=0.01)
    before, after, late = (answers[:, METHODS.index("MAML"), k] for k in (0, 1, 5))
    assert np.abs(before - 0.2).max() < 0.15
    right = [np.diagonal(each, axis1=1, axis2=2) for each in (after, late)]
    correct = [(each.argmax(-1) == np.arange(5)).mean() for each in (after, late)]
    assert correct[0] > 0.7
    assert abs(correct[1] - correct[0]) <= 0.15  # further steps change few answers
    assert right[1].mean() > right[0].mean() - 0.05
    assert late.max(-1).mean() > after.max(-1).mean()  # and make them surer


def test_what_the_prompts_answer():
    def said(task, query, start, num_steps):
        return np.array(SHOWN[task - 1]["answers"][start])[num_steps, query - 1]

    assert said(1, 1, "MAML", 1)[0] > 0.9
    for num_steps in (1, 5):
        assert said(2, 4, "MAML", num_steps).argmax() == 4
        assert said(2, 4, "MAML", num_steps)[4] > 0.8
    assert [round(said(3, 4, "MAML", k)[3], 2) for k in (1, 5)] == [0.60, 0.78]
    assert said(3, 4, "MAML", 1).argmax() == 3
    assert sum(said(1, query, "scratch", 5).argmax() == query - 1 for query in range(1, 6)) == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"task": 5}, "task and query must be at most 4 and 5, got 5 and 1"),
        ({"query": 0}, "query must be at least 1, got 0"),
        ({"start": "Reptile"}, "start must be one of MAML, ANIL, scratch, got 'Reptile'"),
        ({"num_steps": 6}, "num_steps must be at most 5, got 6"),
        ({"num_steps": 0.5}, "num_steps must be a whole number, got 0.5"),
    ],
)
def test_bad_input(changes, words):
    with pytest.raises((TypeError, ValueError), match=words):
        letters_scene(SHOWN, **({"task": 1, "query": 1, "start": "MAML", "num_steps": 0} | changes))


def test_the_explorer_is_light():
    assert len(gzip.compress(letters_explorer(SHOWN).html().encode())) < 250_000
