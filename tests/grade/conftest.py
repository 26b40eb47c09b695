"""Students' notebooks made from the releases, and a grader to hand them to."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from mamlkit.grade import instructor
from mamlkit.grade.grading import Result, grade
from mamlkit.grade.kernels import KernelHost
from mamlkit.grade.keys import Assignment, prepare
from mamlkit.grade.services import GraderError

ROOT = Path(__file__).parents[2]
COMMAND = str(Path(sys.executable).with_name("mamlkit-grade"))
NAMES = ("e01", "e02", "e03")
Notebook = dict[str, Any]
Grade = Callable[..., Result]


def solution(name: str) -> Path:
    """Return the instructor's notebook of an exercise."""
    return next((ROOT / "solutions").glob(f"{name}_*.ipynb"))


def release(name: str) -> Notebook:
    """Return the notebook that students get."""
    return json.loads(next((ROOT / "exercises").glob(f"{name}_*.ipynb")).read_text(encoding="utf-8"))


@cache
def right_answers(name: str) -> dict[str, str]:
    """Return the solution's answer cells by part."""
    cells = instructor.read(solution(name))["cells"]
    return {instructor.part_of(cell): cell["source"] for cell in cells if instructor.role(cell) == "answer"}


@cache
def parts(name: str) -> dict[str, Any]:
    """Return the parts that an instructor's notebook declares, with their references."""
    try:
        return instructor.parts(instructor.read(solution(name)))
    finally:
        torch.set_default_dtype(torch.float32)  # E3 sets another; this is also called before any test runs


def fill(name: str, answers: dict[str, str]) -> Notebook:
    """Return the release with some answer cells filled in."""
    notebook = release(name)
    for cell in notebook["cells"]:
        if instructor.role(cell) == "answer" and instructor.part_of(cell) in answers:
            cell["source"] = answers[instructor.part_of(cell)]
    return notebook


def data(notebook: Any) -> bytes:
    """Return the file of a notebook."""
    return notebook if isinstance(notebook, bytes) else json.dumps(notebook).encode()


@cache
def assignment(name: str) -> Assignment:
    """Return the assignment, drawn from a fixed seed."""
    return prepare(solution(name), seed=20260101)


@pytest.fixture(scope="session")
def grader() -> Grade:
    """Grade a notebook, with limits that a test may lower."""

    def run(name: str, notebook: Any, **limits: Any) -> Result:
        task = assignment(name)
        exercise = replace(task.exercise, limits={**task.exercise.limits, **limits})
        return grade(data(notebook), replace(task, exercise=exercise))

    return run


@pytest.fixture(scope="session")
def contained() -> Callable[[str], Assignment]:
    """Return E2 for a level of isolation, or skip where this machine does not grant it."""

    def at(level: str) -> Assignment:
        try:
            KernelHost(isolation=level).close()
        except GraderError as error:
            pytest.skip(str(error))
        return replace(assignment("e02"), isolation=level)

    return at


def answered(code: str, call: str = "return None") -> Notebook:
    """Return E2 with part a answered: `code` in the cell, and `call` as the body of the function."""
    body = "\n".join(f"    {line}" for line in call.splitlines())
    return fill("e02", {"e02.a": f"{code}\ndef meta_gradient(*args, **kwargs):\n{body}\n"})


def class_run(folder: Path, *options: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    """Run the command on ``in`` beside ``out`` in `folder`, as a teacher would."""
    command = [COMMAND, "in", "--out", "out", "--solutions", str(ROOT / "solutions"), "--accept-limits", *options]
    return subprocess.run(command, **{"cwd": folder, "capture_output": True, "text": True, "timeout": 180, **settings})


def points(result: Result) -> dict[str, int]:
    """Return the points of each part."""
    return {part.part: part.points for part in result.parts}


def said(result: Result) -> str:
    """Return everything that the result tells."""
    return "\n".join([*(part.advice for part in result.parts), *result.notes])


@pytest.fixture(autouse=True)
def _default_dtype():
    """Undo what reading E3 does to this process: its set-up cell asks PyTorch for double precision."""
    yield
    torch.set_default_dtype(torch.float32)
