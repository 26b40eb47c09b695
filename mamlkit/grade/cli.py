"""The command ``mamlkit-grade``: notebooks in, a table, CSV, JSON and feedback pages out.

``mamlkit-grade exercises/`` grades what is there and prints points and advice. ``mamlkit-grade submissions/ --out
grades/`` grades a class; run again, it takes up where it was interrupted. ``mamlkit-grade release`` derives the
students' notebooks from the instructor's.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import joblib
from tqdm import tqdm

from mamlkit.grade import classroom, release, reports
from mamlkit.grade.services import GraderError

NOTICE = """\
Notice: this system grants no namespaces, so a student's code is limited in memory, time, processes and file size, but
it can use the network and read files that you can read. For a class, run the grader in a container without a network
(docker run --network none ...), or on Linux with user namespaces."""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="mamlkit-grade", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("submissions", type=Path, nargs="+", help="notebooks, or folders of them, one for each student")
    parser.add_argument("--out", type=Path, help="folder for grades.csv, grades.json and feedback/; also for resuming")
    parser.add_argument("--solutions", type=Path, default=Path("solutions"), help="the instructor's notebooks")
    parser.add_argument("--seed", type=int, help="what inputs are drawn from (default: fresh for each --out)")
    parser.add_argument("--jobs", type=int, default=-1, help="how many at once (default: one for each core)")
    parser.add_argument("--backend", default="loky", help="joblib backend: loky, or dask with --scheduler")
    parser.add_argument("--scheduler", help="address of a Dask scheduler; without it --backend dask starts one here")
    parser.add_argument(
        "--isolation",
        choices=("auto", "namespaces", "limits"),
        default="auto",
        help="what contains a kernel: namespaces refuses to grade without them (default: the strongest there is)",
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0 when everything was graded, 1 when the grader failed somewhere, 2 for wrong usage."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["release"]:
        return release.main(words[1:])
    options = parser().parse_args(words)
    try:
        records = _grade(options)
    except (GraderError, OSError) as error:
        print(f"mamlkit-grade: {error}", file=sys.stderr)
        return 2
    single = len({record["student"] for record in records}) <= 1 or options.out is None
    print(reports.table(records) if single else reports.summary(records))
    if options.out:
        reports.save(records, options.out)
        print(f"\n{options.out}/grades.csv, grades.json and feedback/ hold the rest.")
    if any(record["isolation"] == "limits" for record in records):
        print(NOTICE, file=sys.stderr)
    return int(any(record["status"] == "failed" for record in records))


def _grade(options: argparse.Namespace) -> list[dict[str, Any]]:
    run = classroom.ClassRun(options.solutions, options.out, options.seed, options.isolation)
    missing = [path for path in options.submissions if not path.exists()]
    if missing:
        raise FileNotFoundError(f"no such file or folder: {', '.join(map(str, missing))}")
    entries = [entry for path in options.submissions for entry in classroom.find(path, tuple(run.sources))]
    if not entries:
        raise FileNotFoundError(f"no notebook in {', '.join(map(str, options.submissions))}")
    jobs = options.jobs if options.jobs > 0 else joblib.cpu_count()
    with _backend(options.backend, options.scheduler):
        graded = run.grade(entries, jobs=min(jobs, len(entries)))
        bar = tqdm(graded, total=len(entries), desc="grading", unit="notebook", disable=len(entries) == 1)
        return sorted(bar, key=lambda record: (record["student"], record["file"]))


def _backend(name: str, scheduler: str | None) -> Any:
    """Return joblib's configuration for `name`; for Dask, with a client of the scheduler."""
    if name == "dask":
        from distributed import Client

        client = Client(scheduler) if scheduler else Client(threads_per_worker=1, dashboard_address=None)
        return joblib.parallel_config(backend="dask", client=client)
    return joblib.parallel_config(backend=name)
