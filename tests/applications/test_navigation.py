"""The plane: the environment by gymnasium's own checker, batched rollouts against it, goals and bad input."""

import builtins
import sys
import warnings

import numpy as np
import pytest
import torch

from mamlkit.applications import navigation, navigation_policy


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("goal", [None, [0.3, -0.4]])
def test_the_environment_passes_the_checker_without_a_warning(goal):
    from gymnasium.utils.env_checker import check_env

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        check_env(navigation.environment(goal))
    assert not [str(one.message) for one in seen if "render" not in str(one.message).lower()]


def test_rewards_by_hand_and_the_end_of_an_episode():
    plane = navigation.environment([0.3, -0.4], horizon=2)
    position, info = plane.reset(seed=1)
    np.testing.assert_array_equal(position, [0, 0])
    np.testing.assert_allclose(info["goal"], [0.3, -0.4])
    position, reward, terminated, truncated, _ = plane.step(np.array([0.1, -0.1], np.float32))
    assert reward == pytest.approx(-(0.2**2 + 0.3**2), abs=1e-7)
    assert (terminated, truncated) == (False, False)
    _, reward, _, truncated, _ = plane.step(np.array([0.0, -0.1], np.float32))
    assert reward == pytest.approx(-(0.2**2 + 0.2**2), abs=1e-7)
    assert truncated


def test_goals_are_drawn_by_the_seed_and_may_be_given_for_an_episode():
    plane = navigation.environment()
    goals = [plane.reset(seed=seed)[1]["goal"] for seed in (3, 3, 4)]
    np.testing.assert_array_equal(goals[0], goals[1])
    assert (goals[0] != goals[2]).any()
    np.testing.assert_allclose(plane.reset(options={"goal": [0.1, 0.2]})[1]["goal"], [0.1, 0.2])


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_batched_rollouts_are_those_of_the_environment(scale):
    """The same moves, those far out of bounds included, earn the same in both."""
    params, policy = navigation_policy.gaussian_policy(torch.Generator().manual_seed(2))
    params["3.weight"] = params["3.weight"] * scale
    tasks = navigation.sample_goals(np.random.default_rng(0), num_tasks=2, trajectories=5)
    for goal, noise in zip(*(torch.tensor(part, dtype=torch.float32) for part in tasks.query), strict=True):
        fast = navigation.roll_out(policy, params, goal, noise)
        slow = navigation.replay(goal.double().numpy(), fast.actions.numpy())
        np.testing.assert_allclose(fast.rewards, slow.rewards, atol=3e-6)
        np.testing.assert_allclose(fast.states, slow.states, atol=1e-6)
        assert fast.actions.abs().max() > 0.1  # some were cut


def test_goals_of_a_batch_are_in_the_square_and_the_noise_is_normal():
    tasks = navigation.sample_goals(np.random.default_rng(5), num_tasks=400, trajectories=3, num_steps=2)
    (goals, noise), (again, other) = tasks
    np.testing.assert_array_equal(goals[:, 0], again)
    np.testing.assert_array_equal(goals[:, 1], again)
    assert np.abs(again).max() <= 0.5
    assert np.abs(again).max() > 0.49
    assert again.var() == pytest.approx(1 / 12, rel=0.1)
    for part in (noise, other):
        assert part.mean() == pytest.approx(0, abs=0.02)
        assert part.std() == pytest.approx(1, rel=0.02)
    assert (noise[:, 0] != noise[:, 1]).all()


def test_validation_and_test_goals_of_the_experiment_do_not_meet():
    drawn = [
        navigation.sample_goals(np.random.default_rng(seed), num_tasks=100, trajectories=1).query[0]
        for seed in (99, 10_000, 10_001, 10_002, 0, 1, 2)
    ]
    assert len(np.unique(np.concatenate(drawn), axis=0)) == 700


def test_no_moves_earn_more_than_the_oracle():
    """Search: the best of many random straight walks comes near the oracle and never beyond."""
    goal, rng = np.array([0.37, -0.12]), np.random.default_rng(0)
    best = navigation.oracle_return(goal)
    moves = np.sign(goal) * np.minimum(0.1, np.abs(goal) - np.minimum(np.abs(goal), 0.1 * np.arange(20)[:, None]))
    assert navigation.replay(goal, moves[None]).rewards.sum() == pytest.approx(best, abs=1e-6)
    tried = (moves + rng.normal(0, 0.02, (300, 20, 2))).clip(-0.1, 0.1)
    assert navigation.replay(goal, tried).rewards.sum(1).max() < best


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: navigation.environment([0.6, 0]), ValueError, "goal must lie within 0.5 of the origin"),
        (lambda: navigation.environment([0.1]), ValueError, r"goal must have shape \(2,\)"),
        (lambda: navigation.environment(horizon=0), ValueError, "horizon must be at least 1, got 0"),
        (lambda: navigation.environment(horizon=1.5), TypeError, "horizon must be a whole number"),
        (lambda: navigation.environment().reset(options={"goal": [2, 0]}), ValueError, r"options\['goal'\] must lie"),
        (lambda: moved([0.11, 0]), ValueError, "action must lie within 0.1 of 0 in each coordinate, got"),
        (lambda: moved([np.nan, 0]), ValueError, "action must be finite"),
        (lambda: moved([0.1, 0, 0]), ValueError, r"action must have shape \(2,\)"),
        (lambda: navigation.sample_goals(np.random.default_rng(0), num_tasks=0), ValueError, "num_tasks must be at"),
        (lambda: navigation.replay([0, 0], np.zeros((2, 3))), ValueError, "actions must have 3 axes"),
        (lambda: navigation.replay([0, 0], np.zeros((2, 3, 1))), ValueError, r"actions must have shape \(N, T, 2\)"),
        (
            lambda: navigation.roll_out(None, {}, torch.zeros(3), torch.zeros(1, 2, 2)),
            ValueError,
            r"goal must have shape \(2,\) and noise \(N, T, 2\), got \(3,\)",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def moved(action):
    plane = navigation.environment([0, 0])
    plane.reset()
    return plane.step(action)


def test_a_missing_gymnasium_is_named_in_one_sentence(monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **more):
        if name.split(".")[0] == "gymnasium":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    for name in [one for one in sys.modules if one.split(".")[0] == "gymnasium"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ImportError, match=r"^The environment needs gymnasium: pip install mamlkit\[rl\]$"):
        navigation.environment()
