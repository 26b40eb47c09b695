"""A class: found, graded, kept, taken up again, and told apart whatever students call their files."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import jsonschema
import psutil
import pytest

from mamlkit.grade import classroom, cli, reports
from mamlkit.grade.classroom import ClassRun
from mamlkit.grade.grading import Result
from mamlkit.grade.handins import find

from .conftest import ROOT, data, fill, right_answers

SOLUTIONS = ROOT / "solutions"
WRONG = {"e02.a": ("B @ phi + d", "B @ theta + d"), "e02.b": ("- alpha * A) @ jacobian", "- alpha * A)")}


def hand_in(folder, student, name, parts="abc", wrong=()):
    """Write a submission with some parts right, some wrong, the rest untouched; return the points it deserves."""
    answers, deserved = {}, 0
    for letter, worth in zip("abc", (3, 4, 3), strict=True):
        part = f"{name}.{letter}"
        source = right_answers(name)[part]
        if letter in wrong:
            answers[part] = source.replace(*WRONG[part])
        elif letter in parts:
            answers[part], deserved = source, deserved + worth
    (folder / student).mkdir(parents=True, exist_ok=True)
    (folder / student / f"{name}.ipynb").write_bytes(data(fill(name, answers)))
    return deserved


@pytest.fixture
def graded_at_once(monkeypatch):
    """Replace grading by something quick, and count what is graded."""
    graded = []

    def quick(content, assignment):
        graded.append(content)
        return Result(assignment.exercise.name, "T", "graded", len(graded), 10, [], isolation="limits")

    monkeypatch.setattr(classroom, "grade", quick)
    return graded


def entries(folder):
    return find(folder, ("e01", "e02", "e03"))


def test_a_notebook_that_belongs_to_no_exercise_is_kept_with_a_line(tmp_path, graded_at_once):
    (tmp_path / "notes.ipynb").write_bytes(data({"nbformat": 4, "cells": []}))
    (record,) = ClassRun(SOLUTIONS, seed=1).grade(entries(tmp_path), jobs=1)
    assert (record["status"], graded_at_once) == ("unreadable", [])
    assert "which exercise" in record["notes"][0]


def test_an_interrupted_run_is_taken_up_with_nothing_graded_twice(tmp_path, graded_at_once):
    for student in ("ada", "bob", "eve", "kim"):
        hand_in(tmp_path / "in", student, "e02")
    found = entries(tmp_path / "in")
    first = ClassRun(SOLUTIONS, tmp_path / "out")
    for _, record in zip(range(2), first.grade(found, jobs=1), strict=False):
        assert record["status"] == "graded"
    before = len(graded_at_once)
    second = ClassRun(SOLUTIONS, tmp_path / "out")
    records = list(second.grade(found, jobs=1))
    assert second.seed == first.seed
    assert len(graded_at_once) == 4
    assert before < 4
    assert sorted(record["student"] for record in records) == ["ada", "bob", "eve", "kim"]


def test_a_changed_notebook_or_another_seed_is_graded_again(tmp_path, graded_at_once):
    hand_in(tmp_path / "in", "ada", "e02")
    list(ClassRun(SOLUTIONS, tmp_path / "out").grade(entries(tmp_path / "in"), jobs=1))
    hand_in(tmp_path / "in", "ada", "e02", parts="a")
    list(ClassRun(SOLUTIONS, tmp_path / "out").grade(entries(tmp_path / "in"), jobs=1))
    assert len(graded_at_once) == 2
    list(ClassRun(SOLUTIONS, tmp_path / "out", seed=7).grade(entries(tmp_path / "in"), jobs=1))
    assert len(graded_at_once) == 3


def test_what_the_grader_could_not_do_is_tried_again(tmp_path, monkeypatch):
    hand_in(tmp_path / "in", "ada", "e02")
    failed = Result("e02", "T", "failed", 0, 10, [], ["no disk"])
    monkeypatch.setattr(classroom, "grade", lambda *_: failed)
    list(ClassRun(SOLUTIONS, tmp_path / "out").grade(entries(tmp_path / "in"), jobs=1))
    assert not list((tmp_path / "out" / "results").iterdir())


def test_a_file_that_changes_meanwhile_is_no_zero_and_is_tried_again(tmp_path, graded_at_once):
    """P15: what is graded is what the record says was graded."""
    hand_in(tmp_path / "in", "ada", "e02")
    found = entries(tmp_path / "in")
    hand_in(tmp_path / "in", "ada", "e02", parts="a")
    (record,) = ClassRun(SOLUTIONS, tmp_path / "out").grade(found, jobs=1)
    assert (record["status"], graded_at_once) == ("failed", [])
    assert not list((tmp_path / "out" / "results").iterdir())


def test_writing_is_whole_or_not_at_all(tmp_path):
    classroom.write(tmp_path / "a.json", "old")
    with pytest.raises(UnicodeEncodeError):
        classroom.write(tmp_path / "a.json", "\ud800")
    assert (tmp_path / "a.json").read_text() == "old"


RECORD = {
    "student": "=cmd()|<script>alert(1)</script>", "file": "../x/e02.ipynb", "sha256": "0", "seed": 1,
    "source_sha256": "0", "exercise": "e02", "title": "T", "status": "graded", "points": 3, "out_of": 10,
    "parts": [{"part": "e02.a", "points": 0, "out_of": 3, "kind": "error", "advice": "<img src=x onerror=alert(1)>"}],
    "notes": ["<b>bold</b>"], "isolation": "namespaces", "seconds": 1.0, "starting": 0.5,
}  # fmt: skip


def test_reports_quote_whatever_students_wrote(tmp_path):
    reports.save([RECORD], tmp_path)
    (page,) = (tmp_path / "feedback").iterdir()
    text = page.read_text(encoding="utf-8")
    assert "<script" not in text
    assert "<img" not in text
    assert "&lt;b&gt;bold" in text
    (row,) = csv.DictReader((tmp_path / "grades.csv").open(encoding="utf-8"))
    assert row["student"].startswith("'=")
    assert row["parts"] == "e02.a=0/3"


def test_names_cannot_leave_the_folder_of_feedback(tmp_path):
    reports.save([{**RECORD, "student": "../../etc/passwd"}, {**RECORD, "student": ".."}], tmp_path / "out")
    assert {path.name for path in (tmp_path / "out" / "feedback").iterdir()} == {
        "..%2F..%2Fetc%2Fpasswd.html",
        "...html",
    }


def test_students_with_similar_names_keep_pages_of_their_own(tmp_path):
    reports.save([{**RECORD, "student": "a b"}, {**RECORD, "student": "a_b"}], tmp_path)
    assert len(list((tmp_path / "feedback").iterdir())) == 2


def test_json_follows_its_schema(tmp_path, grader):
    part = fill("e02", {"e02.a": right_answers("e02")["e02.a"]})
    (tmp_path / "in" / "ada").mkdir(parents=True)
    (tmp_path / "in" / "ada" / "e02.ipynb").write_bytes(data(part))
    (tmp_path / "in" / "ada" / "e01.ipynb").write_bytes(b"nothing")
    records = list(ClassRun(SOLUTIONS, tmp_path / "out").grade(entries(tmp_path / "in"), jobs=1))
    reports.save(records, tmp_path / "out")
    saved = json.loads((tmp_path / "out" / "grades.json").read_text())
    jsonschema.validate(saved, json.loads((tmp_path / "out" / "grades.schema.json").read_text()))
    assert [(record["exercise"], record["points"]) for record in sorted(saved, key=lambda r: r["file"])] == [
        ("e01", 0),
        ("e02", 3),
    ]


def test_the_command_prints_parts_points_and_advice(tmp_path, capsys):
    hand_in(tmp_path, "ada", "e02", parts="c", wrong="b")
    assert cli.main([str(tmp_path / "ada"), "--solutions", str(SOLUTIONS)]) == 0
    out = capsys.readouterr().out
    assert "3/10" in out
    assert "e02.b    0/4    One factor (I - alpha A) for all K steps." in out
    assert "e02.a    0/3    Not answered yet." in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["nowhere"], "no such file"), ([str(ROOT / "tests"), "--solutions", "nowhere"], "no instructor's notebook")],
)
def test_wrong_usage_says_what_is_wrong(arguments, message, capsys):
    assert cli.main(["--solutions", str(SOLUTIONS), *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_small_class_in_one_command(tmp_path):
    deserved = {
        "ada": hand_in(tmp_path / "in", "ada", "e02"),
        "bob": hand_in(tmp_path / "in", "bob", "e02", parts="a", wrong="b"),
        "eve": hand_in(tmp_path / "in", "eve", "e02", parts=""),
        "kim": hand_in(tmp_path / "in", "kim", "e01", parts="bc"),
    }
    command = [
        sys.executable,
        "-m",
        "mamlkit.grade",
        "in",
        "--out",
        "out",
        "--solutions",
        str(SOLUTIONS),
        "--jobs",
        "2",
        "--accept-limits",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((tmp_path / "out" / "grades.csv").open()))
    assert {row["student"]: int(row["points"]) for row in rows} == deserved
    assert "One factor" in (tmp_path / "out" / "feedback" / "bob.html").read_text()
    assert "4/4" in done.stderr  # the progress bar


def _class(folder, size):
    """Hand in E1, E2 and attacks, in turn, and return what each deserves."""
    deserved = {}
    for index in range(size):
        student, kind = f"student{index:03}", index % 8
        if kind == 6:
            (folder / student).mkdir(parents=True)
            (folder / student / "e02.ipynb").write_bytes(b"{" * index)
            deserved[student] = 0
        elif kind == 7:
            notebook = fill("e02", {**right_answers("e02"), "e02.b": "import os\nos._exit(1)"})
            (folder / student).mkdir(parents=True)
            (folder / student / "e02.ipynb").write_bytes(data(notebook))
            deserved[student] = 6
        elif kind % 2:
            deserved[student] = hand_in(folder, student, "e01", parts=("abc", "ab", "c")[index % 3])
        else:
            deserved[student] = hand_in(
                folder, student, "e02", parts=("ac", "c", "")[index % 3], wrong=("b", "a", "ab")[index % 3]
            )
    return deserved


@pytest.mark.slow
def test_a_class_with_the_right_marks_through_an_interruption(tmp_path):
    """P20: the run is killed in the middle, taken up again, and every mark is the deserved one.

    All 24 kinds of hand-in are there twice; MAMLKIT_CLASS=300 grades a class of that size.
    """
    size = int(os.environ.get("MAMLKIT_CLASS", "48"))
    deserved = _class(tmp_path / "in", size)
    command = [
        sys.executable,
        "-m",
        "mamlkit.grade",
        "in",
        "--out",
        "out",
        "--solutions",
        str(SOLUTIONS),
        "--jobs",
        "2",
        "--accept-limits",
    ]
    first = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    results = tmp_path / "out" / "results"
    while not results.exists() or len(list(results.glob("*.json"))) < size // 4:
        time.sleep(0.1)
    helpers = psutil.Process(first.pid).children(recursive=True)
    first.send_signal(signal.SIGKILL)
    first.wait()
    _, alive = psutil.wait_procs(helpers, timeout=20)
    assert alive == []
    kept = {path: path.stat().st_mtime_ns for path in results.glob("*.json")}
    start = time.monotonic()
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=900)
    print(f"{size - len(kept)} submissions after the interruption: {time.monotonic() - start:.0f} s")
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((tmp_path / "out" / "grades.csv").open()))
    assert {row["student"]: int(row["points"]) for row in rows} == deserved
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items())


@pytest.mark.slow
def test_the_same_command_on_dask(tmp_path):
    pytest.importorskip("distributed")
    deserved = {f"s{n}": hand_in(tmp_path / "in", f"s{n}", "e02", parts="abc"[:n]) for n in range(4)}
    command = [
        sys.executable,
        "-m",
        "mamlkit.grade",
        "in",
        "--out",
        "out",
        "--solutions",
        str(SOLUTIONS),
        "--accept-limits",
    ]
    done = subprocess.run([*command, "--backend", "dask"], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((tmp_path / "out" / "grades.csv").open()))
    assert {row["student"]: int(row["points"]) for row in rows} == deserved
