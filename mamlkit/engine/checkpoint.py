"""Checkpoints: written whole or not at all, and read only by a run of the same problem."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from mamlkit import __version__
from mamlkit.runtime import parallel

if TYPE_CHECKING:
    from mamlkit.engine.run import Run

HELD = ("best", "losses", "validation", "stopped", "reviewed", "generators")


@dataclass
class Checkpoint:
    """The file `path` that a run is kept in. It belongs to the problem that `run` is now, at its start.

    Raises
    ------
    FileNotFoundError
        If there is no folder for the file.
    """

    run: Run
    path: Path

    def __post_init__(self) -> None:
        if not self.path.parent.is_dir():
            raise FileNotFoundError(
                f"checkpoint {self.path} cannot be written: there is no folder {self.path.parent}; make it first"
            )
        self.problem = _problem(self.run)

    def save(self) -> None:
        """Write the file: in full beside the old one, then in its place."""
        run, path = self.run, self.path
        if run.generators is None or not parallel.leader():
            return
        held = {name: getattr(run, name) for name in HELD}
        held |= {"problem": self.problem, "tensors": run.tensors, "optimizer": run.optimizer.state_dict()}
        draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        with draft.open("wb") as file:
            torch.save(held, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)

    def load(self) -> None:
        """Let the run go on from the file, if there is one.

        Raises
        ------
        ValueError
            If the file cannot be read, or is of another problem or version; says which and what to do.
        """
        run, path = self.run, self.path
        if not path.exists():
            return
        try:
            held = torch.load(path, map_location=run.like.device, weights_only=True)
            theirs = held["problem"]
        except Exception as error:
            broken = f"checkpoint {path} cannot be read: it is cut short or of another kind; delete it"
            raise ValueError(broken) from error
        for name, value in self.problem.items():
            if theirs.get(name) != value:
                raise ValueError(
                    f"checkpoint {path} is of another {name}: it holds {theirs.get(name)!s:.300}, this run has "
                    f"{value:.300}; go on with that, or choose another file"
                )
        if len(held["losses"]) > run.iterations:
            raise ValueError(
                f"iterations={run.iterations} are fewer than the {len(held['losses'])} in checkpoint {path}: ask for "
                "at least as many, or choose another file"
            )
        run.optimizer.load_state_dict(held["optimizer"])
        torch._foreach_copy_(run.tensors, held["tensors"])  # in place: the optimizer knows them by identity
        for name in HELD:
            setattr(run, name, held[name])
        run.rng.bit_generator.state = held["generators"]["numpy"]
        torch.set_rng_state(held["generators"]["torch"].cpu())


def _problem(run: Run) -> dict[str, str]:
    """Return what a checkpoint must have in common with the run that goes on from it."""
    shapes = [(n, tuple(t.shape), str(t.dtype)) for n, t in zip(run.names, run.tensors, strict=True)]
    rates = pytree.tree_map(lambda rate: rate.tolist() if isinstance(rate, Tensor) else rate, run.inner_lr)
    groups = [sorted((k, v) for k, v in group.items() if k != "params") for group in run.optimizer.param_groups]
    return {
        "version of mamlkit": __version__,
        "set of parameters": str(shapes),
        "inner loop": str((_name(run.algorithm), rates, sorted(run.options.items()))),
        "optimizer": f"{type(run.optimizer).__name__} {groups}",
        "seed": str(run.seed),
    }


def _name(algorithm: Any) -> str:
    if isinstance(algorithm, partial):
        return f"{_name(algorithm.func)} with {algorithm.args} {sorted(algorithm.keywords.items())}"
    return getattr(algorithm, "__name__", type(algorithm).__name__)
