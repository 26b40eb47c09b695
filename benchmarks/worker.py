"""A process that holds one library's step ready and takes steps on request: ``worker.py PEER PROBLEM THREADS``."""

from __future__ import annotations

import json
import os
import resource
import sys
import time


def main(peer: str, problem: str, threads: str) -> None:
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = threads
    if threads == "1":
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    from peers import PEERS
    from problems import PROBLEMS

    if "torch" in sys.modules or "JAX" not in peer:
        import torch

        torch.set_num_threads(int(threads))
        if "WORLD_SIZE" in os.environ:
            rank, size = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE"))
            torch.distributed.init_process_group("gloo", os.environ["MEETING"], rank=rank, world_size=size)

    def say(**facts):
        print(json.dumps(facts), flush=True)

    step, gradient = PEERS[peer](PROBLEMS[problem], sys.argv[4])
    if sys.argv[4] == "float64":
        say(gradient=[array.ravel().tolist() for array in gradient()])
        return
    before, start = _megabytes(), time.perf_counter()
    for _ in range(3):
        step()
    say(ready=time.perf_counter() - start)
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            start = time.perf_counter()
            step()
            times.append(time.perf_counter() - start)
        say(times=times, megabytes=_megabytes() - before)


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(*sys.argv[1:4])
