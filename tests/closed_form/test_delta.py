"""The delta rule against the engine's streaming inner loop, central differences and simulation."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mamlkit import engine
from mamlkit.closed_form.delta import best_rates, delta_rule, expected_errors, posterior_means, reach, start_gradient


def half_square(S, key, value):
    return 0.5 * ((S @ key - value) ** 2).sum()


def context(seed, length, d, o):
    rng = np.random.default_rng(seed)
    shapes = (o, d), (length, d), (length, o), (length,), (d,), (o,)
    init, keys, values, rates, q, v = (rng.normal(size=shape) for shape in shapes)
    return init, keys, values, np.abs(rates) / (keys**2).sum(1), q, v


def unit_keys(rng, *shape):
    keys = rng.normal(size=shape)
    return keys / np.linalg.norm(keys, axis=-1, keepdims=True)


@given(seed=st.integers(0, 10**6), length=st.integers(1, 9), d=st.integers(1, 5), o=st.integers(1, 3))
def test_r17_the_delta_rule_is_the_engines_inner_loop(seed, length, d, o):
    init, keys, values, rates, q, v = context(seed, length, d, o)
    options = {"inner_lr": engine.PerStep(torch.tensor(rates)), "num_steps": length, "stream": True}
    start = torch.tensor(init)
    last = engine.adapt(half_square, start, (torch.tensor(keys), torch.tensor(values)), **options)
    np.testing.assert_allclose(delta_rule(init, keys, values, rates=rates)[-1], last.numpy(), rtol=1e-12, atol=1e-12)
    found = engine.meta_gradient(
        half_square, start, support=(keys[None], values[None]), query=(q[None], v[None]), **options
    )
    exact = start_gradient(init, keys, values, rates=rates, query_key=q, query_value=v)
    np.testing.assert_allclose(exact, found.gradient.numpy(), rtol=1e-11, atol=1e-12)


def test_r17_the_meta_gradient_is_the_slope_between_nearby_starts():
    init, keys, values, rates, q, v = context(3, 6, 4, 2)

    def loss(S):
        return 0.5 * ((delta_rule(S, keys, values, rates=rates)[-1] @ q - v) ** 2).sum()

    steps = 1e-5 * np.eye(init.size).reshape(-1, *init.shape)
    slope = np.array([(loss(init + e) - loss(init - e)) / 2e-5 for e in steps]).reshape(init.shape)
    exact = start_gradient(init, keys, values, rates=rates, query_key=q, query_value=v)
    np.testing.assert_allclose(exact, slope, atol=1e-8)


def test_the_engines_gradient_in_the_rates_is_the_slope_between_nearby_rates():
    init, keys, values, rates, q, v = context(4, 5, 3, 2)
    found = engine.meta_gradient(
        half_square, torch.tensor(init), support=(keys[None], values[None]), query=(q[None], v[None]), num_steps=5,
        stream=True, inner_lr=engine.PerStep(torch.tensor(rates)), learn_inner_lr=True,
    ).inner_lr_gradient.rates.numpy()  # fmt: skip

    def loss(rates):
        return 0.5 * ((delta_rule(init, keys, values, rates=rates)[-1] @ q - v) ** 2).sum()

    slope = [(loss(rates + e) - loss(rates - e)) / 2e-6 for e in 1e-6 * np.eye(5)]
    np.testing.assert_allclose(found, slope, atol=1e-7, rtol=1e-6)


def test_the_reach_is_what_a_change_of_the_start_becomes():
    init, keys, values, rates, *_ = context(5, 7, 4, 2)
    change = np.random.default_rng(6).normal(size=init.shape)
    moved, plain = (delta_rule(S, keys, values, rates=rates)[-1] for S in (init + change, init))
    np.testing.assert_allclose(moved - plain, change @ reach(keys, rates=rates), atol=1e-12)


def test_orthonormal_keys_make_the_delta_rule_and_linear_attention_one():
    rng = np.random.default_rng(7)
    keys, values = np.linalg.qr(rng.normal(size=(4, 4)))[0], rng.normal(size=(4, 2))
    found = delta_rule(np.zeros((2, 4)), keys, values, rates=1.0)[-1]
    np.testing.assert_allclose(found, values.T @ keys)
    twice = delta_rule(np.zeros((2, 4)), np.vstack([keys, keys]), np.vstack([values, values]), rates=1.0)[-1]
    np.testing.assert_allclose(twice, values.T @ keys)  # where a sum over tokens would have doubled


@pytest.mark.parametrize(("d", "noise"), [(4, 0.0), (4, 0.3), (1, 0.5)])
def test_r17a_the_errors_of_simulated_contexts(d, noise):
    rng, count, length = np.random.default_rng(d), 20_000, 6
    rates = np.linspace(1.2, 0.3, length)
    tasks = rng.normal(size=(count, d)) + 0.5
    keys = unit_keys(rng, count, length, d)
    values = (keys * tasks[:, None]).sum(-1) + noise**0.5 * rng.normal(size=(count, length))
    S, found = np.zeros_like(tasks), [(tasks**2).sum(-1)]
    for k in range(length):
        S = S - rates[k] * ((S * keys[:, k]).sum(-1) - values[:, k])[:, None] * keys[:, k]
        found.append(((S - tasks) ** 2).sum(-1))
    exact = expected_errors(d * 1.25, d=d, noise_var=noise, rates=rates)
    for simulated, expected in zip(found, exact, strict=True):
        assert abs(simulated.mean() - expected) < 4 * simulated.std() / count**0.5 + 1e-12


def test_r17a_no_other_rate_is_better_at_any_token():
    best = best_rates(3.0, d=5, noise_var=0.2, length=8)
    lowest = expected_errors(3.0, d=5, noise_var=0.2, rates=best)
    assert (np.diff(best) < 0).all()
    for k in range(8):
        for factor in (0.97, 1.03):
            other = best.copy()
            other[k] *= factor
            errors = expected_errors(3.0, d=5, noise_var=0.2, rates=other)
            assert errors[k + 1] > lowest[k + 1]
            assert errors[-1] > lowest[-1]
    assert (best_rates(3.0, d=5, noise_var=0.0, length=4) == 1).all()


@given(seed=st.integers(0, 10**6), length=st.integers(0, 9), d=st.integers(1, 5), o=st.integers(1, 3))
def test_bayes_token_by_token_is_ridge_regression_all_at_once(seed, length, d, o):
    init, keys, values, *_ = context(seed, length, d, o)
    found = posterior_means(init, keys, values, prior_var=0.7, noise_var=0.3)
    precision = np.eye(d) / 0.7 + keys.T @ keys / 0.3
    ridge = np.linalg.solve(precision, init.T / 0.7 + keys.T @ values / 0.3).T
    np.testing.assert_allclose(found[-1], ridge, atol=1e-9)
    assert len(found) == length + 1


def test_nothing_beats_bayes_on_average():
    rng, d, noise, spread = np.random.default_rng(8), 4, 0.1, 0.5
    errors = np.zeros((2, 300, 9))
    for i in range(300):
        task = rng.normal(size=(1, d)) * spread**0.5
        keys = unit_keys(rng, 8, d)
        values = keys @ task.T + noise**0.5 * rng.normal(size=(8, 1))
        rates = best_rates(d * spread, d=d, noise_var=noise, length=8)
        paths = (
            posterior_means(np.zeros((1, d)), keys, values, prior_var=spread, noise_var=noise),
            delta_rule(np.zeros((1, d)), keys, values, rates=rates),
        )
        errors[:, i] = [((path - task) ** 2).sum((1, 2)) for path in paths]
    gap = (errors[1] - errors[0])[:, 2:]
    assert (gap.mean(0) > 2 * gap.std(0) / 300**0.5).all()
    np.testing.assert_allclose(errors[0, :, :2].mean(0), errors[1, :, :2].mean(0))  # the first token: one direction


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: delta_rule([[0.0]], [[1.0, 2.0]], [[1.0]], rates=0.1), "keys must have as many columns as the state"),
        (lambda: delta_rule([[0.0]], [[1.0]], [[1.0, 2.0]], rates=0.1), r"values must have shape \(1, 1\)"),
        (lambda: delta_rule([[0.0]], [[1.0]], [[1.0]], rates=-0.1), "rates must not be negative, got -0.1"),
        (lambda: delta_rule([[0.0]], [[1.0]], [[1.0]], rates=[0.1, 0.2]), "rates must be one number or 1"),
        (lambda: reach([[1.0]], rates=[[0.1]]), "rates must have 0 or 1 axes"),
        (lambda: best_rates(0.0, d=1, noise_var=0.1, length=1), "start_error must be positive, got 0.0"),
        (lambda: expected_errors(1.0, d=0, noise_var=0.1, rates=[0.1]), "d must be at least 1, got 0"),
        (
            lambda: posterior_means([[0.0]], [[1.0]], [[1.0]], prior_var=0.0, noise_var=1.0),
            "prior_var must be positive",
        ),
        (
            lambda: start_gradient([[0.0]], [[1.0]], [[1.0]], rates=0.1, query_key=[1.0, 2.0], query_value=[1.0]),
            r"query_key must have shape \(1,\)",
        ),
    ],
)
def test_bad_arguments_are_named(call, match):
    with pytest.raises(ValueError, match=match):
        call()
