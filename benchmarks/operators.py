"""Find where the time of a Conv-4 step goes, by kinds of operators, and write ``operators.json``."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from peers import PEERS
from problems import PROBLEMS
from torch.profiler import ProfilerActivity, profile

KINDS = {
    "convolutions": ("convolution",),
    "batch normalisation": ("batch_norm",),
    "rectifiers": ("threshold", "clamp", "relu"),
    "pooling": ("pool", "fill_"),  # its backward pass starts from zeros
    "sums, products and copies": ("mul", "add", "sub", "div", "sum", "copy", "mean", "sqrt", "pow", "neg", "mm"),
}


def main() -> None:
    torch.set_num_threads(1)
    rows = {peer: shares(peer) for peer in ("mamlkit", "learn2learn")}
    for peer, row in rows.items():
        print(peer, row)
    (Path(__file__).parent / "operators.json").write_text(json.dumps(rows, indent=1) + "\n")


def shares(peer: str) -> dict[str, float]:
    """Return seconds in each kind of operator, of one step under the profiler."""
    step, _ = PEERS[peer](PROBLEMS["Conv-4, K = 5"], "float32")
    for _ in range(3):
        step()
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        step()
    found = dict.fromkeys([*KINDS, "the rest"], 0.0)
    for event in profiler.key_averages():
        kind = next((k for k, names in KINDS.items() if any(name in event.key for name in names)), "the rest")
        found[kind] += event.self_cpu_time_total / 1e6
    return found


if __name__ == "__main__":
    main()
