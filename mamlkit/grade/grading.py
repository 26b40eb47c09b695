"""Grade one submission: lift its answers, run them in a contained kernel, and count points."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from mamlkit.grade import submission
from mamlkit.grade.instructor import Cell, Exercise
from mamlkit.grade.kernels import KernelHost
from mamlkit.grade.sandbox import Limits
from mamlkit.grade.services import GraderError, Service

_services: dict[Any, Any] = {}


@dataclass(frozen=True)
class Assignment:
    """An exercise with the keys of this run, the limits on a submission, and what contains it."""

    exercise: Exercise
    keys: list[dict[str, Any]]
    source_sha256: str
    isolation: str = "auto"

    @property
    def limits(self) -> Limits:
        """Limits on one submission: the defaults, with those the exercise sets."""
        return replace(Limits(), **self.exercise.limits)


@dataclass(frozen=True)
class PartResult:
    """Points and advice for one part."""

    part: str
    points: int
    out_of: int
    kind: str
    advice: str


@dataclass(frozen=True)
class Result:
    """What one submission earned. ``status`` is graded, unreadable (the student's file) or failed (the grader)."""

    exercise: str
    title: str
    status: str
    points: int
    out_of: int
    parts: list[PartResult]
    notes: list[str] = field(default_factory=list)
    isolation: str = ""
    seconds: float = 0.0
    starting: float = 0.0
    """Seconds of these until a kernel answered."""


def prepare(source: Path, *, seed: int, isolation: str = "auto") -> Assignment:
    """Return the assignment in the instructor's notebook at `source`, drawn in a process of its own.

    Raises
    ------
    GraderError
        If the notebook does not run.
    """
    command = [sys.executable, "-m", "mamlkit.grade.grading", str(source), str(seed)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.run(command, capture_output=True, text=True, env=environment)
    if process.returncode:
        raise GraderError(f"{source} does not run: {process.stderr.strip()[-2000:]}")
    data = json.loads(process.stdout)
    raw = data["exercise"]
    exercise = Exercise(
        **{
            **raw,
            "cells": tuple(Cell(**cell) for cell in raw["cells"]),
            "needs": {part: tuple(needs) for part, needs in raw["needs"].items()},
            "preload": tuple(raw["preload"]),
        }
    )
    return Assignment(exercise, data["keys"], data["sha256"], isolation)


def grade(data: bytes, assignment: Assignment) -> Result:
    """Return the result of the submission in `data`; never raises for anything that a student hands in."""
    start = time.monotonic()
    exercise = assignment.exercise
    try:
        notebook = submission.parse(data)
    except submission.Unreadable as error:
        return _result(exercise, {}, status="unreadable", notes=[str(error)])
    lifted = submission.lift(notebook, exercise)
    if (named := submission.named_exercise(notebook)) not in {"", exercise.name}:
        lifted.notes.append(f"The notebook says that it is {named[:20]!r}; it was graded as {exercise.name}.")
    verdicts: dict[str, Any] = {}
    starting, isolation, status = 0.0, "", "graded"
    try:
        if lifted.answers:
            isolation = _host(assignment).isolation
            verdicts, starting = _verdicts(lifted, assignment)
    except (GraderError, OSError, ValueError) as error:
        status = "failed"
        lifted.notes.append(f"The grader failed, this is not a zero: {error}")
    result = _result(exercise, verdicts, status=status, notes=lifted.notes)
    seconds = round(time.monotonic() - start, 3)
    return replace(result, isolation=isolation, seconds=seconds, starting=round(starting, 3))


def _verdicts(lifted: submission.Lifted, assignment: Assignment) -> tuple[dict[str, Any], float]:
    """Run the answers; leave out one that ends or blocks the kernel and run the others again.

    Return the verdicts, and the seconds that kernels took to start.
    """
    answers, starting = dict(lifted.answers), 0.0
    lost: dict[str, Any] = {}
    while answers:
        start = time.monotonic()
        report = _session(answers, assignment)
        starting += report["ready"] - start
        if report["lost"] is None:
            return {**report["verdicts"], **lost}, starting
        part, reason = report["lost"]["part"], report["lost"]["reason"]
        if part not in answers:
            part = next(iter(answers))  # lost in a cell of another part: the first answer left goes next
        lost[part] = {"right": False, "kind": "kernel-lost", "advice": f"The kernel was stopped here: it {reason}."}
        lifted.notes.append(f"{part}: the kernel {reason}; this answer was left out and the others graded without it.")
        del answers[part]
    return lost, starting


def _session(answers: dict[str, str], assignment: Assignment) -> dict[str, Any]:
    host, limits = _host(assignment), assignment.limits
    try:
        request = {
            "cells": [asdict(cell) for cell in assignment.exercise.cells],
            "answers": answers,
            "keys": assignment.keys,
            "connection": host.start(limits),
            "limits": asdict(limits),
        }
        report = _sessions().ask(request)
    finally:
        host.stop()
    if report.get("failure") or report["setup"]:
        raise GraderError(report.get("failure") or f"the set-up cell raised {report['setup']}")
    if "ready" not in report:
        raise GraderError("the kernel did not start")
    return report


def _result(exercise: Exercise, verdicts: dict[str, Any], *, status: str, notes: list[str]) -> Result:
    parts = []
    missing = {"right": False, "kind": "unanswered", "advice": "Not answered yet."}
    if status != "graded":
        missing = {"right": False, "kind": "not-graded", "advice": "Not graded, see the note."}
    for part, out_of in exercise.points.items():
        verdict = verdicts.get(part, missing)
        advice = verdict["advice"]
        broken = [need for need in exercise.needs[part] if not verdicts.get(need, {}).get("right", False)]
        if broken and status == "graded" and not verdict["right"]:
            advice += f"\nThis part calls your answer to {', '.join(broken)}, which is not right yet: mend that first."
        parts.append(PartResult(part, out_of if verdict["right"] else 0, out_of, verdict["kind"], advice))
    points = sum(part.points for part in parts)
    return Result(exercise.name, exercise.title, status, points, sum(exercise.points.values()), parts, notes)


def _host(assignment: Assignment) -> KernelHost:
    """Return this process's host with the modules that the exercise needs imported, started at the first call."""
    needs = (assignment.exercise.preload, assignment.isolation)
    host: KernelHost = _running(needs, lambda: KernelHost(*needs))
    return host


def _sessions() -> Service:
    """Return this process's service that runs sessions, started at the first call."""
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "", "OMP_NUM_THREADS": "1"}
    service: Service = _running("sessions", lambda: Service("mamlkit.grade.session", environment=environment))
    return service


def _running(name: Any, start: Callable[[], Service]) -> Any:
    service = _services.get(name)
    if service is None or service.process.poll() is not None:
        service = _services[name] = start()
        atexit.register(service.close)
    return service


def main(source: str, seed: str) -> None:
    """Print the assignment in an instructor's notebook as JSON: the exercise without solutions, and its keys."""
    import hashlib

    from mamlkit.grade import instructor, sandbox

    sandbox.conceal()
    path = Path(source)
    parts = instructor.parts(instructor.read(path))
    keys = [part.key(int(seed)).to_json() for part in parts.values()]
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    print(json.dumps({"exercise": asdict(instructor.exercise(path, parts)), "keys": keys, "sha256": sha256}))


if __name__ == "__main__":
    main(*sys.argv[1:])
