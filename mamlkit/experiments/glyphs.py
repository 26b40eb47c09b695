"""Few-shot classification of glyphs: seven methods, tuned alike on validation scripts, judged on scripts never seen.

About 40 minutes of processor time. Every learned method is trained at one shot (MAML, FOMAML and ANIL for 5 and for 20
ways, the prototypical network for 20 ways), for as many iterations as come to some 50 seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mamlkit.engine import evaluate
from mamlkit.experiments._convnet import Norm, classifier, features, group_norm, prototypes, start, with_prototype_head
from mamlkit.experiments._glyph_training import Learned, Setting, inner_rates, train
from mamlkit.experiments._keeping import interval, kept, rounds
from mamlkit.tasks import glyphs

NORM = group_norm(8)
CANDIDATES = {  # of each method's three, the best on validation tasks after a quarter of the iterations
    "MAML": [Setting("MAML", outer_lr=o, inner_lr=a) for o, a in ((0.01, 0.4), (0.003, 0.4), (0.01, 0.1))],
    "ANIL": [Setting("ANIL", outer_lr=o, inner_lr=a) for o, a in ((0.01, 0.4), (0.003, 0.4), (0.01, 1.0))],
    "FOMAML": [
        Setting("FOMAML", outer_lr=o, inner_lr=a, num_steps=k)
        for o, a, k in ((0.01, 0.1, 5), (0.003, 0.1, 5), (0.003, 0.4, 1))
    ],
    "prototypes": [Setting("prototypes", ways=20, outer_lr=o, tasks=4, iterations=1400) for o in (0.01, 0.003, 0.001)],
    "joint": [Setting("joint", outer_lr=o, iterations=3000) for o in (0.01, 0.003, 0.001)],
}
METHODS = {5: ("MAML", "ANIL", "FOMAML", "joint", "prototypes"), 20: ("MAML", "ANIL", "FOMAML", "joint", "prototypes")}
ADAPTING = ("MAML", "ANIL", "FOMAML")  # tuned anew for 20 ways, where the same rate is a smaller step
FASTER = (1, 2, 4)  # times the rate that was best at five ways
TASKS = {(5, 1): 600, (5, 5): 600, (20, 1): 600}
TUNED = {"joint": 10.0}  # the scale of its cosines
STEPS = 10  # the most inner steps that a method may ask for at the test


@lru_cache(maxsize=8)
def episodes(split: str, ways: int, shots: int, num_tasks: int) -> glyphs.Episodes:
    """Return the tasks by which all methods are judged alike."""
    rng = np.random.default_rng([len(split), ways, shots])
    return glyphs.sample(rng, glyphs.letters(split), num_tasks=num_tasks, num_ways=ways, num_shots=shots, num_query=10)


def accuracies(
    setting: Setting, params: Any, tasks: glyphs.Episodes, *, steps: int, rate: float, norm: Norm = NORM
) -> np.ndarray:
    """Return the share of right answers after 0, 1, ..., `steps` inner steps of `rate`, (steps + 1, tasks)."""
    count, shots = len(tasks.classes), tasks.support.y.shape[1]
    ways, right = tasks.classes.shape[1], torch.ones(count)
    support, query = ([torch.as_tensor(part) for part in one] for one in (tasks.support, tasks.query))
    options: dict[str, Any] = {"num_steps": steps, "chunk_size": max(1, 2000 // shots // ways)}
    if setting.method == "prototypes":
        return _prototypical(params, support, query, ways)[None]
    if setting.method == "joint":
        with torch.no_grad():
            centres = torch.stack(
                [prototypes(features(params, x, NORM), y, ways) for x, y in zip(*support, strict=True)]
            )
        body = {name: value for name, value in params.items() if not name.startswith("head")}
        params = body | {"head.weight": torch.zeros(centres.shape[-1], ways), "head.bias": torch.zeros(ways)}
        support, query = [*support, centres], [*query, centres]
        loss_fn = with_prototype_head(NORM, ways, TUNED["joint"])
    else:
        loss_fn = classifier(norm)
    rates = inner_rates(params, setting._replace(inner_lr=rate))
    found = evaluate(loss_fn, params, support=tuple(support), query=(*query, right), inner_lr=rates, **options)
    return found.numpy()


def _prototypical(params: Any, support: Any, query: Any, ways: int) -> np.ndarray:
    right = []
    with torch.no_grad():
        for (x, y), (x_query, y_query) in zip(zip(*support, strict=True), zip(*query, strict=True), strict=True):
            z = features(params, torch.cat([x, x_query]), NORM)
            centres = prototypes(z[: len(y)], y, ways)
            right.append((torch.cdist(z[len(y) :], centres).argmin(1) == y_query).float().mean())
    return torch.stack(right).numpy()


def pixels(tasks: glyphs.Episodes) -> np.ndarray:
    """Return the share of right answers of the nearest support image, by plain distance of pixels, (tasks,)."""
    right = []
    for x, y, x_query, y_query in zip(*tasks.support, *tasks.query, strict=True):
        near, far = x.reshape(len(x), -1), x_query.reshape(len(x_query), -1)
        distances = (near**2).sum(1) - 2 * far @ near.T  # but for what is the same for all
        right.append((y[distances.argmin(1)] == y_query).mean())
    return np.array(right)


def tuned(method: str, folder: Path | None, *, shrink: float = 1.0, ways: int = 5) -> dict[str, Any]:
    """Return the best of the method's candidates on validation tasks, and what each of them reached there."""
    return dict(kept(folder, f"tuned-{method}-{ways}", _tried, method, folder, shrink, ways))


