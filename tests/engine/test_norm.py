"""Second-order meta-gradients through normalisation layers, against central differences (claim R13)."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, grad, vmap

from mamlkit import models
from mamlkit.engine import adapt, meta_gradient

from .oracles import central_differences, distance
from .test_meta import outer_loss

LAYERS = {
    "batch": nn.BatchNorm1d(4),
    "batch, running statistics": nn.BatchNorm1d(4).eval(),
    "layer": nn.LayerNorm((4, 5)),
    "group": nn.GroupNorm(2, 4),
    "instance": nn.InstanceNorm1d(4, affine=True),
}
INNER = {"inner_lr": 0.1, "num_steps": 2}


def problem(layer, *, num_tasks=2):
    """Return a small convolutional network around `layer`, its loss, and tasks; weight and bias are adapted."""
    torch.manual_seed(1)
    module = nn.Sequential(nn.Conv1d(1, 4, 3), copy.deepcopy(layer), nn.Tanh(), nn.Flatten(), nn.Linear(20, 1)).double()
    with torch.no_grad():
        for value in [*module[1].parameters(), *(b for b in module[1].buffers() if b.is_floating_point())]:
            value.add_(0.5 * torch.rand_like(value))
    params, loss_fn = models.from_module(module, F.mse_loss)

    def draw(n):
        return torch.randn(num_tasks, n, 1, 7).double(), torch.randn(num_tasks, n, 1).double()

    return module, params, loss_fn, draw(4), draw(6)


@pytest.mark.parametrize("task_axis", ["vmap", "loop"])
@pytest.mark.parametrize("name", LAYERS)
def test_meta_gradient_equals_central_differences(name, task_axis):
    _, params, loss_fn, support, query = problem(LAYERS[name])
    result = meta_gradient(loss_fn, params, support=support, query=query, task_axis=task_axis, **INNER)
    expected = central_differences(outer_loss(loss_fn, support, query, **INNER), params)
    assert distance(result.gradient, expected) < 1e-8


@pytest.mark.parametrize("name", ["batch", "layer", "instance"])
def test_raw_vmap_over_pytorchs_own_layer_is_wrong(name):
    """The trap itself, which differentiating outside of vmap avoids; were PyTorch to mend it, this says so."""
    module, params, loss_fn, support, query = problem(LAYERS[name])

    def raw_loss(params, x, y):
        return F.mse_loss(functional_call(module, params, (x,)), y)

    def task_loss(params, support, query):
        for _ in range(INNER["num_steps"]):
            gradient = grad(raw_loss)(params, *support)
            params = {k: params[k] - INNER["inner_lr"] * gradient[k] for k in params}
        return raw_loss(params, *query)

    if name == "batch":
        module[1].num_batches_tracked = None
        module[1].running_mean = module[1].running_var = None
    raw = grad(lambda p: vmap(task_loss, in_dims=(None, 0, 0))(p, support, query).mean())(params)
    expected = central_differences(outer_loss(loss_fn, support, query, **INNER), params)
    assert distance(raw, expected) > 1e-4
    one = [grad(task_loss)(params, *(tuple(t[i] for t in s) for s in (support, query))) for i in range(2)]
    looped = {key: sum(g[key] for g in one) / 2 for key in params}
    assert distance(looped, expected) < 1e-8


def test_a_module_keeps_its_own_statistics():
    module, params, loss_fn, support, _ = problem(nn.BatchNorm1d(4))
    before = copy.deepcopy(module.state_dict())
    adapt(loss_fn, params, tuple(t[0] for t in support), **INNER)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
