"""Grades as Canvas and Moodle import them: each mark in the row of its student, under the heading of its exercise."""

import csv
import io
import json

import pytest

from mamlkit.grade import cli, gradebook
from mamlkit.grade.gradebook import matched, points_of

CANVAS = """\ufeffStudent,ID,SIS User ID,SIS Login ID,Section,E2 The meta-gradient (9917),Final Score
    Points Possible,,,,,10,(read only)
"Lovelace, Ada",101,77001,ada@example.org,A,,
"Noether, Emmy",102,77002,emmy@example.org,A,3,
"""
MOODLE = """First name,Last name,ID number,Email address
Ada,Lovelace,77001,ada@example.org
Emmy,Noether,77002,emmy@example.org
"""


def record(student, exercise="e02", points=7, status="graded", file="x.ipynb"):
    title = {"e02": "The meta-gradient", "e10": "Early stopping"}[exercise]
    return {"student": student, "exercise": exercise, "title": title, "status": status, "points": points,
            "out_of": 10, "file": file}  # fmt: skip


def written(tmp_path, records, platform, roster=None):
    (tmp_path / "grades.json").write_text(json.dumps(records))
    options = []
    if roster is not None:
        (tmp_path / "roster.csv").write_text(roster, encoding="utf-8")
        options = ["--roster", str(tmp_path / "roster.csv")]
    code = gradebook.main([str(tmp_path), platform, *options])
    rows = list(csv.DictReader(io.StringIO((tmp_path / f"{platform}.csv").read_text(encoding="utf-8"))))
    return code, rows


def test_canvas_gets_its_own_columns_back_with_the_marks(tmp_path):
    code, rows = written(tmp_path, [record("ada"), record("ada", "e10", 9)], "canvas", CANVAS)
    possible, ada, emmy = rows
    assert code == 0
    heading = "E2 The meta-gradient (9917)"
    assert list(ada) == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", heading, "E10 Early stopping"]
    assert (possible["Student"], possible[heading], possible["E10 Early stopping"]) == (
        "    Points Possible",
        "10",
        "10",
    )
    assert (ada["Student"], ada["ID"], ada[heading], ada["E10 Early stopping"]) == ("Lovelace, Ada", "101", "7", "9")
    assert emmy[heading] == ""  # nothing was handed in, and nothing is said of it


def test_moodle_rows_are_found_by_address(tmp_path):
    code, (ada, emmy) = written(tmp_path, [record("EMMY", points=4), record("ada@example.org")], "moodle", MOODLE)
    assert code == 0
    assert (ada["Email address"], ada["E2 The meta-gradient"]) == ("ada@example.org", "7")
    assert emmy["E2 The meta-gradient"] == "4"


@pytest.mark.parametrize(("platform", "column"), [("canvas", "SIS Login ID"), ("moodle", "Email address")])
def test_without_a_roster_the_name_stands_as_it_was_handed_in(tmp_path, platform, column):
    code, rows = written(tmp_path, [record("emmy"), record("=cmd()")], platform)
    assert code == 0
    assert [row[column] for row in rows if row[column]] == ["'=cmd()", "emmy"]


def test_the_best_of_several_files_counts_and_a_failure_of_the_grader_does_not():
    records = [
        record("ada", points=3),
        record("ada", points=8),
        record("ada", points=5),
        record("emmy", status="failed"),
    ]
    assert points_of(records) == {"ada": {"e02": 8}}


def test_who_is_not_in_the_roster_and_what_is_not_graded_is_said(tmp_path, capsys):
    records = [record("ada"), record("nobody"), record("emmy", status="failed", points=0, file="emmy/e02.ipynb")]
    code, rows = written(tmp_path, records, "canvas", CANVAS)
    said = capsys.readouterr().out
    assert code == 1
    assert "left out: nobody" in said
    assert "left empty: emmy/e02.ipynb" in said
    assert rows[2]["E2 The meta-gradient (9917)"] == ""


def test_numbers_name_students_where_they_name_most_of_them():
    roster = [{"Username": "ada", "ID number": "1"}, {"Username": "emmy", "ID number": "2"}]
    assert matched(["2", "1", "ada"], roster, ("Username", "ID number")) == {"2": 1, "1": 0}


def test_a_roster_without_a_column_of_names_is_named_and_nothing_is_written(tmp_path, capsys):
    (tmp_path / "grades.json").write_text(json.dumps([record("ada")]))
    (tmp_path / "roster.csv").write_text("a,b\n1,2\n")
    command = ["gradebook", str(tmp_path), "moodle", "--roster", str(tmp_path / "roster.csv")]
    assert cli.main(command) == 2
    assert "roster.csv is no gradebook of moodle" in capsys.readouterr().err
    assert not (tmp_path / "moodle.csv").exists()
