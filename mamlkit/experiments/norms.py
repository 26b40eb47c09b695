"""Batch norm on real images (claim R13): whose statistics, for one network trained with those of the support set.

About 7 minutes of processor time, and the five-way networks of `glyphs`, which it trains if they are not kept.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mamlkit.engine import adapt
from mamlkit.experiments._convnet import Params, classifier, features, group_norm, judged
from mamlkit.experiments._glyph_training import Setting, train
from mamlkit.experiments._keeping import interval, kept
from mamlkit.experiments._moments import EVERY, Recorder, batch_norm, mean_errors
from mamlkit.experiments.glyphs import accuracies, episodes, learned, tuned

WEIGHTS = (0.25, 0.5, 0.75, 0.9)  # of the support set in the mixture, tried on validation tasks


def support_statistics(params: Params, x: Tensor, y: Tensor, x_support: Tensor | None = None) -> Tensor:
    """Return the loss under strategy P: a query set, which brings the support images, is normalised by those."""
    if x_support is None:
        return classifier(batch_norm(EVERY))(params, x, y)
    count = len(x_support)
    z = features(params, torch.cat([x_support, x]), batch_norm(slice(0, count)))[count:]
    return judged(z @ params["head.weight"] + params["head.bias"], y, None)


def answer(params: Params, support: Any, query: Any, strategy: str, steady: Any, weight: float = 0.5) -> float:
    """Return the share of right answers on one task; `strategy` says whose statistics normalise the query set."""
    inner = batch_norm(EVERY, steady["before"], 0.0) if strategy == "G throughout" else batch_norm(EVERY)
    rates = {"inner_lr": steady["inner_lr"], "num_steps": steady["num_steps"]}
    phi = adapt(classifier(inner), params, support, **rates)
    (x, _), (asked, y) = support, query
    count = len(x)
    outer = {
        "P": lambda: batch_norm(slice(0, count)),
        "mixture": lambda: batch_norm(slice(0, count), steady["after"], weight),
        "G": lambda: batch_norm(EVERY, steady["after"], 0.0),
        "G throughout": lambda: batch_norm(EVERY, steady["before"], 0.0),
        "query": lambda: batch_norm(slice(count, None)),
    }
    with torch.no_grad():
        if strategy in ("one by one", "class by class"):
            return _in_parts(phi, asked, y, 1 if strategy == "one by one" else 10)
        z = features(phi, torch.cat([x, asked]), outer[strategy]())[count:]
        return float(judged(z @ phi["head.weight"] + phi["head.bias"], y, torch.ones(())))


def _in_parts(phi: Params, asked: Tensor, y: Tensor, size: int) -> float:
    """Return the share of right answers when so many images, of one class, are normalised by themselves."""
    right = []
    for part, label in zip(asked.split(size), y.split(size), strict=True):
        z = features(phi, part, batch_norm(EVERY))
        right.append(float(judged(z @ phi["head.weight"] + phi["head.bias"], label, torch.ones(()))))
    return float(np.mean(right))


def gathered(params: Params, setting: Setting, tasks: Any) -> dict[str, Any]:
    """Return the moments of all of `tasks` together, before adaptation (support) and after it (query images)."""
    found: dict[str, Any] = {"inner_lr": setting.inner_lr, "num_steps": setting.num_steps}
    before, after = Recorder(), Recorder()
    for x, y, x_query, _y in map(_tensors, zip(*tasks.support, *tasks.query, strict=True)):
        phi = adapt(classifier(batch_norm(EVERY)), params, (x, y), inner_lr=setting.inner_lr, num_steps=1)
        with torch.no_grad():
            before.see(params, x)
            after.see(phi, x_query)
    return found | {"before": before.overall(), "after": after.overall()}


def _tensors(parts: Any) -> list[Tensor]:
    return [torch.as_tensor(part) for part in parts]


def shares(params: Params, tasks: Any, strategy: str, steady: Any, weight: float = 0.5) -> np.ndarray:
    """Return the share of right answers of each task."""
    every = map(_tensors, zip(*tasks.support, *tasks.query, strict=True))
    return np.array([answer(params, (x, y), (a, b), strategy, steady, weight) for x, y, a, b in every])


STRATEGIES = ("P", "mixture", "G", "G throughout", "query", "one by one", "class by class")


def strategies(nets: list[Params], setting: Setting, shots: int, tests: int) -> dict[str, Any]:
    """Return what each strategy reaches with networks trained under P, and its difference from P, paired by task."""
    test, validation = episodes("test", 5, shots, tests), episodes("validation", 5, shots, max(10, tests // 6))
    steady = [gathered(net, setting, episodes("train", 5, shots, max(10, tests // 6))) for net in nets]
    trials = [shares(nets[0], validation, "mixture", steady[0], weight).mean() for weight in WEIGHTS]
    weight = WEIGHTS[int(np.argmax(trials))]
    found = {
        name: np.stack([shares(net, test, name, own, weight) for net, own in zip(nets, steady, strict=True)])
        for name in STRATEGIES
    }
    results = {name: interval(right) | {"less_p": interval(right - found["P"])} for name, right in found.items()}
    return results | {"weight": weight, "_p": found["P"]}


def run(folder: Path | None = None, *, seeds: int = 3, shrink: float = 1.0) -> dict[str, Any]:
    """Train with the support set's statistics and with layer norm, and judge; arguments as in `glyphs.run`."""
    setting, tests = tuned("MAML", folder, shrink=shrink)["setting"], max(12, int(600 * shrink))
    each = range(seeds)
    batch = [kept(folder, f"norm-batch-{s}", train, setting, s, loss_fn=support_statistics).params for s in each]
    layer = [kept(folder, f"norm-layer-{s}", train, setting, s, norm=group_norm(1)).params for s in each]
    group = [learned(setting, seed, folder, shrink=shrink).params for seed in each]
    results: dict[str, Any] = {}
    for shots in (1, 5):
        tasks = episodes("test", 5, shots, tests)
        found = kept(folder, f"norm-strategies-{shots}", strategies, batch, setting, shots, tests)
        own = found.pop("_p")
        for name, nets, norm in (("group norm", group, group_norm(8)), ("layer norm", layer, group_norm(1))):
            options = {"steps": setting.num_steps, "rate": setting.inner_lr, "norm": norm}
            right = np.stack([accuracies(setting, net, tasks, **options)[setting.num_steps] for net in nets])
            found[name] = interval(right) | {"less_p": interval(right - own)}
        results[f"{shots}-shot"] = found
        results[f"{shots}-shot means"] = mean_errors(batch[0], shots, tests)
    return results
