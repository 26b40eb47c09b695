"""Grade a whole class in parallel; lose nothing when interrupted, and let no file stop the others."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import joblib
from joblib.externals.loky.process_executor import TerminatedWorkerError

from mamlkit.grade import plain, reading, sandbox
from mamlkit.grade.grading import Result, grade
from mamlkit.grade.handins import Entry
from mamlkit.grade.keys import Assignment, KeyMaker, seed_of
from mamlkit.grade.services import GraderError

TRIES = 3
"""How often work is given out again after a worker has died."""
Record = dict[str, Any]


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
        What the inputs are drawn from, together with each file's bytes. Without one, that of the interrupted run in
        `out`, or a fresh one.
    isolation : {"auto", "namespaces", "limits"}
        What contains a kernel.
    hidden : sequence of Path
        Folders that no kernel sees, beside `solutions` and `out`.
    """

    solutions: Path
    out: Path | None = None
    seed: int | None = None
    isolation: str = "auto"
    hidden: Sequence[Path] = ()

    def __post_init__(self) -> None:
        self.sources = {path.name[:3]: path for path in sorted(self.solutions.glob("e[0-9][0-9]*.ipynb"))}
        if not self.sources:
            raise FileNotFoundError(f"no instructor's notebook (e01_....ipynb) in {self.solutions}")
        if self.out is not None:
            (self.out / "results").mkdir(parents=True, exist_ok=True)
        self.seed = self._seed()
        self.stems = [path.stem for path in self.sources.values()]

    def _seed(self) -> int:
        kept = self.out / "run.json" if self.out else None
        if kept and kept.exists() and self.seed is None:
            try:
                return int(json.loads(kept.read_text(encoding="utf-8"))["seed"])
            except (ValueError, KeyError, TypeError) as error:
                raise GraderError(f"{kept} does not hold the seed of a run; remove it, or give --seed") from error
        seed = secrets.randbits(53) if self.seed is None else self.seed
        if kept:
            write(kept, json.dumps({"seed": seed}))
        return seed

    def grade(self, entries: Sequence[Entry], *, jobs: int = -1) -> Iterator[Record]:
        """Yield a record for each entry as it is ready: kept ones first, then those that are graded now.

        The work goes to the joblib backend in force: this machine's processes, or an engine such as Dask.
        """
        with contextlib.ExitStack() as stack:
            names = sorted({entry.exercise for entry in entries if not entry.problem} - {""})
            makers = {name: stack.enter_context(KeyMaker(self.sources[name])) for name in names}
            todo = []
            for entry in entries:
                maker = makers.get(entry.exercise) if not entry.problem else None
                if (kept := self._kept(entry, maker)) is not None:
                    yield kept
                elif maker is None:
                    yield self._keep(entry, _not_graded(entry, [*self.sources]), None)
                else:
                    todo.append(entry)
            for entry, result in self._graded(todo, makers, jobs):
                yield self._keep(entry, result, makers[entry.exercise])

    def _graded(
        self, entries: list[Entry], makers: Mapping[str, KeyMaker], jobs: int
    ) -> Iterator[tuple[Entry, Result]]:
        left = dict(enumerate(entries))
        for _ in range(TRIES):
            parallel = joblib.Parallel(
                n_jobs=jobs, return_as="generator_unordered", max_nbytes=None, pre_dispatch="2*n_jobs"
            )
            try:
                for index, result in parallel(self._work(dict(left), makers)):
                    yield left.pop(index), result
                return
            except TerminatedWorkerError:
                continue
        for entry in left.values():
            yield entry, _failed(makers[entry.exercise], "a worker process was killed, perhaps for want of memory")

    def _work(self, entries: Mapping[int, Entry], makers: Mapping[str, KeyMaker]) -> Iterator[Any]:
        """Yield what one worker does for each entry; files are read and keys drawn only when their turn comes."""
        one, owner = joblib.delayed(_grade_one), os.getpid()
        hidden = tuple(str(path.resolve()) for path in (self.solutions, self.out, *self.hidden) if path)
        assert self.seed is not None
        for index, entry in entries.items():
            maker = makers[entry.exercise]
            try:
                data = entry.read()
                if hashlib.sha256(data).hexdigest() != entry.sha256:
                    raise GraderError("the file was changed while the class was graded; run the command again")
                seed = seed_of(self.seed, entry.sha256)
                task = maker.assignment(*seed, isolation=self.isolation, hidden=hidden)
                yield one(index, data, task, owner)
            except (GraderError, OSError) as error:
                yield joblib.delayed(_given_up)(index, _failed(maker, str(error)))

    def _keep(self, entry: Entry, result: Result, maker: KeyMaker | None) -> Record:
        record = plain.all_plain({
            "student": entry.student,
            "file": entry.file,
            "sha256": entry.sha256,
            "seed": self.seed,
            "source_sha256": maker.source_sha256 if maker else "",
            **asdict(result),
        })  # fmt: skip
        if self.out and result.status != "failed":  # what the grader could not do is tried again next time
            write(self._file(entry), json.dumps(record, indent=1))
        return _noted(record, entry)

    def _kept(self, entry: Entry, maker: KeyMaker | None) -> Record | None:
        """Return the record of an earlier run, if it is of the same notebook, exercise and seed."""
        if self.out is None or maker is None or not self._file(entry).exists():
            return None
        try:
            record = dict(json.loads(self._file(entry).read_text(encoding="utf-8")))
        except ValueError:  # somebody has been at it: it is graded again
            return None
        now = (entry.sha256, self.seed, maker.source_sha256)
        same = (record.get("sha256"), record.get("seed"), record.get("source_sha256")) == now
        return _noted({**record, "student": entry.student, "file": entry.file}, entry) if same else None

    def _file(self, entry: Entry) -> Path:
        assert self.out is not None
        return self.out / "results" / f"{hashlib.sha256(os.fsencode(entry.path.absolute())).hexdigest()[:20]}.json"


def _noted(record: Record, entry: Entry) -> Record:
    """Return the record with what is unusual about the place of the file, which another file may change."""
    return {**record, "notes": [*record["notes"], *entry.notes]}


def _grade_one(index: int, data: bytes, assignment: Assignment, owner: int) -> tuple[int, Result]:
    sandbox.conceal()  # the keys are in this process's memory
    if os.getppid() == owner:
        _end_with(owner)
    try:
        return index, grade(data, assignment)
    except Exception as error:  # a mistake in the grader costs this notebook its turn, and no other's
        return index, _failed(assignment, f"{type(error).__name__}: {error}")


def _given_up(index: int, result: Result) -> tuple[int, Result]:
    return index, result


@cache
def _end_with(owner: int) -> None:
    """Let this worker end when the process that started it is killed; its helper processes then end with it."""

    def watch() -> None:
        while os.getppid() == owner:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _failed(task: Assignment | KeyMaker, why: str) -> Result:
    exercise, note = task.exercise, f"The grader failed, this is not a zero: {why}"
    return Result(exercise.name, exercise.title, "failed", 0, sum(exercise.points.values()), [], [note])


def _not_graded(entry: Entry, names: Sequence[str]) -> Result:
    """Return the result of an entry that belongs to no exercise or cannot be read."""
    note = entry.problem
    try:
        notes = [] if note else reading.parse(entry.read())[1]
        note = note or f"Neither the notebook nor its file name says which exercise it is ({', '.join(names)})."
    except (reading.Unreadable, OSError) as error:
        notes, note = [], str(error)
    return Result(entry.exercise, "", "unreadable", 0, 0, [], [*notes, note])


def write(path: Path, text: str) -> None:
    """Write `text` to `path` whole or not at all."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
