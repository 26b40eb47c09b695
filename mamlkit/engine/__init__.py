"""MAML for any differentiable model: the inner loop, the meta-gradient and the outer loop, in PyTorch.

Examples
--------
>>> import torch
>>> from mamlkit import engine, models
>>> params, net = models.mlp([1, 40, 40, 1], torch.Generator().manual_seed(0))
>>> def loss_fn(params, x, y):
...     return ((net(params, x) - y) ** 2).mean()
>>> phi = engine.adapt(loss_fn, params, (torch.zeros(10, 1), torch.ones(10, 1)), inner_lr=0.01, num_steps=5)
>>> phi["3.bias"].shape
torch.Size([1])
"""

from mamlkit.engine.diverged import Diverged
from mamlkit.engine.meta import MetaGradient, adapt, evaluate, meta_gradient
from mamlkit.engine.rates import PerStep
from mamlkit.engine.run import MetaTrained
from mamlkit.engine.train import meta_train
from mamlkit.runtime.derivatives import check

__all__ = [
    "Diverged",
    "MetaGradient",
    "MetaTrained",
    "PerStep",
    "adapt",
    "check",
    "evaluate",
    "meta_gradient",
    "meta_train",
]
