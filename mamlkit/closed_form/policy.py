r"""The meta-gradient of a sampled inner step, on decision processes with few trajectories (claims R18, R18a).

A policy takes action 1 in state s with probability :math:`\sigma(\theta_s)`. Where a process has only a handful of
trajectories, every expectation over N sampled ones is a finite sum, and each published estimator has an exact mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb, lgamma
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mamlkit._check import Array, as_array, as_count, as_nonnegative, as_number, as_vector

Hessian = Literal["none", "naive", "lvc", "dice"]
MOST = 200_000  # different samples that an exact expectation may sum over


@dataclass(frozen=True, eq=False)
class Process:
    """All trajectories of a decision process: M of them, T steps long, with binary actions.

    Parameters
    ----------
    states, actions : array_like of int, shape (M, T)
        The state in which each step is taken, 0 to d - 1, and the action, 0 or 1.
    returns : array_like, shape (M,)
        The sum of rewards of each trajectory. All reward comes after the last action.

    Raises
    ------
    TypeError, ValueError
        If shapes do not fit, an action is neither 0 nor 1, or a state is negative.

    Examples
    --------
    >>> Process(states=[[0], [0]], actions=[[0], [1]], returns=[0.0, 1.0]).num_states
    1
    """

    states: Any
    actions: Any
    returns: Any

    def __post_init__(self) -> None:
        states, actions = (as_array(name, getattr(self, name), ndim=2) for name in ("states", "actions"))
        if states.shape != actions.shape or not states.size:
            raise ValueError(f"states and actions must have one shape, got {states.shape} and {actions.shape}")
        if not np.isin(actions, (0, 1)).all():
            raise ValueError(f"actions must be 0 or 1, got {self.actions!r}")
        if (states < 0).any() or (states != states.round()).any():
            raise ValueError(f"states must be whole numbers of at least 0, got {self.states!r}")
        object.__setattr__(self, "returns", as_vector("returns", self.returns, size=len(states)))
        object.__setattr__(self, "states", states.astype(int))
        object.__setattr__(self, "actions", actions.astype(int))

    @property
    def num_states(self) -> int:
        """The number d of states, which is also the number of parameters."""
        return int(self.states.max()) + 1


def bandit(rewards: ArrayLike) -> Process:
    """Return the process of one step: action a earns ``rewards[a]``.

    Examples
    --------
    >>> float(expected_return(bandit([0.0, 1.0]), [0.0]))
    0.5
    """
    return Process(states=[[0], [0]], actions=[[0], [1]], returns=as_vector("rewards", rewards, size=2))


def two_step(rewards: ArrayLike) -> Process:
    """Return the process that starts in state 0, moves to the state named by its action, and acts again.

    Parameters
    ----------
    rewards : array_like, shape (2, 2)
        ``rewards[s][a]`` is earned by action a in state s at the second step.

    Examples
    --------
    >>> process = two_step([[0.0, 0.5], [1.0, 0.0]])
    >>> process.states.tolist()
    [[0, 0], [0, 0], [0, 1], [0, 1]]
    >>> float(expected_return(process, [0.0, 0.0]))
    0.375
    """
    table = as_array("rewards", rewards, ndim=2)
    if table.shape != (2, 2):
        raise ValueError(f"rewards must have shape (2, 2), got {table.shape}")
    pairs = [(first, second) for first in (0, 1) for second in (0, 1)]
    return Process([[0, first] for first, _ in pairs], pairs, [table[pair] for pair in pairs])


@dataclass(frozen=True, eq=False)
class _Moments:
    """What the trajectories of a process say at theta; leading axes are those of theta."""

    probability: NDArray[Any]  # (..., M)
    score: NDArray[Any]  # (..., M, d), the gradient of log P
    curvature: NDArray[Any]  # (..., M, d, d), the Hessian of log P
    squares: NDArray[Any]  # (..., M, d, d), the sum over steps of each step's score times itself


def _moments(process: Process, theta: NDArray[Any]) -> _Moments:
    chance = 1 / (1 + np.exp(-theta))  # of action 1 in each state
    p, a = chance[..., process.states], process.actions
    where = np.eye(process.num_states)[process.states]  # (M, T, d)
    step = (a - p)[..., None] * where
    outer = where[..., :, None] * where[..., None, :]
    return _Moments(
        np.where(a == 1, p, 1 - p).prod(-1),
        step.sum(-2),
        -((p * (1 - p))[..., None, None] * outer).sum(-3),
        (((a - p) ** 2)[..., None, None] * outer).sum(-3),
    )


def _theta(process: Process, theta: ArrayLike) -> Array:
    return as_vector("theta", theta, size=process.num_states)


def expected_return(process: Process, theta: ArrayLike) -> float:
    r"""Return :math:`J(\theta) = \sum_\tau P(\tau \mid \theta)\, R(\tau)`.

    Parameters
    ----------
    process : Process
    theta : array_like, shape (d,)
        The log-odds of action 1 in each state.

    Examples
    --------
    >>> float(expected_return(bandit([0.0, 2.0]), [0.0]))
    1.0
    """
    return float(_moments(process, _theta(process, theta)).probability @ process.returns)


def return_gradient(process: Process, theta: ArrayLike) -> Array:
    r"""Return the policy gradient :math:`\nabla J(\theta) = \sum_\tau P R\, \nabla \log P`, shape (d,).

    Examples
    --------
    >>> return_gradient(bandit([0.0, 1.0]), [0.0])
    array([0.25])
    """
    return _gradient(process, _theta(process, theta))


def _gradient(process: Process, theta: NDArray[Any]) -> Array:
    at = _moments(process, theta)
    return np.einsum("...m,...md->...d", at.probability * process.returns, at.score)


def return_hessian(process: Process, theta: ArrayLike) -> Array:
    r"""Return :math:`\nabla^2 J(\theta)`, shape (d, d).

    Examples
    --------
    >>> return_hessian(bandit([0.0, 1.0]), [0.0])
    array([[0.]])
    """
    at = _moments(process, _theta(process, theta))
    return np.einsum("m,mij->ij", at.probability * process.returns, _curved(at, "dice"))


def _curved(at: _Moments, hessian: Hessian) -> NDArray[Any]:
    """Return what each trajectory, times its return, adds to an estimator's Hessian, (..., M, d, d)."""
    if hessian == "none":
        return np.zeros_like(at.curvature)
    if hessian == "naive":
        return at.curvature
    if hessian == "lvc":
        return at.curvature + at.squares
    if hessian == "dice":
        return at.curvature + at.score[..., :, None] * at.score[..., None, :]
    raise ValueError(f'hessian must be "none", "naive", "lvc" or "dice", got {hessian!r}')


