"""The explorer of a context that grows, against walks and posteriors that are written in another way."""

import gzip

import numpy as np
import pytest
import torch

from mamlkit import engine
from mamlkit.explorers import in_context
from mamlkit.explorers.in_context import (
    GRID,
    LENGTH,
    MEAN,
    NOISE,
    SPREAD,
    STEPS,
    TASKS,
    Context,
    D,
    estimates,
    features,
    in_context_explorer,
    in_context_scene,
)

CORNERS = [(n, task, start, k) for n in (0, LENGTH) for task in TASKS for start in ("zero", "learned") for k in STEPS]
INSIDE = [(1, 1, "zero", 1), (5, 2, "learned", 4), (9, 3, "zero", 64), (13, 1, "learned", 64), (4, 3, "learned", 1)]


def numbers(*state):
    return {readout.name: float(readout.value) for readout in in_context_scene(*state).readouts}


def loss(w, k, y):
    return 0.5 * ((k @ w - y) ** 2).mean()


def one_sample(w, k, y):
    return 0.5 * (k @ w - y) ** 2


def by_other_means(n, task, start, num_steps):
    """The four guesses by autodiff and by the normal equations."""
    context = Context(task)
    keys, values = torch.tensor(context.keys[:n]), torch.tensor(context.values[:n, 0])
    init = torch.tensor(MEAN[0] if start == "learned" else 0 * MEAN[0])
    away = SPREAD**2 + float(((init.numpy() - MEAN[0]) ** 2).mean())
    rate = n / (1 + (n - 1) / D + NOISE**2 / away)
    found = {"attention": engine.adapt(loss, init, (keys, values), inner_lr=rate, num_steps=int(n > 0))}
    walk = {"inner_lr": rate if num_steps == 1 else 1.0, "num_steps": num_steps * (n > 0)}
    found["steps"] = engine.adapt(loss, init, (keys, values), **walk)
    rates, error = [], D * away
    for _ in range(n):
        rates.append(error / (error + D * NOISE**2))
        error = error * (1 - rates[-1] * (2 - rates[-1]) / D) + rates[-1] ** 2 * NOISE**2
    streamed = {"inner_lr": engine.PerStep(torch.tensor(rates, dtype=torch.float64)), "num_steps": n, "stream": True}
    found["delta"] = engine.adapt(one_sample, init, (keys, values), **streamed)
    precision = np.eye(D) / SPREAD**2 + keys.numpy().T @ keys.numpy() / NOISE**2
    found["bayes"] = np.linalg.solve(precision, MEAN[0] / SPREAD**2 + keys.numpy().T @ values.numpy() / NOISE**2)
    return {name: np.asarray(w) for name, w in found.items()}


@pytest.mark.parametrize("state", CORNERS + INSIDE)
def test_the_picture_is_that_of_the_engine_and_of_the_normal_equations(state):
    expected, context = by_other_means(*state), Context(state[1])
    panels = in_context_scene(*state)
    marks = {mark.name: mark for scene in panels.scenes.values() for mark in scene.marks}
    shown = numbers(*state)
    for name, w in expected.items():
        np.testing.assert_allclose(marks[name].xy[:, 1], features(GRID) @ w, atol=1e-9)
        on_the_circle = features(np.linspace(-np.pi, np.pi, 101)[:-1]) @ (w - context.weights[0])
        assert shown[name] == pytest.approx((on_the_circle**2).mean() * 1.0, rel=1e-9, abs=1e-12)
        assert marks[f"{name}_error"].xy[state[0], 1] == pytest.approx(shown[name])
    assert ("context" in marks) == (state[0] > 0)


def test_the_keys_are_unit_vectors_without_a_preferred_direction():
    keys = features(np.linspace(-np.pi, np.pi, 101)[:-1])
    np.testing.assert_allclose((keys**2).sum(1), 1.0)
    np.testing.assert_allclose(keys.T @ keys / 100, np.eye(4) / 4, atol=1e-12)


def test_what_the_prompts_answer():
    start = estimates(1, "zero", 4)
    assert all((start[name][0] == 0).all() for name in ("attention", "delta", "steps"))
    assert len({tuple(states[0].ravel()) for states in estimates(1, "learned", 4).values()}) == 1
    for task in TASKS:
        one = estimates(task, "zero", 1)
        np.testing.assert_allclose(one["attention"], one["steps"], atol=1e-12)
    five = numbers(5, 1, "learned", 64)
    assert (round(five["attention"], 2), round(five["steps"], 2)) == (0.21, 0.64)
    zero, learned = numbers(16, 1, "zero", 64), numbers(16, 1, "learned", 64)
    assert (round(zero["attention"], 2), round(learned["attention"], 2)) == (0.60, 0.14)
    assert (round(zero["steps"], 2), round(learned["steps"], 2)) == (0.11, 0.11)
    gaps = {name: abs(zero[name] - learned[name]) for name in zero}
    assert max(gaps, key=gaps.get) == "attention"
    two, three = (numbers(n, 3, "zero", 4) for n in (2, 3))
    assert (round(two["attention"], 2), round(three["attention"], 2)) == (2.60, 2.89)


def test_sixty_four_steps_lose_to_one_at_four_tokens_and_win_later():
    """The docstring's surprise, over many tasks."""
    gaps = []
    for task in range(100, 400):
        found, weights = in_context.estimates.__wrapped__(task, "learned", 64), Context(task).weights
        errors = {name: ((states - weights) ** 2).mean(axis=(1, 2)) for name, states in found.items()}
        gaps.append(errors["steps"] - errors["attention"])
    mean, error = np.mean(gaps, axis=0), np.std(gaps, axis=0) / len(gaps) ** 0.5
    assert mean[3] > 2 * error[3]
    assert mean[12] < -2 * error[12]


def test_nothing_leaves_the_frame():
    for state in CORNERS:
        for scene in in_context_scene(*state).scenes.values():
            for mark in scene.marks:
                assert mark.xy[:, 1].min() >= scene.axes.ylim[0]
                assert mark.xy[:, 1].max() <= scene.axes.ylim[1]


def test_the_explorer_is_light():
    assert len(gzip.compress(in_context_explorer().html().encode())) < 120_000
