"""The meta-gradient of a sampled inner step: held against sums over all samples, differences and simulation."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mamlkit.closed_form import policy
from mamlkit.closed_form.policy import Process, bandit, estimator_mean, two_step

COIN, MAZE = bandit([0.0, 1.0]), two_step([[0.0, 0.5], [1.0, 0.0]])
CASES = [(COIN, [-1.0]), (MAZE, [-0.5, 1.0]), (bandit([-2.0, 0.3]), [0.4])]


def slope(function, theta, h=1e-5):
    """Return central differences of fourth order."""
    rows = []
    for unit in np.eye(len(theta)):
        near, far = (function(theta + k * h * unit) - function(theta - k * h * unit) for k in (1, 2))
        rows.append((8 * near - far) / (12 * h))
    return np.array(rows)


def chance(process, theta, index):
    """Return the probability of a trajectory, one action after the other."""
    found = 1.0
    for state, action in zip(process.states[index], process.actions[index], strict=True):
        up = np.exp(theta[state]) / (1 + np.exp(theta[state]))
        found *= up if action else 1 - up
    return found


def score(process, theta, index):
    return slope(lambda t: np.log(chance(process, t, index)), np.asarray(theta), h=1e-4)


def mean_return(process, theta):
    return sum(chance(process, theta, k) * process.returns[k] for k in range(len(process.returns)))


@pytest.mark.parametrize(("process", "theta"), CASES)
def test_gradient_and_hessian_are_differences_of_the_return(process, theta):
    theta = np.asarray(theta)
    assert policy.expected_return(process, theta) == pytest.approx(mean_return(process, theta), rel=1e-12)
    np.testing.assert_allclose(
        policy.return_gradient(process, theta), slope(lambda t: mean_return(process, t), theta), atol=1e-9
    )
    by_differences = slope(lambda t: policy.return_gradient(process, t), theta)
    np.testing.assert_allclose(policy.return_hessian(process, theta), by_differences, atol=1e-9)


@pytest.mark.parametrize(("process", "theta"), CASES)
def test_the_step_without_luck(process, theta):
    def after(t):
        return mean_return(process, t + 2.0 * policy.return_gradient(process, t))

    assert policy.adapted_return(process, theta, inner_lr=2.0) == pytest.approx(after(np.asarray(theta)), rel=1e-12)
    found = policy.adapted_gradient(process, theta, inner_lr=2.0)
    np.testing.assert_allclose(found, slope(after, np.asarray(theta)), atol=1e-9)


@pytest.mark.parametrize(("process", "theta"), CASES)
@pytest.mark.parametrize(("n", "baseline"), [(1, 0.0), (2, 0.0), (3, 0.7)])
def test_sampled_return_is_the_sum_over_every_ordered_sample(process, theta, n, baseline):
    scores = [score(process, theta, k) for k in range(len(process.returns))]
    total = 0.0
    for sample in product(range(len(process.returns)), repeat=n):
        step = sum((process.returns[k] - baseline) * scores[k] for k in sample) / n
        weight = np.prod([chance(process, theta, k) for k in sample])
        total += weight * mean_return(process, np.asarray(theta) + 1.5 * step)
    found = policy.sampled_return(process, theta, inner_lr=1.5, num_trajectories=n, baseline=baseline)
    assert found == pytest.approx(total, abs=1e-9)


@pytest.mark.parametrize(("process", "theta"), CASES)
@pytest.mark.parametrize(("n", "alpha", "baseline"), [(1, 2.0, 0.0), (5, 2.0, 0.0), (5, 0.3, 1.3), (9, 1.0, -4.0)])
def test_r18_the_score_term_completes_the_gradient(process, theta, n, alpha, baseline):
    settings = {"inner_lr": alpha, "num_trajectories": n, "baseline": baseline}
    by_differences = slope(lambda t: policy.sampled_return(process, t, **settings), np.asarray(theta))
    np.testing.assert_allclose(estimator_mean(process, theta, **settings), by_differences, atol=1e-9)
    without = estimator_mean(process, theta, **settings, score_weight=0.0)
    assert np.abs(without - by_differences).max() > 1e-3


@settings(max_examples=25, deadline=None)
@given(
    theta=st.lists(st.floats(-2, 2), min_size=2, max_size=2),
    rewards=st.lists(st.floats(-3, 3), min_size=4, max_size=4),
    alpha=st.floats(0, 3),
    n=st.integers(1, 4),
)
def test_r18_on_any_two_step_process(theta, rewards, alpha, n):
    process, settings = two_step(np.reshape(rewards, (2, 2))), {"inner_lr": alpha, "num_trajectories": n}
    by_differences = slope(lambda t: policy.sampled_return(process, t, **settings), np.asarray(theta), h=1e-4)
    np.testing.assert_allclose(estimator_mean(process, theta, **settings), by_differences, atol=1e-6)


@pytest.mark.parametrize("alpha", [0.3, 2.0])
@pytest.mark.parametrize("baseline", [0.0, -1.0, 0.27])
def test_r18a_what_the_naive_estimator_aims_at_in_a_bandit(alpha, baseline):
    low, high, theta = 0.2, 1.1, -0.8
    process, p = bandit([low, high]), 1 / (1 + np.exp(0.8))
    j = low + p * (high - low)
    phi = theta + alpha * p * (1 - p) * (high - low)
    q = 1 / (1 + np.exp(-phi))
    reached = q * (1 - q) * (high - low)
    found = {
        kind: policy.estimator_limit(process, [theta], inner_lr=alpha, hessian=kind, baseline=baseline)[0]
        for kind in ("none", "naive", "lvc", "dice")
    }
    assert found["none"] == pytest.approx(reached, rel=1e-12)
    assert found["naive"] == pytest.approx((1 - alpha * p * (1 - p) * (j - baseline)) * reached, rel=1e-12)
    exact = (1 + alpha * p * (1 - p) * (1 - 2 * p) * (high - low)) * reached
    assert found["dice"] == pytest.approx(exact, rel=1e-12)
    assert found["lvc"] == pytest.approx(exact, rel=1e-12)  # with one step there are no cross terms


def test_with_many_trajectories_the_mean_comes_to_the_limit():
    for kind in ("none", "naive", "lvc", "dice"):
        limit = policy.estimator_limit(COIN, [-1.0], inner_lr=2.0, hessian=kind)
        gaps = [
            estimator_mean(COIN, [-1.0], inner_lr=2.0, num_trajectories=n, hessian=kind, score_weight=0) - limit
            for n in (100, 400)
        ]
        assert gaps[0] / gaps[1] == pytest.approx(4, rel=0.1)  # an error of order 1 / N


def test_in_two_steps_lvc_leaves_the_cross_terms_out():
    gap = policy.estimator_limit(MAZE, [-0.5, 1.0], inner_lr=2.0, hessian="lvc") - policy.adapted_gradient(
        MAZE, [-0.5, 1.0], inner_lr=2.0
    )
    exact = policy.estimator_limit(MAZE, [-0.5, 1.0], inner_lr=2.0, hessian="dice")
    np.testing.assert_allclose(exact, policy.adapted_gradient(MAZE, [-0.5, 1.0], inner_lr=2.0), atol=1e-14)
    assert np.abs(gap).max() > 0.005


def test_means_are_those_of_simulated_samples():
    """Monte Carlo of the whole estimator with score term, within four standard errors."""
    rng, theta, n, alpha = np.random.default_rng(0), np.array([-0.5, 1.0]), 5, 2.0
    scores = np.array([score(MAZE, theta, k) for k in range(4)])
    p = 1 / (1 + np.exp(-theta))
    drawn = rng.choice(4, size=(20_000, n), p=[chance(MAZE, theta, k) for k in range(4)])
    phi = theta + alpha * (MAZE.returns[drawn][..., None] * scores[drawn]).mean(1)
    visits = np.array([[np.sum(MAZE.states[k] == s) for s in (0, 1)] for k in range(4)])
    bent = -(MAZE.returns[drawn][..., None] * visits[drawn] * p * (1 - p)).mean(1)  # the diagonal of H
    q = 1 / (1 + np.exp(-phi))
    reached = (1 - q[:, 0]) * 0.5 * q[:, 0] + q[:, 0] * (1 - q[:, 1])
    slopes = np.stack([0.5 * (1 - 2 * q[:, 0]) + 1 - q[:, 1], -q[:, 0]], axis=1) * q * (1 - q)
    made = (1 + alpha * bent) * slopes + reached[:, None] * scores[drawn].sum(1)
    error = made.std(0) / np.sqrt(len(made))
    exact = estimator_mean(MAZE, theta, inner_lr=alpha, num_trajectories=n)
    assert (np.abs(made.mean(0) - exact) < 4 * error).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Process([[0]], [[2]], [1.0]), "actions must be 0 or 1"),
        (lambda: Process([[-1]], [[0]], [1.0]), "states must be whole numbers"),
        (lambda: Process([[0, 0]], [[0]], [1.0]), "states and actions must have one shape"),
        (lambda: Process([[0]], [[0]], [1.0, 2.0]), r"returns must have shape \(1,\)"),
        (lambda: two_step([1.0, 2.0]), "rewards must have 2 axes"),
        (lambda: two_step(np.ones((2, 3))), r"rewards must have shape \(2, 2\), got \(2, 3\)"),
        (lambda: policy.expected_return(COIN, [0.0, 0.0]), r"theta must have shape \(1,\)"),
        (lambda: policy.adapted_return(COIN, [0.0], inner_lr=-1), "inner_lr must not be negative"),
        (lambda: estimator_mean(MAZE, [0, 0], inner_lr=1, num_trajectories=0), "num_trajectories must be at least 1"),
        (lambda: estimator_mean(MAZE, [0, 0], inner_lr=1, num_trajectories=200), "more than 200000"),
        (
            lambda: estimator_mean(MAZE, [0, 0], inner_lr=1, num_trajectories=2, hessian="all"),
            'hessian must be "none", "naive", "lvc" or "dice", got \'all\'',
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
