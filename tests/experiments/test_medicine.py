"""The trainings of the chapter on medicine in reduced size, and what the kept results must say."""

import numpy as np
import pytest
import torch

from mamlkit import experiments
from mamlkit.applications.medicine import published
from mamlkit.applications.medicine_data import phenobarbital
from mamlkit.applications.medicine_maml import log_parameters
from mamlkit.experiments import medicine, medicine_contest
from mamlkit.experiments import phenobarbital as infants


@pytest.fixture(scope="module")
def kept():
    return experiments.load("medicine")


def shape_of(tree):
    if isinstance(tree, dict):
        return {key: shape_of(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return np.shape(tree)
    return type(tree)


@pytest.mark.slow
def test_a_run_in_reduced_size_has_the_form_of_what_is_kept(kept):
    small = medicine.run(iterations=3, network_iterations=3, rounds=3, num_tuning=5)
    assert shape_of(small) == shape_of(kept)


def test_training_moves_from_the_prior_towards_what_is_kept(kept):
    """After a tenth of the iterations the rates already have the order that is kept: absorption, clearance, volume."""
    short = medicine.train_model("pooled", 100, num_seeds=3)
    wanted = {name: torch.tensor(part) for name, part in kept["starts"]["pooled"].items()}
    assert (torch.sign(short["s"] - np.log(0.3)) == torch.sign(wanted["s"] - np.log(0.3)))[:, :2].all()
    for params in (short, wanted):
        clearance = log_parameters(params)[:, 1]
        assert ((clearance - published("pooled").mean[1]).abs() < 0.1).all()
    again = medicine.train_model("pooled", 100, num_seeds=3)
    assert all((short[name] == again[name]).all() for name in short)  # the seed is all there is


def test_nobody_is_trained_on_who_is_tested_on(kept):
    errors = np.array([kept["others"][kind] for kind in ("early", "spread")])
    assert errors.shape == (2, 4, 3, 12)
    for out in range(12):
        assert sorted([*medicine.everyone_but(out, 12), out]) == list(range(12))
    fold = infants._fold(phenobarbital(), [0, 5])
    assert not set(fold.train) & set(fold.test)
    assert len(fold.train) + len(fold.test) == 59


def test_the_folds_prior_does_not_know_the_infants_it_is_tested_on():
    """Change the held-out infants' samples: the prior and the noise of their fold must stay as they were."""
    people = phenobarbital()
    before = infants._fold(people, [0, 5])
    for index in (0, 5):
        people[index] = people[index]._replace(concentration=3 * people[index].concentration)
    after = infants._fold(people, [0, 5])
    assert (before.prior.mean == after.prior.mean).all()
    assert before.noise == after.noise
    people[1] = people[1]._replace(concentration=3 * people[1].concentration)
    assert (infants._fold(people, [0, 5]).prior.mean != before.prior.mean).any()


@pytest.mark.slow
def test_the_contest_in_reduced_size_agrees_with_what_is_kept():
    small, kept = medicine_contest.run(num_tasks=40), experiments.load("medicine_contest")
    for n in ("1", "2", "3", "6"):
        assert list(small["errors"][n]) == list(kept["errors"][n])
        for name, (value, low, high) in small["errors"][n].items():
            assert low <= value <= high
            if name != "least squares":  # whose errors have a long tail
                assert abs(value - kept["errors"][n][name][0]) < 0.4


def test_what_the_chapter_says_of_the_contest():
    kept = experiments.load("medicine_contest")
    for n, errors in kept["errors"].items():
        assert min(errors, key=lambda name: errors[name][0]) == "posterior mean"
        assert kept["MAML above the posterior mean"][n][1] > 0


@pytest.mark.slow
def test_phenobarbital_in_reduced_size():
    small, kept = infants.run(iterations=3, folds=2), experiments.load("phenobarbital")
    assert small["priors"] == kept["priors"][:2]  # no training in these: the same to the last digit kept
    first = small["errors"]["1"]["MAP"][0]
    assert first == pytest.approx(kept["errors"]["1"]["MAP"][0][: len(first)], abs=2e-3)
    assert set(small["errors"]["2"]) == set(kept["errors"]["2"])


def test_padded_infants_lose_nothing():
    people = phenobarbital()
    data = infants.pad(people)
    for index, infant in enumerate(people):
        assert data.count[index] == len(infant.time)
        assert (data.seen[index, : len(infant.time)] == infant.concentration).all()
        tasks = infants.as_tasks(data, np.array([index]), 1)
        assert (tasks.query[-1][0] > 0).sum() == len(infant.time) - 1
        assert (tasks.support[-1][0] > 0).tolist() == [True] + 5 * [False]
