"""The command ``mamlkit-grade``: notebooks in, a table, CSV, JSON and feedback pages out.

``mamlkit-grade exercises/`` grades what is there and prints points and advice. ``mamlkit-grade submissions/ --out
grades/`` grades a class; run again, it takes up where it was interrupted. ``mamlkit-grade check notebook.ipynb`` says
what is wrong with an instructor's notebook, ``mamlkit-grade release`` derives the students' notebooks.
``mamlkit-grade gradebook grades/ canvas`` (or ``moodle``) writes the grades as that platform imports them, and
``mamlkit-grade variant`` makes a private variant of an exercise, for an examination.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import joblib
from tqdm import tqdm

from mamlkit.grade import classroom, gradebook, handins, release, reports, sandbox, variant
from mamlkit.grade.kernels import KernelHost
from mamlkit.grade.services import GraderError, trust_no_current_folder

NOTICE = """\
Notice: this system grants no namespaces, so a student's code is limited in memory, time, processes and file size, but
it can use the network and read files that you can read. For a class, run the grader in a container without a network
(docker run --network none ...), or on Linux with user namespaces."""
ONLY_LIMITS = """\
this system grants no namespaces ({reason}).
Without them a student's code can use the network and read files that you can read. To grade a class all the same, in a
container without a network and with nothing else of value inside, say --accept-limits."""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="mamlkit-grade", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("submissions", type=Path, nargs="+", help="notebooks, or folders of them, one for each student")
    parser.add_argument("--out", type=Path, help="folder for grades.csv, grades.json and feedback/; also for resuming")
    parser.add_argument("--solutions", type=Path, default=Path("solutions"), help="the instructor's notebooks")
    parser.add_argument("--seed", type=_whole, help="what inputs are drawn from (default: fresh for each --out)")
    parser.add_argument("--jobs", type=int, default=-1, help="how many at once (default: one for each core)")
    parser.add_argument("--backend", default="loky", help="joblib backend: loky, or dask with --scheduler")
    parser.add_argument("--scheduler", help="address of a Dask scheduler; without it --backend dask starts one here")
    parser.add_argument(
        "--isolation",
        choices=("auto", "namespaces", "limits"),
        default="auto",
        help="what contains a kernel: namespaces refuses to grade without them (default: the strongest there is)",
    )
    parser.add_argument(
        "--accept-limits", action="store_true", help="with --out: grade a class even where there are no namespaces"
    )
    return parser


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return int(text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0 when everything was graded, 1 when the grader failed somewhere, 2 for wrong usage."""
    trust_no_current_folder()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without the letters of a name still gets the rest
    words = list(sys.argv[1:] if arguments is None else arguments)
    commands = {
        "release": release.main,
        "check": release.check,
        "gradebook": gradebook.main,
        "variant": variant.main,
    }
    try:
        return commands[words[0]](words[1:]) if words and words[0] in commands else _command(parser().parse_args(words))
    except (GraderError, OSError, ValueError) as error:
        print(f"mamlkit-grade: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("mamlkit-grade: interrupted; the same command takes the work up again", file=sys.stderr)
        return 130


def _command(options: argparse.Namespace) -> int:
    sandbox.conceal()  # keys pass through this process's memory
    records = _grade(options)
    single = len({record["student"] for record in records}) <= 1 or options.out is None
    if options.out:
        reports.save(records, options.out)
    print(reports.table(records) if single else reports.summary(records))
    if options.out:
        print(f"\n{options.out}/grades.csv, grades.json and feedback/ hold the rest.")
    if any(record["isolation"] == "limits" for record in records):
        print(NOTICE, file=sys.stderr)
    return int(any(record["status"] == "failed" for record in records))


def _grade(options: argparse.Namespace) -> list[dict[str, Any]]:
    missing = [path for path in options.submissions if not path.exists()]
    if missing:
        raise FileNotFoundError(f"no such file or folder: {', '.join(map(str, missing))}")
    if options.out and options.out.exists() and not options.out.is_dir():
        raise NotADirectoryError(f"--out {options.out} is a file; give a folder")
    run = classroom.ClassRun(options.solutions, options.out, options.seed, _isolation(options), options.submissions)
    entries = [
        entry
        for path in options.submissions
        for entry in handins.find(path, run.stems, (options.solutions, options.out))
    ]
    if not entries:
        raise FileNotFoundError(f"no notebook in {', '.join(map(str, options.submissions))}")
    jobs = options.jobs if options.jobs > 0 else joblib.cpu_count()
    with _backend(options.backend, options.scheduler):
        graded = run.grade(handins.with_claims(entries), jobs=min(jobs, len(entries)))
        bar = tqdm(graded, total=len(entries), desc="grading", unit="notebook", disable=len(entries) == 1)
        return sorted(bar, key=lambda record: (record["student"], record["file"]))


def _isolation(options: argparse.Namespace) -> str:
    """Return what is to contain kernels; a class gets less than namespaces only where somebody has said so."""
    if options.out is None or options.accept_limits or options.isolation != "auto":
        return str(options.isolation)
    try:
        KernelHost(isolation="namespaces").close()
    except GraderError as error:
        raise GraderError(ONLY_LIMITS.format(reason=error)) from error
    return "namespaces"


def _backend(name: str, scheduler: str | None) -> Any:
    """Return joblib's configuration for `name`; for Dask, with a client of the scheduler."""
    if name == "dask":
        from distributed import Client

        client = Client(scheduler) if scheduler else Client(threads_per_worker=1, dashboard_address=None)
        return joblib.parallel_config(backend="dask", client=client)
    return joblib.parallel_config(backend=name)
