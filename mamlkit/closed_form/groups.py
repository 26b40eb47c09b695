"""Whom a start serves: linear tasks whose examples belong to groups, and starts that weigh them (claims R8a, R8b).

After one inner step the errors are affine in the start (claim R8), so each group's mean squared error is a quadratic of
the start, and all questions about groups are questions about two quadratics.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mamlkit._check import Array, as_array, as_nonnegative, as_number, as_vector
from mamlkit.closed_form.linear import LeastSquares
from mamlkit.closed_form.quadratic import Quadratic


class GroupSums(NamedTuple):
    """Sums over the query examples of each task and group, from which all errors of any start follow.

    With T tasks, G groups and d parameters; Z and r as in :func:`mamlkit.closed_form.linear.after_a_step`.
    """

    members: Array  # (T, G): how many examples
    inputs: Array  # (T, G, d): sum of Z
    targets: Array  # (T, G): sum of r
    gram: Array  # (T, G, d, d): Z'Z
    cross: Array  # (T, G, d): Z'r
    square: Array  # (T, G): r'r

    def error_sum(self, theta: ArrayLike) -> Array:
        """Return the sum of errors, answer minus truth, after the step from `theta` (d,); shape (T, G)."""
        return self.inputs @ as_vector("theta", theta, size=self.inputs.shape[-1]) - self.targets

    def squared_error(self, theta: ArrayLike) -> Array:
        """Return the sum of squared errors after the step from `theta` (d,); shape (T, G)."""
        theta = as_vector("theta", theta, size=self.inputs.shape[-1])
        return (self.gram @ theta) @ theta - 2 * self.cross @ theta + self.square

    def of(self, tasks: ArrayLike) -> GroupSums:
        """Return the sums of some of the tasks, chosen by index or by a mask."""
        return GroupSums(*(part[np.asarray(tasks)] for part in self))

    def losses(self) -> list[Quadratic]:
        """Return each group's mean squared error over all tasks, as a quadratic of the start.

        Raises
        ------
        ValueError
            If a group has no member among the query examples.
        """
        count, _, _, gram, cross, square = (part.sum(axis=0) for part in self)
        for group in np.flatnonzero(count == 0):
            raise ValueError(f"every group must have a member among the query examples, group {group} has none")
        return [
            Quadratic((G + G.T) / n, -2 * c / n, s / n)
            for n, G, c, s in zip(count, gram, cross, square, strict=True)
        ]  # fmt: skip


def after_steps(
    x_support: ArrayLike, y_support: ArrayLike, x_query: ArrayLike, y_query: ArrayLike, *, inner_lr: ArrayLike
) -> LeastSquares:
    r"""Return what the start is asked to solve in many tasks at once (claim R8).

    Parameters
    ----------
    x_support : array_like, shape (T, n, d)
    y_support : array_like, shape (T, n)
    x_query : array_like, shape (T, m, d)
        Rows of zeros, with a target of zero, pad what is shorter: they stay zero.
    y_query : array_like, shape (T, m)
    inner_lr : float or array_like, shape (d,)
        Inner learning rate alpha, one for all parameters or one for each; zero or more.

    Returns
    -------
    LeastSquares
        Z, shape (T, m, d), and r, shape (T, m).

    Examples
    --------
    >>> after_steps([[[1.0]]], [[4.0]], [[[1.0]]], [[5.0]], inner_lr=0.5)
    LeastSquares(inputs=array([[[0.5]]]), targets=array([[3.]]))
    """
    xs, ys = as_array("x_support", x_support, ndim=3), as_array("y_support", y_support, ndim=2)
    xq, yq = as_array("x_query", x_query, ndim=3), as_array("y_query", y_query, ndim=2)
    if xs.shape[:2] != ys.shape or xq.shape[:2] != yq.shape or (len(xs), xs.shape[2]) != (len(xq), xq.shape[2]):
        shapes = ", ".join(str(part.shape) for part in (xs, ys, xq, yq))
        raise ValueError(f"x_support, y_support, x_query and y_query must fit one another, got shapes {shapes}")
    rates = np.broadcast_to([as_nonnegative("inner_lr", rate) for rate in np.ravel(inner_lr)], xs.shape[2:])
    rows = rates[:, None] * xs.transpose(0, 2, 1) / xs.shape[1]  # (T, d, n): what a residual adds to each parameter
    return LeastSquares(xq - xq @ (rows @ xs), yq - (xq @ (rows @ ys[:, :, None]))[:, :, 0])


def group_sums(after: LeastSquares, member: ArrayLike) -> GroupSums:
    """Return the sums over each task's groups.

    Parameters
    ----------
    after : LeastSquares
        Z (T, m, d) and r (T, m), of :func:`after_steps`.
    member : array_like of bool, shape (T, m, G)
        Which query example belongs to which group; one that pads belongs to none.

    Examples
    --------
    >>> after = LeastSquares(np.array([[[1.0], [2.0]]]), np.array([[3.0, 5.0]]))
    >>> sums = group_sums(after, [[[True, False], [False, True]]])
    >>> sums.error_sum([2.0]), sums.squared_error([2.0])
    (array([[-1., -1.]]), array([[1., 1.]]))
    """
    Z, r = after
    g = np.asarray(member, dtype=float)
    if g.shape[:2] != r.shape or g.ndim != 3:
        raise ValueError(f"member must have shape {r.shape} and one axis more, got shape {g.shape}")
    chosen = g.transpose(0, 2, 1)[..., None] * Z[:, None]  # (T, G, m, d)
    return GroupSums(
        members=g.sum(axis=1),
        inputs=chosen.sum(axis=2),
        targets=np.einsum("tmg,tm->tg", g, r),
        gram=chosen.swapaxes(2, 3) @ Z[:, None],
        cross=(chosen.swapaxes(2, 3) @ r[:, None, :, None])[..., 0],
        square=np.einsum("tmg,tm->tg", g, r**2),
    )


class GroupStart(NamedTuple):
    """A start `theta` (d,), the `weight` that it gives the second group, and both groups' losses (2,)."""

    theta: Array
    weight: float
    losses: Array


