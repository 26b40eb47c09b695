"""How fast is the grader? ``python -m benchmarks.grading`` prints exercises per minute and the share of start-up.

A synthetic class hands in E2 (NumPy) and E3 (PyTorch): right, half-right, wrong. Grading runs as ``mamlkit-grade``
does, on the cores that ``--jobs`` names, after one notebook for each job that starts the helper processes.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from mamlkit.grade import instructor
from mamlkit.grade.classroom import ClassRun, Entry

ROOT = Path(__file__).parents[1]


def submissions(name: str, count: int) -> list[Entry]:
    """Return `count` notebooks of an exercise; number i leaves its first i % 3 answers out."""
    solution = next((ROOT / "solutions").glob(f"{name}_*.ipynb"))
    release = next((ROOT / "exercises").glob(f"{name}_*.ipynb")).read_text(encoding="utf-8")
    answers = {c["id"]: c["source"] for c in instructor.read(solution)["cells"] if instructor.role(c) == "answer"}
    entries = []
    for index in range(count):
        notebook = json.loads(release)
        for cell in notebook["cells"]:
            if cell["id"] in list(answers)[index % 3 :]:
                cell["source"] = answers[cell["id"]]
        data = json.dumps(notebook).encode()
        entries.append(Entry(f"student{index:03}", f"{index:03}/{name}.ipynb", name, str(index), data))
    return entries


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    run = ClassRun(ROOT / "solutions", seed=1)
    for name in ("e02", "e03"):
        list(run.grade(submissions(name, 2 * options.jobs), jobs=options.jobs))
        start = time.perf_counter()
        records = list(run.grade(submissions(name, options.count), jobs=options.jobs))
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
