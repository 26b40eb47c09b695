"""Who predicts a new school's pupils best, and for whom: all methods on the same held-out schools, with intervals.

Every choice (a rate, a penalty, a weight) is made on the training schools alone, by cross-validation among them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mamlkit._check import Array, as_count
from mamlkit.applications import mixed_model
from mamlkit.applications.fairness import Pupils, SchoolTasks, folds, sample, sums
from mamlkit.applications.held_out import HeldOut
from mamlkit.closed_form.groups import GroupStart, GroupSums, minimax_start, weighted_start

RATES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)  # of one inner step, for all features
INTERCEPTS, OTHERS = (
    (0.2, 0.3, 0.4, 0.55, 0.7),
    (0.0, 0.1, 0.3),
)  # Meta-SGD: the intercept's rate, the others' share of it
PENALTIES = (1.0, 3.0, 10.0, 30.0)  # of ridge regression on one school's support set

Rates = tuple[float, ...]
Fit = Callable[[Rates, np.ndarray], Array]  # rates and training schools in, coefficients out


class Setting:
    """One draw of support sets in all schools, and what every method makes of it.

    Parameters
    ----------
    pupils : Pupils
    features : {"blind", "aware"}
    groups : array_like of int, shape (n,)
        The group of each pupil, 0 or 1.
    num_support : int
        Pupils in a support set.
    rng : numpy.random.Generator
    draws : int
        Support sets drawn in each school.

    Examples
    --------
    >>> from mamlkit.applications.fairness import math_achieve
    >>> pupils = math_achieve()
    >>> rng = np.random.default_rng(0)
    >>> setting = Setting(pupils, features="blind", groups=pupils.minority, num_support=5, rng=rng, draws=1)
    >>> setting.sums(0.2).members.shape  # schools and groups
    (160, 2)
    """

    def __init__(
        self,
        pupils: Pupils,
        *,
        features: str,
        groups: ArrayLike,
        num_support: int,
        rng: np.random.Generator,
        draws: int,
    ):
        self.pupils, self.features, self.draws = pupils, features, as_count("draws", draws, minimum=1)
        self.groups = np.asarray(groups).astype(int)
        self.x = pupils.features(features)
        self.tasks: SchoolTasks = sample(rng, pupils, num_support=num_support, schools=np.repeat(pupils.schools, draws))
        self._sums: dict[tuple[float, ...], GroupSums] = {}

    def sums(self, *inner_lr: float) -> GroupSums:
        """Return the sums after a step of a rate, or of one rate for each feature; by school, over its draws."""
        if inner_lr not in self._sums:
            found = sums(self.pupils, self.tasks, features=self.features, groups=self.groups, inner_lr=inner_lr)
            self._sums[inner_lr] = GroupSums(*map(self._by_school, found))
        return self._sums[inner_lr]

    def _by_school(self, values: Array) -> Array:
        return values.reshape(-1, self.draws, *values.shape[1:]).sum(axis=1)

    def pooled(self, train: np.ndarray) -> Array:
        """Return the coefficients of one regression for all pupils of the training schools."""
        rows = np.isin(self.pupils.school, self.pupils.schools[train])
        return np.linalg.lstsq(self.x[rows], self.pupils.score[rows], rcond=None)[0]

    def mixed(self, train: np.ndarray, random: tuple[int, ...]) -> HeldOut:
        """Return the errors in all schools of a mixed model that was fitted to the training schools."""
        rows = np.isin(self.pupils.school, self.pupils.schools[train])
        model = mixed_model.fit(self.x[rows], self.pupils.score[rows], self.pupils.school[rows], random=random)
        return self._judge(model.predict(self.x[self.tasks.support], self._targets, self.x[self.tasks.query]))

    def ridge(self, penalty: float) -> HeldOut:
        """Return the errors of a regression on each support set alone, all but its intercept penalised."""
        x, y = self.x[self.tasks.support], self._targets[..., None]
        weights = penalty * np.diag([0.0] + [1.0] * (x.shape[2] - 1))
        theta = np.linalg.solve(x.swapaxes(1, 2) @ x + weights, x.swapaxes(1, 2) @ y)
        return self._judge((self.x[self.tasks.query] @ theta)[..., 0])

    def after(self, theta: Array, *inner_lr: float) -> HeldOut:
        """Return the errors in all schools after a step from `theta`."""
        found = self.sums(*inner_lr)
        return HeldOut(found.error_sum(theta), found.squared_error(theta), found.members)

    @cached_property
    def _targets(self) -> Array:
        return self.pupils.score[self.tasks.support]

    def _judge(self, predicted: Array) -> HeldOut:
        query = self.tasks.query
        error = (predicted - self.pupils.score[query])[..., None]
        member = (self.groups[query][..., None] == np.arange(2)) & self.tasks.present[..., None]
        return HeldOut(
            *(self._by_school((part * member).sum(axis=1)) for part in (error, error**2, np.ones_like(error)))
        )


def average_start(found: GroupSums) -> GroupStart:
    """Return MAML's own start: the weight of a group is its share of the pupils (claim R8)."""
    members = found.members.sum(axis=0)
    return weighted_start(*found.losses(), weight=members[1] / members.sum())


class Choices(NamedTuple):
    """What the training schools decided."""

    rates: dict[str, Rates]  # by method
    penalty: float
    starts: dict[str, GroupStart]  # by method: with its weight of the second group
    pooled: Array  # the coefficients of one regression for all


def _best(setting: Setting, inner: Sequence[np.ndarray], options: Sequence[Rates], fit: Fit) -> Rates:
    """Return the rates with the least squared error of all pupils, over parts that are left out in turn."""
    train = np.concatenate(inner)

    def cost(rates: Rates) -> float:
        found = setting.sums(*rates)
        return sum(found.of(part).squared_error(fit(rates, np.setdiff1d(train, part))).sum() for part in inner)

    return min(options, key=cost)


