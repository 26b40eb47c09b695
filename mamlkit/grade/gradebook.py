"""Grades for the gradebook of a learning platform: the CSV files that Canvas and Moodle import.

``mamlkit-grade gradebook grades/ canvas --roster export.csv`` fills in the gradebook that Canvas exported, so that the
columns that name a student hold what Canvas wrote there. Without a roster a student's name stands as it was handed in.

Source: Instructure, "How do I import grades in the Gradebook?"; Moodle documentation, "Grade import".
"""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mamlkit.grade import plain
from mamlkit.grade.classroom import write

Record = dict[str, Any]
Row = dict[str, str]


class Platform(NamedTuple):
    """The columns by which a platform knows a student: all that it writes, and those that may name one."""

    columns: tuple[str, ...]
    names: tuple[str, ...]


PLATFORMS = {
    "canvas": Platform(
        ("Student", "ID", "SIS User ID", "SIS Login ID", "Section"), ("SIS Login ID", "SIS User ID", "ID", "Student")
    ),
    "moodle": Platform(
        ("Email address", "Username", "ID number", "First name", "Last name"),
        ("Email address", "Username", "ID number"),
    ),
}
POSSIBLE = "Points Possible"
"""What Canvas writes, after spaces, in the column Student of the row that holds the largest points."""


def columns_of(records: Sequence[Record]) -> dict[str, tuple[str, int]]:
    """Return for each exercise that was graded its heading in a gradebook and its largest points.

    Examples
    --------
    >>> columns_of([{"exercise": "e02", "title": "The gradient", "status": "graded", "out_of": 10}])
    {'e02': ('E2 The gradient', 10)}
    """
    graded = sorted((one for one in records if one["status"] == "graded"), key=lambda one: str(one["exercise"]))
    return {
        one["exercise"]: (f"E{int(one['exercise'][1:])} {plain.cell(one['title'])}", one["out_of"]) for one in graded
    }


def points_of(records: Sequence[Record]) -> dict[str, dict[str, int]]:
    """Return each student's points by exercise: the best of several files, 0 for a file that cannot be read.

    Examples
    --------
    >>> about = {"student": "ada", "exercise": "e02", "status": "graded"}
    >>> points_of([{**about, "points": 4}, {**about, "points": 7}])
    {'ada': {'e02': 7}}
    """
    found: dict[str, dict[str, int]] = {}
    for record in records:
        if record["status"] != "failed" and record["exercise"]:
            theirs = found.setdefault(record["student"], {})
            theirs[record["exercise"]] = max(record["points"], theirs.get(record["exercise"], 0))
    return found


def matched(students: Sequence[str], roster: Sequence[Row], names: Sequence[str]) -> dict[str, int]:
    """Return for each student that the roster knows the number of the row; the column that knows most is taken.

    Capital letters do not count, and of an address what stands before the @ is enough.

    Examples
    --------
    >>> matched(["Ada", "emmy"], [{"Username": "ada"}, {"Username": "emmy@example.org"}], ["Email", "Username"])
    {'Ada': 0, 'emmy': 1}
    """
    best: dict[str, int] = {}
    for name in names:
        rows = {str(row.get(name) or "").strip().casefold(): number for number, row in enumerate(roster)}
        short = {text.partition("@")[0]: number for text, number in rows.items()}
        places = {one: {**short, **rows}.get(one.strip().casefold()) for one in students}
        here = {one: place for one, place in places.items() if place is not None}
        best = here if len(here) > len(best) else best
    return best


def filled(records: Sequence[Record], platform: str, roster: Sequence[Row]) -> tuple[list[str], list[Row], list[str]]:
    """Return the headings and rows of the gradebook, and the students whom the roster does not know.

    Without a roster each student gets a row, in the first column that may name one.
    """
    kind, points, exercises = PLATFORMS[platform], points_of(records), columns_of(records)
    if not roster:
        rows = [{kind.names[0]: plain.cell(student)} for student in sorted(points)]
        places, headings = {student: number for number, student in enumerate(sorted(points))}, list(kind.columns)
    else:
        rows = [{name: text for name, text in row.items() if name in kind.columns} for row in roster]
        places, headings = matched([*points], roster, kind.names), [name for name in kind.columns if name in roster[0]]
    given = {key: _heading(text, roster) for key, (text, _) in exercises.items()}
    for student, number in places.items():
        rows[number] |= {given[key]: str(value) for key, value in points[student].items() if key in given}
    if platform == "canvas":
        rows = [row for row in rows if POSSIBLE not in row.get("Student", "")]
        rows.insert(0, {"Student": f"    {POSSIBLE}"} | {given[key]: str(out) for key, (_, out) in exercises.items()})
    return [*headings, *given.values()], rows, sorted({*points} - {*places})


def _heading(text: str, roster: Sequence[Row]) -> str:
    """Return the roster's own heading for an exercise, which may end in a number of the platform's, or `text`."""
    known = roster[0] if roster else {}
    return next((name for name in known if name == text or name.startswith(f"{text} (")), text)


def read_roster(path: Path | None, platform: str) -> list[Row]:
    """Return the rows of what the platform exported.

    Raises
    ------
    ValueError
        If no column may name a student.
    """
    if path is None:
        return []
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    names = PLATFORMS[platform].names
    if not rows or not any(name in rows[0] for name in names):
        raise ValueError(f"{path} is no gradebook of {platform}: none of the columns {', '.join(names)}, or no rows")
    return rows


def main(arguments: list[str] | None = None) -> int:
    """Write grades/canvas.csv or grades/moodle.csv; return 1 when a student or a mark is missing in it."""
    parser = argparse.ArgumentParser(prog="mamlkit-grade gradebook", description=main.__doc__)
    parser.add_argument("grades", type=Path, help="the folder that --out named, with grades.json")
    parser.add_argument("platform", choices=[*PLATFORMS])
    parser.add_argument(
        "--roster", type=Path, help="the gradebook as the platform exported it, for the students' names"
    )
    options = parser.parse_args(arguments)
    records = json.loads((options.grades / "grades.json").read_text(encoding="utf-8"))
    headings, rows, unknown = filled(records, options.platform, read_roster(options.roster, options.platform))
    text = io.StringIO()
    table = csv.DictWriter(text, headings, restval="", extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    target = options.grades / f"{options.platform}.csv"
    write(target, text.getvalue())
    failed = sorted({one["file"] for one in records if one["status"] == "failed"})
    print(f"{target}: {len(points_of(records)) - len(unknown)} students, {len(columns_of(records))} exercises.")
    for problem, those in (("not in the roster, and left out", unknown), ("not graded yet, left empty", failed)):
        if those:
            print(f"{problem}: {', '.join(map(plain.line, those))}")
    return int(bool(unknown or failed))
