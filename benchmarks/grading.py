"""How fast is the grader? ``python -m benchmarks.grading`` prints exercises per minute and the share of start-up.

A synthetic class hands in each exercise: right, half-right, wrong. Grading runs as ``mamlkit-grade`` does, on the cores
that ``--jobs`` names, after one notebook for each job that starts the helper processes.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from mamlkit.grade import instructor
from mamlkit.grade.classroom import ClassRun
from mamlkit.grade.handins import Entry, find

ROOT = Path(__file__).parents[1]


def submissions(folder: Path, name: str, count: int) -> list[Entry]:
    """Write `count` notebooks of an exercise into `folder`; number i leaves its first i % 3 answers out."""
    solution = next((ROOT / "solutions").glob(f"{name}_*.ipynb"))
    release = next((ROOT / "exercises").glob(f"{name}_*.ipynb")).read_text(encoding="utf-8")
    answers = {c["id"]: c["source"] for c in instructor.read(solution)["cells"] if instructor.role(c) == "answer"}
    for index in range(count):
        notebook = json.loads(release)
        for cell in notebook["cells"]:
            if cell["id"] in list(answers)[index % 3 :]:
                cell["source"] = answers[cell["id"]]
        (folder / f"student{index:03}").mkdir(parents=True)
        (folder / f"student{index:03}" / f"{name}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    return find(folder, [name])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument(
        "--exercises", nargs="*", default=sorted(path.name[:3] for path in (ROOT / "solutions").glob("e*"))
    )
    options = parser.parse_args()
    run = ClassRun(ROOT / "solutions", seed=1)
    for name in options.exercises:
        with tempfile.TemporaryDirectory() as folder:
            list(run.grade(submissions(Path(folder) / "warm", name, 2 * options.jobs), jobs=options.jobs))
            entries = submissions(Path(folder) / "class", name, options.count)
            start = time.perf_counter()
            records = list(run.grade(entries, jobs=options.jobs))
            seconds = time.perf_counter() - start
        assert all(record["status"] == "graded" for record in records)
        share = sum(r["starting"] for r in records) / sum(r["seconds"] for r in records)
        print(
            f"{name}: {60 * options.count / seconds:.0f} exercises a minute with {options.jobs} jobs, "
            f"{1000 * seconds * options.jobs / options.count:.0f} ms each on a core, "
            f"{share:.0%} of it until the kernel answers ({records[0]['isolation']})"
        )


if __name__ == "__main__":
    main()
