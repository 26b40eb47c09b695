"""What the explorer of adaptation shows: outlines of letters, and what networks answer step by step.

A few seconds, and the five-way networks of `glyphs`, which it trains if they are not kept. The tasks are the first four
of the test tasks, not chosen.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from mamlkit.engine import adapt
from mamlkit.experiments._convnet import Params, classifier, features, start
from mamlkit.experiments._glyph_training import Setting, inner_rates
from mamlkit.experiments._keeping import rounds
from mamlkit.experiments.glyphs import NORM, episodes, learned, tuned
from mamlkit.tasks import glyphs

TASKS, STEPS = 4, 5


def outline(pixels: np.ndarray) -> list[str]:
    """Return the outlines of a picture (side, side), closed lines "x,y x,y ..." with y upward, in a unit square."""
    from contourpy import contour_generator

    side = len(pixels)
    lines: Any = contour_generator(z=np.pad(pixels, 1)).lines(0.5)
    shifted = [(np.asarray(line) - 0.5) / side for line in lines if len(line) > 4]
    return [" ".join(f"{x:.2f},{1 - y:.2f}" for x, y in line) for line in shifted]


def answers(params: Params, setting: Setting, support: Any, asked: torch.Tensor) -> list[Any]:
    """Return the probabilities of the five classes for each query image after 0, 1, ..., 5 steps: (6, queries, 5)."""
    found, rates = [], inner_rates(params, setting)
    for steps in range(STEPS + 1):
        phi = adapt(classifier(NORM), params, support, inner_lr=rates, num_steps=steps)
        with torch.no_grad():
            logits = features(phi, asked, NORM) @ phi["head.weight"] + phi["head.bias"]
        found.append(torch.softmax(logits, dim=1).numpy())
    return rounds(np.stack(found), 3)


def one_task(tasks: glyphs.Episodes, row: int, nets: dict[str, tuple[Params, Setting]]) -> dict[str, Any]:
    """Return the support letters, one query letter of each class, and the answers of each network."""
    x, y = (torch.as_tensor(part[row]) for part in tasks.support)
    per_class = tasks.query.x.shape[1] // 5
    asked = torch.as_tensor(tasks.query.x[row, ::per_class])
    scripts = glyphs.letters("test").scripts
    return {
        "scripts": [scripts[one].title() for one in tasks.classes[row]],
        "support": [outline(image) for image in x.numpy()],
        "query": [outline(image) for image in asked.numpy()],
        "answers": {name: answers(params, setting, (x, y), asked) for name, (params, setting) in nets.items()},
    }


def run(folder: Path | None = None, *, shrink: float = 1.0) -> list[dict[str, Any]]:
    """Return the tasks to be shown; arguments as in `glyphs.run`."""
    nets: dict[str, tuple[Params, Setting]] = {}
    for method in ("MAML", "ANIL"):
        setting = tuned(method, folder, shrink=shrink)["setting"]
        nets[method] = (learned(setting, 0, folder, shrink=shrink).params, setting)
    nets["scratch"] = (start(100, 5), nets["MAML"][1])
    tasks = episodes("test", 5, 1, max(20, int(600 * shrink)))
    return [one_task(tasks, row, nets) for row in range(TASKS)]
