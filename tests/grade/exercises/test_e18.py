"""E18: the references against the closed forms of attention and of the delta rule, and what mutants are told."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from mamlkit.closed_form import delta
from mamlkit.closed_form.attention import gradient_step_weights, linear_attention, query_tokens

from ..conftest import parts

MUTANTS = [
    ("e18.a", "alpha / len(x)", "alpha", "factor is alpha, and should be"),
    ("e18.a", "[W0, -np.eye(o)]", "[0 * W0, -np.eye(o)]", "forget W0 x"),
    ("e18.a", "[W0, -np.eye(o)]", "[-W0, np.eye(o)]", "uphill"),
    ("e18.a", "-x_query @ W0.T", "0 * x_query @ W0.T", "starts with 0"),
    ("e18.a", "np.ones(d), np.zeros(o)", "np.ones(d), np.ones(o)", "whole tokens"),
    ("e18.a", "scores =", "context = np.vstack([context, tokens]); scores =", "attend to one another"),
    ("e18.b", "k=-1", "k=0", "diagonal is left in the mask, while"),
    ("e18.b", "np.tril(x @ x.T, k=-1)", "np.triu(x @ x.T, k=1)", "wrong way round, and N"),
    ("e18.b", "np.maximum(np.arange(len(x)), 1)", "np.arange(1, len(x) + 1)", "one too large"),
    ("e18.b", "np.maximum(np.arange(len(x)), 1)", "np.arange(len(x))", "not finite"),
    ("e18.c", "keys[::-1], rates[::-1]", "keys, rates", "wrong order"),
    ("e18.c", "keys[::-1], rates[::-1]", "keys[::-1], rates", "turn keys and rates round together"),
    ("e18.c", "np.outer(S @ query_key", "np.outer(S0 @ query_key", "initial state"),
    ("e18.c", "beta * (k @ arriving) * k", "beta * k", "product is forgotten"),
    ("e18.c", "arriving = arriving - ", "arriving = arriving + ", "sign of the factors"),
    ("e18.d", "/ x.shape[1]", "", "N times too small"),
    ("e18.d", "before @ moves / (moves @ moves)", "np.mean(before / moves)", "average the best rates"),
    ("e18.d", "before @ moves / (moves @ moves)", "moves @ moves / (before @ moves)", "upside down"),
]  # fmt: skip


def trials(part):
    return [(trial.inputs, trial.expected) for trial in parts("e18")[part].key(seed=3).trials]


def test_e18_layer_agrees_with_the_closed_form_and_with_the_step():
    for given, tokens in trials("e18.a"):
        W0, x, y, asked = (given[name] for name in ("W0", "x", "y", "x_query"))
        weights = gradient_step_weights(W0, inner_lr=given["alpha"], n=len(x))
        layer = linear_attention(weights, np.hstack([x, y]), queries=query_tokens(W0, asked))
        np.testing.assert_allclose(tokens, layer, rtol=1e-10, atol=1e-12)
        W1 = W0 - given["alpha"] / len(x) * (x @ W0.T - y).T @ x
        np.testing.assert_allclose(tokens[:, x.shape[1] :], -asked @ W1.T, rtol=1e-10, atol=1e-12)


def test_e18_sequence_is_a_layer_for_each_row_with_its_own_context():
    for given, predicted in trials("e18.b"):
        W0, x, y = (given[name] for name in ("W0", "x", "y"))
        np.testing.assert_allclose(predicted[0], W0 @ x[0], rtol=1e-10)
        for t in range(1, len(x)):
            weights = gradient_step_weights(W0, inner_lr=given["alpha"], n=t)
            token = linear_attention(weights, np.hstack([x, y])[:t], queries=query_tokens(W0, x[t : t + 1]))
            np.testing.assert_allclose(predicted[t], -token[0, x.shape[1] :], rtol=1e-10, atol=1e-12)


def test_e18_start_gradient_agrees_with_the_closed_form_and_with_differences():
    for given, gradient in trials("e18.c"):
        context = given["keys"], given["values"]
        options = {"rates": given["rates"]}
        query = {"query_key": given["query_key"], "query_value": given["query_value"]}
        closed = delta.start_gradient(given["S0"], *context, **options, **query)
        np.testing.assert_allclose(gradient, closed, rtol=1e-10, atol=1e-12)

        def loss(S0, context=context, options=options, given=given):
            last = delta.delta_rule(S0, *context, **options)[-1]
            return 0.5 * ((last @ given["query_key"] - given["query_value"]) ** 2).sum()

        for place in np.ndindex(*given["S0"].shape):
            nudge = np.zeros_like(given["S0"])
            nudge[place] = 1e-5
            slope = (loss(given["S0"] + nudge) - loss(given["S0"] - nudge)) / 2e-5
            assert gradient[place] == pytest.approx(slope, rel=1e-5, abs=1e-8)


def test_e18_no_search_finds_a_better_rate():
    for given, rate in trials("e18.d"):

        def outer_loss(alpha, given=given):
            errors = []
            for x, y, asked, right in zip(given["x"], given["y"], given["x_query"], given["y_query"], strict=True):
                phi = given["w0"] - alpha * x.T @ (x @ given["w0"] - y) / len(y)
                errors.append((asked @ phi - right) ** 2)
            return np.mean(errors)

        found = minimize_scalar(outer_loss, bracket=(0.0, 1.0), options={"xtol": 1e-10})
        assert rate == pytest.approx(found.x, abs=1e-5)


def test_e18_warm_up_numbers():
    """5 from the layer; 1.5 when the query token reads itself."""
    weights = gradient_step_weights([[2.0]], inner_lr=1.0, n=1)
    asked = query_tokens([[2.0]], [[1.0]])
    assert -linear_attention(weights, [[1.0, 5.0]], queries=asked)[0, 1] == 5.0
    weights = gradient_step_weights([[2.0]], inner_lr=1.0, n=2)
    assert -linear_attention(weights, [[1.0, 5.0], *asked.tolist()], queries=asked)[0, 1] == 1.5
