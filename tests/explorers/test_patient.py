"""The explorer of a patient's curve: frames, what its prompts answer, its weight."""

import gzip

import numpy as np
import pytest
from unpack import Unpacked

from mamlkit import experiments
from mamlkit.applications.medicine_curves import patient_cases
from mamlkit.explorers.patient import errors_scene, patient_explorer, patient_scene


@pytest.fixture(scope="module")
def cases():
    return patient_cases(experiments.load("medicine")["starts"]["pooled"])


@pytest.fixture(scope="module")
def explorer(cases):
    return patient_explorer(cases)


CORNERS = [(person, n, when) for person in ("1", "12") for n in (0, 6) for when in ("early", "spread")]


@pytest.mark.parametrize(("person", "n", "when"), [*CORNERS, ("5", 3, "spread"), ("9", 2, "early")])
def test_frames_are_the_persons_numbers(explorer, cases, person, n, when):
    spec = Unpacked(explorer.spec)
    frame, case = spec.frame(samples=n, when=when, person=float(person)), cases["people"][person]
    for method in ("baseline", "maml"):
        rows = spec.rows(spec.part("marks", method), frame)
        assert rows[:, 0] == pytest.approx(cases["hours"], abs=1e-3)
        assert rows[:, 1] == pytest.approx(case["curves"][method][when][n], abs=1e-3)
        error = spec.rows(spec.part("readouts", f"errors_{method}"), frame)
        assert error[0, 0] == pytest.approx(case["errors"][method][when][n])
    shown = spec.rows(spec.part("marks", "support"), frame)
    assert (shown is None) == (n == 0)
    if n:
        taken = list(case["order"][when])[:n]
        assert shown[:, 1] == pytest.approx(case["seen"][taken], abs=1e-3)
    unseen = spec.rows(spec.part("marks", "unseen"), frame)
    assert unseen[:, 1] == pytest.approx(case["seen"][7:], abs=1e-3)


def errors(cases, person, n, when):
    return {method: cases["people"][person]["errors"][method][when][n] for method in ("baseline", "maml")}


def test_what_the_prompts_answer(cases):
    curves = cases["people"]["1"]
    three = errors(cases, "1", 3, "early")
    assert min(three.values()) > 2.0  # both fall far below
    late = [curves["curves"][m]["early"][3][-3] for m in ("baseline", "maml")]
    assert max(late) < curves["seen"][-1]
    one = errors(cases, "1", 1, "spread")
    assert one["maml"] < 0.4
    assert one["baseline"] > 1.0  # the prior holds back
    six = errors(cases, "1", 6, "early")
    assert all(three[m] > six[m] > one[m] for m in six)
    assert errors(cases, "9", 6, "spread")["maml"] > errors(cases, "9", 1, "spread")["maml"]


def test_the_docstrings_surprise(cases):
    """One sample at seven hours says more about the night than three early ones, for most people and both methods."""
    for method in ("baseline", "maml"):
        gains = [errors(cases, p, 1, "spread")[method] < errors(cases, p, 3, "early")[method] for p in cases["people"]]
        assert sum(gains) >= 7


def test_every_concentration_is_in_the_frame(cases):
    top = patient_scene(cases, person="1", samples=0, when="early").axes.ylim[1]
    for case in cases["people"].values():
        assert case["seen"].max() < top
        assert max(curve.max() for by in case["curves"].values() for curve in by.values()) < top


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"person": "13"}, "person must be one of 1, 2"),
        ({"samples": 7}, "samples must be at most 6, got 7"),
        ({"samples": -1}, "samples must be at least 0"),
        ({"when": "late"}, "when must be one of early, spread; got 'late'"),
    ],
)
def test_what_there_is_not_is_named(cases, change, words):
    with pytest.raises(ValueError, match=words):
        patient_scene(cases, **{"person": "1", "samples": 1, "when": "early", **change})


def test_the_errors_are_drawn_where_they_are():
    panels = errors_scene([1, 6], {"early": {"maml": [1.3, 0.8]}, "spread": {"baseline": [0.6, 0.7]}})
    assert panels.scenes["early"].marks[0].xy.tolist() == [[1.0, 1.3], [6.0, 0.8]]
    assert np.ptp(panels.scenes["spread"].axes.ylim) == pytest.approx(1.43)


def test_the_explorer_is_light(explorer):
    assert len(gzip.compress(explorer.html().encode())) < 75_000
