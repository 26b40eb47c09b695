"""A whole course in one command: every exercise of every student, with the right marks and a file for a gradebook."""

import csv
import os
import time
from itertools import product

import pytest

from mamlkit.grade import gradebook

from .conftest import NAMES, class_run, data, fill, parts, right_answers

STUDENTS = int(os.environ.get("MAMLKIT_COURSE", "2"))
"""MAMLKIT_COURSE=200 grades a course of that size; the test then prints notebooks a minute."""


def hand_in(folder, index, name):
    """Hand in one exercise; student number i leaves out the parts whose bits are set in i, and 0 leaves out none."""
    kept = {part: code for bit, (part, code) in enumerate(right_answers(name).items()) if not (index >> bit) & 1}
    (folder / f"student{index:03}").mkdir(parents=True, exist_ok=True)
    (folder / f"student{index:03}" / f"{name}.ipynb").write_bytes(data(fill(name, kept)))
    return sum(parts(name)[part].points for part in kept)


@pytest.mark.slow
def test_a_course_in_one_command(tmp_path):
    deserved = {(index, name): hand_in(tmp_path / "in", index, name) for index, name in product(range(STUDENTS), NAMES)}
    start = time.perf_counter()
    done = class_run(tmp_path, timeout=60 + 60 * len(deserved))
    seconds = time.perf_counter() - start
    assert done.returncode == 0, done.stderr
    with (tmp_path / "out" / "grades.csv").open(encoding="utf-8") as file:
        found = {(int(row["student"][7:]), row["exercise"]): int(row["points"]) for row in csv.DictReader(file)}
    assert found == deserved
    assert gradebook.main([str(tmp_path / "out"), "moodle"]) == 0
    with (tmp_path / "out" / "moodle.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [sum(int(row[name]) for name in row if name.startswith("E") and " " in name and row[name].isdigit())
            for row in rows] == [sum(deserved[index, name] for name in NAMES) for index in range(STUDENTS)]  # fmt: skip
    print(f"{len(deserved)} notebooks in {seconds:.0f} s: {60 * len(deserved) / seconds:.0f} a minute")
