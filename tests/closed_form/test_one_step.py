"""Expectations over contexts against sampled contexts, and best rates and starts against searches."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize, minimize_scalar

from mamlkit import engine
from mamlkit.closed_form.linear import RegressionTask, optimal_init
from mamlkit.closed_form.one_step import Kind, best_init, best_inner_lr, expected_curvature, expected_loss


def covariance(rng, d):
    A = rng.normal(size=(d, d))
    return A @ A.T / d + 0.2 * np.eye(d)


def kinds(d=3, seed=0):
    rng = np.random.default_rng(seed)
    return [
        Kind(rng.normal(size=d), covariance(rng, d), task_var=0.3, noise_var=0.2, share=2.0),
        Kind(rng.normal(size=d), 2 * covariance(rng, d), task_var=0.1, noise_var=0.05),
    ]


def sampled(rng, kind, n, tasks):
    """Return contexts and queries (tasks, n + 1, d), with noise on the context's targets alone."""
    d = len(kind.mean)
    x = rng.normal(size=(tasks, n + 1, d)) @ np.linalg.cholesky(kind.inputs).T
    w = kind.mean + kind.task_var**0.5 * rng.normal(size=(tasks, 1, d))
    y = (x * w).sum(-1)
    y[:, :n] += kind.noise_var**0.5 * rng.normal(size=(tasks, n))
    return x, y


@pytest.mark.parametrize(("n", "inner_lr"), [(1, 0.1), (7, 0.4), (7, "matrix")])
def test_r16b_the_expected_loss_is_the_mean_of_steps_that_the_engine_takes(n, inner_lr):
    rng = np.random.default_rng(n)
    P = 0.3 * np.eye(3) + 0.1 * rng.normal(size=(3, 3)) if inner_lr == "matrix" else inner_lr
    theta, families = rng.normal(size=3), kinds()
    means, errors = [], []
    for kind in families:
        x, y = (torch.tensor(part) for part in sampled(rng, kind, n, 40_000))
        if inner_lr == "matrix":  # the engine has no matrix for a rate: one line by hand
            slope = (x[:, :n].transpose(1, 2) @ (x[:, :n] @ torch.tensor(theta) - y[:, :n])[..., None] / n)[..., 0]
            phi = torch.tensor(theta) - slope @ torch.tensor(P).T
            losses = 0.5 * ((x[:, n] * phi).sum(-1) - y[:, n]) ** 2
        else:
            losses = engine.evaluate(
                lambda w, x, y: 0.5 * ((x @ w - y) ** 2).mean(), torch.tensor(theta), inner_lr=P, num_steps=1,
                support=(x[:, :n], y[:, :n]), query=(x[:, n:], y[:, n:]),
            )[1]  # fmt: skip
        means.append(kind.share * losses.mean())
        errors.append(kind.share * losses.std() / len(losses) ** 0.5)
    total = sum(kind.share for kind in families)
    found = expected_loss(theta, families, inner_lr=P, n=n)
    assert abs(found - float(sum(means)) / total) < 4 * float(np.hypot(*map(float, errors))) / total
    assert float(np.hypot(*map(float, errors))) / total < 0.03 * found


@pytest.mark.parametrize(("n", "d", "noise", "spread"), [(10, 5, 0.0, 1.0), (1, 1, 0.5, 2.0), (40, 3, 2.0, 0.25)])
def test_r16a_no_search_finds_a_better_rate(n, d, noise, spread):
    kind = Kind(np.ones(d), np.eye(d), task_var=spread, noise_var=noise)
    searched = minimize_scalar(
        lambda rate: expected_loss(np.ones(d), [kind], inner_lr=rate, n=n), bounds=(0, 2), method="bounded"
    )
    best = best_inner_lr(n=n, d=d, noise_var=noise, task_var=spread)
    assert searched.x == pytest.approx(best, abs=1e-4)
    assert expected_loss(np.ones(d), [kind], inner_lr=best, n=n) == pytest.approx(d * spread * (1 - best) / 2)


@pytest.mark.parametrize("n", [1, 5])
def test_the_best_rate_for_unit_inputs_by_sampled_contexts(n):
    rng, d, noise = np.random.default_rng(n), 4, 0.3
    x = rng.normal(size=(300_000, n, d))
    x /= np.linalg.norm(x, axis=-1, keepdims=True)
    w = 0.7**0.5 * rng.normal(size=(300_000, d))
    y = (x * w[:, None]).sum(-1) + noise**0.5 * rng.normal(size=(300_000, n))
    slope = (x * y[..., None]).mean(1)  # the start is zero: w is approached by rate times this
    rate = (slope * w).sum() / (slope**2).sum()
    assert rate == pytest.approx(best_inner_lr(n=n, d=d, noise_var=noise, task_var=0.7, unit=True), rel=0.01)


