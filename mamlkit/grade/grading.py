"""Grade one submission: lift its answers, run them in a contained kernel, and count points."""

from __future__ import annotations

import atexit
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from mamlkit.grade import lifting, reading
from mamlkit.grade.instructor import Exercise
from mamlkit.grade.kernels import KernelHost
from mamlkit.grade.keys import Assignment
from mamlkit.grade.sandbox import Limits
from mamlkit.grade.services import GraderError, Service, own_environment

SLOW_IMPORTS = {"matplotlib": "matplotlib.pyplot", "torch": "torch"}
"""What takes seconds to import: where an answer names it, it is imported before the answer's time runs."""
_services: dict[Any, Any] = {}
Answers = dict[str, str]
Verdicts = dict[str, dict[str, Any]]


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


def grade(data: bytes, assignment: Assignment) -> Result:
    """Return the result of the submission in `data`; never raises for anything that a student hands in."""
    start = time.monotonic()
    exercise = assignment.exercise
    try:
        notebook, notes = reading.parse(data)
    except reading.Unreadable as error:
        return _result(exercise, {}, status="unreadable", notes=[str(error)])
    lifted = lifting.lift(notebook, exercise)
    lifted.notes[:0] = notes
    if (named := reading.named_exercise(notebook)) not in {"", exercise.name}:
        lifted.notes.append(f"The notebook says that it is {named[:20]!r}; it was graded as {exercise.name}.")
    run = _Run(lifted, assignment)
    verdicts, status = {}, "graded"
    try:
        verdicts = run.verdicts() if lifted.answers else {}
    except (GraderError, OSError, ValueError) as error:
        status = "failed"
        lifted.notes.append(f"The grader failed, this is not a zero: {error}")
    result = _result(exercise, verdicts, status=status, notes=lifted.notes)
    seconds = round(time.monotonic() - start, 3)
    return replace(result, isolation=run.isolation, seconds=seconds, starting=round(run.starting, 3))


class _Run:
    """The kernels that one submission needs."""

    def __init__(self, lifted: lifting.Lifted, assignment: Assignment) -> None:
        self.lifted, self.assignment = lifted, assignment
        self.limits = replace(Limits(), **assignment.exercise.limits)
        self.isolation, self.starting = "", 0.0

    def verdicts(self) -> Verdicts:
        """Run all answers in one kernel; where it is lost, find out which answers lose it, and run the others.

        A kernel may end later than the answer that ended it, so each answer is first tried in a kernel of its own.
        """
        answers = dict(self.lifted.answers)
        report = self._session(answers)
        if report["lost"] is None:
            return dict(report["verdicts"])
        alone = {part: self._session({part: source}) for part, source in answers.items()}
        lost = {part: self._stopped(part, one["lost"]["reason"]) for part, one in alone.items() if one["lost"]}
        others = {part: source for part, source in answers.items() if part not in lost}
        report = self._session(others) if others else {"lost": None, "verdicts": {}}
        if report["lost"] is None:
            return {**report["verdicts"], **lost}
        self.lifted.notes.append("Together the answers stop the kernel; each was graded in a kernel of its own.")
        return {part: lost[part] if part in lost else one["verdicts"][part] for part, one in alone.items()}

    def _stopped(self, part: str, reason: str) -> dict[str, Any]:
        self.lifted.notes.append(
            f"{part}: the kernel {reason}; this answer was left out, the others graded without it."
        )
        return {"right": False, "kind": "kernel-lost", "advice": f"The kernel was stopped here: it {reason}."}

    def _session(self, answers: Answers) -> dict[str, Any]:
        start = time.monotonic()
        host = _host(self.assignment, answers)
        self.isolation = host.isolation
        try:
            request = {
                "cells": [asdict(cell) for cell in self.assignment.exercise.cells],
                "answers": answers,
                "keys": self.assignment.keys,
                "connection": host.start(self.limits),
                "limits": asdict(self.limits),
            }
            report = _sessions().ask(request, seconds=self.limits.total_seconds + 120)
        finally:
            host.stop()
        _check(report)
        self.starting += report["ready"] - start
        return report


def _check(report: dict[str, Any]) -> None:
    """Raise GraderError for what no student's code has had a hand in."""
    if report.get("failure") or report["setup"]:
        raise GraderError(report.get("failure") or f"the set-up cell raised {report['setup']}")
    if "ready" not in report:
        raise GraderError("the kernel did not start")
    if report["lost"] and report["lost"]["role"] == "setup":
        raise GraderError(f"in the set-up cell, the kernel {report['lost']['reason']}")


def _result(exercise: Exercise, verdicts: Verdicts, *, status: str, notes: list[str]) -> Result:
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


def _host(assignment: Assignment, answers: Answers) -> KernelHost:
    """Return this process's host with the modules that exercise and answers need, started at the first call."""
    named = [module for name, module in SLOW_IMPORTS.items() if re.search(rf"\b{name}\b", "\n".join(answers.values()))]
    preload = tuple(dict.fromkeys([*assignment.exercise.preload, *named]))
    needs = (preload, assignment.isolation, assignment.hidden)
    host: KernelHost = _running(needs, lambda: KernelHost(*needs))
    return host


def _sessions() -> Service:
    """Return this process's service that runs sessions, started at the first call."""
    environment = own_environment(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1", PYTEST_ADDOPTS="", OMP_NUM_THREADS="1")
    service: Service = _running("sessions", lambda: Service("mamlkit.grade.session", environment=environment))
    return service


def _running(name: Any, start: Callable[[], Service]) -> Any:
    service = _services.get(name)
    if service is None or service.process.poll() is not None:
        service = _services[name] = start()
        atexit.register(service.close)
    return service