def adapted_return(process: Process, theta: ArrayLike, *, inner_lr: float) -> float:
    r"""Return the first objective, :math:`J^I(\theta) = J(\theta + \alpha \nabla J(\theta))`: a step without luck.

    Examples
    --------
    >>> round(adapted_return(bandit([0.0, 1.0]), [-1.0], inner_lr=2.0), 4)
    0.3528
    """
    theta = _theta(process, theta)
    return expected_return(process, theta + as_nonnegative("inner_lr", inner_lr) * return_gradient(process, theta))


def adapted_gradient(process: Process, theta: ArrayLike, *, inner_lr: float) -> Array:
    r"""Return :math:`\nabla J^I = (I + \alpha \nabla^2 J(\theta)) \nabla J(\phi)`, shape (d,).

    Examples
    --------
    >>> adapted_gradient(bandit([0.0, 1.0]), [-1.0], inner_lr=2.0).round(5)
    array([0.26982])
    """
    theta, alpha = _theta(process, theta), as_nonnegative("inner_lr", inner_lr)
    phi = theta + alpha * return_gradient(process, theta)
    return return_gradient(process, phi) + alpha * return_hessian(process, theta) @ return_gradient(process, phi)


def _samples(process: Process, theta: Array, num_trajectories: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return how often each trajectory occurs in every sample of N, (C, M), and the samples' probabilities (C,)."""
    n, m = as_count("num_trajectories", num_trajectories, minimum=1), len(process.returns)
    if comb(n + m - 1, m - 1) > MOST:
        raise ValueError(f"num_trajectories={n} of {m} make {comb(n + m - 1, m - 1)} samples, more than {MOST}")
    bars = np.array(list(combinations(range(n + m - 1), m - 1))).reshape(-1, m - 1)
    counts = np.diff(np.pad(bars, ((0, 0), (1, 1)), constant_values=((0, 0), (-1, n + m - 1))), axis=1) - 1
    ways = np.array([lgamma(k + 1) for k in range(n + 1)])
    log_probability = np.log(_moments(process, theta).probability)
    return counts, np.exp(ways[n] - ways[counts].sum(1) + counts @ log_probability)


def _stepped(
    process: Process, theta: Array, counts: NDArray[Any], alpha: float, baseline: float
) -> tuple[_Moments, NDArray[Any], NDArray[Any]]:
    """Return the moments at theta, each sample's weight on the trajectories, (C, M), and its phi, (C, d)."""
    at, worth = _moments(process, theta), process.returns - as_number("baseline", baseline)
    share = counts * worth / counts.sum(1, keepdims=True)
    return at, share, theta + alpha * share @ at.score


def sampled_return(
    process: Process, theta: ArrayLike, *, inner_lr: float, num_trajectories: int, baseline: float = 0.0
) -> float:
    r"""Return the second objective, :math:`J^{II}(\theta) = E_\tau J(\theta + \alpha g(\theta, \tau))`, exactly.

    .. math:: g(\theta, \tau) = \frac1N \sum_n (R(\tau_n) - b) \, \nabla \log P(\tau_n \mid \theta)

    Parameters
    ----------
    process : Process
    theta : array_like, shape (d,)
    inner_lr : float
        Alpha, zero or more.
    num_trajectories : int
        N, how many trajectories the step is taken on.
    baseline : float
        The constant b that is taken off the returns of the inner step.

    Raises
    ------
    ValueError
        If there are more than 200,000 different samples to sum over.

    Examples
    --------
    >>> round(sampled_return(bandit([0.0, 1.0]), [-1.0], inner_lr=2.0, num_trajectories=1), 4)
    0.3616
    """
    theta = _theta(process, theta)
    counts, weight = _samples(process, theta, num_trajectories)
    *_, phi = _stepped(process, theta, counts, as_nonnegative("inner_lr", inner_lr), baseline)
    return float(weight @ _moments(process, phi).probability @ process.returns)


def estimator_mean(
    process: Process,
    theta: ArrayLike,
    *,
    inner_lr: float,
    num_trajectories: int,
    hessian: Hessian = "naive",
    score_weight: float = 1.0,
    baseline: float = 0.0,
) -> Array:
    r"""Return what an estimator of the meta-gradient gives on average over N trajectories, exactly (claim R18).

    .. math:: E_\tau \Big[ (I + \alpha H)^\top \nabla J(\phi)
        + w\, J(\phi) \sum_{n=1}^N \nabla \log P(\tau_n \mid \theta) \Big]

    With ``hessian="naive"``, the derivative of g for fixed trajectories, and w = 1 this is the gradient of
    `sampled_return`.

    Parameters
    ----------
    process, theta, inner_lr, num_trajectories, baseline
        As in `sampled_return`.
    hessian : {"none", "naive", "lvc", "dice"}
        What an estimator takes for H: nothing (first order), the derivative of g, that with each step's score
        squared, or the whole Hessian of the expected return.
    score_weight : float
        The weight w of the score term; 0 leaves it out.

    Raises
    ------
    ValueError
        If `hessian` is none of these, or there are too many samples.

    Notes
    -----
    Source: Al-Shedivat et al. (2018) and Stadie et al. (2018) for the score term, Rothfuss et al. (2019) for "lvc",
    Foerster et al. (2018) for "dice". The mean over the query trajectories is exact here.

    Examples
    --------
    >>> settings = {"inner_lr": 2.0, "num_trajectories": 1}
    >>> estimator_mean(bandit([0.0, 1.0]), [-1.0], **settings).round(5)
    array([0.25018])
    >>> estimator_mean(bandit([0.0, 1.0]), [-1.0], **settings, score_weight=0.0).round(5)
    array([0.18243])
    """
    theta, alpha = _theta(process, theta), as_nonnegative("inner_lr", inner_lr)
    counts, weight = _samples(process, theta, num_trajectories)
    at, share, phi = _stepped(process, theta, counts, alpha, baseline)
    slope, bent = _gradient(process, phi), np.einsum("cm,mij->cij", share, _curved(at, hessian))
    found = slope + alpha * np.einsum("cij,ci->cj", bent, slope)
    reached = _moments(process, phi).probability @ process.returns
    found += as_number("score_weight", score_weight) * reached[:, None] * (counts @ at.score)
    return weight @ found


def estimator_limit(
    process: Process, theta: ArrayLike, *, inner_lr: float, hessian: Hessian, baseline: float = 0.0
) -> Array:
    r"""Return the limit of an estimator without the score term as N grows (claim R18a).

    .. math:: (I + \alpha\, E H)^\top \nabla J(\phi), \qquad \phi = \theta + \alpha \nabla J(\theta)

    For a bandit and ``hessian="naive"`` the factor is :math:`1 - \alpha\, p (1 - p)(J - b)`, where that of the first
    objective is :math:`1 + \alpha\, p (1 - p)(1 - 2p)(r_1 - r_0)`.

    Parameters
    ----------
    process, theta, inner_lr, hessian, baseline
        As in `estimator_mean`.

    Examples
    --------
    >>> estimator_limit(bandit([0.0, 1.0]), [-1.0], inner_lr=2.0, hessian="naive").round(4)
    array([0.2042])
    """
    theta, alpha = _theta(process, theta), as_nonnegative("inner_lr", inner_lr)
    at, worth = _moments(process, theta), process.returns - as_number("baseline", baseline)
    slope = return_gradient(process, theta + alpha * return_gradient(process, theta))
    bent = np.einsum("m,mij->ij", at.probability * worth, _curved(at, hessian))
    return slope + alpha * bent.T @ slope