def test_two_copies_of_the_start_by_sampled_contexts():
    """A step from one point with the gradient of another: what a layer of attention may do."""
    rng, (kind, _), n = np.random.default_rng(9), kinds(), 5
    theta, other = rng.normal(size=(2, 3))
    x, y = sampled(rng, kind, n, 100_000)
    slope = (x[:, :n] * (x[:, :n] @ other - y[:, :n])[..., None]).mean(1)
    losses = 0.5 * ((x[:, n] * (theta - 0.2 * slope)).sum(-1) - y[:, n]) ** 2
    found = expected_loss(theta, [kind], inner_lr=0.2, n=n, step_init=other)
    assert abs(losses.mean() - found) < 4 * losses.std() / 1e5**0.5
    assert expected_loss(theta, [kind], inner_lr=0.2, n=n, step_init=theta) == expected_loss(
        theta, [kind], inner_lr=0.2, n=n
    )


def test_r16a_the_rate_of_sampled_contexts():
    """Least squares over sampled contexts knows no fourth moment: the rate is a regression of w on the gradient."""
    rng, n, d = np.random.default_rng(0), 6, 4
    x, y = sampled(rng, Kind(np.zeros(d), np.eye(d), task_var=1.0, noise_var=0.5), n, 200_000)
    guess = (x[:, n] * (x[:, :n] * y[:, :n, None]).mean(1)).sum(-1)
    rate = (guess @ y[:, n]) / (guess @ guess)
    assert rate == pytest.approx(best_inner_lr(n=n, d=d, noise_var=0.5), rel=0.01)


@pytest.mark.parametrize("inner_lr", [0.0, 0.3])
def test_r16b_no_search_finds_a_better_start(inner_lr):
    families = kinds(seed=4)
    best = best_init(families, inner_lr=inner_lr, n=5)
    searched = minimize(lambda theta: expected_loss(theta, families, inner_lr=inner_lr, n=5), np.zeros(3)).x
    np.testing.assert_allclose(best, searched, atol=1e-5)


def test_r16b_is_r8_for_endless_tasks():
    rng, n = np.random.default_rng(2), 6
    families = [Kind([2.0, 0.0], 0.5 * np.eye(2), task_var=0.1), Kind([0.0, 2.0], 2.0 * np.eye(2), task_var=0.1)]
    tasks = []
    for kind in families:
        x, y = sampled(rng, kind, n, 10_000)
        tasks += [RegressionTask(a[:n], b[:n], a[n:], b[n:]) for a, b in zip(x, y, strict=True)]
    found = best_init(families, inner_lr=0.3, n=n)
    np.testing.assert_allclose(found, optimal_init(tasks, inner_lr=0.3), atol=0.05)
    assert np.abs(found - 1).min() > 0.2  # and it is not the mean, which is (1, 1)


def test_one_kind_of_inputs_makes_the_best_start_the_mean_of_the_tasks():
    inputs = covariance(np.random.default_rng(5), 3)
    families = [Kind([1.0, 2.0, 3.0], inputs, task_var=1.0), Kind([0.0, 0.0, 1.0], inputs, share=3.0)]
    np.testing.assert_allclose(best_init(families, inner_lr=0.4, n=4), [0.25, 0.5, 1.5])


def test_a_scaled_unit_of_the_inputs_scales_the_rate():
    kind = Kind([1.0, 0.0], np.eye(2), task_var=1.0)
    scaled = Kind([0.5, 0.0], 4 * np.eye(2), task_var=0.25)  # inputs twice as long, so tasks half as long
    assert expected_loss([0.5, 1.0], [kind], inner_lr=0.4, n=3) == pytest.approx(
        expected_loss([0.25, 0.5], [scaled], inner_lr=0.1, n=3)
    )


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: Kind([0.0], [[-1.0]]), "inputs must be a covariance of shape"),
        (lambda: Kind([0.0], np.eye(2)), "inputs must be a covariance of shape"),
        (lambda: Kind([0.0], [[1.0]], task_var=-1.0), "task_var must not be negative, got -1.0"),
        (lambda: Kind([0.0], [[1.0]], share=0.0), "share must be positive, got 0.0"),
        (lambda: best_inner_lr(n=0, d=1), "n must be at least 1, got 0"),
        (lambda: best_inner_lr(n=1, d=1, task_var=0.0), "task_var must be positive, got 0.0"),
        (lambda: expected_curvature(Kind([0.0], [[1.0]]), inner_lr=np.eye(2), n=1), "inner_lr must be a number or"),
        (lambda: best_init([Kind([0.0, 1.0], np.diag([1.0, 0.0]))], inner_lr=0.1, n=1), "kinds must leave something"),
    ],
)
def test_bad_arguments_are_named(call, match):
    with pytest.raises(ValueError, match=match):
        call()
