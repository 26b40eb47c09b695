"""Every exercise: the solution earns everything, nothing earns nothing, each misconception is called by its name."""

import numpy as np
import pytest

from mamlkit.grade import wire
from mamlkit.grade.accepted import RootMeanSquare, Within
from mamlkit.grade.judge import answers, judge

from .conftest import NAMES, PROMISED, assignment, fill, parts, points, release, right_answers


@pytest.mark.parametrize("name", PROMISED)
def test_the_solution_earns_every_point(grader, name):
    result = grader(name, fill(name, right_answers(name)))
    total = sum(part.points for part in parts(name).values())
    assert (result.status, result.points, result.out_of, result.notes) == ("graded", total, total, [])


@pytest.mark.parametrize("name", PROMISED)
def test_the_untouched_release_earns_nothing(grader, name):
    result = grader(name, release(name))
    assert result.points == 0
    assert {part.kind for part in result.parts} == {"unanswered"}


@pytest.mark.parametrize("name", PROMISED)
def test_each_part_alone_earns_its_own_points(grader, name):
    for part, source in right_answers(name).items():
        result = grader(name, fill(name, {part: source}))
        assert {key: value for key, value in points(result).items() if value} == {part: parts(name)[part].points}


@pytest.mark.parametrize("hollow", ["None", "0.0", "np.zeros(3)", "[]", "args", "'right'", "float('nan')", "True"])
def test_hollow_answers_earn_nothing(hollow):
    for name in PROMISED:
        for part in parts(name).values():
            key = part.key(seed=1)
            values = answers(lambda **args: eval(hollow, {"np": np, "args": args}), key)
            assert not judge(values, key).right


def _example(wrong):
    """Return an answer of a misconception: itself, or the middle of the answers that it describes."""
    if isinstance(wrong, Within):
        return (np.asarray(wrong.low) + np.asarray(wrong.high)) / 2
    if isinstance(wrong, RootMeanSquare):
        return np.asarray(wrong.target, dtype=float) + (wrong.at_least + wrong.at_most) / 2
    return wrong


@pytest.mark.parametrize("name", PROMISED)
def test_every_declared_misconception_gets_its_own_advice(name):
    for part in parts(name).values():
        key = part.key(seed=2)
        assert len(part.misconceptions) >= 3
        for advice, function in part.misconceptions:
            wrong = [_example(trial.wrong[function.__name__]) for trial in key.trials]
            verdict = judge([{"value": wire.encode(value)} for value in wrong], key)
            assert (verdict.right, verdict.kind, verdict.advice) == (False, "misconception", advice)


@pytest.mark.parametrize("seed", range(5))
def test_any_seed_draws_inputs_that_tell_the_misconceptions_apart(seed):
    for name in NAMES:
        for part in parts(name).values():
            part.key(seed)


def test_numpy_exercises_do_not_load_torch():
    assert assignment("e01").exercise.preload == assignment("e02").exercise.preload == ()
