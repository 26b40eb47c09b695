"""Groups of examples in linear tasks, held against one task at a time, a search, and the errors themselves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.optimize import minimize

from mamlkit.closed_form import groups
from mamlkit.closed_form.linear import LeastSquares, RegressionTask, after_a_step, optimal_init
from mamlkit.closed_form.quadratic import Quadratic

RATE = 0.2


def batch(seed, tasks=7, n=4, m=9, d=3):
    """Return support and query arrays and the group of each query example."""
    rng = np.random.default_rng(seed)
    xs, xq = rng.normal(size=(tasks, n, d)), rng.normal(size=(tasks, m, d))
    member = rng.integers(0, 2, size=(tasks, m))
    truth = rng.normal(size=(tasks, d, 1)) + 2
    ys, yq = (xs @ truth)[..., 0], (xq @ truth)[..., 0] + 1.5 * member + rng.normal(size=(tasks, m))
    return xs, ys, xq, yq, member


def one_hot(member):
    return member[..., None] == np.arange(2)


def summed(seed, rate=RATE):
    xs, ys, xq, yq, member = batch(seed)
    return groups.group_sums(groups.after_steps(xs, ys, xq, yq, inner_lr=rate), one_hot(member))


def adapted(theta, x, y, rates):
    """One step by hand on the mean loss, the gradient by the chain rule."""
    return theta - rates * sum((row @ theta - target) * row for row, target in zip(x, y, strict=True)) / len(y)


@pytest.mark.parametrize("rates", [0.0, RATE, [0.3, 0.0, 0.1]])
def test_sums_are_those_of_the_errors_after_a_step(rates):
    xs, ys, xq, yq, member = batch(0)
    sums = groups.group_sums(groups.after_steps(xs, ys, xq, yq, inner_lr=rates), one_hot(member))
    theta = np.array([0.5, -1.0, 2.0])
    for task in range(len(xs)):
        phi = adapted(theta, xs[task], ys[task], np.asarray(rates))
        errors = xq[task] @ phi - yq[task]
        for group in (0, 1):
            chosen = errors[member[task] == group]
            assert sums.members[task, group] == len(chosen)
            assert_allclose(sums.error_sum(theta)[task, group], chosen.sum(), rtol=1e-10, atol=1e-10)
            assert_allclose(sums.squared_error(theta)[task, group], (chosen**2).sum(), rtol=1e-10)


def test_r8_a_batch_is_one_task_after_another():
    xs, ys, xq, yq, _ = batch(1)
    after = groups.after_steps(xs, ys, xq, yq, inner_lr=RATE)
    for task, (Z, r) in enumerate(zip(*after, strict=True)):
        expected = after_a_step(RegressionTask(xs[task], ys[task], xq[task], yq[task]), inner_lr=RATE)
        assert_allclose(Z, expected.inputs, rtol=1e-12)
        assert_allclose(r, expected.targets, rtol=1e-12)


def test_r8_the_weight_of_its_share_gives_mamls_own_start():
    xs, ys, xq, yq, _ = batch(2)
    sums = summed(2)
    share = sums.members[:, 1].sum() / sums.members.sum()
    start = groups.weighted_start(*sums.losses(), weight=share)
    tasks = [RegressionTask(*arrays) for arrays in zip(xs, ys, xq, yq, strict=True)]
    assert_allclose(start.theta, optimal_init(tasks, inner_lr=RATE), rtol=1e-9)


def test_rows_that_pad_change_nothing():
    xs, ys, xq, yq, member = batch(3)
    longer = np.concatenate([xq, np.zeros((7, 2, 3))], axis=1), np.concatenate([yq, np.zeros((7, 2))], axis=1)
    hot = np.concatenate([one_hot(member), np.zeros((7, 2, 2), bool)], axis=1)
    padded = groups.group_sums(groups.after_steps(xs, ys, *longer, inner_lr=RATE), hot)
    for one, other in zip(padded, summed(3), strict=True):
        assert_allclose(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("regret", [False, True])
def test_r8a_no_search_finds_a_start_that_serves_the_worse_off_better(seed, regret):
    first, second = summed(seed).losses()
    start = groups.minimax_start(first, second, regret=regret)
    base = [minimize(group.value, np.zeros(3)).fun if regret else 0.0 for group in (first, second)]

    def worst(theta):
        return max(first.value(theta) - base[0], second.value(theta) - base[1])

    options = {"xatol": 1e-9, "fatol": 1e-9, "maxiter": 9000}
    begins = [start.theta + shift for shift in (np.zeros(3), np.ones(3), -np.ones(3))]
    found = min(minimize(worst, begin, method="Nelder-Mead", options=options).fun for begin in begins)
    assert_allclose(worst(start.theta), found, rtol=1e-5)
    assert worst(start.theta) <= found + 1e-6
    assert_allclose(start.losses, [first.value(start.theta), second.value(start.theta)])


@pytest.mark.parametrize("noise", [-30.0, 30.0])
def test_r8a_a_group_that_is_worse_off_anyway_is_served_alone(noise):
    first, second = Quadratic.with_minimiser(np.eye(2), [0, 0]), Quadratic.with_minimiser(np.eye(2), [2, 2])
    second = Quadratic(second.A, second.b, second.c + noise)
    start = groups.minimax_start(first, second)
    assert start.weight == (noise > 0)
    assert_allclose(start.theta, [2, 2] if noise > 0 else [0, 0], atol=1e-12)
    level = groups.minimax_start(first, second, regret=True)  # which does not see the noise
    assert_allclose([level.weight, *level.theta], [0.5, 1, 1], atol=1e-12)


@given(st.integers(0, 10**6), st.floats(0, 1), st.floats(0, 1))
def test_more_weight_is_never_worse_for_a_group(seed, one, other):
    low, high = sorted((one, other))
    losses = summed(seed % 1000).losses()
    few, many = (groups.weighted_start(*losses, weight=w).losses for w in (low, high))
    assert many[1] <= few[1] + 1e-9 * abs(few[1])
    assert many[0] >= few[0] - 1e-9 * abs(few[0])


def test_r8b_the_gap_moves_only_with_what_the_groups_differ_in():
    """Against the mean errors themselves, before and after a step by hand."""
    xs, ys, xq, yq, member = batch(5)
    theta = np.array([1.0, 2.0, 0.5])
    for x, y, inputs, targets, group in zip(xs, ys, xq, yq, member, strict=True):
        phi = adapted(theta, x, y, RATE)
        mean = inputs[group == 1].mean(axis=0) - inputs[group == 0].mean(axis=0)

        def gap(params):
            errors = inputs @ params - targets  # noqa: B023
            return errors[group == 1].mean() - errors[group == 0].mean()  # noqa: B023

        assert_allclose(groups.gap_after_step(gap(theta), mean, phi - theta), gap(phi), rtol=1e-10)
        shifted = theta + np.array([3.0, 0.0, 0.0])
        assert_allclose(groups.gap_after_step(gap(theta), [0.0, *mean[1:]], shifted - theta), gap(theta), rtol=1e-12)


def test_wrong_shapes_are_named():
    xs, ys, xq, yq, member = batch(6)
    with pytest.raises(ValueError, match="must fit one another"):
        groups.after_steps(xs, ys[:, 1:], xq, yq, inner_lr=RATE)
    with pytest.raises(ValueError, match="inner_lr must not be negative"):
        groups.after_steps(xs, ys, xq, yq, inner_lr=-1.0)
    after = groups.after_steps(xs, ys, xq, yq, inner_lr=RATE)
    with pytest.raises(ValueError, match="member must have shape"):
        groups.group_sums(after, member)
    with pytest.raises(ValueError, match=r"weight must lie between 0 and 1, got 1\.5"):
        groups.weighted_start(*summed(6).losses(), weight=1.5)


def test_a_group_without_a_member_is_an_error():
    after = LeastSquares(np.ones((1, 2, 1)), np.ones((1, 2)))
    with pytest.raises(ValueError, match="group 1 has none"):
        groups.group_sums(after, [[[True, False], [True, False]]]).losses()
