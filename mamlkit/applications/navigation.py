r"""Reinforcement learning: a point in the plane that must find a goal it is not told (claim R18).

A task is a goal. The point starts at the origin, moves by an action within :math:`\pm 0.1` in each coordinate, and
earns minus the squared distance to the goal after every move, for 20 moves. Positions and actions are in one unit of
length, returns in its square. What happens in the plane is computed here twice: one environment at a time, for
`gymnasium` and everything built on it, and a batch of trajectories at a time in PyTorch, for speed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mamlkit._check import Array, as_array, as_count, as_vector

if TYPE_CHECKING:
    from torch import Tensor

HORIZON, MAX_STEP, FARTHEST = 20, 0.1, 0.5


class Rollout(NamedTuple):
    """Trajectories of one goal: `states` (N, T + 1, 2), `actions` (N, T, 2) before the cut, `rewards` (N, T)."""

    states: Any
    actions: Any
    rewards: Any


class Goals(NamedTuple):
    """A batch of tasks: each set holds the goals (num_tasks, 2) and the noise that its trajectories will use."""

    support: tuple[Array, Array]
    query: tuple[Array, Array]


def environment(goal: ArrayLike | None = None, *, horizon: int = HORIZON) -> Any:
    """Return the plane as a `gymnasium.Env`: observe the position, act by a move, never be told the goal.

    Parameters
    ----------
    goal : array_like, shape (2,), optional
        Within 0.5 of the origin in each coordinate. Drawn anew at each reset if left out; ``reset(options={"goal":
        goal})`` sets it for one episode. ``info["goal"]`` tells it to whoever judges.
    horizon : int
        Moves in an episode, at least one; then it is truncated.

    Raises
    ------
    ImportError
        If gymnasium is missing.
    TypeError, ValueError
        If the goal lies elsewhere, `horizon` is below one, or, from ``step``, an action is out of bounds.

    Examples
    --------
    >>> plane = environment([0.1, 0.0])
    >>> position, info = plane.reset(seed=0)
    >>> position, reward, terminated, truncated, info = plane.step(np.array([0.1, 0.0], np.float32))
    >>> bool(abs(reward) < 1e-9)
    True
    """
    fixed = None if goal is None else as_goal("goal", goal)
    return _plane()(fixed, as_count("horizon", horizon, minimum=1))


def as_goal(name: str, value: ArrayLike) -> Array:
    """Return `value` as a goal, a vector of two coordinates within 0.5 of the origin.

    Examples
    --------
    >>> as_goal("goal", [0.5, 0])
    array([0.5, 0. ])
    """
    goal = as_vector(name, value, size=2)
    if np.abs(goal).max() > FARTHEST:
        raise ValueError(f"{name} must lie within {FARTHEST} of the origin in each coordinate, got {value!r}")
    return goal


def _plane() -> Any:
    """Return the class of the environment; gymnasium is imported here and nowhere else."""
    try:
        import gymnasium
    except ImportError as error:
        raise ImportError("The environment needs gymnasium: pip install mamlkit[rl]") from error

    class Plane(gymnasium.Env):
        """The plane with one goal."""

        def __init__(self, fixed: Array | None, horizon: int) -> None:
            self.fixed, self.horizon = fixed, horizon
            reach = np.float32(MAX_STEP * horizon)
            self.observation_space = gymnasium.spaces.Box(-reach, reach, (2,), np.float32)
            self.action_space = gymnasium.spaces.Box(-MAX_STEP, MAX_STEP, (2,), np.float32)

        def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict]:
            super().reset(seed=seed)
            drawn = self.np_random.uniform(-FARTHEST, FARTHEST, 2) if self.fixed is None else self.fixed
            self.goal = as_goal("options['goal']", (options or {}).get("goal", drawn))
            self.position, self.moves = np.zeros(2, np.float32), 0
            return self.position.copy(), {"goal": self.goal.copy()}

        def step(self, action: Any) -> tuple[Any, float, bool, bool, dict]:
            move = as_vector("action", np.asarray(action), size=2).astype(np.float32)
            if not self.action_space.contains(move):
                raise ValueError(f"action must lie within {MAX_STEP} of 0 in each coordinate, got {action!r}")
            self.position, self.moves = self.position + move, self.moves + 1
            reward = -float(((self.position - self.goal) ** 2).sum())
            return self.position.copy(), reward, False, self.moves >= self.horizon, {"goal": self.goal.copy()}

    return Plane


def sample_goals(
    rng: np.random.Generator, *, num_tasks: int = 20, trajectories: int = 20, horizon: int = HORIZON, num_steps: int = 1
) -> Goals:
    """Draw goals, uniform in the square, and standard normal noise for the trajectories of each.

    The noise makes actions out of means and standard deviations, so that all chance of a step is in its tasks. The
    support noise has an axis of length `num_steps`: each inner step rolls out trajectories of its own
    (``stream=True`` in the engine).

    Parameters
    ----------
    rng : numpy.random.Generator
    num_tasks, trajectories, horizon, num_steps : int
        T tasks, N trajectories for each set of each, their length, K inner steps; one or more of each.

    Returns
    -------
    Goals
        Support: goals repeated (T, K, 2) and noise (T, K, N, horizon, 2); query: goals (T, 2) and noise
        (T, N, horizon, 2).

    Examples
    --------
    >>> tasks = sample_goals(np.random.default_rng(0), num_tasks=3, num_steps=2)
    >>> [part.shape for part in (*tasks.support, *tasks.query)]
    [(3, 2, 2), (3, 2, 20, 20, 2), (3, 2), (3, 20, 20, 2)]
    """
    t, n, h, k = (
        as_count(name, value, minimum=1)
        for name, value in (
            ("num_tasks", num_tasks),
            ("trajectories", trajectories),
            ("horizon", horizon),
            ("num_steps", num_steps),
        )
    )
    goals = rng.uniform(-FARTHEST, FARTHEST, (t, 2))
    first, second = rng.standard_normal((t, k, n, h, 2)), rng.standard_normal((t, n, h, 2))
    return Goals((np.repeat(goals[:, None], k, axis=1), first), (goals, second))


def replay(goal: ArrayLike, actions: ArrayLike) -> Rollout:
    """Play given actions in the environment, trajectory by trajectory: slow, and what `roll_out` is held against.

    Parameters
    ----------
    goal : array_like, shape (2,)
    actions : array_like, shape (N, T, 2)
        Cut to the bounds before they are played.

    Examples
    --------
    >>> replay([0.1, 0.0], np.zeros((1, 2, 2))).rewards.round(3).tolist()
    [[-0.01, -0.01]]
    """
    moves = as_array("actions", actions, ndim=3)
    if moves.shape[-1] != 2:
        raise ValueError(f"actions must have shape (N, T, 2), got {moves.shape}")
    plane = environment(goal, horizon=moves.shape[1])
    states, rewards = [], []
    for trajectory in np.clip(moves, -MAX_STEP, MAX_STEP).astype(np.float32):
        made = [plane.step(move)[:2] for move in trajectory] if plane.reset() else []
        states.append([np.zeros(2), *(state for state, _ in made)])
        rewards.append([reward for _, reward in made])
    return Rollout(np.array(states), moves, np.array(rewards))


def oracle_return(goal: ArrayLike, *, horizon: int = HORIZON) -> float:
    """Return what a policy earns that is told the goal: the longest move towards it in each coordinate, then rest.

    Examples
    --------
    >>> round(oracle_return([0.25, 0.0]), 4)
    -0.025
    """
    left = np.abs(as_goal("goal", goal))[:, None] - MAX_STEP * np.arange(1, as_count("horizon", horizon, minimum=1) + 1)
    return -float((left.clip(0) ** 2).sum())


def roll_out(policy: Callable[..., Any], params: Any, goal: Tensor, noise: Tensor) -> Rollout:
    """Roll out all trajectories of one goal at once; nothing of it can be differentiated.

    Parameters
    ----------
    policy : callable
        ``policy(params, states)`` returns means (N, 2) and log standard deviations that broadcast to them.
    params : pytree of tensors
    goal : tensor, shape (2,)
    noise : tensor, shape (N, T, 2)
        Standard normal: actions are mean + standard deviation times noise, then cut to the bounds.

    Examples
    --------
    >>> import torch
    >>> still = lambda params, states: (torch.zeros_like(states), torch.tensor(-9.0))
    >>> roll_out(still, {}, torch.tensor([0.1, 0.0]), torch.zeros(3, 20, 2)).rewards.sum(1)
    tensor([-0.2000, -0.2000, -0.2000])
    """
    import torch

    if goal.shape != (2,) or noise.ndim != 3 or noise.shape[-1] != 2:
        raise ValueError(
            f"goal must have shape (2,) and noise (N, T, 2), got {tuple(goal.shape)} and {tuple(noise.shape)}"
        )
    with torch.no_grad():
        states, actions = [torch.zeros_like(noise[:, 0])], []
        for move in noise.unbind(1):
            mean, log_std = policy(params, states[-1])
            actions.append(mean + log_std.exp() * move)
            states.append(states[-1] + actions[-1].clamp(-MAX_STEP, MAX_STEP))
        path = torch.stack(states, 1)
        return Rollout(path, torch.stack(actions, 1), -((path[:, 1:] - goal) ** 2).sum(-1))