def _maml_rates(setting: Setting, inner: Sequence[np.ndarray], options: Sequence[Rates]) -> Rates:
    return _best(setting, inner, options, lambda rates, part: average_start(setting.sums(*rates).of(part)).theta)


def choose(setting: Setting, inner: Sequence[np.ndarray]) -> Choices:
    """Fit and tune every method on the training schools.

    Parameters
    ----------
    setting : Setting
    inner : sequence of ndarray of int
        Places of the training schools, in parts; each is left out in turn to judge rates and penalties.
    """
    train, others = np.concatenate(inner), setting.x.shape[1] - 1
    one = [(rate,) for rate in RATES]
    many = [(rate, *[share * rate] * others) for rate in INTERCEPTS for share in OTHERS]
    rates = {
        "MAML": _maml_rates(setting, inner, one),
        "Meta-SGD": _maml_rates(setting, inner, many),
        "fine-tuned": _best(setting, inner, one, lambda _, part: setting.pooled(part)),
    }
    seen = setting.sums(*rates["MAML"]).of(train)
    starts = {
        "average": average_start(seen),
        "reweighted": weighted_start(*seen.losses(), weight=0.5),
        "minimax": minimax_start(*seen.losses()),
        "minimax regret": minimax_start(*seen.losses(), regret=True),
        "Meta-SGD": average_start(setting.sums(*rates["Meta-SGD"]).of(train)),
    }
    penalty = min(PENALTIES, key=lambda one: setting.ridge(one).square[train].sum())
    return Choices(rates, penalty, starts, setting.pooled(train))


def predictions(setting: Setting, train: np.ndarray, chosen: Choices) -> dict[str, HeldOut]:
    """Return the errors of every method in all schools; those of the training schools are not to be used."""
    rates = chosen.rates
    found = {
        "pooled regression": setting.after(chosen.pooled, 0.0),
        "each school alone": setting.ridge(chosen.penalty),
        "pooled, then fine-tuned": setting.after(chosen.pooled, *rates["fine-tuned"]),
        "mixed model": setting.mixed(train, (0,)),
        "mixed model, slopes": setting.mixed(train, (0, 1)),
    }
    for name, start in chosen.starts.items():
        meta_sgd = name == "Meta-SGD"
        found[name if meta_sgd else f"MAML, {name}"] = setting.after(start.theta, *rates[name if meta_sgd else "MAML"])
    return found


class Split(NamedTuple):
    """Places of the schools that are held out, of the others, and parts of these."""

    out: np.ndarray
    train: np.ndarray
    inner: list[np.ndarray]


def splits(schools: np.ndarray, *, rng: np.random.Generator, num_folds: int = 4) -> Iterator[Split]:
    """Hold out each fold of the schools in turn, and divide the others into five parts."""
    for part in folds(rng, schools, num_folds=num_folds):
        out = np.searchsorted(schools, part)
        train = np.setdiff1d(np.arange(len(schools)), out)
        yield Split(out, train, [np.searchsorted(schools, one) for one in folds(rng, schools[train], num_folds=5)])


def _keep(total: dict[Any, HeldOut], found: dict[Any, HeldOut], out: np.ndarray) -> None:
    """Copy the errors in the schools that were held out."""
    for name, one in found.items():
        kept = total.setdefault(name, HeldOut(*map(np.zeros_like, one)))
        for whole, part in zip(kept, one, strict=True):
            whole[out] = part[out]


def cross_validate(
    setting: Setting, *, rng: np.random.Generator, num_folds: int = 4
) -> tuple[dict[str, HeldOut], list[tuple[Split, Choices]]]:
    """Hold out each fold of the schools in turn; return every method's errors there, and what each split chose.

    Parameters
    ----------
    setting : Setting
    rng : numpy.random.Generator
        Divides the schools.
    num_folds : int
    """
    total: dict[str, HeldOut] = {}
    made = []
    for split in splits(setting.pupils.schools, rng=rng, num_folds=num_folds):
        made.append((split, choose(setting, split.inner)))
        _keep(total, predictions(setting, split.train, made[-1][1]), split.out)
    return total, made


def trade(setting: Setting, weights: Sequence[float], *, rng: np.random.Generator) -> dict[str, Array]:
    """Return held-out errors for each weight of the second group, and the weights that the rules choose.

    Returns
    -------
    dict
        `rmse` (W, 3), of all pupils and each group, and `bias` (W, 2), in points; `average`, `minimax` and `regret`,
        each rule's weight, the mean over the four folds.
    """
    total: dict[float, HeldOut] = {}
    rules: dict[str, list[float]] = {"average": [], "minimax": [], "regret": []}
    for split in splits(setting.pupils.schools, rng=rng):
        rates = _maml_rates(setting, split.inner, [(rate,) for rate in RATES])
        seen = setting.sums(*rates).of(split.train)
        starts = {weight: weighted_start(*seen.losses(), weight=weight).theta for weight in weights}
        _keep(total, {weight: setting.after(theta, *rates) for weight, theta in starts.items()}, split.out)
        for rule, start in (
            ("average", average_start(seen)),
            ("minimax", minimax_start(*seen.losses())),
            ("regret", minimax_start(*seen.losses(), regret=True)),
        ):
            rules[rule].append(start.weight)
    found = {
        "rmse": np.stack([run.rmse() for run in total.values()]),
        "bias": np.stack([r.bias() for r in total.values()]),
    }
    return found | {rule: np.array(np.mean(chosen)) for rule, chosen in rules.items()}
