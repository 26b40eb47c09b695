"""How MAML leaves joint training when the inner learning rate grows from zero (claim R15)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mamlkit._check import Array, as_count
from mamlkit.closed_form.quadratic import QuadraticTask, meta_optimum


def drift(tasks: Sequence[QuadraticTask], *, num_steps: int = 1) -> Array:
    r"""Return the velocity with which MAML's optimum leaves that of joint training at alpha = 0 (claim R15).

    .. math:: \theta_\alpha = \theta_0 + \alpha\,\theta' + O(\alpha^2), \qquad
              \theta' = K \Big[\sum_i B_i\Big]^{-1} \sum_i \nabla\big(\nabla L^S_i \cdot \nabla L^Q_i\big)(\theta_0)

    It follows from :math:`L^Q(\phi) = L^Q - \alpha K\,\nabla L^S \cdot \nabla L^Q + O(\alpha^2)`: to first order MAML
    looks for a place where the gradients on the support and on the query set of a task agree.

    Parameters
    ----------
    tasks : sequence of QuadraticTask
        At least one, all of one dimension d.
    num_steps : int
        Number K of inner steps.

    Returns
    -------
    ndarray, shape (d,)
        The derivative of ``meta_optimum(tasks, inner_lr=alpha, num_steps=num_steps)`` in alpha, at 0.

    Raises
    ------
    ValueError
        If `tasks` is empty or of mixed dimension, or joint training has no single optimum.

    Notes
    -----
    Source: the expansion of Nichol, Achiam and Schulman (2018), section 5, worked out for quadratics.

    Examples
    --------
    >>> from mamlkit.closed_form.quadratic import Quadratic
    >>> flat, steep = Quadratic.with_minimiser([[1.0]], [0.0]), Quadratic.with_minimiser([[3.0]], [4.0])
    >>> drift([QuadraticTask(flat, flat), QuadraticTask(steep, steep)])  # from 3 towards the flat task's 0
    array([-3.])
    """
    num_steps = as_count("num_steps", num_steps)
    joint = meta_optimum(tasks, inner_lr=0.0)
    pull = sum((s.A @ q.grad(joint) + q.A @ s.grad(joint) for s, q in tasks), start=np.zeros(len(joint)))
    return num_steps * np.linalg.solve(np.sum([q.A for _, q in tasks], axis=0), pull)
