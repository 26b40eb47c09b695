"""Reuse or learn? The features of MAML at the test, in a regime where they serve all tasks and in one where none do.

About 2 minutes of processor time, and the five-way networks of `glyphs`, which it trains if they are not kept. In the
second regime a task is a half-space of R^8: y = [w.x > 0] with w uniform on the sphere, 20 support points.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from mamlkit import models
from mamlkit.engine import adapt, evaluate, meta_train
from mamlkit.experiments._convnet import LAYERS, Params, classifier, features, group_norm, prototypes
from mamlkit.experiments._glyph_training import Setting
from mamlkit.experiments._keeping import interval, kept, rounds
from mamlkit.experiments.glyphs import NORM, episodes, learned, tuned

DIMENSION, POINTS, STEPS, WIDTHS = 8, 20, 5, (1, 2, 4, 8, 32)


def half_spaces(rng: np.random.Generator, num_tasks: int) -> Any:
    """Draw tasks [w.x > 0], w uniform on the sphere of R^8: 20 support and 40 query points, normal."""
    w = rng.normal(size=(num_tasks, DIMENSION, 1))
    x = rng.normal(size=(num_tasks, POINTS + 40, DIMENSION))
    y = (x @ w > 0).astype(float)
    return SimpleNamespace(support=(x[:, :POINTS], y[:, :POINTS]), query=(x[:, POINTS:], y[:, POINTS:]))


def ceiling(width: int, draws: int = 100_000) -> float:
    """Return the best accuracy on half-spaces of any classifier that sees x through `width` fixed directions alone.

    It can do no better than the half-space of the projected w, which is right but in the angle between the two:
    1 - E[angle] / pi, here by `draws` of w; the error of the mean is below 0.001.
    """
    w = np.random.default_rng(0).normal(size=(draws, DIMENSION))
    seen = np.linalg.norm(w[:, :width], axis=1) / np.linalg.norm(w, axis=1)
    return float(1 - np.arccos(np.clip(seen, -1, 1)).mean() / np.pi)


def train_half_spaces(width: int, seed: int, head_alone: bool, iterations: int) -> dict[str, Any]:
    """Return a tanh network [8, width, 1] after meta-training with learned inner rates; ANIL if `head_alone`."""
    params, net = models.mlp([DIMENSION, width, 1], torch.Generator().manual_seed(seed), activation=torch.tanh)
    rates = {name: 0.0 if head_alone and name.startswith("1.") else 0.5 for name in params}

    def loss_fn(params: Params, x: Any, y: Any, right: Any = None) -> Any:
        logits = net(params, x)
        if right is None:
            return F.binary_cross_entropy_with_logits(logits, y)
        return ((logits > 0) == (y > 0.5)).to(logits.dtype).mean()

    trained = meta_train(
        loss_fn, params, lambda rng: half_spaces(rng, 32), inner_lr=rates, num_steps=STEPS, outer_lr=0.01,
        iterations=iterations, seed=seed, learn_inner_lr=True, progress=False,
    )  # fmt: skip
    test = half_spaces(np.random.default_rng(9), 600)
    query, rates = (*test.query, np.ones(600)), trained.inner_lr
    options = {"support": test.support, "inner_lr": rates, "num_steps": STEPS}
    right = evaluate(loss_fn, trained.params, query=query, **options)[-1].numpy()
    moved = [_moved(loss_fn, trained.params, rates, [torch.tensor(part[t]).float() for part in test.support])
             for t in range(100)]  # fmt: skip
    return {"right": right, "moved": np.mean(moved, axis=0)}


def _moved(loss_fn: Any, params: Params, rates: Any, support: Any) -> list[float]:
    phi = adapt(loss_fn, params, tuple(support), inner_lr=rates, num_steps=STEPS)
    return [float((phi[f"{k}.weight"] - params[f"{k}.weight"]).norm() / params[f"{k}.weight"].norm()) for k in (1, 2)]


def logistic(validation: Any, test: Any) -> np.ndarray:
    """Return the accuracy of logistic regression from zero on each test task; penalty chosen on validation tasks."""

    def right(tasks: Any, penalty: float) -> np.ndarray:
        (x, y), (asked, answers) = (tuple(map(torch.tensor, one)) for one in (tasks.support, tasks.query))
        w = torch.zeros(len(x), DIMENSION, 1, dtype=x.dtype)
        for _step in range(30):  # Newton
            p = torch.sigmoid(x @ w)
            slope = x.mT @ (p - y) + penalty * w
            bend = x.mT @ (p * (1 - p) * x) + penalty * torch.eye(DIMENSION, dtype=x.dtype)
            w = w - torch.linalg.solve(bend, slope)
        return ((asked @ w > 0) == (answers > 0.5)).double().mean(dim=(1, 2)).numpy()

    best = max((0.01, 0.1, 0.3, 1.0, 3.0), key=lambda penalty: right(validation, penalty).mean())
    return right(test, best)


def parts_adapted(params: Params, setting: Setting, tests: int) -> dict[str, np.ndarray]:
    """Return the accuracy of a five-way network on each test task with some parts of it adapted, the rest as it is."""
    tasks = episodes("test", 5, 1, tests)
    query = (*map(torch.as_tensor, tasks.query), torch.ones(tests))
    found = {}
    for name, moves in (("all", ("1", "2", "3", "4", "head")), ("head", ("head",)), ("body", ("1", "2", "3", "4"))):
        rates = {key: setting.inner_lr if key.split(".")[0] in moves else 0.0 for key in params}
        options: dict[str, Any] = {"support": tuple(tasks.support), "inner_lr": rates, "num_steps": setting.num_steps}
        found[name] = evaluate(classifier(NORM), params, query=query, chunk_size=100, **options)[-1].numpy()
    found["prototypes"] = np.array([_no_loop(params, *map(torch.as_tensor, task)) for task in _each(tasks)])
    return found


def _each(tasks: Any) -> Any:
    return zip(*tasks.support, *tasks.query, strict=True)


def _no_loop(params: Params, x: Any, y: Any, asked: Any, answers: Any) -> float:
    """Return the accuracy of the nearest class mean, by cosine, of features that no step has touched."""
    with torch.no_grad():
        z = F.normalize(features(params, torch.cat([x, asked]), NORM), dim=1)
        centres = F.normalize(prototypes(z[: len(y)], y, 5), dim=1)
        return float(((z[len(y) :] @ centres.T).argmax(1) == answers).float().mean())


def movement(params: Params, setting: Setting, tests: int) -> list[float]:
    """Return how far adaptation moves the weights of each layer and the head, relative to their norms, on average."""
    names = [*(f"{layer}.weight" for layer in range(1, LAYERS + 1)), "head.weight"]
    moved = []
    for x, y, _asked, _answers in _each(episodes("test", 5, 1, tests)):
        support = (torch.as_tensor(x), torch.as_tensor(y))
        options: dict[str, Any] = {"inner_lr": setting.inner_lr, "num_steps": setting.num_steps}
        phi = adapt(classifier(group_norm(8)), params, support, **options)
        moved.append([float((phi[name] - params[name]).norm() / params[name].norm()) for name in names])
    return rounds(np.mean(moved, axis=0))


def activations(params: Params, setting: Setting, tests: int) -> float:
    """Return how far a step moves the features of query images, relative to their norm, on average."""
    moved = []
    for x, y, asked, _answers in _each(episodes("test", 5, 1, tests)):
        support = (torch.as_tensor(x), torch.as_tensor(y))
        phi = adapt(classifier(NORM), params, support, inner_lr=setting.inner_lr, num_steps=setting.num_steps)
        with torch.no_grad():
            before, after = (features(p, torch.as_tensor(asked), NORM) for p in (params, phi))
        moved.append(float((after - before).norm() / before.norm()))
    return round(float(np.mean(moved)), 4)


def run(folder: Path | None = None, *, seeds: int = 3, shrink: float = 1.0) -> dict[str, Any]:
    """Judge both regimes; arguments as in `glyphs.run`."""
    setting, tests = tuned("MAML", folder, shrink=shrink)["setting"], max(12, int(600 * shrink))
    nets = [learned(setting, seed, folder, shrink=shrink).params for seed in range(seeds)]
    found = [kept(folder, f"parts-{seed}", parts_adapted, net, setting, tests) for seed, net in enumerate(nets)]
    right = {name: np.stack([one[name] for one in found]) for name in found[0]}
    few = max(10, int(100 * shrink))
    return {
        "glyphs": {name: interval(one) | {"less_all": interval(one - right["all"])} for name, one in right.items()},
        "moved": [movement(net, setting, few) for net in nets],
        "features_moved": [activations(net, setting, few) for net in nets],
        "half-spaces": half_spaces_run(folder, seeds, shrink),
    }


def half_spaces_run(folder: Path | None, seeds: int, shrink: float) -> dict[str, Any]:
    """Return the accuracies of MAML and ANIL on half-spaces by width, with the ceiling of fixed features."""
    iterations, results = max(2, int(800 * shrink)), {}
    for width in WIDTHS:
        made = {
            name: [kept(folder, f"half-{name}-{width}-{s}", train_half_spaces, width, s, name == "ANIL", iterations)
                   for s in range(seeds)]
            for name in ("MAML", "ANIL")
        }  # fmt: skip
        right = {name: np.stack([one["right"] for one in runs]) for name, runs in made.items()}
        results[str(width)] = {name: interval(one) for name, one in right.items()} | {
            "difference": interval(right["MAML"] - right["ANIL"]),
            "moved": {name: rounds(np.mean([one["moved"] for one in runs], axis=0)) for name, runs in made.items()},
            "ceiling": round(ceiling(width), 4),
        }
    validation, test = (half_spaces(np.random.default_rng(seed), 600) for seed in (8, 9))
    return {"widths": results, "logistic": interval(np.repeat(logistic(validation, test)[None], seeds, axis=0))}