def _tried(method: str, folder: Path | None, shrink: float, ways: int) -> dict[str, Any]:
    judge = episodes("validation", ways, 1, max(20, int(300 * shrink)))
    candidates, scores = _candidates(method, folder, shrink, ways), []
    for number, setting in enumerate(candidates):
        short = setting._replace(iterations=max(2, int(setting.iterations * shrink / 4)))
        learned = kept(folder, f"tune-{method}-{ways}-{number}", train, short, 0)
        found = accuracies(short, learned.params, judge, steps=setting.num_steps, rate=_first_rate(setting))
        scores.append(float(found[-1].mean()))
    best = candidates[int(np.argmax(scores))]
    return {"setting": best._replace(iterations=max(2, int(best.iterations * shrink))), "scores": scores}


def _candidates(method: str, folder: Path | None, shrink: float, ways: int) -> list[Setting]:
    """Return what is tried: for 20 ways the best of five ways, with as many images a step in fewer tasks."""
    if ways == 5:
        return CANDIDATES[method]
    best = CANDIDATES[method][int(np.argmax(tuned(method, folder, shrink=shrink)["scores"]))]
    return [best._replace(ways=ways, tasks=6, queries=2, inner_lr=times * best.inner_lr) for times in FASTER]


def _first_rate(setting: Setting) -> float:
    return 0.1 if setting.method == "joint" else setting.inner_lr


def learned(setting: Setting, seed: int, folder: Path | None, *, shrink: float = 1.0) -> Learned:
    """Return the network of a method and seed, with its accuracy on 200 test tasks along the way."""
    judge = episodes("test", setting.ways if setting.method in ADAPTING else 5, 1, max(20, int(200 * shrink)))

    def look(params: Any) -> float:
        return float(accuracies(setting, params, judge, steps=setting.num_steps, rate=_first_rate(setting))[-1].mean())

    name = f"{setting.method}-{setting.ways}-{seed}"
    return kept(folder, name, train, setting, seed, look=look)


def at_test(setting: Setting, params: Any, ways: int, shots: int, *, shrink: float = 1.0) -> tuple[int, float]:
    """Return the number of steps and the rate that are best on validation tasks, chosen in the same way for all."""
    judge = episodes("validation", ways, shots, max(20, int(150 * shrink)))
    if setting.method == "prototypes":
        return 0, 0.0
    rates = {"joint": (0.01, 0.03, 0.1), "scratch": (0.1, 0.4)}.get(setting.method, (setting.inner_lr,))
    curves = np.stack([accuracies(setting, params, judge, steps=STEPS, rate=r).mean(axis=1) for r in rates])
    best, steps = np.unravel_index(int(curves.argmax()), curves.shape)
    return int(steps), rates[best]


