"""E5: the references against automatic differentiation and the closed form, and what mutants are told."""

import numpy as np
import pytest
import torch

from mamlkit.closed_form import geometry

from ..conftest import parts

MUTANTS = [
    ("e05.a", "v * (X.T @ slope) / len(y)", "X.T @ slope / len(y)", "head is missing"),
    ("e05.a", "feature @ slope / len(y)", "v * feature @ slope / len(y)", "a v of its own"),
    ("e05.a", "v * (X.T @ slope) / len(y), feature @ slope / len(y)", "v * (X.T @ slope), feature @ slope", "mean"),
    ("e05.a", "np.exp(y * v", "np.exp(v", "label is missing"),
    ("e05.a", "slope = -y /", "slope = -1 /", "in front of the slope"),
    ("e05.a", "slope = -y", "slope = y", "direction of descent"),
    ("e05.b", "*support)", "*query)", "training on the test"),
    ("e05.b", "X, y = query", "X, y = support", "judge on the support set"),
    (
        "e05.b",
        "w, v = w - alpha_w * in_w, v - alpha_v * in_v",
        "w = w - alpha_w * in_w; v = v - alpha_v * gradients(w, v, *support)[1]",
        "has moved already",
    ),
    ("e05.b", "w - alpha_w * in_w", "w - alpha_v * in_w", "rate of its own"),
    ("e05.b", "w - alpha_w * in_w", "w", "That is ANIL"),
    ("e05.b", "(1 + np.sign(margin)) / 2", "margin > 0", "coin toss"),
    ("e05.c", "/ np.linalg.norm(old)", "/ np.linalg.norm(new)", "before"),
    (
        "e05.c",
        "np.linalg.norm(new - old) / np.linalg.norm(old)",
        "np.linalg.norm(new - old, 2) / np.linalg.norm(old, 2)",
        "spectral",
    ),
    ("e05.c", "put_back = list(after)", "put_back = list(after) if not rows else put_back", "stay back"),
    ("e05.c", "loss(put_back) - loss(after)", "loss(put_back)", "Subtract the adapted"),
    ("e05.c", "np.linalg.norm(new - old)", "abs(np.linalg.norm(new) - np.linalg.norm(old))", "turns keeps its length"),
]


def trials(part, seed=3):
    return parts("e05")[part].key(seed=seed).trials


def tensor(value):
    return torch.as_tensor(value, dtype=torch.float64)


def loss(w, v, X, y):
    return torch.nn.functional.softplus(-tensor(y) * v * (tensor(X) @ w)).mean()


def differentiated(w, v, X, y):
    leaves = [tensor(part).clone().requires_grad_() for part in (w, v)]
    return torch.autograd.grad(loss(*leaves, X, y), leaves)


def test_e05_a_agrees_with_automatic_differentiation():
    for trial in trials("e05.a"):
        for ours, theirs in zip(trial.expected, differentiated(**trial.inputs), strict=True):
            np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-12)


@pytest.mark.parametrize("v", [-1.0, 0.5, 2.0])
def test_e05_a_many_examples_have_the_slopes_of_r6(v):
    X = np.random.default_rng(0).normal(size=(400_000, 2))
    in_w, in_v = parts("e05")["e05.a"].reference(np.array([1.0, 0.0]), v, X, np.sign(X[:, 1]))
    right = geometry.feature_gradient(v)
    error = 5 * max(1, abs(v)) / np.sqrt(len(X))  # five standard errors: a pull has a size of about max(1, v)
    np.testing.assert_allclose([*in_w, in_v], [*right.w, right.v], atol=error)


def test_e05_b_agrees_with_plain_descent_by_automatic_differentiation():
    for trial in trials("e05.b"):
        given, rows = trial.inputs, []
        w, v = tensor(given["w"]), tensor(given["v"])
        X, y = given["query"]
        for _ in range(given["num_steps"] + 1):
            score = (v * (tensor(X) @ w)).numpy()
            right = np.where(score == 0, 0.5, np.sign(score) == y).mean()
            rows.append([loss(w, v, X, y).item(), right])
            in_w, in_v = differentiated(w, v, *given["support"])
            w, v = w - given["alpha_w"] * in_w, v - given["alpha_v"] * in_v
        np.testing.assert_allclose(trial.expected, rows, atol=1e-7)


def test_e05_b_a_frozen_blind_feature_stays_at_one_half_and_a_free_one_follows_r6():
    """R6, on a symmetric sample: mirrored in both axes it knows no chance."""
    X = np.abs(np.random.default_rng(1).normal(size=(2000, 2)))
    X = np.concatenate([X * [i, j] for i in (-1, 1) for j in (-1, 1)])
    both = (X, np.sign(X[:, 1]))
    settings = {"w": np.array([1.0, 0.0]), "v": 2.0, "support": both, "query": both, "alpha_v": 0.0, "num_steps": 1}
    adapt = parts("e05")["e05.b"].reference
    frozen, free = (adapt(alpha_w=rate, **settings)[:, 1] for rate in (0.0, 1.0))
    np.testing.assert_array_equal(frozen, [0.5, 0.5])
    right = geometry.feature_accuracy(geometry.turned_feature(2.0, inner_lr=1.0), 2.0)
    assert free[0] == 0.5
    assert free[1] == pytest.approx(right, abs=0.05)


def test_e05_c_agrees_with_torch_layer_by_layer():
    for trial in trials("e05.c"):
        before, after = ([tensor(layer) for layer in trial.inputs[name]] for name in ("before", "after"))
        X, y = tensor(trial.inputs["X"]), tensor(trial.inputs["y"])

        def network(layers, X=X, y=y):
            *body, head = layers
            for layer in body:
                X = torch.tanh(X @ layer)
            return torch.nn.functional.softplus(-y * (X @ head)).mean()

        for k, (moved, rise) in enumerate(trial.expected):
            assert moved == pytest.approx((torch.dist(after[k], before[k]) / before[k].flatten().norm()).item())
            undone = after[:k] + before[k : k + 1] + after[k + 1 :]
            assert rise == pytest.approx((network(undone) - network(after)).item(), abs=1e-12)
