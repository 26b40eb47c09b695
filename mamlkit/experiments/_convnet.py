"""The network of the glyph experiments as a pure function, with the normalisation that one gives it, and its losses."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

Params = dict[str, Tensor]
Norm = Callable[[Tensor, int], Tensor]
CHANNELS, LAYERS = 32, 4
FEATURES = 4 * CHANNELS  # 20 x 20 pixels become 10, 5, 3 and 2 a side


def group_norm(groups: int) -> Norm:
    """Return a normalisation of each image by itself, in groups of channels: one group is layer norm."""
    return lambda z, layer: F.group_norm(z, groups)


def start(seed: int, ways: int) -> Params:
    """Return fresh parameters: four convolutions with a gain and a shift each, and a linear head."""
    generator, params, fan_in = torch.Generator().manual_seed(seed), {}, 9
    for layer in range(1, LAYERS + 1):
        shape = (CHANNELS, fan_in // 9, 3, 3)
        params[f"{layer}.weight"] = torch.randn(shape, generator=generator) * (2 / fan_in) ** 0.5
        params[f"{layer}.gain"], params[f"{layer}.shift"] = torch.ones(CHANNELS), torch.zeros(CHANNELS)
        fan_in = 9 * CHANNELS
    params["head.weight"] = 0.01 * torch.randn(FEATURES, ways, generator=generator)
    params["head.bias"] = torch.zeros(ways)
    return params


def features(params: Params, x: Tensor, norm: Norm) -> Tensor:
    """Return the features (n, 128) of images (n, 20, 20): four times convolution, normalisation, ReLU."""
    z = x[:, None]
    for layer in range(1, LAYERS + 1):
        z = norm(F.conv2d(z, params[f"{layer}.weight"], stride=2, padding=1), layer)
        gain, shift = params[f"{layer}.gain"], params[f"{layer}.shift"]
        z = torch.relu(z * gain[:, None, None] + shift[:, None, None])
    return z.flatten(1)


def classifier(norm: Norm) -> Callable[..., Tensor]:
    """Return ``loss_fn(params, x, y)``, the cross-entropy; a further argument asks for the share of right answers."""

    def loss_fn(params: Params, x: Tensor, y: Tensor, right: Tensor | None = None) -> Tensor:
        logits = features(params, x, norm) @ params["head.weight"] + params["head.bias"]
        return judged(logits, y, right)

    return loss_fn


def judged(logits: Tensor, y: Tensor, right: Tensor | None) -> Tensor:
    """Return the cross-entropy, or the share of right answers where `right` is given."""
    if right is None:
        return F.cross_entropy(logits, y)
    return (logits.argmax(-1) == y).to(logits.dtype).mean()


def prototypes(z: Tensor, y: Tensor, ways: int) -> Tensor:
    """Return the class means (ways, 128) of features (n, 128)."""
    members = F.one_hot(y, ways).to(z.dtype)
    return (members.T @ z) / members.sum(0)[:, None]


def prototypical(norm: Norm, ways: int) -> Callable[..., Tensor]:
    """Return the loss of a prototypical network: logits are minus squared distances to the class means.

    The support set travels with the query: ``loss_fn(params, x, y, x_support, y_support)``; there is no inner loop.
    Source: Snell, Swersky and Zemel (2017), equations (1) and (2).
    """

    def loss_fn(
        params: Params, x: Tensor, y: Tensor, x_support: Tensor, y_support: Tensor, right: Tensor | None = None
    ) -> Tensor:
        z = features(params, torch.cat([x_support, x]), norm)
        centres = prototypes(z[: len(y_support)], y_support, ways)
        asked = z[len(y_support) :]
        return judged(2 * asked @ centres.T - (centres**2).sum(-1), y, right)  # |z|^2 is the same for all classes

    return loss_fn


def with_prototype_head(norm: Norm, ways: int, scale: float) -> Callable[..., Tensor]:
    """Return the loss of a pre-trained network whose head starts at the support set's class means, then is tuned.

    ``loss_fn(params, x, y, prototypes)`` scores by cosine, `scale` times ``prototypes + head``. The prototypes
    (ways, 128) are those of the features before any step.
    """

    def loss_fn(params: Params, x: Tensor, y: Tensor, centres: Tensor, right: Tensor | None = None) -> Tensor:
        z = F.normalize(features(params, x, norm), dim=-1)
        head = F.normalize(centres, dim=-1).T + params["head.weight"]
        return judged(scale * z @ head + params["head.bias"], y, right)

    return loss_fn
