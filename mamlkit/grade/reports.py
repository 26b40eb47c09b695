"""What comes out of grading: a table on the screen, CSV, JSON with a schema, and a page for each student."""

from __future__ import annotations

import csv
import hashlib
import html
import io
import json
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mamlkit.grade import plain
from mamlkit.grade.classroom import write

Record = dict[str, Any]
_TEXT, _COUNT = {"type": "string"}, {"type": "integer", "minimum": 0}
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Grades of mamlkit exercises: one record for each notebook handed in",
    "type": "array",
    "items": {
        "type": "object",
        "additionalProperties": False,
        "required": ["student", "file", "sha256", "seed", "source_sha256", "exercise", "title", "status", "points",
                     "out_of", "parts", "notes", "isolation", "seconds", "starting"],
        "properties": {
            "student": {**_TEXT, "description": "as mamlkit.grade.handins says"},
            "file": {**_TEXT, "description": "path inside the folder of submissions"},
            "sha256": {**_TEXT, "description": "of the notebook handed in"},
            "seed": {**_COUNT, "description": "what the inputs were drawn from, with sha256; --seed repeats them"},
            "source_sha256": {**_TEXT, "description": "of the instructor's notebook"},
            "exercise": {**_TEXT, "description": "such as e02; empty where it is unknown"},
            "title": _TEXT,
            "status": {
                "enum": ["graded", "unreadable", "failed"],
                "description": "unreadable: the file cannot be graded, 0 points; failed: the grader could not do its "
                "work, the points mean nothing and the next run tries again",
            },
            "points": _COUNT,
            "out_of": _COUNT,
            "parts": {
                "type": "array",
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["part", "points", "out_of", "kind", "advice"],
                    "properties": {
                        "part": _TEXT,
                        "points": _COUNT,
                        "out_of": _COUNT,
                        "kind": {"enum": ["right", "unanswered", "error", "misconception", "changed-input", "differs",
                                          "kernel-lost", "not-graded"]},
                        "advice": _TEXT,
                    },
                },
            },
            "notes": {"type": "array", "items": _TEXT, "description": "whatever was unusual, a sentence each"},
            "isolation": {
                "enum": ["namespaces", "limits", ""],
                "description": "what contained the kernel; empty where none was needed",
            },
            "seconds": {"type": "number", "minimum": 0},
            "starting": {"type": "number", "minimum": 0, "description": "seconds of these until a kernel answered"},
        },
    },
}  # fmt: skip


def table(records: Sequence[Record], *, width: int = 100) -> str:
    """Return the parts, points and advice of each notebook as text."""
    lines: list[str] = []
    for record in plain.all_plain(records):
        who = f"{plain.line(record['student'])} · " if record["student"] else ""
        head = plain.line(record["title"] or record["file"])
        score = {"graded": f"{record['points']}/{record['out_of']}"}.get(record["status"], record["status"].upper())
        lines += ["", f"{who}{record['exercise']} {head} · {score}".replace("  ", " "), "-" * width]
        for part in record["parts"]:
            advice = [wrapped for line in part["advice"].split("\n") for wrapped in textwrap.wrap(line, width - 16)]
            lines.append(f"{part['part']:8}{part['points']:>2}/{part['out_of']:<3}  {advice[0] if advice else ''}")
            lines += [" " * 15 + line for line in advice[1:]]
        lines += [f"  note: {plain.line(note, 2000)}" for note in record["notes"]]
    return "\n".join(lines[1:])


def summary(records: Sequence[Record]) -> str:
    """Return one line for each notebook, for a class."""
    lines = [f"{'student':24} {'exercise':10} {'points':>7}  remarks"]
    for record in records:
        score = f"{record['points']}/{record['out_of']}" if record["status"] == "graded" else record["status"]
        note = f"{len(record['notes'])} notes" if record["notes"] else ""
        lines.append(f"{plain.line(record['student']):24.24} {record['exercise']:10} {score:>7}  {note}")
    return "\n".join(lines)


def save(records: Sequence[Record], out: Path) -> None:
    """Write grades.csv, grades.json, grades.schema.json and feedback/<student>.html into `out`."""
    (out / "feedback").mkdir(parents=True, exist_ok=True)
    records = plain.all_plain(records)
    write(out / "grades.csv", _csv(records))
    write(out / "grades.json", json.dumps(records, indent=1))
    write(out / "grades.schema.json", json.dumps(SCHEMA, indent=1))
    students: dict[str, list[Record]] = {}
    for record in records:
        students.setdefault(record["student"], []).append(record)
    taken = set[str]()
    for student, theirs in students.items():
        name = _file_name(student)
        if name.casefold() in taken:  # some disks take "Ada" and "ada" for one name
            name = f"{name[:100]}-{hashlib.sha256(student.encode()).hexdigest()[:12]}"
        taken.add(name.casefold())
        write(out / "feedback" / f"{name}.html", page(student, theirs))


def _csv(records: Sequence[Record]) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    rows.writerow(["student", "exercise", "status", "points", "out_of", "parts", "notes", "file"])
    for record in records:
        parts = " ".join(f"{part['part']}={part['points']}/{part['out_of']}" for part in record["parts"])
        row = [record["student"], record["exercise"], record["status"], record["points"], record["out_of"], parts,
               " | ".join(record["notes"]), record["file"]]  # fmt: skip
        rows.writerow([plain.cell(field) for field in row])
    return text.getvalue()


def _file_name(student: str) -> str:
    """Return a file name that no other student gets and that stays inside its folder."""
    name = re.sub(r"[^\w. -]", lambda match: quote(match[0], safe=""), student) or "%"
    return name if len(name.encode()) <= 200 else hashlib.sha256(student.encode()).hexdigest()


STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
:root { color-scheme: light dark }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; vertical-align: top; padding: .4rem .6rem;
border-bottom: 1px solid #8886 }
td.points { white-space: nowrap } td.advice { white-space: pre-wrap; overflow-wrap: anywhere }
"""


def page(student: str, records: Sequence[Record]) -> str:
    """Return the feedback page of one student: points, advice and notes for each notebook, escaped, no scripts."""
    student = plain.line(student)
    body = [f"<h1>{html.escape(student or 'Feedback')}</h1>"]
    for record in plain.all_plain(records):
        name = html.escape(f"{record['exercise']} {record['title']}".strip() or record["file"])
        score = f"{record['points']} of {record['out_of']} points"
        body.append(f"<h2>{name}</h2><p>{score if record['status'] == 'graded' else record['status']}</p>")
        body.append("<table><thead><tr><th>Part<th>Points<th>Advice</tr></thead><tbody>")
        for part in record["parts"]:
            mark = "✓" if part["kind"] == "right" else "✗"
            body.append(
                f"<tr><td>{html.escape(part['part'])}<td class='points'>{mark} {part['points']} of {part['out_of']}"
                f"<td class='advice'>{html.escape(part['advice'])}</tr>"
            )
        body.append("</tbody></table>")
        if record["notes"]:
            body.append("<ul>" + "".join(f"<li>{html.escape(note)}" for note in record["notes"]) + "</ul>")
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><meta name='viewport' content='width=device-width'>"
        f"<title>Feedback: {html.escape(student)}</title><style>{STYLE}</style>{''.join(body)}</html>\n"
    )
