"""Grade a whole class: find the notebooks, grade them in parallel, lose nothing when interrupted."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import joblib

from mamlkit.grade import submission
from mamlkit.grade.grading import Assignment, Result, grade, prepare


@dataclass(frozen=True)
class Entry:
    """One notebook of one student."""

    student: str
    file: str
    exercise: str
    """Empty where neither the notebook nor its name says which exercise it is."""
    sha256: str
    data: bytes


def find(folder: Path, names: Sequence[str]) -> list[Entry]:
    """Return the notebooks under `folder`, a file or a folder, sorted.

    In ``folder/ada/e02.ipynb`` the student is ``ada``; in ``folder/ada_e02.ipynb`` the student is what stands before
    the exercise's name, or the file's name.
    """
    paths = [folder] if folder.is_file() else sorted(folder.rglob("*.ipynb"))
    kept = [
        path for path in paths if ".ipynb_checkpoints" not in path.parts and path.is_file() and not path.is_symlink()
    ]
    return [_entry(path, folder, names) for path in kept]


def _entry(path: Path, folder: Path, names: Sequence[str]) -> Entry:
    inside = path.relative_to(folder) if path != folder else Path(path.name)
    student = inside.parts[0] if len(inside.parts) > 1 else re.split(r"[_-]?e\d\d", path.stem)[0]
    size = path.stat().st_size
    data = path.read_bytes() if size <= submission.MAX_BYTES else b" " * (submission.MAX_BYTES + 1)
    return Entry(student, str(inside), _exercise(path, data, names), hashlib.sha256(data).hexdigest(), data)


def _exercise(path: Path, data: bytes, names: Sequence[str]) -> str:
    """Return which of `names` the file is: as its metadata says, else as its name says."""
    try:
        named = submission.named_exercise(submission.parse(data))
    except submission.Unreadable:
        named = ""
    found = re.findall(r"e\d\d", path.stem)
    return next((name for name in (named, *found) if name in names), "")


@dataclass
class ClassRun:
    """The grading of many notebooks, kept in a folder so that it can be taken up again.

    Parameters
    ----------
    solutions : Path
        The folder with the instructor's notebooks.
    out : Path or None
        Where results are kept; without it nothing is.
    seed : int or None
        What the inputs are drawn from. Without one, that of the interrupted run in `out`, or a fresh one.
    """

    solutions: Path
    out: Path | None = None
    seed: int | None = None
    isolation: str = "auto"

    def __post_init__(self) -> None:
        self.sources = {path.name[:3]: path for path in sorted(self.solutions.glob("e[0-9][0-9]*.ipynb"))}
        if not self.sources:
            raise FileNotFoundError(f"no instructor's notebook (e01_....ipynb) in {self.solutions}")
        if self.out is not None:
            (self.out / "results").mkdir(parents=True, exist_ok=True)
        self.seed = self._seed()

    def _seed(self) -> int:
        kept = self.out / "run.json" if self.out else None
        if kept and kept.exists() and self.seed is None:
            return int(json.loads(kept.read_text(encoding="utf-8"))["seed"])
        seed = secrets.randbits(32) if self.seed is None else self.seed
        if kept:
            write(kept, json.dumps({"seed": seed}))
        return seed

    def assignments(self, names: Sequence[str]) -> dict[str, Assignment]:
        """Return the assignments that `names` ask for, drawn from this run's seed."""
        assert self.seed is not None
        return {name: prepare(self.sources[name], seed=self.seed, isolation=self.isolation) for name in names}

    def grade(self, entries: Sequence[Entry], *, jobs: int = -1) -> Iterator[dict[str, Any]]:
        """Yield a record for each entry as it is ready: kept ones first, then those that are graded now.

        The work goes to the joblib backend in force: this machine's processes, or an engine such as Dask.
        """
        assignments = self.assignments(sorted({entry.exercise for entry in entries} - {""}))
        todo = []
        for entry in entries:
            kept = self._kept(entry, assignments)
            if kept is not None:
                yield kept
            elif entry.exercise == "":
                yield self._keep(entry, _unknown(entry, tuple(self.sources)), assignments)
            else:
                todo.append(entry)
        one = joblib.delayed(_grade_one)
        work = (one(index, entry.data, assignments[entry.exercise], os.getpid()) for index, entry in enumerate(todo))
        parallel = joblib.Parallel(
            n_jobs=jobs, return_as="generator_unordered", max_nbytes=None, pre_dispatch="2*n_jobs"
        )
        for index, result in parallel(work):
            yield self._keep(todo[index], result, assignments)

    def _keep(self, entry: Entry, result: Result, assignments: dict[str, Assignment]) -> dict[str, Any]:
        record = {
            "student": entry.student,
            "file": entry.file,
            "sha256": entry.sha256,
            "seed": self.seed,
            "source_sha256": _source(entry, assignments),
            **asdict(result),
        }
        if self.out and result.status != "failed":  # what the grader could not do is tried again next time
            write(self._file(entry), json.dumps(record, indent=1))
        return record

    def _kept(self, entry: Entry, assignments: dict[str, Assignment]) -> dict[str, Any] | None:
        """Return the record of an earlier run, if it is of the same notebook, exercise and seed."""
        if self.out is None or not self._file(entry).exists():
            return None
        record = dict(json.loads(self._file(entry).read_text(encoding="utf-8")))
        now = (entry.sha256, self.seed, _source(entry, assignments))
        return record if (record["sha256"], record["seed"], record["source_sha256"]) == now else None

    def _file(self, entry: Entry) -> Path:
        assert self.out is not None
        return self.out / "results" / f"{hashlib.sha256(entry.file.encode()).hexdigest()[:20]}.json"


def _source(entry: Entry, assignments: dict[str, Assignment]) -> str:
    return assignments[entry.exercise].source_sha256 if entry.exercise else ""


def _grade_one(index: int, data: bytes, assignment: Assignment, owner: int) -> tuple[int, Result]:
    if os.getppid() == owner:
        _end_with(owner)
    return index, grade(data, assignment)


@cache
def _end_with(owner: int) -> None:
    """Let this worker end when the process that started it is killed; its helper processes then end with it."""

    def watch() -> None:
        while os.getppid() == owner:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _unknown(entry: Entry, names: Sequence[str]) -> Result:
    try:
        submission.parse(entry.data)
        note = f"Neither the notebook nor its file name says which exercise it is ({', '.join(names)})."
    except submission.Unreadable as error:
        note = str(error)
    return Result("", "", "unreadable", 0, 0, [], [note])


def write(path: Path, text: str) -> None:
    """Write `text` to `path` whole or not at all."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
