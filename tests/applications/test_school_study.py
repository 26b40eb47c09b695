"""The contest of the chapter: each method against its own definition, and no held-out school in any choice."""

from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mamlkit.applications import fairness, held_out, school_study

PUPILS = fairness.math_achieve()


def setting(pupils=PUPILS, seed=0, features="blind", draws=1):
    return school_study.Setting(
        pupils,
        features=features,
        groups=pupils.minority,
        num_support=5,
        rng=np.random.default_rng(seed),
        draws=draws,
    )


@cache
def validated(features, seed=0):
    return school_study.cross_validate(setting(features=features, seed=seed, draws=2), rng=np.random.default_rng(seed))


def by_hand(study, theta_of):
    """Errors of every school, from predictions made one school after another."""
    places = {school: place for place, school in enumerate(PUPILS.schools)}
    error, square, members = np.zeros((3, 160, 2))
    for school, support, query, present in zip(*study.tasks, strict=True):
        rows = query[present]
        missed = study.x[rows] @ theta_of(study.x[support], PUPILS.score[support]) - PUPILS.score[rows]
        for group in (0, 1):
            chosen = missed[PUPILS.minority[rows] == group]
            error[places[school], group] += chosen.sum()
            square[places[school], group] += (chosen**2).sum()
            members[places[school], group] += len(chosen)
    return held_out.HeldOut(error, square, members)


def agree(one, other):
    for found, expected in zip(one, other, strict=True):
        assert_allclose(found, expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("features", ["blind", "aware"])
def test_a_step_from_a_start_is_one_by_hand(features):
    study = setting(features=features, draws=2)
    theta = np.linspace(13, 1, study.x.shape[1])
    agree(study.after(theta, 0.2), by_hand(study, lambda x, y: theta - 0.2 * x.T @ (x @ theta - y) / 5))
    agree(study.after(theta, 0.0), by_hand(study, lambda x, y: theta))


def test_ridge_regression_is_that_of_more_rows():
    """Least squares with a row more for each penalised coefficient."""
    study = setting(features="aware")

    def fitted(x, y):
        extra = np.sqrt(3.0) * np.eye(4)[1:]
        return np.linalg.lstsq(np.vstack([x, extra]), np.r_[y, np.zeros(3)], rcond=None)[0]

    agree(study.ridge(3.0), by_hand(study, fitted))


def test_pooled_regression_has_errors_that_no_feature_explains():
    study, train = setting(features="aware"), np.arange(100)
    rows = np.isin(PUPILS.school, PUPILS.schools[:100])
    missed = study.x[rows] @ study.pooled(train) - PUPILS.score[rows]
    assert_allclose(study.x[rows].T @ missed, 0, atol=1e-8)


def test_the_average_start_has_no_gradient_left():
    study = setting()
    start = school_study.average_start(study.sums(0.2)).theta
    for shift in np.eye(2) * 1e-3:
        here, up, down = (study.after(theta, 0.2).square.sum() for theta in (start, start + shift, start - shift))
        assert here < min(up, down)


@pytest.mark.parametrize("features", ["blind", "aware"])
def test_no_choice_knows_a_school_that_is_held_out(features):
    """All scores of the held-out schools are replaced: rates, penalty, weights and starts stay what they were."""
    split = next(school_study.splits(PUPILS.schools, rng=np.random.default_rng(5)))
    held = np.isin(PUPILS.school, PUPILS.schools[split.out])
    other = fairness.Pupils(
        PUPILS.school, np.where(held, -50.0, PUPILS.score), PUPILS.ses, PUPILS.female, PUPILS.minority
    )
    one, two = (school_study.choose(setting(pupils, features=features), split.inner) for pupils in (PUPILS, other))
    assert (one.rates, one.penalty) == (two.rates, two.penalty)
    assert_allclose(one.pooled, two.pooled)
    for name, start in one.starts.items():
        assert_allclose(start.theta, two.starts[name].theta)
        assert start.weight == two.starts[name].weight


def test_splits_hold_out_every_school_once_and_share_none():
    made = list(school_study.splits(PUPILS.schools, rng=np.random.default_rng(0)))
    assert sorted(np.concatenate([split.out for split in made])) == list(range(160))
    for split in made:
        assert not set(split.out) & set(split.train)
        assert sorted(np.concatenate(split.inner)) == split.train.tolist()


def test_every_method_predicts_the_same_pupils():
    total, _ = validated("blind")
    assert set(total) >= {"mixed model", "MAML, average", "MAML, minimax", "Meta-SGD", "each school alone"}
    for run in total.values():
        assert_allclose(run.members, total["MAML, average"].members)
        assert run.members.sum() == 2 * (7185 - 5 * 160)


def test_the_headlines_in_reduced_size():
    """One seed, two support sets a school: what the chapter says with intervals, by its sign."""
    blind, aware = validated("blind")[0], validated("aware")[0]
    base = blind["MAML, average"]
    minor = {name: run.rmse()[2] - base.rmse()[2] for name, run in blind.items()}
    assert minor["MAML, reweighted"] < minor["MAML, minimax"] < 0 < minor["pooled regression"]
    assert minor["mixed model"] < 0
    assert blind["MAML, reweighted"].rmse()[1] > base.rmse()[1]
    paired = held_out.interval(aware["MAML, minimax"], aware["MAML, average"], rng=np.random.default_rng(0))
    assert paired[2, 1] > 0
    assert aware["MAML, minimax"].rmse()[2] > aware["MAML, average"].rmse()[2]
    assert np.diff(base.bias())[0] > 2
    assert abs(np.diff(aware["MAML, average"].bias())[0]) < 0.3


def test_one_seed_gives_one_result():
    first, again = (school_study.cross_validate(setting(seed=3), rng=np.random.default_rng(3))[0] for _ in range(2))
    for name, run in first.items():
        for one, other in zip(run, again[name], strict=True):
            assert np.array_equal(one, other)


def test_the_trade_at_the_share_of_the_minority_is_the_average():
    found = school_study.trade(setting(draws=2), [0.0, 0.3, 1.0], rng=np.random.default_rng(0))
    assert found["rmse"].shape == (3, 3)
    assert found["bias"].shape == (3, 2)
    assert 0.25 < found["average"] < 0.3  # of the pupils, 27 percent
    assert found["rmse"][0, 2] > found["rmse"][1, 2] > found["rmse"][2, 2]
    assert found["rmse"][0, 1] < found["rmse"][1, 1] < found["rmse"][2, 1]


def test_two_rates_and_one_for_each_feature():
    study = setting(features="aware")
    with pytest.raises(ValueError, match="broadcast"):
        study.sums(0.1, 0.2)


def test_what_is_kept_are_the_errors_of_the_schools_held_out():
    """Each start was fitted without the schools on which it is judged, and is judged on no other."""
    study = setting(draws=1, seed=4)
    total, made = school_study.cross_validate(study, rng=np.random.default_rng(4))
    for split, chosen in made:
        seen = study.sums(*chosen.rates["MAML"]).of(split.train)
        assert_allclose(chosen.starts["average"].theta, school_study.average_start(seen).theta)
        expected = {
            "MAML, average": study.after(chosen.starts["average"].theta, *chosen.rates["MAML"]),
            "pooled regression": study.after(study.pooled(split.train), 0.0),
            "mixed model": study.mixed(split.train, (0,)),
        }
        for name, run in expected.items():
            assert_allclose(total[name].square[split.out], run.square[split.out])
