"""The outer loop: it finds the optimum, repeats itself, validates and stops."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mamlkit import models
from mamlkit.closed_form import quadratic
from mamlkit.engine import evaluate, meta_train

from .oracles import quadratic_loss, random_quadratics
from .runs import bits, sample_tasks, train


def test_finds_the_meta_optimum_of_quadratics():
    rng = np.random.default_rng(0)
    supports, support = random_quadratics(rng, num_tasks=5, dim=2)
    queries, query = random_quadratics(rng, num_tasks=5, dim=2)
    tasks = [quadratic.QuadraticTask(*pair) for pair in zip(supports, queries, strict=True)]
    trained = meta_train(
        quadratic_loss,
        torch.zeros(2, dtype=torch.float64),
        lambda _: SimpleNamespace(support=support, query=query),
        inner_lr=0.2,
        num_steps=2,
        outer_lr=0.3,
        iterations=400,
        seed=0,
        optimizer=torch.optim.SGD,
        progress=False,
    )
    np.testing.assert_allclose(
        trained.params.numpy(), quadratic.meta_optimum(tasks, inner_lr=0.2, num_steps=2), rtol=1e-8
    )


def test_same_seed_same_bits_other_seed_other():
    assert bits(train()) == bits(train())
    assert bits(train()) != bits(train(seed=4))


def test_early_stopping_returns_the_best():
    tasks = sample_tasks(np.random.default_rng(9))
    trained = train(outer_lr=0.3, iterations=200, validation_tasks=tasks, validate_every=1, patience=3)
    best = int(trained.validation[:, 1].argmin())
    assert len(trained.validation) == best + 1 + 3 == len(trained.losses) < 200
    params, net = models.mlp([1, 8, 1], torch.Generator())
    curve = evaluate(lambda p, x, y: F.mse_loss(net(p, x), y), trained.params, support=tasks.support,
                     query=tasks.query, inner_lr=0.01, num_steps=2)  # fmt: skip
    np.testing.assert_allclose(float(curve[-1].mean()), trained.validation[best, 1], rtol=1e-6)
    assert set(params) == set(trained.params)


def test_callbacks_see_progress_and_may_stop():
    seen = []
    train(validate_every=5, callbacks=[lambda i, trained: seen.append((i, len(trained.losses)))])
    assert seen == [(i, i) for i in range(5, 31, 5)]
    assert len(train(validate_every=5, callbacks=[lambda i, _: i == 10]).losses) == 10


def test_learned_inner_rate_moves_and_plain_zero_does_not():
    rates = {"1.weight": 0.01, "1.bias": 0, "2.weight": torch.full((8, 1), 0.01), "2.bias": torch.tensor(0.02)}
    trained = train(inner_lr=rates, learn_inner_lr=True, iterations=5)
    assert trained.inner_lr["1.bias"] == 0
    assert trained.inner_lr["2.weight"].unique().numel() > 2
    assert float(trained.inner_lr["2.bias"]) != 0.02
    assert float(rates["2.bias"]) == np.float32(0.02)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="backend must be"):
        train(backend="fast")
    with pytest.raises(ValueError, match="patience=3 needs validation_tasks"):
        train(patience=3)
    with pytest.raises(ValueError, match="outer_lr must be positive, got 0"):
        train(outer_lr=0)
    with pytest.raises(ValueError, match="iterations must be at least 0, got -1"):
        train(iterations=-1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'num_step'"):
        train(num_step=1)
    with pytest.raises(TypeError, match=r"sample_tasks must return .* support and query, got tuple"):
        train(sample=lambda rng: (1, 2))
