"""Measure one outer step of Conv-4 on one core and on two, turn by turn, and write ``scaling.json``.

mamlkit splits the tasks over processes of one thread each; learn2learn gets the same number of threads. All of them
sit ready and take single steps in turns, so that whatever else the machine does falls on all of them.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import sys
import tempfile
from pathlib import Path

from run import HERE, answer, ask, worker

CASES = [("mamlkit", 1, 1), ("mamlkit", 2, 1), ("learn2learn", 1, 1), ("learn2learn", 1, 2)]


def main(rounds: int = 7) -> None:
    rows = []
    for (peer, processes, threads), (seconds, megabytes) in measure(rounds).items():
        row = {"library": peer, "processes": processes, "threads": threads}
        rows.append(row | {"seconds": statistics.median(seconds), "megabytes_each": megabytes})
        print(rows[-1])
    (HERE / "scaling.json").write_text(json.dumps(rows, indent=1) + "\n")


def measure(rounds: int) -> dict[tuple[str, int, int], tuple[list[float], float]]:
    """Return each case's seconds a step and most memory; several processes are done when the slowest is."""
    times, memory = {case: [] for case in CASES}, {}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        teams = {case: [stack.enter_context(process) for process in team(folder, *case)] for case in CASES}
        for _ in range(rounds):
            for case, processes in teams.items():
                for process in processes:
                    ask(process, 1)
                told = [answer(process) for process in processes]
                times[case].append(max(each["times"][0] for each in told))
                memory[case] = max(each["megabytes"] for each in told)
    return {case: (times[case], memory[case]) for case in CASES}


def team(folder: Path, peer: str, processes: int, threads: int) -> list:
    """Start the processes of one case and wait until they are ready."""
    several = {"WORLD_SIZE": str(processes), "MEETING": f"file://{folder / peer}"} if processes > 1 else {}
    started = [
        worker(peer, "Conv-4, K = 5", "float32", threads, several | {"RANK": str(rank)}) for rank in range(processes)
    ]
    for process in started:
        answer(process)
    return started


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