def judged(method: str, setting: Setting, nets: list[Any], ways: int, shots: int, shrink: float) -> dict[str, Any]:
    """Return the accuracies (seeds, tasks) of a method on the test tasks of a form, and how it adapts there."""
    tasks = episodes("test", ways, shots, max(20, int(TASKS[ways, shots] * shrink)))
    steps, rate = at_test(setting, nets[0], ways, shots, shrink=shrink)
    longest = max(steps, 5 if method in ("MAML", "ANIL", "FOMAML") and ways == 5 else 0)
    curves = np.stack([accuracies(setting, net, tasks, steps=longest, rate=rate) for net in nets])
    return {"right": curves[:, steps], "steps": steps, "rate": rate, "curve": curves.mean(axis=(0, 2))}


def form(ways: int, shots: int, folder: Path | None, *, seeds: int = 3, shrink: float = 1.0) -> dict[str, Any]:
    """Return every method's accuracy on one form of task, with intervals, and differences from MAML, paired by task."""
    found: dict[str, Any] = {}
    for method in METHODS[ways]:
        setting = tuned(method, folder, shrink=shrink, ways=ways if method in ADAPTING else 5)["setting"]
        nets = [learned(setting, seed, folder, shrink=shrink).params for seed in range(seeds)]
        name = f"judged-{method}-{ways}-{shots}"
        found[method] = kept(folder, name, judged, method, setting, nets, ways, shots, shrink)
    fresh, name = [start(100 + seed, ways) for seed in range(seeds)], f"judged-scratch-{ways}-{shots}"
    found["scratch"] = kept(folder, name, judged, "scratch", Setting("scratch"), fresh, ways, shots, shrink)
    tasks = episodes("test", ways, shots, max(20, int(TASKS[ways, shots] * shrink)))
    found["pixels"] = {"right": np.repeat(pixels(tasks)[None], seeds, axis=0), "steps": 0, "rate": 0.0, "curve": []}
    return {
        method: interval(one["right"])
        | {"steps": one["steps"], "rate": one["rate"], "curve": rounds(one["curve"])}
        | {"less_maml": interval(one["right"] - found["MAML"]["right"])}
        for method, one in found.items()
    }


def seconds(folder: Path | None, *, seeds: int = 3, shrink: float = 1.0) -> dict[str, Any]:
    """Return the accuracy on 200 test tasks, five ways and one shot, along each training, by processor seconds."""
    found = {}
    for method in CANDIDATES:
        setting = tuned(method, folder, shrink=shrink)["setting"]
        runs = [learned(setting, seed, folder, shrink=shrink) for seed in range(seeds)]
        paths = np.array([run.looks for run in runs], dtype=float).reshape(seeds, -1, 2)
        found[method] = {"seconds": rounds(paths[..., 0], 1), "right": rounds(paths[..., 1])}
    return found


def run(folder: Path | None = None, *, seeds: int = 3, shrink: float = 1.0) -> dict[str, Any]:
    """Train, tune and judge all methods; `folder` keeps what is done, `shrink` makes everything smaller for a test."""

    def described(methods: Iterable[str], ways: int) -> dict[str, Any]:
        choices = {method: tuned(method, folder, shrink=shrink, ways=ways) for method in methods}
        return {m: one["setting"]._asdict() | {"validation": rounds(one["scores"])} for m, one in choices.items()}

    forms = {f"{n}-way {k}-shot": form(n, k, folder, seeds=seeds, shrink=shrink) for n, k in TASKS}
    return {
        "classes": {split: len(glyphs.letters(split).labels) for split in glyphs.SCRIPTS},
        "settings": described(CANDIDATES, 5),
        "settings_20": described(ADAPTING, 20),
        "forms": forms,
        "seconds": seconds(folder, seeds=seeds, shrink=shrink),
    }
