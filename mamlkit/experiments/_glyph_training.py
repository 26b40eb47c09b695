"""How each method of the glyph experiments is trained: one function, settings as data, seconds of processor time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch

from mamlkit.engine import meta_train
from mamlkit.experiments._convnet import Norm, Params, classifier, group_norm, prototypical, start
from mamlkit.tasks import glyphs


class Setting(NamedTuple):
    """What is trained, and how: the same file for every method, so that no method has a rule of its own."""

    method: str
    ways: int = 5
    outer_lr: float = 0.01
    inner_lr: float = 0.4
    num_steps: int = 1
    iterations: int = 800
    tasks: int = 16
    queries: int = 5


class Learned(NamedTuple):
    """The parameters, the processor seconds of training, and those at each look, with what the look returned."""

    params: Params
    seconds: float
    looks: list[tuple[float, Any]]


def inner_rates(params: Params, setting: Setting) -> Any:
    """Return the inner learning rate: one number, or for ANIL zero but in the head."""
    if setting.method != "ANIL":
        return setting.inner_lr
    return {name: setting.inner_lr if name.startswith("head") else 0.0 for name in params}


def train(
    setting: Setting,
    seed: int,
    *,
    norm: Norm | None = None,
    loss_fn: Callable[..., Any] | None = None,
    look: Callable[[Params], Any] | None = None,
    looks: int = 8,
) -> Learned:
    """Train one network on the training scripts; `look` is called along the way and not timed.

    The outer rate falls to zero along half a wave of the cosine. A `loss_fn` of one's own is called for the query set
    with the support images as a third argument.
    """
    images = glyphs.letters("train")
    pre_trains = setting.method == "joint"
    own = loss_fn is not None
    norm = norm or group_norm(8)
    params = start(seed, len(images.labels) if pre_trains else setting.ways)
    loss_fn = loss_fn or (prototypical(norm, setting.ways) if setting.method == "prototypes" else classifier(norm))
    sampler = partial(_batch if pre_trains else _episodes, images=images, setting=setting, with_support=own)
    optimizer, callback, clock = _schedule(setting, look, looks)
    begun = time.process_time()
    trained = meta_train(
        loss_fn, params, sampler, inner_lr=inner_rates(params, setting),
        num_steps=0 if setting.method in ("joint", "prototypes") else setting.num_steps,
        first_order=setting.method == "FOMAML", outer_lr=setting.outer_lr, iterations=setting.iterations, seed=seed,
        optimizer=optimizer, callbacks=[callback], validate_every=max(1, setting.iterations // (8 * looks)),
        backend="capture", progress=False,
    )  # fmt: skip
    return Learned(trained.params, time.process_time() - begun - clock.idle, clock.looks)


def _schedule(setting: Setting, look: Callable[[Params], Any] | None, looks: int) -> tuple[Any, Any, Any]:
    """Return an optimizer, the callback that lowers its rate and looks, and what it notes down."""
    clock = SimpleNamespace(idle=0.0, looks=[], begun=time.process_time(), calls=0)

    def optimizer(tensors: Any, lr: float) -> torch.optim.Optimizer:
        clock.optimizer = torch.optim.Adam(tensors, lr=lr, fused=True)
        return clock.optimizer

    def callback(done: int, trained: Any) -> None:
        share = done / setting.iterations
        clock.optimizer.param_groups[0]["lr"] = max(setting.outer_lr * (1 + math.cos(math.pi * share)) / 2, 1e-8)
        clock.calls += 1
        if look and clock.calls % 8 == 0:
            now = time.process_time()
            clock.looks.append((now - clock.begun - clock.idle, look(trained.params)))
            clock.idle += time.process_time() - now

    return optimizer, callback, clock


def _episodes(rng: np.random.Generator, images: glyphs.Images, setting: Setting, with_support: bool) -> Any:
    episodes = glyphs.sample(
        rng, images, num_tasks=setting.tasks, num_ways=setting.ways, num_shots=1, num_query=setting.queries
    )
    if setting.method == "prototypes":  # the support set travels with the query
        return SimpleNamespace(support=episodes.support, query=(*episodes.query, *episodes.support))
    query = (*episodes.query, episodes.support.x) if with_support else tuple(episodes.query)
    return SimpleNamespace(support=tuple(episodes.support), query=query)


def _batch(rng: np.random.Generator, images: glyphs.Images, setting: Setting, with_support: bool) -> Any:
    """Return one mini-batch of all classes as a lone task without an inner loop."""
    count, drawings = images.pixels.shape[:2]
    row, turn = rng.integers(count, size=(1, 160)), rng.integers(drawings, size=(1, 160))
    batch = (images.pixels[row, turn], row)
    return SimpleNamespace(support=batch, query=batch)
