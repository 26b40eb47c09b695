"""The sinusoid experiment in reduced size."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mamlkit.engine import evaluate, meta_train
from mamlkit.experiments import load, sinusoids
from mamlkit.tasks import sinusoid

from .test_glyphs import keys


def test_the_committed_result_has_the_form_of_a_fresh_one():
    found = sinusoids.run(seeds=2, shrink=3e-4)
    assert keys(load("sinusoids")) == keys(found)
    assert load("sinusoids")["iterations"]["MAML"] == 70_000


def test_a_stack_of_networks_is_networks_apart():
    """Each network of a stack learns what it learns alone, from waves of its own."""
    stack, net = sinusoids.start(2)
    both = meta_train(
        sinusoids.stack_loss(net), stack, sinusoids.sampler(2, jointly=False), inner_lr=0.01, num_steps=1,
        outer_lr=1e-3, iterations=5, seed=0, progress=False, backend="eager",
    )  # fmt: skip

    def second_alone(rng):
        waves = sinusoids.sampler(2, jointly=False)(rng)
        sets = {name: tuple(p[:, 1:] for p in getattr(waves, name)) for name in ("support", "query")}
        return SimpleNamespace(**sets)

    alone = meta_train(
        sinusoids.stack_loss(net), {name: value[1:] for name, value in stack.items()}, second_alone, inner_lr=0.01,
        num_steps=1, outer_lr=1e-3, iterations=5, seed=0, progress=False, backend="eager",
    )  # fmt: skip
    for name, value in alone.params.items():
        assert torch.allclose(both.params[name][1:], value, atol=1e-6)


def test_errors_against_evaluate_and_a_short_training_helps():
    stack, net = sinusoids.start(2)
    tasks = sinusoid.sample(np.random.default_rng(0), num_tasks=50, num_support=10, num_query=50)
    found = sinusoids.errors(stack, 0.01, 5, 2.0, tasks)
    one = {name: value[1] for name, value in stack.items()}
    support = tuple(part[:, :5] for part in tasks.support)
    expected = evaluate(
        lambda p, x, y: ((net(p, x) - y) ** 2).mean(), one, support=support, query=tuple(tasks.query), inner_lr=0.02,
        num_steps=10,
    )  # fmt: skip
    np.testing.assert_allclose(found[1], expected, rtol=1e-4)
    learned = sinusoids.train("MAML", 2, 0.01)
    after = sinusoids.errors(learned["params"], learned["rates"], 10, 1.0, tasks)
    assert after[:, 1].mean() < 0.8 * found[:, 10].mean()


def test_least_squares_on_the_true_family_is_exact():
    assert sinusoids.attainable(5, 50) < 1e-20
    assert sinusoids.attainable(2, 50) == pytest.approx(0, abs=1e-6)
