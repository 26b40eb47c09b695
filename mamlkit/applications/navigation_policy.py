r"""Policies for the plane, and surrogate losses whose derivatives are policy gradients (claim R18).

A loss here rolls out trajectories and has the *value* :math:`-J`, minus the mean return. Its *derivatives* are those
of a surrogate: the first is the policy gradient for each kind, the second differs, and that is all in which naive,
low-variance-curvature (LVC) and DiCE differ. So `mamlkit.engine` needs no other inner loop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor

from mamlkit.applications.navigation import roll_out
from mamlkit.engine.inner import InnerLoop
from mamlkit.models import mlp

Kind = Literal["naive", "lvc", "dice"]
Policy = Callable[[Any, Tensor], tuple[Tensor, Tensor]]
LOG_STD = -2.3  # a standard deviation of 0.1, as long as the longest move


def gaussian_policy(
    generator: torch.Generator, *, hidden: tuple[int, ...] = (32, 32), dtype: torch.dtype = torch.float32
) -> tuple[dict[str, Tensor], Policy]:
    """Make a policy that draws moves around a mean: a network of the position, and a learned standard deviation.

    Parameters
    ----------
    generator : torch.Generator
    hidden : tuple of int
        Sizes of the hidden layers, with tanh; none makes the mean linear in the position.
    dtype : torch.dtype

    Returns
    -------
    params : dict of tensors
        Those of `mamlkit.models.mlp`, the last layer a hundredth of them, and "log_std" (2,).
    policy : callable
        ``policy(params, states)`` returns means, shaped like `states`, and log standard deviations (2,).

    Examples
    --------
    >>> params, policy = gaussian_policy(torch.Generator().manual_seed(0), hidden=())
    >>> mean, log_std = policy(params, torch.zeros(5, 2))
    >>> mean.shape, float(log_std.exp()[0].round(decimals=2))
    (torch.Size([5, 2]), 0.10000000149011612)
    """
    params, net = mlp([2, *hidden, 2], generator, activation=torch.tanh, dtype=dtype)
    last = len(hidden) + 1
    for name in (f"{last}.weight", f"{last}.bias"):
        params[name] = params[name] / 100
    params["log_std"] = torch.full((2,), LOG_STD, dtype=dtype)

    def policy(params: dict[str, Tensor], states: Tensor) -> tuple[Tensor, Tensor]:
        return net(params, states), params["log_std"]

    return params, policy


def log_probability(policy: Policy, params: Any, states: Tensor, actions: Tensor) -> Tensor:
    """Return each action's log probability density, summed over coordinates, shape (N, T).

    Examples
    --------
    >>> normal = lambda params, states: (torch.zeros_like(states), torch.tensor(0.0))
    >>> log_probability(normal, {}, torch.zeros(1, 1, 2), torch.zeros(1, 1, 2))
    tensor([[-1.8379]])
    """
    mean, log_std = policy(params, states)
    scaled = (actions - mean) * torch.exp(-log_std)
    return (-0.5 * scaled**2 - log_std - 0.9189385332046727).sum(-1)


def advantages(rewards: Tensor) -> Tensor:
    """Return the rewards still to come, less the other trajectories' mean at the same time; shape (N, T) as given.

    The baseline of a trajectory does not depend on it, so that the policy gradient stays unbiased.

    Examples
    --------
    >>> advantages(torch.tensor([[0.0, 1.0], [0.0, 3.0]]))
    tensor([[-2., -2.],
            [ 2.,  2.]])
    """
    to_come = rewards.flip(1).cumsum(1).flip(1)
    n = len(rewards)
    return to_come if n == 1 else (to_come - to_come.mean(0)) * n / (n - 1)


def policy_loss(policy: Policy, *, kind: Kind = "lvc") -> Callable[..., Tensor]:
    r"""Return ``loss(params, goal, noise)`` for the engine: value minus the mean return, derivatives by `kind`.

    With :math:`A_{nt}` from `advantages` and :math:`\lambda_{nt} = \log \pi(a_{nt} \mid s_{nt})` the surrogates are

    - "naive": :math:`-\frac1N \sum \lambda_{nt} A_{nt}`,
    - "lvc": :math:`-\frac1N \sum e^{\lambda_{nt} - \bar\lambda_{nt}} A_{nt}`,
    - "dice": :math:`-\frac1N \sum_n \sum_t e^{\sum_{u \le t} (\lambda_{nu} - \bar\lambda_{nu})} r_{nt}`, with the same
      baseline put back, :math:`-\frac1N \sum (1 - e^{\lambda_{nt} - \bar\lambda_{nt}})\, b_{nt}`,

    where a bar means "as a number, not to be differentiated".

    Parameters
    ----------
    policy : callable
        As `gaussian_policy` makes it.
    kind : {"naive", "lvc", "dice"}

    Raises
    ------
    ValueError
        If `kind` is none of these.

    Notes
    -----
    Source: Rothfuss et al. (2019) for "lvc"; Foerster et al. (2018) for "dice". The baseline is ours.

    Examples
    --------
    >>> params, policy = gaussian_policy(torch.Generator().manual_seed(0))
    >>> loss = policy_loss(policy)(params, torch.tensor([0.3, 0.0]), torch.zeros(4, 20, 2))
    >>> bool(1.7 < loss < 1.9)
    True
    """
    if kind not in SURROGATES:
        raise ValueError(f"kind must be one of {', '.join(SURROGATES)}, got {kind!r}")

    def loss(params: Any, goal: Tensor, noise: Tensor) -> Tensor:
        states, actions, rewards = roll_out(policy, params, goal, noise)
        surrogate = SURROGATES[kind](log_probability(policy, params, states[:, :-1], actions), rewards)
        return surrogate - surrogate.detach() - rewards.sum(1).mean()

    return loss


def _naive(logs: Tensor, rewards: Tensor) -> Tensor:
    return -(logs * advantages(rewards)).sum(1).mean()


def _lvc(logs: Tensor, rewards: Tensor) -> Tensor:
    return -((logs - logs.detach()).exp() * advantages(rewards)).sum(1).mean()


def _dice(logs: Tensor, rewards: Tensor) -> Tensor:
    new = logs - logs.detach()
    baseline = rewards.flip(1).cumsum(1).flip(1) - advantages(rewards)
    return -(new.cumsum(1).exp() * rewards + (1 - new.exp()) * baseline).sum(1).mean()


SURROGATES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"naive": _naive, "lvc": _lvc, "dice": _dice}


def paths(
    policy: Policy,
    params: Any,
    *,
    goal: Tensor,
    noise: Tensor,
    query: Tensor,
    loss_fn: Any,
    inner_lr: float,
    clip_norm: float | None = None,
) -> list[Any]:
    """Return the trajectories (N, T + 1, 2) of a policy before any step and after each.

    Parameters
    ----------
    policy, params, loss_fn, inner_lr, clip_norm
        As in `mamlkit.engine.adapt`.
    goal : tensor, shape (2,)
    noise : tensor, shape (K, M, T, 2)
        For the trajectories that the K steps are taken on.
    query : tensor, shape (N, T, 2)
        For the trajectories that are returned, the same after each step.

    Examples
    --------
    >>> params, policy = gaussian_policy(torch.Generator().manual_seed(0))
    >>> found = paths(policy, params, goal=torch.zeros(2), noise=torch.zeros(2, 3, 20, 2),
    ...     query=torch.zeros(1, 20, 2), loss_fn=policy_loss(policy), inner_lr=0.1)
    >>> [len(found), found[0].shape]
    [3, torch.Size([1, 21, 2])]
    """
    steps = len(noise)
    loop = InnerLoop(
        loss_fn, (goal.expand(steps, 2), noise), (), inner_lr, clip_norm=clip_norm, task_axis=None, stream=True
    )
    with torch.no_grad():
        path = loop.path(params, num_steps=steps)
        return [roll_out(policy, phi, goal, query).states for phi in path]
