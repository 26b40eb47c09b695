"""Parts that accept more than one answer: an interval, or predictions that come close to what students do not see."""

import json

import numpy as np
import pytest

from mamlkit.grade import wire
from mamlkit.grade.accepted import RootMeanSquare, Within
from mamlkit.grade.judge import Key, answers, blinded, judge
from mamlkit.grade.parts import CheckFailed, Part, check, declared, dump_key, load_key


def dose(points=2):
    """A part whose answer is a number in an interval, with one misconception that is an interval too."""
    part = Part("e98.a", points=points, trials=4)
    part.draw(lambda rng: {"clearance": round(rng.uniform(2, 4), 2)})
    part.accept(lambda clearance: Within(9 * clearance, 11 * clearance))
    part.wrong("You divide by the clearance.")(lambda clearance: Within(9 / clearance, 11 / clearance))
    part.reference = lambda clearance: 10 * clearance
    return part


def waves(reference=None):
    """A part whose answer is predictions, judged on targets that are kept from the student."""
    part = Part("e98.b", points=3, trials=2)

    @part.draw
    def task(rng):
        x, phase = np.round(rng.uniform(-3, 3, size=20), 2), rng.uniform(0, 3)
        return {"x": x, "phase": round(phase, 2)}, {"y": np.sin(x + round(phase, 2))}

    part.accept(lambda x, phase, y: RootMeanSquare(y, at_most=0.2))
    part.wrong("You predict nothing.")(lambda x, phase, y: np.zeros_like(y))
    part.wrong("You are as far off as the mean.")(lambda x, phase, y: RootMeanSquare(y, at_most=0.75, at_least=0.5))
    part.reference = reference or (lambda x, phase: np.sin(x + phase) + 0.01)
    return part


@pytest.mark.parametrize(
    ("factor", "kind"), [(10, "right"), (9.0001, "right"), (11.01, "differs"), (8.99, "differs"), (np.nan, "differs")]
)
def test_a_number_is_right_inside_the_interval_alone(factor, kind):
    with declared():
        key = dose().key(seed=1)
    verdict = judge(answers(lambda clearance: factor * clearance, key), key)
    assert (verdict.kind, verdict.right) == (kind, kind == "right")


def test_a_misconception_may_be_an_interval_too():
    with declared():
        key = dose().key(seed=1)
    assert judge(answers(lambda clearance: 10.5 / clearance, key), key).advice == "You divide by the clearance."


def test_the_interval_is_told_in_the_notebook_and_not_in_the_class():
    with declared():
        key = dose().key(seed=1)
    outcomes = answers(lambda clearance: 20 * clearance, key)
    assert "accepted: from" in judge(outcomes, key).advice
    assert "outside what is accepted" in judge(outcomes, key, reveal=False).advice


@pytest.mark.parametrize(("error", "right"), [(0.0, True), (0.19, True), (0.21, False), (-0.19, True)])
def test_predictions_are_judged_by_their_error_on_what_was_kept(error, right):
    with declared():
        key = waves().key(seed=1)
    outcomes = answers(lambda x, phase: np.sin(x + phase) + error, key)
    verdict = judge(outcomes, key)
    assert verdict.right == right
    assert right or "at most 0.2 is accepted" in verdict.advice


def test_an_error_of_a_known_size_has_its_own_advice():
    with declared():
        key = waves().key(seed=1)
    off = judge(answers(lambda x, phase: np.sin(x + phase) + 0.6, key), key)
    assert off.advice == "You are as far off as the mean."


def test_students_get_no_targets_and_the_key_survives_its_file():
    with declared():
        data = waves().key(seed=1).to_json()
    blind = Key.from_json(blinded(json.loads(wire.dumps(data))))
    assert all(set(trial.inputs) == {"x", "phase"} and trial.expected is None for trial in blind.trials)
    assert judge(answers(lambda x, phase: np.sin(x + phase), Key.from_json(data)), Key.from_json(data)).right


def test_a_release_rounds_what_is_accepted_and_checks_with_it(capsys):
    with declared():
        load_key(dump_key([dose().key(seed=1, digits=9).to_json()]))
    check("e98.a", lambda clearance: 10 * clearance)
    assert "right, 2 points" in capsys.readouterr().out
    with pytest.raises(CheckFailed, match="accepted: from"):
        check("e98.a", lambda clearance: 100 * clearance)


def test_what_a_student_sends_is_never_taken_for_a_rule():
    """An answer that describes everything fits nothing."""
    with declared():
        key = dose().key(seed=1)
    forged = [{"value": wire.encode(Within(-1e9, 1e9))} for _ in key.trials]
    assert not judge(forged, key).right


def test_a_reference_that_is_not_accepted_is_an_instructors_mistake():
    with declared():
        part = waves()
        with pytest.raises(ValueError, match=r"(?s)the reference is not accepted.*at most 0.2"):
            check(part.name, lambda x, phase: np.sin(x + phase) + 0.3)


def test_a_misconception_that_is_accepted_is_an_instructors_mistake():
    with declared():
        part = dose()
        part.wrong("Not wrong.")(lambda clearance: 10.0 * clearance)
        with pytest.raises(ValueError, match="no input tells <lambda> from the right answer"):
            part.key(seed=1)
