r"""What one inner step is worth on average: its best rate and its best start for endless data (claims R16a, R16b).

Tasks are linear regressions with Gaussian inputs, so that expectations over contexts are matrix algebra.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mamlkit._check import Array, as_array, as_count, as_nonnegative, as_positive, as_symmetric, as_vector


def best_inner_lr(*, n: int, d: int, noise_var: float = 0.0, task_var: float = 1.0, unit: bool = False) -> float:
    r"""Return the rate of the lowest query loss after one step from the mean of the tasks (claim R16a).

    .. math:: \alpha^\star = \frac{N}{N + d + 1 + s^2 / \tau^2}

    Inputs are :math:`x \sim N(0, I_d)`, tasks spread by :math:`\tau^2` in each entry around the start, targets have
    noise of variance :math:`s^2`, and the loss is :math:`\tfrac{1}{2N} \sum_j (w^\top x_j - y_j)^2`.

    Parameters
    ----------
    n, d : int
        Context length N and dimension d, at least one each.
    noise_var, task_var : float
        The variances s^2, zero or more, and tau^2, above zero.
    unit : bool
        Whether inputs are unit vectors with covariance I/d instead. The rate is then
        :math:`N / D`, where :math:`D` is the sum of :math:`1 + (N - 1)/d` and
        :math:`s^2/\tau^2`.

    Raises
    ------
    TypeError, ValueError
        If a number is not of its kind.

    Notes
    -----
    Source: for noiseless targets the case of equal variances in Ahn et al. (2023), theorem 1. That the best layer of
    linear attention takes a step with noise, too, is in Mahankali et al. (2024).

    Examples
    --------
    >>> best_inner_lr(n=10, d=5)
    0.625
    """
    n, d = as_count("n", n, minimum=1), as_count("d", d, minimum=1)
    ratio = as_nonnegative("noise_var", noise_var) / as_positive("task_var", task_var)
    return n / ((1 + (n - 1) / d if unit else n + d + 1) + ratio)


@dataclass(frozen=True, eq=False)
class Kind:
    r"""Regression tasks of one kind: :math:`x \sim N(0, \Lambda)`, :math:`w \sim N(m, \tau^2 I)`, y = w'x + noise.

    Parameters
    ----------
    mean : array_like, shape (d,)
        The mean m of the tasks.
    inputs : array_like, shape (d, d)
        The covariance Lambda of the inputs, which is the mean curvature of the loss.
    task_var, noise_var : float
        tau^2 and s^2, zero or more.
    share : float
        How much of the task distribution is of this kind, above zero, up to a common factor.

    Raises
    ------
    TypeError, ValueError
        If an entry is not of its kind, or shapes do not fit.
    """

    mean: Array
    inputs: Array
    task_var: float = 0.0
    noise_var: float = 0.0
    share: float = 1.0

    def __post_init__(self) -> None:
        mean = as_vector("mean", self.mean)
        inputs = as_symmetric("inputs", self.inputs)
        if inputs.shape != (len(mean), len(mean)) or np.linalg.eigvalsh(inputs)[0] < 0:
            raise ValueError(f"inputs must be a covariance of shape ({len(mean)}, {len(mean)}), got {self.inputs!r}")
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "inputs", inputs)
        for name, check in (("task_var", as_nonnegative), ("noise_var", as_nonnegative), ("share", as_positive)):
            object.__setattr__(self, name, check(name, getattr(self, name)))


def expected_curvature(kind: Kind, *, inner_lr: ArrayLike, n: int) -> Array:
    r"""Return what a step leaves of the query loss: the M of claim R8, averaged over contexts and queries (claim R16b).

    .. math:: M = E\big[(I - P \hat\Lambda)^\top \Lambda (I - P \hat\Lambda)\big],
              \qquad \hat\Lambda = \tfrac1N \sum_j x_j x_j^\top

    For Gaussian inputs and symmetric B the fourth moment that this needs is

    .. math:: E[\hat\Lambda B \hat\Lambda]
              = \tfrac{N + 1}{N} \Lambda B \Lambda + \tfrac1N \operatorname{tr}(\Lambda B)\, \Lambda

    Parameters
    ----------
    kind : Kind
    inner_lr : float or array_like, shape (d, d)
        A rate alpha, or a matrix P in place of it, so that a step is :math:`w - P \nabla`.
    n : int
        Context length N, at least one.

    Examples
    --------
    >>> expected_curvature(Kind([0.0], [[1.0]]), inner_lr=0.25, n=1)
    array([[0.6875]])
    """
    P, L = _as_matrix(inner_lr, len(kind.mean)), kind.inputs
    return L - L @ P @ L - (L @ P @ L).T + _fourth_moment(kind, P, as_count("n", n, minimum=1))


def best_init(kinds: Sequence[Kind], *, inner_lr: ArrayLike, n: int) -> Array:
    r"""Return MAML's initialisation for endless data: the lowest query loss after one step (claim R16b).

    .. math:: \theta_0 = \Big[\sum_i p_i M_i\Big]^{-1} \sum_i p_i M_i m_i

    This is claim R8 with its sums over tasks replaced by expectations. It is the mean of the tasks where all kinds
    have the same inputs, and where they do not it follows those whose inputs leave most to be done.

    Parameters
    ----------
    kinds : sequence of Kind
        At least one, all of one dimension d.
    inner_lr, n
        As in :func:`expected_curvature`.

    Raises
    ------
    ValueError
        If the sum of the M is singular: then many starts are as good.

    Examples
    --------
    >>> steep, flat = Kind([0.0], [[4.0]]), Kind([1.0], [[1.0]])
    >>> best_init([steep, flat], inner_lr=0.0, n=10).round(2), best_init([steep, flat], inner_lr=0.2, n=10).round(2)
    (array([0.2]), array([0.49]))
    """
    parts = [(kind.share * expected_curvature(kind, inner_lr=inner_lr, n=n), kind.mean) for kind in kinds]
    total = np.sum([M for M, _ in parts], axis=0)
    if np.linalg.cond(total) > 1e12:
        raise ValueError("kinds must leave something of every direction of the start, but the sum of the M is singular")
    return np.linalg.solve(total, np.sum([M @ mean for M, mean in parts], axis=0))


def expected_loss(
    init: ArrayLike, kinds: Sequence[Kind], *, inner_lr: ArrayLike, n: int, step_init: ArrayLike | None = None
) -> float:
    r"""Return the expected query loss :math:`\tfrac12 (w^\top x - \phi^\top x)^2` after one step (claims R16a, R16b).

    The noise of the query's own target, which nobody can foresee, is left out.

    .. math:: \tfrac12 \sum_i p_i \Big[(\theta - m_i)^\top M_i (\theta - m_i) + \tau_i^2 \operatorname{tr} M_i
              + \tfrac{s_i^2}{N} \operatorname{tr}(\Lambda_i P^\top \Lambda_i P)\Big]

    Parameters
    ----------
    init : array_like, shape (d,)
        The start theta.
    kinds, inner_lr, n
        As in :func:`best_init`.
    step_init : array_like, shape (d,), optional
        Where the step's gradient is taken, if not at `init`: a layer of attention holds two copies of its start, one
        in the query token and one in its values, and nothing makes them equal.

    Examples
    --------
    >>> expected_loss(np.zeros(5), [Kind(np.zeros(5), np.eye(5), task_var=1.0)], inner_lr=0.625, n=10)
    0.9375
    """
    n, total = as_count("n", n, minimum=1), 0.0
    for kind in kinds:
        L, P = kind.inputs, _as_matrix(inner_lr, len(kind.mean))
        a = as_vector("init", init, size=len(L)) - kind.mean
        b = a if step_init is None else as_vector("step_init", step_init, size=len(L)) - kind.mean
        left = a @ L @ a - 2 * a @ L @ P @ L @ b + b @ _fourth_moment(kind, P, n) @ b
        spread = kind.task_var * np.trace(expected_curvature(kind, inner_lr=P, n=n))
        total += kind.share * (left + spread + kind.noise_var / n * np.trace(L @ P.T @ L @ P))
    return float(total / sum(kind.share for kind in kinds) / 2)


def _fourth_moment(kind: Kind, P: Array, n: int) -> Array:
    """Return the expectation of C P' L P C over contexts with the second moment C, for inputs of covariance L."""
    L = kind.inputs
    B = P.T @ L @ P
    return ((n + 1) * L @ B @ L + np.trace(L @ B) * L) / n


def _as_matrix(inner_lr: ArrayLike, d: int) -> Array:
    if np.ndim(inner_lr) == 0:
        return as_nonnegative("inner_lr", inner_lr) * np.eye(d)
    P = as_array("inner_lr", inner_lr, ndim=2)
    if P.shape != (d, d):
        raise ValueError(f"inner_lr must be a number or have shape ({d}, {d}), got shape {P.shape}")
    return P
