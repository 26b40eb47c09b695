"""Measure one outer step of Conv-4 on one core and on two, and write ``scaling.json``: ``python scaling.py``.

mamlkit splits the tasks over processes of one thread each; learn2learn gets the same number of threads.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
CASES = [("mamlkit", 1, 1), ("mamlkit", 2, 1), ("learn2learn", 1, 1), ("learn2learn", 1, 2)]


def main() -> None:
    rows = []
    for peer, processes, threads in CASES:
        with tempfile.NamedTemporaryFile() as meeting:
            command = [sys.executable, __file__, peer, str(threads), meeting.name + ".meet"]
            environments = [
                os.environ | {"RANK": str(r), "WORLD_SIZE": str(processes), "OMP_NUM_THREADS": str(threads)}
                | {"PYTHONPATH": str(HERE.parent)}
                for r in range(processes)
            ]  # fmt: skip
            running = [subprocess.Popen(command, env=e, stdout=subprocess.PIPE, text=True) for e in environments]
            seconds = [float(process.communicate()[0]) for process in running]
        rows.append({"library": peer, "processes": processes, "threads": threads, "seconds": max(seconds)})
        print(rows[-1], flush=True)
    (HERE / "scaling.json").write_text(json.dumps(rows, indent=1) + "\n")


def work(peer: str, threads: str, meeting: str) -> None:
    import torch
    import torch.distributed as dist
    from peers import PEERS
    from problems import PROBLEMS

    torch.set_num_threads(int(threads))
    rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    if world > 1:
        dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=world)
    step, _ = PEERS[peer](PROBLEMS["Conv-4, K = 5"], "float32")
    times = []
    for _ in range(6):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    print(statistics.median(times[3:]))


if __name__ == "__main__":
    work(*sys.argv[1:]) if sys.argv[1:] else main()
