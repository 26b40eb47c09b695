"""Batch norm with statistics of one's choice, and how well a support set knows the means that it needs (claim R13)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mamlkit.experiments._convnet import Norm, Params, features
from mamlkit.experiments._keeping import rounds
from mamlkit.experiments.glyphs import episodes
from mamlkit.tasks import glyphs

Moments = list[tuple[Tensor, Tensor]]  # of each layer, a mean and a variance for each channel, (channels, 1, 1)


def moments(z: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and variance over images and pixels of activations (n, channels, side, side)."""
    mean = z.mean(dim=(0, 2, 3), keepdim=True)[0]
    return mean, ((z - mean) ** 2).mean(dim=(0, 2, 3), keepdim=True)[0]


def batch_norm(first: slice, steady: Moments | None = None, weight: float = 1.0) -> Norm:
    """Return batch norm with the statistics of the images in `first`, mixed with `steady` ones by `weight`."""

    def norm(z: Tensor, layer: int) -> Tensor:
        mean, var = moments(z[first]) if weight else (0.0, 0.0)
        if steady is not None:
            mean = weight * mean + (1 - weight) * steady[layer - 1][0]
            var = weight * var + (1 - weight) * steady[layer - 1][1]
        return (z - mean) * torch.rsqrt(var + 1e-5)  # type: ignore[arg-type]

    return norm


EVERY = slice(None)


class Recorder:
    """Keeps the moments that batch norm meets at each layer, task by task."""

    def __init__(self) -> None:
        self.seen: list[Moments] = []

    def see(self, params: Params, x: Tensor) -> None:
        """Send images (n, 20, 20) through the network with their own statistics."""
        here: Moments = []

        def norm(z: Tensor, layer: int) -> Tensor:
            here.append(moments(z))
            return batch_norm(EVERY)(z, layer)

        features(params, x, norm)
        self.seen.append(here)

    def overall(self) -> Moments:
        """Return the moments of all tasks together: the mean of the variances, and the variance of the means."""
        stacks = [[torch.stack(part) for part in zip(*layer, strict=True)] for layer in zip(*self.seen, strict=True)]
        return [(mean.mean(0), var.mean(0) + mean.var(0, correction=0)) for mean, var in stacks]


def mean_errors(params: Params, shots: int, tests: int) -> dict[str, Any]:
    """Return, layer by layer, the squared errors of P's and G's means of test tasks, measured and as R13 has them.

    Summed over channels, as shares of the variance of single images. A task's true mean is that of all 20 drawings of
    its five classes, from which the support set is drawn without replacement, the same number of each class: so
    `within` takes the variance within a class, times (1 - shots / 20). `iid` forgets the classes.
    """
    tasks, pixels = episodes("test", 5, shots, tests), torch.as_tensor(glyphs.letters("test").pixels)
    rows: dict[str, list[list[Tensor]]] = {"measured": [], "within": [], "iid": []}
    levels, scale = [], []
    for x, classes in zip(tasks.support.x, tasks.classes, strict=True):
        every = pixels[torch.as_tensor(classes)].flatten(0, 1)
        layers = _means(params, torch.cat([torch.as_tensor(x), every]), count := len(x))
        pairs = [(layer[:count], layer[count:]) for layer in layers]
        share = (1 - shots / 20) / count
        rows["measured"].append([(s.mean(0) - a.mean(0)).square().sum() for s, a in pairs])
        rows["within"].append([share * a.unflatten(0, (5, 20)).var(1).mean(0).sum() for _s, a in pairs])
        rows["iid"].append([share * a.var(0).sum() for _s, a in pairs])
        levels.append([a.mean(0) for _s, a in pairs])
        scale.append([a.var(0).sum() for _s, a in pairs])
    between = torch.stack([torch.stack(layer).var(0).sum() for layer in zip(*levels, strict=True)])
    unit = torch.tensor(scale).mean(0) + between
    found = {name: rounds((torch.tensor(parts).mean(0) / unit).tolist(), 5) for name, parts in rows.items()}
    return found | {"G": rounds((between / unit).tolist(), 5)}


def _means(params: Params, x: Tensor, count: int) -> list[Tensor]:
    """Return each image's mean activation before each normalisation, (n, channels) a layer.

    All are normalised by the statistics of the images after the first `count`, the same for both sets.
    """
    met: list[Tensor] = []

    def norm(z: Tensor, layer: int) -> Tensor:
        met.append(z.mean(dim=(2, 3)))
        return batch_norm(slice(count, None))(z, layer)

    with torch.no_grad():
        features(params, x, norm)
    return met
