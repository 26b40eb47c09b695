"""Run every library on the same work, turn by turn, and write ``results.json``: ``python run.py [ROUNDS]``.

Each library sits in a process of its own. First all meta-gradients are compared in float64; then the libraries take
turns in short bursts, so that whatever else the machine does falls on all of them; the median step counts.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).parent
EVERYONE = [
    "mamlkit",
    "mamlkit, no compiler",
    "learn2learn",
    "higher",
    "TorchOpt (functional, vmap)",
    "JAX (jit)",
]
# problem, libraries, steps in a burst
PLAN = [
    ("sinusoid, K = 1", EVERYONE, 40),
    ("sinusoid, K = 5", EVERYONE, 10),
    ("Conv-4, K = 5", ["mamlkit", "learn2learn", "higher"], 1),
]


def main(rounds: int = 12) -> None:
    results = {
        "date": datetime.date.today().isoformat(),
        "machine": ", ".join(
            [f"{os.cpu_count()} cores", platform.machine(), platform.system(), f"Python {platform.python_version()}"]
        ),
        "rounds": rounds,
        "matmul_gflops": matmul_speed(),
        "problems": {},
    }
    for problem, peers, burst in PLAN:
        agreement = compare_gradients(problem, peers)
        rows = measure(problem, peers, burst, rounds if burst > 1 else max(3, rounds // 4))
        for peer, row in rows.items():
            row |= {"agreement": agreement[peer], "ratio": row["ms"] and rows["learn2learn"]["ms"] / row["ms"]}
            print(f"{problem:18} {peer:30} {row['ms']:10.3f} ms  {row['ratio']:6.1f} x  {row['megabytes']:6.0f} MB")
        results["problems"][problem] = rows
        (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n")


def matmul_speed(size: int = 1024, repeats: int = 10) -> float:
    """Return the billions of operations a second of a large matrix product on one thread, in float32."""
    torch.set_num_threads(1)
    matrix, times = torch.randn(size, size), []
    for _ in range(repeats):
        start = time.perf_counter()
        matrix @ matrix
        times.append(time.perf_counter() - start)
    return 2 * size**3 / min(times) / 1e9


def worker(
    peer: str, problem: str, dtype: str, threads: int = 1, settings: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    command = [sys.executable, str(HERE / "worker.py"), peer, problem, str(threads), dtype]
    environment = os.environ | {"PYTHONPATH": str(HERE.parent)} | (settings or {})
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def ask(process: subprocess.Popen[str], steps: int) -> None:
    process.stdin.write(f"{steps}\n")
    process.stdin.flush()


def answer(process: subprocess.Popen[str]) -> dict:
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"{process.args[2]} ended with {process.wait()}")
    return json.loads(line)


def compare_gradients(problem: str, peers: list[str]) -> dict[str, float]:
    """Return each library's largest difference from learn2learn's meta-gradient, relative; raise above 1e-8."""
    found = {}
    for peer in peers:
        process = worker(peer, problem, "float64")
        found[peer] = np.concatenate(answer(process)["gradient"])
        process.communicate()
    reference = found["learn2learn"]
    gaps = {peer: float(np.abs(g - reference).max() / np.abs(reference).max()) for peer, g in found.items()}
    wrong = {peer: gap for peer, gap in gaps.items() if not gap < 1e-8}
    if wrong:
        raise RuntimeError(f"{problem}: meta-gradients differ from learn2learn's: {wrong}")
    return gaps


def measure(problem: str, peers: list[str], burst: int, rounds: int) -> dict[str, dict]:
    """Return median milliseconds a step and peak memory beyond start-up for each library."""
    with contextlib.ExitStack() as stack:
        workers = {peer: stack.enter_context(worker(peer, problem, "float32")) for peer in peers}
        ready = {peer: answer(process)["ready"] for peer, process in workers.items()}
        times, memory = {peer: [] for peer in peers}, {}
        for _ in range(rounds):
            for peer, process in workers.items():
                ask(process, burst)
                told = answer(process)
                times[peer] += told["times"]
                memory[peer] = told["megabytes"]
        for process in workers.values():
            process.stdin.close()
    return {
        peer: {"ms": 1e3 * statistics.median(times[peer]), "megabytes": memory[peer], "start_s": ready[peer]}
        for peer in peers
    }


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