def weighted_start(first: Quadratic, second: Quadratic, *, weight: float) -> GroupStart:
    r"""Return the start that minimises :math:`(1 - w) L_1 + w L_2`.

    Parameters
    ----------
    first, second : Quadratic
        The two groups' losses.
    weight : float
        Weight w of the second group, 0 to 1. Its share of the examples gives MAML's own start (claim R8); 1/2
        counts both groups alike.

    Raises
    ------
    ValueError
        If the weight is out of range, or the weighted loss has no single lowest point.

    Examples
    --------
    >>> a, b = Quadratic.with_minimiser([[2.0]], [0.0]), Quadratic.with_minimiser([[2.0]], [4.0])
    >>> weighted_start(a, b, weight=0.25).theta
    array([1.])
    """
    w = as_number("weight", weight)
    if not 0 <= w <= 1:
        raise ValueError(f"weight must lie between 0 and 1, got {weight!r}")
    A, b = ((1 - w) * x + w * y for x, y in ((first.A, second.A), (first.b, second.b)))
    theta = Quadratic(A, b).minimiser()
    return GroupStart(theta, w, np.array([first.value(theta), second.value(theta)]))


def minimax_start(first: Quadratic, second: Quadratic, *, regret: bool = False) -> GroupStart:
    r"""Return the start whose worse-off group is as well off as possible (claim R8a).

    .. math:: \min_\theta \max_g \big(L_g(\theta) - c_g\big)

    with :math:`c_g = 0`, or with :math:`c_g = \min L_g`, the loss that the group would have if it were served alone.

    Parameters
    ----------
    first, second : Quadratic
        The two groups' losses, each with a single lowest point.
    regret : bool
        If true, a group's loss is counted from its own lowest value.

    Returns
    -------
    GroupStart
        The start of the weight at which both sides are equal, or of the weight 0 or 1 where one group is worse off
        even when it alone is served.

    Notes
    -----
    Bisection over the weight: as it grows the second group's loss falls and the first group's rises.
    The linear case of Collins, Mokhtari and Shakkottai (2020), equation of the minimax problem, with groups of
    examples in the place of tasks.

    Examples
    --------
    >>> easy = Quadratic([[2.0]], [0.0], 0.0)  # theta²
    >>> noisy = Quadratic([[2.0]], [-4.0], 9.0)  # (theta − 2)² + 5
    >>> minimax_start(easy, noisy).theta, minimax_start(easy, noisy, regret=True).theta.round(6)
    (array([2.]), array([1.]))
    """
    own = [group.value(group.minimiser()) if regret else 0.0 for group in (first, second)]

    def second_is_worse_off(weight: float) -> bool:
        losses = weighted_start(first, second, weight=weight).losses - own
        return bool(losses[1] > losses[0])

    return weighted_start(first, second, weight=_turning_point(second_is_worse_off))


def _turning_point(wants_more: Callable[[float], bool]) -> float:
    """Return the weight at which a group that wants more weight below it stops to want more."""
    low, high = 0.0, 1.0
    if not wants_more(low):
        return low
    if wants_more(high):
        return high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if wants_more(middle) else (low, middle)
    return high


def gap_after_step(gap_before: float, mean_difference: ArrayLike, change: ArrayLike) -> float:
    r"""Return the gap between two groups' mean errors after a step (claim R8b).

    .. math:: \text{gap}(\phi) = \text{gap}(\theta) + (\bar x_2 - \bar x_1) \cdot (\phi - \theta)

    Parameters
    ----------
    gap_before : float
        Mean error of group 2 minus that of group 1, at theta.
    mean_difference : array_like, shape (d,)
        Mean input of group 2 minus that of group 1. Zero for an intercept: nothing that moves all answers alike
        moves the gap.
    change : array_like, shape (d,)
        The step, phi minus theta.

    Examples
    --------
    >>> gap_after_step(2.5, [0.0, -0.5], [3.0, 0.2])  # an intercept that rises by 3, a slope that rises by 0.2
    2.4
    """
    difference = as_vector("mean_difference", mean_difference)
    step = as_vector("change", change, size=len(difference))
    return float(as_number("gap_before", gap_before) + difference @ step)
