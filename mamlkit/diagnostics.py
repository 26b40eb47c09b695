"""Is what was learned good for tasks that were not there? Leave each task out once and see (claim R14).

Nothing here knows what a model is: training and judging come in as two functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mamlkit._check import Array, as_nonnegative, as_positive


@dataclass(frozen=True, eq=False)
class LeftOut:
    """What :func:`leave_one_task_out` finds.

    Parameters
    ----------
    training : ndarray, shape (T,)
        Loss of each task after adaptation, from what was learned on all tasks.
    held_out : ndarray, shape (T,)
        The same from what was learned on the T - 1 others.
    threshold : float
        The ratio gamma above which meta-overfitting is flagged.
    """

    training: Array
    held_out: Array
    threshold: float

    @property
    def ratio(self) -> float:
        """The ratio R of the mean held-out loss to the mean training loss.

        Infinite if the training loss is zero and the held-out loss is not; NaN if both are zero. Close to that it is
        large whatever the held-out loss, so look at the losses themselves.
        """
        return _ratio(self.held_out.sum(), self.training.sum())

    @property
    def interval(self) -> tuple[float, float]:
        r"""R divided and multiplied by :math:`e^{2s}`: about 95 %, with s the jackknife's standard error of ln R.

        .. math:: s^2 = \frac{T - 1}{T} \sum_i \big(\ln R_{-i} - \overline{\ln R_{-\cdot}}\big)^2

        Here :math:`R_{-i}` is the ratio without the two losses of task i. Nothing is trained again for it. The
        held-out losses share most of their training tasks, which the jackknife does not know: with few tasks it
        promises too much. Without a finite ratio above zero the interval is (0, inf).
        """
        pairs = zip(self.held_out, self.training, strict=True)
        without = np.array([_ratio(self.held_out.sum() - h, self.training.sum() - t) for h, t in pairs])
        if not (np.isfinite(without).all() and np.isfinite(self.ratio) and min(without.min(), self.ratio) > 0):
            return 0.0, float("inf")
        stretch = np.exp(2 * np.sqrt((len(without) - 1) * np.log(without).var()))
        return float(self.ratio / stretch), float(self.ratio * stretch)

    @property
    def flagged(self) -> bool:
        """Whether R is above the threshold."""
        return self.ratio > self.threshold


def leave_one_task_out(
    fit: Callable[[Sequence[Any]], Any],
    evaluate: Callable[[Any, Any], float],
    tasks: Sequence[Any],
    *,
    threshold: float = 2.0,
) -> LeftOut:
    r"""Train T + 1 times: on all tasks, and on all but each one (claim R14).

    .. math:: R = \frac{\tfrac1T \sum_i L^Q_i(\phi_i^{(-i)})}{\tfrac1T \sum_i L^Q_i(\phi_i^{\text{all}})}

    Parameters
    ----------
    fit : callable
        ``fit(tasks)`` learns from a tuple of tasks, such as an initialisation. Give it a fixed seed.
    evaluate : callable
        ``evaluate(learned, task)`` adapts to the task and returns its query loss, a number of zero or more.
    tasks : sequence
        At least two tasks, of any kind.
    threshold : float
        The ratio gamma above which meta-overfitting is flagged.

    Raises
    ------
    ValueError
        If there are fewer than two tasks, or a loss is negative or not finite; the message names the task.

    Notes
    -----
    A training loss of zero is no error, since the losses are worth reading: see :attr:`LeftOut.ratio`.
    Leaving out one of a kind is as old as cross-validation (Stone 1974); here the kind is a task.

    Examples
    --------
    Tasks that are points, learned by their mean, judged by squared distance:

    >>> found = leave_one_task_out(np.mean, lambda mean, task: (mean - task) ** 2, [0.0, 2.0, 4.0])
    >>> found.training.tolist(), found.held_out.tolist(), found.ratio, found.flagged
    ([4.0, 0.0, 4.0], [9.0, 0.0, 9.0], 2.25, True)
    """
    tasks, threshold = tuple(tasks), as_positive("threshold", threshold)
    if len(tasks) < 2:
        raise ValueError(f"tasks must be at least two, so that some are left when one is out, got {len(tasks)}")
    learned = fit(tasks)
    training = [as_nonnegative(f"training loss of task {i}", evaluate(learned, task)) for i, task in enumerate(tasks)]
    held_out = []
    for i, task in enumerate(tasks):
        others = fit(tasks[:i] + tasks[i + 1 :])
        held_out.append(as_nonnegative(f"held-out loss of task {i}", evaluate(others, task)))
    return LeftOut(np.array(training), np.array(held_out), threshold)


def _ratio(held_out: float, training: float) -> float:
    if training == 0:
        return float("inf") if held_out > 0 else float("nan")
    return float(held_out / training)
