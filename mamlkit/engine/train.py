"""The outer loop: steps, validation, checkpoints that resume to the same bits, and a stop that says why."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm.auto import tqdm

from mamlkit._check import as_count
from mamlkit.engine.checkpoint import Checkpoint
from mamlkit.engine.checks import LossFn, Pytree
from mamlkit.engine.meta import MetaGradient, meta_gradient
from mamlkit.engine.run import MetaTrained, Run

ADAM = partial(torch.optim.Adam, fused=True)


def meta_train(
    loss_fn: LossFn,
    params: Pytree,
    sample_tasks: Callable[[np.random.Generator], Any],
    *,
    inner_lr: Pytree,
    num_steps: int,
    outer_lr: float,
    iterations: int,
    seed: int,
    learn_inner_lr: bool = False,
    algorithm: Callable[..., MetaGradient] = meta_gradient,
    optimizer: Callable[..., torch.optim.Optimizer] = ADAM,
    validation_tasks: Any = None,
    validate_every: int = 100,
    patience: int | None = None,
    callbacks: Iterable[Callable[[int, MetaTrained], Any]] = (),
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int = 1000,
    backend: str = "auto",
    progress: bool = True,
    **options: Any,
) -> MetaTrained:
    """Learn an initialisation by gradient descent on the mean outer loss.

    Parameters
    ----------
    loss_fn, params, inner_lr, num_steps
        As in `adapt`. `params` itself is not changed.
    sample_tasks : callable
        ``sample_tasks(rng)`` draws a batch of tasks: an object with fields `support` and `query`, each a tuple of
        arrays or tensors with a leading task axis.
    outer_lr : float
        Outer learning rate beta.
    iterations : int
        Number of outer steps.
    seed : int
        Seeds `rng` and, within training, PyTorch's own generator.
    learn_inner_lr : bool
        Whether to learn `inner_lr` too (all of it but plain zeros).
    algorithm : callable
        What gives the gradient: `meta_gradient`, one of `mamlkit.variants`, or your own with the same arguments.
    optimizer : callable
        ``optimizer(tensors, lr=outer_lr)``, a class of `torch.optim` whose step needs no closure.
    validation_tasks : object with fields support and query, optional
        Tasks to judge by every `validate_every` iterations. The best parameters are returned, and training stops
        early once `patience` validations in a row have brought nothing better.
    callbacks : iterable of callables
        ``callback(iteration, trained)`` after each validation, or every `validate_every` iterations; true stops.
    checkpoint : path, optional
        A file written every `checkpoint_every` iterations and whenever training ends, also by an error. If it is
        there at the start, training with the same arguments goes on from it, to the same bits as if it had never
        stopped; where patience or a callback has stopped it, it stays stopped.
    backend : {"auto", "compile", "capture", "eager"}
        How to run a step: compiled, as a recorded graph, or as it is; "auto" compiles where that repays itself.
        A step that reads values out of its tensors is not recorded, and a graph is dropped if its numbers are not
        those of the step itself in the next calls. What `loss_fn` and `algorithm` read from Python and changes later
        than that, such as a schedule, stays in a graph as it was: say "eager" there. A step in pieces
        (`task_axis="loop"`, `chunk_size`) is recorded and not compiled.
    progress : bool
        Whether to show a progress bar with losses and time left.
    **options
        Further arguments of `algorithm`, such as `first_order`, `clip_norm` or `task_axis`.

    Raises
    ------
    Diverged
        If a loss or a gradient is not finite; names iteration, task and likely cause.
    FileNotFoundError
        If there is no folder for the checkpoint.
    TypeError, ValueError
        As in `meta_gradient`, or if the checkpoint is of another problem or version, or cut short.

    Notes
    -----
    Under `torch.distributed` each process takes its share of every batch of tasks.

    On a GPU a loss that draws random numbers, as dropout does, does not resume to the same bits: a checkpoint holds
    the states of the CPU's generators alone.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> def sample_tasks(rng):
    ...     centres = (rng.normal(3.0, 1.0, size=10),)
    ...     return SimpleNamespace(support=centres, query=centres)
    >>> def loss(theta, centre):
    ...     return 0.5 * (theta - centre) ** 2
    >>> trained = meta_train(loss, torch.tensor(0.0), sample_tasks, inner_lr=0.1, num_steps=1, outer_lr=0.1,
    ...                      iterations=200, seed=0, progress=False)
    >>> bool(abs(trained.params - 3.0) < 0.5)
    True
    """
    if validation_tasks is None and patience is not None:
        raise ValueError(f"patience={patience!r} needs validation_tasks to be patient about")
    options |= {"num_steps": as_count("num_steps", num_steps)}
    run = Run(
        loss_fn, params, inner_lr, outer_lr, iterations, seed, learn_inner_lr, algorithm, optimizer, backend, options
    )
    patience = None if patience is None else as_count("patience", patience)
    every = as_count("validate_every", validate_every, minimum=1)
    save_every = as_count("checkpoint_every", checkpoint_every, minimum=1)
    file = None if checkpoint is None else Checkpoint(run, Path(checkpoint))
    with torch.random.fork_rng(), tqdm(total=iterations, disable=not progress) as bar:
        torch.manual_seed(seed)
        run.mark()
        if file:
            file.load()
        bar.update(len(run.losses))
        try:
            while True:
                done = len(run.losses)
                if done % every == 0 and done > run.reviewed:  # first: an earlier run may have been cut short here
                    bar.set_postfix(run.review(validation_tasks, patience))
                    run.reviewed = done
                    run.mark()
                    for callback in callbacks:
                        run.stopped |= bool(callback(done, run.trained()))
                    run.mark()
                if done >= iterations or run.stopped:
                    break
                run.step(sample_tasks)
                bar.update()
                if file and len(run.losses) % save_every == 0:
                    file.save()
        finally:
            if file:
                file.save()
    return run.trained()
