"""The outer loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils import _pytree as pytree
from tqdm.auto import tqdm

from mamlkit._check import as_count, as_positive
from mamlkit.engine.meta import LossFn, Pytree, meta_gradient


class MetaTrained(NamedTuple):
    """The learned initialisation `params`, and the mean outer loss of every iteration, `losses` (iterations,)."""

    params: Pytree
    losses: np.ndarray


def meta_train(
    loss_fn: LossFn,
    params: Pytree,
    sample_tasks: Callable[[np.random.Generator], Any],
    *,
    inner_lr: Any,
    num_steps: int,
    outer_lr: float,
    iterations: int,
    seed: int,
    first_order: bool = False,
    optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.Adam,
    progress: bool = True,
) -> MetaTrained:
    """Learn an initialisation by gradient descent on the mean outer loss.

    Parameters
    ----------
    loss_fn, params, inner_lr, num_steps, first_order
        As in `adapt`. `params` itself is not changed.
    sample_tasks : callable
        ``sample_tasks(rng)`` draws a batch of tasks: an object with fields `support` and `query`, each a tuple of
        arrays or tensors with a leading task axis.
    outer_lr : float
        Outer learning rate beta.
    iterations : int
        Number of outer steps.
    seed : int
        Seeds the `numpy.random.Generator` given to `sample_tasks`.
    optimizer : callable
        ``optimizer(tensors, lr=outer_lr)``, any class of `torch.optim`.
    progress : bool
        Whether to show a progress bar.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> def sample_tasks(rng):
    ...     centres = (rng.normal(3.0, 1.0, size=10),)
    ...     return SimpleNamespace(support=centres, query=centres)
    >>> def loss(theta, centre):
    ...     return 0.5 * (theta - centre) ** 2
    >>> theta = torch.tensor(0.0)
    >>> trained = meta_train(loss, theta, sample_tasks, inner_lr=0.1, num_steps=1, outer_lr=0.1, iterations=200,
    ...                      seed=0, progress=False)
    >>> bool(abs(trained.params - 3.0) < 0.5)
    True
    """
    leaves, spec = pytree.tree_flatten(params)
    leaves = [leaf.detach().clone() for leaf in leaves]
    outer = optimizer(leaves, lr=as_positive("outer_lr", outer_lr))
    rng = np.random.default_rng(seed)
    losses = []
    for _ in tqdm(range(as_count("iterations", iterations)), disable=not progress):
        tasks = sample_tasks(rng)
        result = meta_gradient(
            loss_fn,
            pytree.tree_unflatten(leaves, spec),
            support=tasks.support,
            query=tasks.query,
            inner_lr=inner_lr,
            num_steps=num_steps,
            first_order=first_order,
        )
        for leaf, gradient in zip(leaves, pytree.tree_leaves(result.gradient), strict=True):
            leaf.grad = gradient
        outer.step()
        losses.append(result.loss.item())
    return MetaTrained(pytree.tree_unflatten(leaves, spec), np.array(losses))
