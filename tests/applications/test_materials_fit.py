"""Fits, MAP and the paired average: against SciPy, a Gaussian conditioned by brute force, and simulation."""

import numpy as np
import pytest
from scipy.optimize import least_squares

from mamlkit import experiments
from mamlkit.applications import materials_fit as fit
from mamlkit.applications.materials import QUERY, STRAINS, birch_murnaghan, powers
from mamlkit.applications.materials_data import alloys
from mamlkit.applications.materials_study import average, by_the_field, draw_test
from mamlkit.applications.materials_tasks import Samples


def seen(x, y):
    n = len(x)
    return Samples(np.array([x]), np.ones((1, 1, 1)), np.array([y], float), np.full((1, n), 1 / n))


X = np.array([-0.05, -0.01, 0.02, 0.06])
Y = powers(X) @ birch_murnaghan(1.02, 0.8, 5.0) + 3.0 + np.array([0.03, -0.02, 0.01, 0.02])


def test_the_fit_with_a_fixed_slope_is_the_one_that_scipy_finds():
    def left(v):
        off = Y - powers(X) @ birch_murnaghan(v[0], v[1], 4.5)
        return off - off.mean()

    best = least_squares(left, [1.0, 1.0], bounds=([0.9, 0.0], [1.1, np.inf]), xtol=1e-14, ftol=1e-14, gtol=1e-14).x
    assert fit.fit_fixed(seen(X, Y))[0] == pytest.approx(birch_murnaghan(*best, 4.5), abs=2e-4)


def test_the_free_fit_of_four_points_goes_through_them():
    c = fit.fit_free(seen(X, Y))[0]
    left = Y - powers(X) @ c
    assert left == pytest.approx(np.full(4, left[0]), abs=1e-8)


def test_too_few_points_are_named():
    with pytest.raises(ValueError, match="three points or more for each task, got 2"):
        fit.fit_fixed(seen(X[:2], Y[:2]))
    with pytest.raises(ValueError, match="four points or more for each task, got 3"):
        fit.fit_free(seen(X[:3], Y[:3]))


def test_map_is_the_gaussian_conditioned_on_the_points_r10():
    """A joint Gaussian of coefficients and energies, with an offset of variance 1e8, conditioned as a whole."""
    root = np.array([[0.3, 0, 0], [0.1, 0.1, 0], [0, 0.02, 0.02]])
    prior = fit.Prior(np.array([0.1, 0.6, 0.0]), root @ root.T, 0.0)
    phi, noise = powers(X), 0.05
    cross = prior.covariance @ phi.T
    joint = phi @ cross + noise**2 * np.eye(4) + 1e6 * np.ones((4, 4))
    wanted = prior.mean + cross @ np.linalg.solve(joint, Y - phi @ prior.mean)
    assert fit.map_estimate(seen(X, Y), prior, np.array([noise]))[0] == pytest.approx(wanted, abs=1e-5)


@pytest.fixture(scope="module")
def curves():
    return alloys(experiments.load("alloys"))


def test_a_prior_by_composition_learns_a_rule_that_is_there(curves):
    planted = curves.fractions @ np.linspace(-1, 1, 7)
    c = np.column_stack([0.3 * planted, 0.6 + 0.1 * planted, 0.02 * planted])
    ruled = curves._replace(energies=curves.unit[:, None] * (c @ powers(STRAINS).T))
    found = fit.prior_by_composition(ruled.take(np.arange(0, 210, 2)), ruled.take(np.arange(1, 210, 2)).fractions)
    assert found.mean == pytest.approx(c[1::2], abs=2e-3)


def test_methods_get_the_same_points_and_do_better_than_the_guess_when_clean(curves):
    who = np.arange(0, 210, 3)
    asked, batch = draw_test(curves, who, points=6, noise=0.0, seed=0)
    again = draw_test(curves, who, points=6, noise=0.0, seed=0)[1]
    assert (batch.support.energy == again.support.energy).all()
    found = by_the_field(curves.take(np.setdiff1d(np.arange(210), who)), asked, batch, 0.0)
    for name in ("fit, B' = 4.5", "fit, B' free", "MAP", "MAP, by composition"):
        assert found[name].curve.mean() < 0.2 * found["guess"].curve.mean()
    two = draw_test(curves, who, points=2, noise=0.0, seed=0)
    assert not [name for name in by_the_field(curves, *two, 0.0) if name.startswith("fit")]


def test_the_query_is_a_whole_valley(curves):
    batch = draw_test(curves, [3], points=2, noise=0.003, seed=1)[1]
    assert batch.query.strain[0, 0] == pytest.approx(STRAINS[QUERY])


def test_the_interval_of_a_mean_covers_it_as_often_as_it_says():
    rng, hits = np.random.default_rng(0), 0
    for _ in range(200):
        rows = [rng.exponential(size=60) for _ in range(3)]
        _, low, high = average(rows, rng, draws=400)
        hits += low < 1 < high
    assert 0.89 < hits / 200 < 0.99  # 95 % less a little for its skew, give or take 1.6 %


def test_a_paired_difference_is_narrower_than_an_unpaired_one():
    rng = np.random.default_rng(0)
    own = [rng.exponential(size=50) for _ in range(3)]
    other = [part + 0.1 for part in own]
    found = average(own, rng, against=other)
    assert [*found] == pytest.approx([-0.1] * 3)
    assert average(own, rng, median=True).value == pytest.approx(np.mean([np.median(part) for part in own]))


def test_what_does_not_pair_is_refused():
    with pytest.raises(ValueError, match=r"against\[0\] must have shape \(2,\)"):
        average([[1.0, 2.0]], np.random.default_rng(0), against=[[1.0]])
    with pytest.raises(TypeError, match="rng must be"):
        average([[1.0]], 0)
