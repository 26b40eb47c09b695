"""A short run of training that the tests of the outer loop share."""

import torch
import torch.nn.functional as F

from mamlkit import models
from mamlkit.engine import meta_train
from mamlkit.tasks import sinusoid


def sample_tasks(rng):
    return sinusoid.sample(rng, num_tasks=4, num_support=5, num_query=5)


def train(*, dtype=torch.float32, loss=None, sample=sample_tasks, **changes):
    params, net = models.mlp([1, 8, 1], torch.Generator().manual_seed(0), dtype=dtype)
    loss = loss or (lambda p, x, y: F.mse_loss(net(p, x), y))
    options = {"inner_lr": 0.01, "num_steps": 2, "outer_lr": 1e-2, "iterations": 30, "seed": 3, "progress": False}
    return meta_train(loss, params, sample, **(options | changes))


def random_loss(p, x, y):
    """Draw random numbers, as dropout does."""
    return F.dropout(x * p["1.weight"] - y, 0.5).square().mean()


def bits(trained):
    leaves = torch.utils._pytree.tree_leaves((trained.params, trained.inner_lr))
    return [leaf.numpy().tobytes() if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves] + [
        trained.losses.tobytes(),
        trained.validation.tobytes(),
    ]
