"""Measure what compiling costs and what it saves: the three constants above `mamlkit.runtime.capture.break_even`."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> None:
    few, many = (in_fresh_cache(problem) for problem in ("sinusoid, K = 1", "sinusoid, K = 5"))
    per_node = (many["compile"] - few["compile"]) / (many["nodes"] - few["nodes"])
    print(few, many, sep="\n")
    print(f"COMPILE_ONCE {few['compile'] - per_node * few['nodes']:.1f} s, COMPILE_PER_NODE {per_node:.4f} s")
    print("SAVED_PER_NODE", *(f"{row['saved'] / row['nodes']:.1e} s" for row in (few, many)))


def in_fresh_cache(problem: str) -> dict:
    """Return seconds to compile, the number of operators, and the seconds saved in each step."""
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {"TORCHINDUCTOR_CACHE_DIR": cache, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, __file__, problem]
        return json.loads(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


def work(problem: str) -> None:
    import torch
    from peers import mamlkit_run
    from problems import PROBLEMS

    torch.set_num_threads(1)
    runs = [mamlkit_run(PROBLEMS[problem], "float32", backend) for backend in ("capture", "compile")]
    starting, times = [], [[], []]
    for run, tasks in runs:  # both record in their first step; the second compiles before its next
        starting.append(seconds(run, tasks) + seconds(run, tasks))
    for _ in range(200):
        for (run, tasks), taken in zip(runs, times, strict=True):
            taken.append(seconds(run, tasks))
    recorded, compiled = map(statistics.median, times)
    nodes = runs[0][0].captured.num_nodes
    print(json.dumps({"nodes": nodes, "compile": starting[1] - starting[0], "saved": recorded - compiled}))


def seconds(run, tasks) -> float:
    """Return the seconds of one outer step."""
    start = time.perf_counter()
    run.step(lambda rng: tasks)
    return time.perf_counter() - start


if __name__ == "__main__":
    work(*sys.argv[1:]) if sys.argv[1:] else main()
