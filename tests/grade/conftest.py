"""Students' notebooks made from the releases, and a grader to hand them to."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from mamlkit.grade import instructor
from mamlkit.grade import release as derive
from mamlkit.grade.grading import Result, grade
from mamlkit.grade.judge import Key, Verdict, answers, judge
from mamlkit.grade.kernels import KernelHost
from mamlkit.grade.keys import Assignment, prepare
from mamlkit.grade.services import GraderError

ROOT = Path(__file__).parents[2]
ISOLATION = os.environ.get("MAMLKIT_ISOLATION", "auto")
"""What contains the kernels of these tests: MAMLKIT_ISOLATION=limits tries them where there are no namespaces."""
COMMAND = str(Path(sys.executable).with_name("mamlkit-grade"))
NAMES = tuple(sorted(path.name[:3] for path in (ROOT / "solutions").glob("e*.ipynb")))
PROMISED = (*NAMES, "e99")
"""What each exercise is promised to be tested for holds for the one that CONTRIBUTING.md walks through, too."""
Notebook = dict[str, Any]
Grade = Callable[..., Result]


def _blocks(page: str, after: str, language: str) -> list[str]:
    """Return the blocks of code of a page behind a heading."""
    return re.findall(rf"```{language}\n(.*?)```", page.partition(after)[2].partition("\n### ")[0], re.DOTALL)


@cache
def walkthrough() -> Path:
    """Write the exercise that CONTRIBUTING.md walks through, from its own blocks of code."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    hint = _blocks(page, "### 5.", "html")[0].replace("\n\n", "\n\n", 1)
    hints = "\n".join(hint.replace("Hint 1", f"Hint {number}") for number in (1, 2, 3))
    answer, part, check = (_blocks(page, heading, "python")[0] for heading in ("### 2.", "### 3.", "### 4."))
    setup = "from mamlkit.grade import check"
    cells = [
        _markdown("# E99 · Doubling", 0),
        _code("setup", setup),
        _markdown(f"## a. Double it · 2 points\n\n{hints}", 1),
        _code("answer", answer),
        _code("part", part),
        _code("check", check),
    ]
    about = {"mamlkit": json.loads("{" + _blocks(page, "### 1.", "json")[0].partition("{")[2].rpartition("}")[0] + "}")}
    path = Path(_FOLDER.name) / "e99_doubling.ipynb"
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": about, "cells": cells}))
    return path


_FOLDER = tempfile.TemporaryDirectory(prefix="walk-through-")


def _code(role: str, source: str) -> Notebook:
    about = {"role": role} if role == "setup" else {"role": role, "part": "e99.a"}
    return {
        "cell_type": "code",
        "id": f"made-{role}",
        "metadata": {"mamlkit": about},
        "source": source.rstrip(),
        "outputs": [],
        "execution_count": None,
    }


def _markdown(text: str, number: int) -> Notebook:
    return {"cell_type": "markdown", "id": f"text-{number}", "metadata": {}, "source": text}


def solution(name: str) -> Path:
    """Return the instructor's notebook of an exercise; e99 is the walk-through's."""
    if name == "e99":
        return walkthrough()
    return next((ROOT / "solutions").glob(f"{name}_*.ipynb"))


def release(name: str) -> Notebook:
    """Return the notebook that students get."""
    if name == "e99":
        return json.loads(derive.release(walkthrough(), "https://example.org/fork"))
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
    return prepare(solution(name), seed=20260101, isolation=ISOLATION)


@pytest.fixture(autouse=True)
def the_command_changes_no_other_test(monkeypatch):
    """The grader's command tells all processes to come to import nothing from the current folder."""
    monkeypatch.setenv("PYTHONSAFEPATH", "")  # empty means unset; what stood there is put back afterwards


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


def verdicts(name: str, answered: dict[str, str]) -> dict[str, Verdict]:
    """Return the verdict on each part as in a class; its cells are run here, since no kernel is under test."""
    namespace: dict[str, Any] = {}
    found: dict[str, Verdict] = {}
    keys = {key["part"]: key for key in assignment(name).keys}

    def check(part: str, function: Callable[..., Any]) -> None:
        outcomes = answers(function, Key.from_json(keys[part]))
        found[part] = judge(outcomes, Key.from_json(keys[part], tensors=False), reveal=False)

    for cell in assignment(name).exercise.cells:
        exec(answered[cell.part] if cell.role == "answer" else cell.source, namespace)
        namespace["check"] = check
    return found


def told(part: str, old: str, new: str, advice: str) -> None:
    """Assert that `new` in place of `old` in the solution of `part` makes that part alone wrong, with `advice`."""
    name, source = part[:3], right_answers(part[:3])[part]
    assert old in source
    found = verdicts(name, {**right_answers(name), part: source.replace(old, new)})
    assert re.search(advice, found[part].advice), found[part].advice
    assert [one for one in found if not found[one].right] == [part]
