"""The mixed model against dense matrices, published estimates and the conjugate formula."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mamlkit.applications import fairness, mixed_model
from mamlkit.closed_form.gaussian import map_estimate


def simulated(seed, schools=12, pupils=6):
    rng = np.random.default_rng(seed)
    school = np.repeat(np.arange(schools), pupils)
    x = np.column_stack([np.ones(len(school)), rng.normal(size=len(school))])
    effects = rng.normal(size=(schools, 2)) @ np.array([[1.5, 0.4], [0.0, 0.8]])
    return x, (x * ([2.0, 1.0] + effects[school])).sum(axis=1) + rng.normal(size=len(school)), school


def dense_deviance(model, x, y, school, noise_var=None, covariance=None):
    """Return minus twice the restricted log-likelihood from n x n matrices, with b eliminated."""
    G = model.covariance if covariance is None else covariance
    Z = x[:, model.random]
    V = np.where(school[:, None] == school, Z @ G @ Z.T, 0) + (noise_var or model.noise_var) * np.eye(len(y))
    W = np.linalg.inv(V)
    b = np.linalg.solve(x.T @ W @ x, x.T @ W @ y)
    left = y - x @ b
    return np.linalg.slogdet(V)[1] + np.linalg.slogdet(x.T @ W @ x)[1] + left @ W @ left, b


@pytest.mark.parametrize("random", [(0,), (0, 1)])
@pytest.mark.parametrize("seed", range(3))
def test_no_model_nearby_has_a_larger_likelihood(seed, random):
    x, y, school = simulated(seed)
    model = mixed_model.fit(x, y, school, random=random)
    best, b = dense_deviance(model, x, y, school)
    assert_allclose(model.coefficients, b, rtol=1e-8)
    for factor in (0.97, 1.03):
        assert dense_deviance(model, x, y, school, noise_var=factor * model.noise_var)[0] > best
        for i, j in np.ndindex(model.covariance.shape):
            nearby = model.covariance.copy()
            nearby[i, j] = nearby[j, i] = factor * nearby[i, j]
            assert dense_deviance(model, x, y, school, covariance=nearby)[0] > best - 1e-6


def test_the_model_without_features_is_the_published_one():
    """The textbook of the data (Raudenbush and Bryk 2002, chapter 4) prints 12.64, 8.61 and 39.15."""
    pupils = fairness.math_achieve()
    model = mixed_model.fit(np.ones((len(pupils.score), 1)), pupils.score, pupils.school)
    assert_allclose([*model.coefficients, *model.covariance[0], model.noise_var], [12.64, 8.61, 39.15], atol=0.006)


def test_predictions_are_conditional_means_of_a_gaussian():
    x, y, school = simulated(4)
    model = mixed_model.fit(x, y, school, random=(0, 1))
    xs, ys = x.reshape(12, 6, 2)[:, :4], y.reshape(12, 6)[:, :4]
    xq = x.reshape(12, 6, 2)[:, 4:]
    for one, found in enumerate(model.predict(xs, ys, xq)):
        both = np.concatenate([xs[one], xq[one]])
        cov = both @ model.covariance @ both.T + model.noise_var * np.eye(6)
        expected = xq[one] @ model.coefficients + cov[4:, :4] @ np.linalg.solve(
            cov[:4, :4], ys[one] - xs[one] @ model.coefficients
        )
        assert_allclose(found, expected, rtol=1e-9)


def test_r10_an_intercept_alone_is_the_map_estimate_of_the_mean():
    model = mixed_model.MixedModel(np.array([3.0]), np.array([[2.0]]), 5.0, (0,))
    scores = np.array([4.0, 9.0, 1.0])
    found = model.predict(np.ones((1, 3, 1)), scores[None], np.ones((1, 1, 1)))
    assert_allclose(found, map_estimate(3.0, scores.mean(), prior_var=2.0, noise_var=5.0, n=3), rtol=1e-12)


def test_schools_that_do_not_differ_are_found_alike():
    rng = np.random.default_rng(0)
    y = rng.normal(size=(200, 10))
    y = (y - y.mean(axis=1, keepdims=True)).ravel()  # means that agree better than chance would let them
    model = mixed_model.fit(np.ones((2000, 1)), y, np.repeat(np.arange(200), 10))
    assert model.covariance[0, 0] < 1e-4


def test_bad_input_is_named():
    x, y, school = simulated(5)
    with pytest.raises(ValueError, match="two or more schools"):
        mixed_model.fit(x, y, np.zeros(len(y)))
    with pytest.raises(ValueError, match="y must have shape"):
        mixed_model.fit(x, y[1:], school)
    with pytest.raises(ValueError, match="finite"):
        mixed_model.fit(x, np.where(school == 0, np.nan, y), school)
    with pytest.raises(ValueError, match="random must name"):
        mixed_model.fit(x, y, school, random=(2,))
    with pytest.raises(ValueError, match="columns of x must be independent"):
        mixed_model.fit(np.column_stack([x, x[:, 0]]), y, school)
