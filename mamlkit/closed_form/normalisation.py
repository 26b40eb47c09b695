r"""Whose mean should batch normalisation use? Bias and variance of an estimated mean (claim R13).

An activation of task t is :math:`a \sim N(m_t, s_w^2)`, and the means of the tasks are :math:`m_t \sim N(m, s_b^2)`.
Strategy G takes the global mean m for every task, strategy P the mean of the task's support set, and a mixture gives
the support set the weight w and the global mean the rest.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from mamlkit._check import as_count, as_nonnegative, as_number, as_positive

Strategy = Literal["G", "P", "mixture"] | float


class MeanError(NamedTuple):
    """Expected squared error of a task's mean: the squared `bias`, averaged over tasks, and the `variance`."""

    bias: float
    variance: float

    @property
    def total(self) -> float:
        """The sum of both."""
        return self.bias + self.variance


def mean_error(strategy: Strategy, *, n_support: int, between_std: float, within_std: float) -> MeanError:
    r"""Return the expected squared error of the mean that a strategy normalises with (claim R13).

    .. math:: (1 - w)^2 s_b^2 + w^2 \frac{s_w^2}{n_s}

    The first term is bias (the same for every support set of a task), the second variance. G is w = 0, P is w = 1.

    Parameters
    ----------
    strategy : {"G", "P", "mixture"} or float
        Global mean, mean of the support set, the best mixture of both, or the weight w of the support set, 0 to 1.
    n_support : int
        Examples in the support set, at least one.
    between_std : float
        Standard deviation s_b of the tasks' means, zero or more, in units of the activation.
    within_std : float
        Standard deviation s_w of the activation within a task, zero or more, in the same units.

    Raises
    ------
    TypeError, ValueError
        If `strategy` is none of these, or a number is not of its kind.

    Notes
    -----
    The two strategies, without the formula, are those of Bronskill et al. (2020), section 3: conventional batch
    normalisation (G) and MetaBN (P).

    Examples
    --------
    >>> settings = {"n_support": 4, "between_std": 1.0, "within_std": 1.0}
    >>> [mean_error(strategy, **settings).total for strategy in ("G", "P", "mixture")]
    [1.0, 0.25, 0.2]
    """
    n_support = as_count("n_support", n_support, minimum=1)
    between, within = as_nonnegative("between_std", between_std) ** 2, as_nonnegative("within_std", within_std) ** 2
    if strategy == "mixture":
        strategy = best_mixture(n_support=n_support, between_std=between_std, within_std=within_std)
    weight = _weight(strategy)
    return MeanError((1 - weight) ** 2 * between, weight**2 * within / n_support)


def best_mixture(*, n_support: int, between_std: float, within_std: float) -> float:
    r"""Return the weight of the support mean that makes the error of the mixture least (claim R13).

    .. math:: w^\star = \frac{s_b^2}{s_b^2 + s_w^2 / n_s} = \operatorname{sigmoid}\big(\ln n_s + \ln(s_b^2 / s_w^2)\big)

    Parameters
    ----------
    n_support, between_std, within_std
        As in :func:`mean_error`.

    Raises
    ------
    TypeError, ValueError
        If a number is not of its kind, or both standard deviations are zero: every weight is then as good.

    Notes
    -----
    This is the weight that a posterior mean gives to the data (claim R10).

    Examples
    --------
    >>> best_mixture(n_support=1, between_std=1.0, within_std=1.0)
    0.5
    """
    n_support = as_count("n_support", n_support, minimum=1)
    between, within = as_nonnegative("between_std", between_std) ** 2, as_nonnegative("within_std", within_std) ** 2
    if between == within == 0:
        raise ValueError(
            f"between_std and within_std must not both be zero, got {between_std!r} and {within_std!r}: all means are "
            "then known, and every weight is as good"
        )
    return between / (between + within / n_support)


def crossing(*, between_std: float, within_std: float) -> float:
    r"""Return the support size at which G and P err alike, :math:`s_w^2 / s_b^2` (claim R13).

    With fewer examples G is better, with more P. It need not be a whole number, nor at least one.

    Raises
    ------
    TypeError, ValueError
        If `between_std` is not above zero: G is then exact, and P never catches up.

    Examples
    --------
    >>> crossing(between_std=0.5, within_std=1.0)
    4.0
    """
    return as_nonnegative("within_std", within_std) ** 2 / as_positive("between_std", between_std) ** 2


def _weight(strategy: Strategy) -> float:
    if isinstance(strategy, str):
        if strategy not in ("G", "P"):
            raise ValueError(f'strategy must be "G", "P", "mixture" or a weight from 0 to 1, got {strategy!r}')
        return float(strategy == "P")
    weight = as_number("strategy", strategy)
    if not 0 <= weight <= 1:
        raise ValueError(f"strategy must be a weight from 0 to 1, got {strategy!r}")
    return weight
