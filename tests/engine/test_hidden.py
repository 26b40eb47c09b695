"""Weights that are kept beside the registered parameters are never replaced, so they are refused by name."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mamlkit import models
from mamlkit.engine import adapt, evaluate, meta_gradient
from mamlkit.models import hidden_weights
from mamlkit.variants import implicit, reptile

BATCH = (torch.ones(1, 1, 1), torch.zeros(1, 1, 1))


def unfinished():
    """Return a function whose closure is still empty."""
    held = lambda: later  # noqa: E731
    return held
    later = 1


class Penalised(nn.Module):
    """(w x - y)^2 + w^2, whose second w is that of `kept`."""

    def __init__(self, keep):
        super().__init__()
        self.l = nn.Linear(1, 1, bias=False)
        nn.init.constant_(self.l.weight, 2.0)
        self.kept = keep(self.l)

    def penalty(self):
        return sum((w**2).sum() for w in self.kept)

    def forward(self, x):
        return self.l(x) ** 2 + self.penalty()


KEPT = {
    "a list": lambda layer: [layer.weight],
    "a tuple in a dict": lambda layer: {"w": (layer.weight,)},
    "its data": lambda layer: [layer.weight.data],
    "a view": lambda layer: [layer.weight.detach()[0]],
    "a closure": lambda layer: (lambda w: lambda: w)(layer.weight),
    "a partial": lambda layer: __import__("functools").partial(torch.mul, layer.weight),
    "a tensor of its own": lambda layer: [torch.ones(1, requires_grad=True)],
    "a layer in a list": lambda layer: [nn.Linear(1, 1)],
}


@pytest.mark.parametrize("name", KEPT)
def test_what_is_kept_is_refused_by_name(name):
    with pytest.raises(ValueError, match="module keeps weights in 'kept', beside its registered parameters"):
        models.from_module(Penalised(KEPT[name]), lambda out, y: out.sum())
    with pytest.raises(ValueError, match=r"module keeps weights in '0\.kept'"):
        models.from_module(nn.Sequential(Penalised(KEPT[name])), lambda out, y: out.sum())


@pytest.mark.parametrize(
    "keep",
    [
        lambda layer: [layer],  # its weights are replaced where they are
        lambda layer: [torch.ones(2), "w", 3, None],
        lambda layer: lambda: (layer.weight**2).sum(),
        lambda layer: unfinished(),
        lambda layer: nn.ParameterList([torch.ones(1)]),
    ],
)
def test_what_is_registered_or_no_weight_is_accepted(keep):
    models.from_module(Penalised(keep), lambda out, y: out.sum())


def test_the_right_value():
    """L = (w x - y)^2 + w^2 with x = 1, y = 0, w = 2: the slope is 4 w, phi = 0.6 w, and the gradient 0.6 * 4 * 1.2."""

    class Right(Penalised):
        def penalty(self):
            return (self.l.weight**2).sum()

    module = Right(lambda layer: None)
    params, loss_fn = models.from_module(module, lambda out, y: out.sum())
    found = meta_gradient(loss_fn, params, support=BATCH, query=BATCH, inner_lr=0.1, num_steps=1)
    assert float(found.gradient["l.weight"]) == pytest.approx(2.88)


HELD = torch.tensor(2.0, requires_grad=True)


@pytest.mark.parametrize("task_axis", ["vmap", "loop"])
@pytest.mark.parametrize("use", [meta_gradient, reptile, evaluate, implicit])
def test_a_closure_over_a_weight_is_seen_in_the_graph(use, task_axis):
    def loss(p, x, y):
        return ((p * x - y) ** 2 + HELD**2 * p**2).sum()

    with pytest.raises(ValueError, match=r"loss_fn uses HELD, of shape .*, which requires a gradient and is not in"):
        use(loss, torch.tensor(2.0), support=BATCH, query=BATCH, inner_lr=0.1, num_steps=1, task_axis=task_axis,
            **{"strength": 1.0} if use is implicit else {})  # fmt: skip


def test_a_module_in_a_closure_is_named():
    head = nn.Linear(1, 1)

    def loss(p, x, y):
        return F.mse_loss(head(x * p), y)

    with pytest.raises(ValueError, match=r"loss_fn uses head\.(weight|bias)"):
        meta_gradient(loss, torch.tensor(2.0), support=BATCH, query=BATCH, inner_lr=0.1, num_steps=0)
    head.requires_grad_(False)  # a frozen one is a constant
    meta_gradient(loss, torch.tensor(2.0), support=BATCH, query=BATCH, inner_lr=0.1, num_steps=1)


def test_a_lone_inner_loop_can_be_differentiated_in_what_its_loss_holds():
    """A learned loss, say: phi = w - 0.1 * 2 s w, whose slope in s is -0.2 w."""
    scale = torch.tensor(1.0, requires_grad=True)
    phi = adapt(lambda w, x: scale * w**2 * x, torch.tensor(3.0, requires_grad=True), (torch.tensor(1.0),),
                inner_lr=0.1, num_steps=1)  # fmt: skip
    assert torch.autograd.grad(phi, scale)[0].item() == pytest.approx(-0.6)


def test_data_that_require_a_gradient_are_no_strangers():
    x = torch.ones(1, 1, 1, requires_grad=True)
    meta_gradient(lambda p, x: ((p * x) ** 2).sum(), torch.tensor(2.0), support=(x,), query=(x,), inner_lr=0.1,
                  num_steps=2)  # fmt: skip


def test_recurrent_layers_keep_their_weights_in_a_list_that_follows():
    assert not list(hidden_weights(nn.LSTM(2, 3, num_layers=2)))


def test_into_module_loads_all_or_nothing():
    model = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))
    params, _ = models.from_module(model, F.mse_loss)
    models.into_module(model, {name: value + 1 for name, value in params.items()})
    assert all(torch.equal(value, params[name] + 1) for name, value in model.named_parameters())
    wrapped = nn.DataParallel(model)
    with pytest.raises(ValueError, match=r"it lacks module\.0\.bias"):
        models.into_module(wrapped, params)
    tied = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1))
    tied[1].weight = tied[0].weight
    params, _ = models.from_module(tied, F.mse_loss)
    assert models.into_module(tied, params | {"0.weight": torch.tensor([[5.0]])})[1].weight.item() == 5.0
