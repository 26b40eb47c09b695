"""Quadratic tasks, where every quantity of MAML is an exact formula (claims R1, R2, R3, R5, R9).

A quadratic loss has the same Hessian everywhere, so one inner step is an affine map of theta. Composing affine
maps and differentiating them is matrix algebra, and everything MAML does can be written down and checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mamlkit._check import Array, as_array, as_count, as_nonnegative, as_number, as_symmetric, as_vector


@dataclass(frozen=True, eq=False)
class Quadratic:
    r"""The loss :math:`L(\theta) = \tfrac12 \theta^\top A \theta + b^\top \theta + c`.

    Parameters
    ----------
    A : array_like, shape (d, d)
        Symmetric Hessian: the curvature, the same at every theta.
    b : array_like, shape (d,)
        Linear term: the gradient at the origin.
    c : float
        Constant term: the loss at the origin. No gradient feels it.

    Raises
    ------
    TypeError
        If `A`, `b` or `c` does not hold real numbers.
    ValueError
        If `A` is not square and symmetric, an entry is not finite, or the shapes do not fit.

    Examples
    --------
    >>> loss = Quadratic(A=[[2.0, 0.0], [0.0, 1.0]], b=[-2.0, 1.0])
    >>> loss.minimiser()
    array([ 1., -1.])
    >>> loss.value([1.0, -1.0])
    -1.5
    """

    A: Array
    b: Array
    c: float = 0.0

    def __post_init__(self) -> None:
        A = as_symmetric("A", self.A)
        object.__setattr__(self, "A", A)
        object.__setattr__(self, "b", as_vector("b", self.b, size=len(A)))
        object.__setattr__(self, "c", as_number("c", self.c))

    @classmethod
    def with_minimiser(cls, A: ArrayLike, minimiser: ArrayLike) -> Quadratic:
        r"""Build :math:`\tfrac12 (\theta - m)^\top A (\theta - m)` from `A` (d, d) and the point m, `minimiser` (d,).

        The gradient vanishes at m, and so does the loss.

        Examples
        --------
        >>> loss = Quadratic.with_minimiser(A=[[4.0]], minimiser=[3.0])
        >>> loss.b, loss.value([3.0]), loss.value([4.0])
        (array([-12.]), 0.0, 2.0)
        """
        A = as_symmetric("A", A)
        m = as_vector("minimiser", minimiser, size=len(A))
        return cls(A, -A @ m, float(0.5 * m @ A @ m))

    def value(self, theta: ArrayLike) -> float:
        """Return the loss at `theta`, shape (d,)."""
        theta = as_vector("theta", theta, size=len(self.b))
        return float(0.5 * theta @ self.A @ theta + self.b @ theta + self.c)

    def grad(self, theta: ArrayLike) -> Array:
        """Return the gradient ``A theta + b`` at `theta`, shape (d,)."""
        return self.A @ as_vector("theta", theta, size=len(self.b)) + self.b

    def minimiser(self) -> Array:
        """Return the point (d,) where the gradient vanishes, ``-A^{-1} b``.

        Raises
        ------
        ValueError
            If `A` is not positive definite: the loss then has no single lowest point.
        """
        lowest = np.linalg.eigvalsh(self.A)[0]
        if lowest <= 1e-12 * np.abs(self.A).max():
            raise ValueError(f"A must be positive definite for a minimiser, its lowest eigenvalue is {lowest:.3g}")
        return np.linalg.solve(self.A, -self.b)


class QuadraticTask(NamedTuple):
    """One task: the loss on its support set, which it adapts on, and on its query set, which judges it."""

    support: Quadratic
    query: Quadratic


def adapt(theta: ArrayLike, loss: Quadratic, *, inner_lr: float, num_steps: int = 1) -> Array:
    r"""Run the inner loop and return all points it visits (claim R1).

    .. math:: \theta_{k+1} = \theta_k - \alpha \, (A \theta_k + b), \qquad \theta_0 = \theta, \quad \phi = \theta_K

    Parameters
    ----------
    theta : array_like, shape (d,)
        The initialisation.
    loss : Quadratic
        The support loss.
    inner_lr : float
        Inner learning rate alpha, zero or more.
    num_steps : int
        Number K of inner steps, zero or more.

    Returns
    -------
    ndarray, shape (K + 1, d)
        The trajectory; row 0 is theta, row K the adapted phi.

    Notes
    -----
    Source: Finn, Abbeel and Levine (2017), equation for the adapted parameters in section 2.2.

    Examples
    --------
    >>> adapt([0.0], Quadratic([[1.0]], [-4.0]), inner_lr=0.5, num_steps=2)
    array([[0.],
           [2.],
           [3.]])
    """
    inner_lr, num_steps = as_nonnegative("inner_lr", inner_lr), as_count("num_steps", num_steps)
    trajectory = [as_vector("theta", theta, size=len(loss.b))]
    for _ in range(num_steps):
        trajectory.append(trajectory[-1] - inner_lr * loss.grad(trajectory[-1]))
    return np.array(trajectory)


def step_jacobian(loss: Quadratic, *, inner_lr: float, num_steps: int = 1) -> Array:
    r"""Return :math:`\partial\phi/\partial\theta = (I - \alpha A)^K`, shape (d, d) (claims R2, R3).

    On a quadratic the K factors along the trajectory are all the same, so their product is a power.

    Examples
    --------
    >>> step_jacobian(Quadratic([[1.0]], [0.0]), inner_lr=0.5, num_steps=3)
    array([[0.125]])
    """
    inner_lr, num_steps = as_nonnegative("inner_lr", inner_lr), as_count("num_steps", num_steps)
    return np.linalg.matrix_power(np.eye(len(loss.b)) - inner_lr * loss.A, num_steps)


def shrinkage(loss: Quadratic, *, inner_lr: float, num_steps: int = 1) -> float:
    r"""Return the largest factor by which K inner steps stretch any vector, :math:`\max_j |1 - \alpha h_j|^K`.

    This is the norm of the Jacobian, so no meta-gradient of one task is longer than `shrinkage` times the query
    gradient at phi, which is FOMAML's (claim R2a). It is at most 1 while alpha times every curvature h is in [0, 2].

    Examples
    --------
    >>> shrinkage(Quadratic([[1.0, 0.0], [0.0, 3.0]], [0.0, 0.0]), inner_lr=0.5, num_steps=2)
    0.25
    """
    jacobian = step_jacobian(loss, inner_lr=inner_lr, num_steps=num_steps)
    return float(np.abs(np.linalg.eigvalsh(jacobian)).max())


def outer_loss(theta: ArrayLike, *, support: Quadratic, query: Quadratic, inner_lr: float, num_steps: int = 1) -> float:
    r"""Return one task's outer loss :math:`L^Q(\phi)`, with phi adapted on the support loss (claim R1).

    Examples
    --------
    >>> loss = Quadratic([[1.0]], [-4.0])
    >>> outer_loss([0.0], support=loss, query=loss, inner_lr=0.5)
    -6.0
    """
    _same_size(support, query)
    return query.value(adapt(theta, support, inner_lr=inner_lr, num_steps=num_steps)[-1])


def meta_gradient(
    theta: ArrayLike,
    *,
    support: Quadratic,
    query: Quadratic,
    inner_lr: float,
    num_steps: int = 1,
    first_order: bool = False,
) -> Array:
    r"""Return the exact gradient of one task's outer loss in theta (claims R2, R3).

    .. math:: \nabla_\theta L^Q(\phi) = (I - \alpha A)^{K\,\top} (B \phi + d)

    Parameters
    ----------
    theta : array_like, shape (d,)
        The initialisation.
    support, query : Quadratic
        Losses with (A, b) and (B, d). By keyword only, since swapping them is silent and wrong.
    inner_lr : float
        Inner learning rate alpha, zero or more.
    num_steps : int
        Number K of inner steps, zero or more.
    first_order : bool
        If true, leave the Jacobian out: FOMAML's gradient ``B phi + d``.

    Returns
    -------
    ndarray, shape (d,)

    Raises
    ------
    TypeError, ValueError
        If an argument is not of its kind, not finite, negative, or shapes do not fit.

    Notes
    -----
    Source: Finn, Abbeel and Levine (2017), equation (1), worked out for quadratics.

    Examples
    --------
    >>> support, query = Quadratic([[1.0]], [-4.0]), Quadratic([[2.0]], [0.0])
    >>> meta_gradient([0.0], support=support, query=query, inner_lr=0.5)
    array([2.])
    >>> meta_gradient([0.0], support=support, query=query, inner_lr=0.5, first_order=True)
    array([4.])
    """
    _same_size(support, query)
    phi = adapt(theta, support, inner_lr=inner_lr, num_steps=num_steps)[-1]
    if first_order:
        return query.grad(phi)
    return step_jacobian(support, inner_lr=inner_lr, num_steps=num_steps).T @ query.grad(phi)


def first_order_gap(
    theta: ArrayLike, *, support: Quadratic, query: Quadratic, inner_lr: float, num_steps: int = 1
) -> Array:
    r"""Return MAML's meta-gradient minus FOMAML's, shape (d,) (claim R5).

    .. math:: \big[(I - \alpha A)^{K\,\top} - I\big] (B \phi + d)

    In one dimension, with two inner steps on curvature a and the query loss :math:`\tfrac{d}{2}\theta^2`, this is
    :math:`d\,\theta_2\,((1 - \alpha a)^2 - 1)`. Positive means that MAML's gradient is the larger one.

    Examples
    --------
    >>> support, query = Quadratic([[1.0]], [0.0]), Quadratic([[3.0]], [0.0])
    >>> first_order_gap([4.0], support=support, query=query, inner_lr=0.5, num_steps=2)  # 3 * 1 * (1/4 - 1)
    array([-2.25])
    """
    exact, first = (
        meta_gradient(
            theta,
            support=support,
            query=query,
            inner_lr=inner_lr,
            num_steps=num_steps,
            first_order=first_order,
        )
        for first_order in (False, True)
    )
    return exact - first


class WeightedCentre(NamedTuple):
    """A centre (d,), or a number, and the weights (T,) or (T, d, d) that made it; the weights sum to 1 or to I."""

    centre: Array
    weights: Array


def weighted_centre(
    minimisers: ArrayLike,
    curvatures: ArrayLike,
    *,
    inner_lr: float,
    num_steps: int = 1,
    probs: ArrayLike | None = None,
    judge: Literal["distance", "loss"] = "distance",
) -> WeightedCentre:
    r"""Return the theta that minimises the expected squared distance of phi to each task's optimum (claim R9).

    .. math:: \theta = \Big[\sum_i W_i\Big]^{-1} \sum_i W_i \theta_i^\star, \qquad W_i = p_i (I - \alpha H_i)^{2K}

    The weights favour the tasks that do *not* get close to their optimum: one that is solved in a step weighs nothing.
    With the loss as judge, :math:`\tfrac12 (\phi - \theta_i^\star)^\top H_i (\phi - \theta_i^\star)`, a curvature
    counts once more (claim R9a): :math:`W_i = p_i H_i (I - \alpha H_i)^{2K}`. At alpha = 0 that is joint training.

    Parameters
    ----------
    minimisers : array_like, shape (T,) or (T, d)
        The tasks' optima.
    curvatures : array_like, shape (T,) or (T, d, d)
        The tasks' Hessians; numbers with numbers, matrices with vectors.
    inner_lr, num_steps
        Inner learning rate alpha and number K of inner steps.
    probs : array_like, shape (T,), optional
        Probabilities of the tasks; equal if left out.
    judge : {"distance", "loss"}
        What is expected to be small at phi: the squared distance to the task's optimum, or the task's loss.

    Returns
    -------
    WeightedCentre
        The centre, shape () or (d,), and weights scaled to sum to one (to the identity), shape (T,) or (T, d, d).

    Raises
    ------
    ValueError
        If the weights sum to a singular matrix: along some direction every task is solved by adaptation, so
        theta does not matter there.

    Examples
    --------
    >>> weighted_centre([0.0, 1.0], [1.0, 3.0], inner_lr=0.25).centre  # weights 9/16 and 1/16
    array(0.1)
    """
    optima = as_array("minimisers", minimisers, ndim=(1, 2))
    hessians = as_array("curvatures", curvatures, ndim=1 if optima.ndim == 1 else 3)
    scalar = optima.ndim == 1
    if scalar:
        optima, hessians = optima[:, None], hessians[:, None, None]
    _check_tasks(optima, hessians)
    probs = _as_probs(probs, len(optima))
    inner_lr, num_steps = as_nonnegative("inner_lr", inner_lr), as_count("num_steps", num_steps)
    jacobians = np.linalg.matrix_power(np.eye(optima.shape[1]) - inner_lr * hessians, num_steps)
    measures = {"distance": np.eye(optima.shape[1]), "loss": hessians}
    if judge not in measures:
        raise ValueError(f"judge must be 'distance' or 'loss', got {judge!r}")
    weights = probs[:, None, None] * (jacobians.transpose(0, 2, 1) @ measures[judge] @ jacobians)
    total = weights.sum(axis=0)
    if np.linalg.cond(total) > 1e12:
        raise ValueError(
            f"inner_lr={inner_lr:g} with num_steps={num_steps} solves every task along some direction: "
            "the weights sum to a singular matrix and no centre is best"
        )
    centre = np.linalg.solve(total, np.einsum("tij,tj->i", weights, optima))
    shares = np.linalg.solve(total, weights)
    return WeightedCentre(centre[0, ...], shares[:, 0, 0]) if scalar else WeightedCentre(centre, shares)


def meta_optimum(tasks: Sequence[QuadraticTask], *, inner_lr: float, num_steps: int = 1) -> Array:
    r"""Return the theta (d,) that minimises the mean outer loss of quadratic tasks (claim R3).

    With :math:`\phi_i = P_i\theta + c_i` the outer loss is a quadratic in theta, with Hessian
    :math:`\sum_i P_i^\top B_i P_i` and linear term :math:`\sum_i P_i^\top (B_i c_i + d_i)`.

    Parameters
    ----------
    tasks : sequence of QuadraticTask
        At least one, all of one dimension.
    inner_lr, num_steps
        Inner learning rate alpha and number K of inner steps.

    Raises
    ------
    ValueError
        If `tasks` is empty or of mixed dimension, or if the mean outer loss has no single lowest point (its
        Hessian is singular, as when one step solves every task, or has a negative eigenvalue).

    Examples
    --------
    >>> left, right = (Quadratic.with_minimiser([[1.0]], [m]) for m in (-1.0, 3.0))
    >>> meta_optimum([QuadraticTask(left, left), QuadraticTask(right, right)], inner_lr=0.1)
    array([1.])
    """
    if not tasks:
        raise ValueError("tasks must hold at least one task, got none")
    size = len(tasks[0].support.b)
    hessian, linear = np.zeros((size, size)), np.zeros(size)
    for support, query in tasks:
        _same_size(support, query)
        _same_size(tasks[0].support, support)
        P = step_jacobian(support, inner_lr=inner_lr, num_steps=num_steps)
        c = adapt(np.zeros(size), support, inner_lr=inner_lr, num_steps=num_steps)[-1]
        hessian = hessian + P.T @ query.A @ P
        linear = linear + P.T @ (query.A @ c + query.b)
    try:
        return Quadratic((hessian + hessian.T) / 2, linear).minimiser()
    except ValueError as error:
        raise ValueError(
            f"the mean outer loss at inner_lr={inner_lr!r}, num_steps={num_steps!r} has no single lowest point: {error}"
        ) from error


def _same_size(first: Quadratic, second: Quadratic) -> None:
    if first.b.shape != second.b.shape:
        raise ValueError(f"support and query must have one dimension, got {len(first.b)} and {len(second.b)}")


def _check_tasks(optima: Array, hessians: Array) -> None:
    if len(optima) == 0:
        raise ValueError("minimisers must hold at least one task, got none")
    if hessians.shape != (*optima.shape, optima.shape[1]):
        raise ValueError(f"curvatures must fit minimisers of shape {optima.shape}, got shape {hessians.shape}")
    for index, hessian in enumerate(hessians):
        as_symmetric(f"curvatures[{index}]", hessian)


def _as_probs(probs: ArrayLike | None, num_tasks: int) -> Array:
    if probs is None:
        return np.full(num_tasks, 1.0 / num_tasks)
    array = as_vector("probs", probs, size=num_tasks)
    if (array < 0).any() or not np.isclose(array.sum(), 1.0):
        raise ValueError(f"probs must be zero or more and sum to 1, got {probs!r}")
    return array
