"""Linear regression, where the best initialisation is an ordinary least-squares fit to changed data (claim R8).

After one inner step the errors on the query set are affine in the start. So the outer loss is a sum of squares, and
its lowest point is what a regression of changed targets on changed inputs gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mamlkit._check import Array, as_array, as_nonnegative, as_vector
from mamlkit.closed_form.quadratic import Quadratic, QuadraticTask


@dataclass(frozen=True, eq=False)
class RegressionTask:
    r"""One linear regression :math:`\hat y = \theta^\top x`, with losses :math:`\tfrac{1}{2n}\|X\theta - y\|^2`.

    Parameters
    ----------
    x_support : array_like, shape (n, d)
        Inputs of the support set, one row for each example. A column of ones makes an intercept.
    y_support : array_like, shape (n,)
    x_query : array_like, shape (m, d)
    y_query : array_like, shape (m,)

    Raises
    ------
    TypeError
        If an array does not hold real numbers.
    ValueError
        If an array is empty or not finite, or the shapes do not fit.

    Examples
    --------
    >>> task = RegressionTask([[1.0], [3.0]], [2.0, 6.0], [[2.0]], [5.0])
    >>> task.as_quadratics().support.minimiser()
    array([2.])
    """

    x_support: Array
    y_support: Array
    x_query: Array
    y_query: Array

    def __post_init__(self) -> None:
        for part in ("support", "query"):
            x = as_array(f"x_{part}", getattr(self, f"x_{part}"), ndim=2)
            if x.size == 0:
                raise ValueError(f"x_{part} must have at least one row and one column, got shape {x.shape}")
            object.__setattr__(self, f"x_{part}", x)
            object.__setattr__(self, f"y_{part}", as_vector(f"y_{part}", getattr(self, f"y_{part}"), size=len(x)))
        if self.x_query.shape[1] != self.x_support.shape[1]:
            raise ValueError(
                f"x_query must have as many columns as x_support, {self.x_support.shape[1]}; "
                f"got shape {self.x_query.shape}"
            )

    def as_quadratics(self) -> QuadraticTask:
        r"""Return both losses in the form :math:`\tfrac12\theta^\top A\theta + b^\top\theta + c`."""
        return QuadraticTask(
            _half_mean_square(self.x_support, self.y_support), _half_mean_square(self.x_query, self.y_query)
        )


class LeastSquares(NamedTuple):
    """A regression of `targets` (m,) on `inputs` (m, d)."""

    inputs: Array
    targets: Array


def after_a_step(task: RegressionTask, *, inner_lr: float) -> LeastSquares:
    r"""Return the regression that the start is asked to solve: Z and r with :math:`X_Q\phi - y_Q = Z\theta - r`.

    .. math:: Z = X_Q T, \qquad r = y_Q - \tfrac{\alpha}{n} X_Q X_S^\top y_S,
              \qquad T = I - \tfrac{\alpha}{n} X_S^\top X_S

    The task's outer loss is :math:`\tfrac{1}{2m}\|Z\theta - r\|^2`, so that in the notation of claim R8
    :math:`M = Z^\top Z` and :math:`v = Z^\top r`.

    Parameters
    ----------
    task : RegressionTask
        With n support and m query rows in d dimensions.
    inner_lr : float
        Inner learning rate alpha, zero or more.

    Returns
    -------
    LeastSquares
        Z, shape (m, d), and r, shape (m,).

    Examples
    --------
    >>> task = RegressionTask([[1.0]], [4.0], [[1.0]], [5.0])
    >>> after_a_step(task, inner_lr=0.5)  # phi = 0.5 theta + 2, and it should be 5
    LeastSquares(inputs=array([[0.5]]), targets=array([3.]))
    """
    rate = as_nonnegative("inner_lr", inner_lr) / len(task.x_support)
    T = np.eye(task.x_support.shape[1]) - rate * task.x_support.T @ task.x_support
    pulled = rate * task.x_support.T @ task.y_support  # phi = T theta + pulled
    return LeastSquares(task.x_query @ T, task.y_query - task.x_query @ pulled)


def optimal_init(tasks: Sequence[RegressionTask], *, inner_lr: float) -> Array:
    r"""Return the start with the lowest outer loss after one inner step (claim R8).

    .. math:: \theta_0 = \Big[\sum_\tau M_\tau\Big]^{-1} \sum_\tau v_\tau,
              \qquad M = T^\top X_Q^\top X_Q T, \quad v = T^\top X_Q^\top (y_Q - \tfrac{\alpha}{n} X_Q X_S^\top y_S)

    where :math:`T = I - \tfrac{\alpha}{n} X_S^\top X_S`. With query sets of unequal size M and v are divided by m,
    since every task's loss is a mean over its own query set.

    Parameters
    ----------
    tasks : sequence of RegressionTask
        At least one, all of one dimension d.
    inner_lr : float
        Inner learning rate alpha, zero or more. At 0 this is least squares on all query sets.

    Returns
    -------
    ndarray, shape (d,)
        Where the sum of the M is singular, J is flat along some direction and many starts are equally good. Then the
        shortest of them: the one that gradient descent on J reaches from zero.

    Raises
    ------
    TypeError, ValueError
        If `tasks` is empty or of mixed dimension, or `inner_lr` is not a number of zero or more.

    Notes
    -----
    Solved as one least-squares problem, whose condition number is the square root of that of the sum of the M.

    Source: the normal equations of the objective in Finn, Abbeel and Levine (2017), section 2.2, for a linear model.

    Examples
    --------
    >>> tasks = [RegressionTask([[1.0]], [4.0], [[1.0]], [5.0]), RegressionTask([[2.0]], [0.0], [[2.0]], [0.0])]
    >>> optimal_init(tasks, inner_lr=0.25)  # the second task is solved by its step: theta serves the first alone
    array([5.33333333])
    """
    sizes = sorted({task.x_support.shape[1] for task in tasks})
    if len(sizes) != 1:
        raise ValueError(f"tasks must be one or more tasks of one dimension, got {len(tasks)} of dimensions {sizes}")
    parts = [(after_a_step(task, inner_lr=inner_lr), len(task.y_query) ** -0.5) for task in tasks]
    inputs = np.concatenate([scale * part.inputs for part, scale in parts])
    targets = np.concatenate([scale * part.targets for part, scale in parts])
    left, scales, right = np.linalg.svd(inputs, full_matrices=False)
    # Where steps solve every task, all inputs are rounding: what counts as zero is told by the inputs before the step.
    size = max(
        scales[0], *(scale * np.linalg.norm(task.x_query) for task, (_, scale) in zip(tasks, parts, strict=True))
    )
    kept = scales > 1e-10 * size
    return right[kept].T @ (left[:, kept].T @ targets / scales[kept])


def _half_mean_square(x: Array, y: Array) -> Quadratic:
    A = x.T @ x / len(x)
    return Quadratic((A + A.T) / 2, -x.T @ y / len(x), float(0.5 * y @ y / len(y)))
