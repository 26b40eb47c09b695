"""The score term of a sampled inner step in the plane, as an algorithm for `meta_train` (claim R18)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import grad
from torch.func import vmap
from torch.utils import _pytree as pytree

from mamlkit._check import as_number
from mamlkit.applications.navigation import roll_out
from mamlkit.applications.navigation_policy import Policy, log_probability
from mamlkit.engine.meta import MetaGradient, as_tasks, fresh, meta_gradient
from mamlkit.runtime.trees import split


def scored_meta_gradient(policy: Policy, *, score_weight: float = 1.0) -> Callable[..., MetaGradient]:
    r"""Return an algorithm for `meta_train` that adds the score term to the engine's meta-gradient (claim R18).

    .. math:: E\Big[ (I - \alpha H)^\top \nabla L(\phi)
        + (L(\phi) - b) \sum_n \nabla \log P(\tau_n \mid \theta) \Big], \qquad L = -J

    The baseline b of a task is the mean loss of the others, which it does not depend on. One inner step only: later
    ones would sample from policies on the way.

    Parameters
    ----------
    policy : callable
        The one that the loss rolls out.
    score_weight : float
        1 for the gradient of the second objective, of which the loss must then be of the kind "naive".

    Returns
    -------
    callable
        With the arguments of `mamlkit.engine.meta_gradient`; needs ``num_steps=1`` and ``stream=True``.

    Examples
    --------
    >>> import numpy as np
    >>> from mamlkit.applications.navigation import sample_goals
    >>> from mamlkit.applications.navigation_policy import gaussian_policy, policy_loss
    >>> params, policy = gaussian_policy(torch.Generator().manual_seed(0))
    >>> tasks = sample_goals(np.random.default_rng(0), num_tasks=2, trajectories=3)
    >>> found = scored_meta_gradient(policy)(policy_loss(policy, kind="naive"), params, support=tasks.support,
    ...     query=tasks.query, inner_lr=0.1, num_steps=1, stream=True)
    >>> found.task_losses.shape
    torch.Size([2])
    """
    weight = as_number("score_weight", score_weight)

    def algorithm(
        loss_fn: Any, params: Any, *, support: Any, query: Any, num_steps: int, stream: bool = False, **options: Any
    ) -> MetaGradient:
        if num_steps != 1 or not stream:
            raise ValueError(f"the score term needs num_steps=1 and stream=True, got {num_steps!r} and {stream!r}")
        inner = {"num_steps": 1, "stream": True, **options}
        found = meta_gradient(loss_fn, params, support=support, query=query, **inner)
        (goals, noise), _ = as_tasks(params, support, query)
        losses, count = found.task_losses, len(found.task_losses)
        worth = losses if count == 1 else (losses - losses.mean()) * count / (count - 1)
        term = score(policy, params, goals[:, 0], noise[:, 0], weight * worth / count)
        return found._replace(gradient=pytree.tree_map(torch.add, found.gradient, term))

    return algorithm


def score(policy: Policy, params: Any, goals: Tensor, noise: Tensor, worth: Tensor) -> Any:
    r"""Return :math:`\sum_i w_i \sum_n \nabla \log P(\tau_{in} \mid \theta)`, a pytree like `params`.

    Parameters
    ----------
    policy, params
        As in `roll_out`.
    goals, noise : tensors, shapes (num_tasks, 2) and (num_tasks, N, T, 2)
    worth : tensor, shape (num_tasks,)
        What each task's score is multiplied by.

    Examples
    --------
    >>> from mamlkit.applications.navigation_policy import gaussian_policy
    >>> params, policy = gaussian_policy(torch.Generator().manual_seed(0), hidden=())
    >>> score(policy, params, torch.zeros(1, 2), torch.zeros(1, 3, 4, 2), torch.ones(1))["log_std"]
    tensor([-12., -12.])
    """
    tensors, rebuild = split(params)
    with torch.enable_grad():
        theta = fresh(tensors)
        made = vmap(lambda goal, one: roll_out(policy, rebuild(tensors), goal, one))(goals, noise)
        logs = log_probability(policy, rebuild(theta), made.states[..., :-1, :], made.actions)
        found = grad((logs.sum((1, 2)) * worth).sum(), theta, materialize_grads=True)
    return rebuild(list(found))
