"""The trainings in the plane in reduced size, and what the kept results must hold."""

import numpy as np
import pytest
import torch

from mamlkit import experiments
from mamlkit.applications import navigation
from mamlkit.experiments import navigation as trained


@pytest.fixture(scope="module")
def kept():
    return experiments.load("navigation")


@pytest.fixture(scope="module")
def small():
    return trained.run(seeds=(0, 1), repeats=2, iterations=2, num_tasks=3)


def form(tree):
    """Return the keys of a tree and the kinds of its leaves; of lists only the first entry."""
    if isinstance(tree, dict):
        return {key: form(value) for key, value in tree.items()}
    return [form(tree[0])] if isinstance(tree, list) and tree else type(tree)


def test_a_run_in_reduced_size_has_the_form_of_what_is_kept(kept, small):
    assert form(small) == form(kept)
    assert {name: rows.shape for name, rows in trained.returns(small).items()} == dict.fromkeys(
        trained.METHODS, (2, 4, 3)
    )
    assert {rows.shape for rows in trained.returns(kept).values()} == {(5, 4, 100)}
    assert {rows.shape for rows in trained.trajectories(kept).values()} == {(5, 4, 4, 21, 2)}


def test_the_seed_is_all_there_is(small):
    again = trained.one(1, iterations=2, num_tasks=3)
    assert again["returns"] == small["seeds"][1]["returns"]
    assert small["seeds"][0]["returns"] != small["seeds"][1]["returns"]


def test_the_untrained_policy_of_the_kept_results_is_this_one(kept):
    """What needs no training can be had again at full size: returns before any step on the same goals."""
    params, policy = trained.navigation_policy.gaussian_policy(torch.Generator().manual_seed(0))
    tasks = navigation.sample_goals(np.random.default_rng(99), num_tasks=100, num_steps=3)
    pairs = zip(*(torch.tensor(part, dtype=torch.float32) for part in tasks.query), strict=True)
    paid = [float(navigation.roll_out(policy, params, *pair).rewards.sum(1).mean()) for pair in pairs]
    np.testing.assert_allclose(trained.returns(kept)["scratch"][0, 0], paid, atol=2e-3)


def test_nobody_earns_more_than_the_oracle_on_average(kept):
    for name, rows in trained.returns(kept).items():
        assert rows.mean(2).max() < kept["oracle"], name
    assert kept["stay"] < kept["oracle"]


def test_kept_paths_start_at_the_origin_and_move_as_the_plane_allows(kept):
    for rows in trained.trajectories(kept).values():
        assert np.abs(rows[..., 0, :]).max() == 0
        assert np.abs(np.diff(rows, axis=-2)).max() < 0.1015  # thousandths, rounded


def test_the_outer_rate_falls_to_nothing_and_gradients_are_cut():
    tensor = torch.zeros(2)
    optimizer = trained.Decaying([tensor], lr=0.1, iterations=4)
    moved = []
    for _ in range(4):
        before = tensor.clone()
        tensor.grad = torch.tensor([300.0, 400.0])
        optimizer.step()
        moved.append(float((tensor - before).norm()))
        torch.testing.assert_close(tensor.grad, torch.tensor([0.6, 0.8]))
    np.testing.assert_allclose(moved, 0.1 * 2**0.5 * np.array([1, 0.75, 0.5, 0.25]), rtol=1e-4)
