"""A layer of linear attention against gradient steps that were never written as attention."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mamlkit import engine
from mamlkit.closed_form.attention import AttentionWeights, gradient_step_weights, linear_attention, query_tokens


def context(seed, n, d, o):
    rng = np.random.default_rng(seed)
    init, x, y, x_query = (rng.normal(size=shape) for shape in ((o, d), (n, d), (n, o), (4, d)))
    return init, x, y, x_query


def half_mean_square(W, x, y):
    return 0.5 * ((x @ W.T - y) ** 2).sum(dim=-1).mean()


def predicted(init, x, y, x_query, inner_lr, tokens=None, queries=None):
    weights = gradient_step_weights(init, inner_lr=inner_lr, n=len(x))
    tokens = np.column_stack([x, y]) if tokens is None else tokens
    asked = query_tokens(init, x_query) if queries is None else queries
    return -linear_attention(weights, tokens, queries=asked)[:, x.shape[1] :]


@given(seed=st.integers(0, 10**6), n=st.integers(1, 12), d=st.integers(1, 6), o=st.integers(1, 3), lr=st.floats(0, 1))
def test_r16_the_layer_is_the_engines_step(seed, n, d, o, lr):
    init, x, y, x_query = context(seed, n, d, o)
    step = engine.adapt(half_mean_square, torch.tensor(init), (x, y), inner_lr=lr, num_steps=1).numpy()
    np.testing.assert_allclose(predicted(init, x, y, x_query, lr), x_query @ step.T, rtol=0, atol=1e-12 * (1 + n))


def test_the_query_must_not_attend_to_itself_unless_the_start_is_zero():
    init, x, y, x_query = context(0, 8, 3, 1)
    for start, alike in ((init, False), (0 * init, True)):
        asked = query_tokens(start, x_query[:1])
        both = predicted(start, x, y, x_query[:1], 0.3, tokens=np.vstack([np.column_stack([x, y]), asked]))
        assert np.allclose(both, predicted(start, x, y, x_query[:1], 0.3)) == alike


def test_a_layer_updates_all_targets_at_once():
    """Von Oswald's other form: the context's own targets lose what the step explains, so a second layer goes on."""
    init, x, y, x_query = context(1, 10, 4, 2)
    zero = np.zeros_like(init)
    weights = gradient_step_weights(zero, inner_lr=0.2, n=10)
    tokens, asked = np.column_stack([x, y]), query_tokens(zero, x_query)
    for _ in range(3):
        tokens, asked = (linear_attention(weights, tokens, queries=part) for part in (tokens, asked))
    steps = engine.adapt(half_mean_square, torch.tensor(zero), (x, y), inner_lr=0.2, num_steps=3).numpy()
    np.testing.assert_allclose(-asked[:, 4:], x_query @ steps.T, atol=1e-12)


def test_the_layer_without_a_context_says_what_the_start_says():
    init, x, y, x_query = context(2, 5, 3, 1)
    alone = predicted(init, x, y, x_query, 0.3, tokens=np.empty((0, 4)))
    np.testing.assert_allclose(alone, x_query @ init.T)


def test_the_sum_is_the_one_in_the_docstring():
    rng = np.random.default_rng(3)
    W = AttentionWeights(*rng.normal(size=(4, 3, 3)))
    tokens, (q,) = rng.normal(size=(5, 3)), rng.normal(size=(1, 3))
    change = sum((W.keys @ z) @ (W.queries @ q) * (W.values @ z) for z in tokens)
    np.testing.assert_allclose(linear_attention(W, tokens, queries=[q])[0], q + W.output @ change)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"queries": np.zeros((1, 3))}, r"queries must have as many columns as tokens, 2; got shape \(1, 3\)"),
        ({"tokens": [[np.nan, 1.0]]}, "tokens must be finite"),
        ({"weights": gradient_step_weights([[1.0, 2.0]], inner_lr=0.1, n=2)}, r"queries must have shape \(2, 2\)"),
    ],
)
def test_bad_tokens_are_named(change, match):
    given = {"weights": gradient_step_weights([[1.0]], inner_lr=0.1, n=2), "tokens": [[1.0, 2.0]]} | change
    queries = given.pop("queries", [[1.0, 0.0]])
    with pytest.raises(ValueError, match=match):
        linear_attention(given["weights"], given["tokens"], queries=queries)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: gradient_step_weights([1.0], inner_lr=0.1, n=2), "init must have 2 axes"),
        (lambda: gradient_step_weights([[1.0]], inner_lr=-0.1, n=2), "inner_lr must not be negative, got -0.1"),
        (lambda: gradient_step_weights([[1.0]], inner_lr=0.1, n=0), "n must be at least 1, got 0"),
        (lambda: query_tokens([[1.0]], [[1.0, 2.0]]), "x must have as many columns as init, 1"),
    ],
)
def test_bad_arguments_are_named(call, match):
    with pytest.raises(ValueError, match=match):
        call()
