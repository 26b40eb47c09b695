"""The check that readers run on a model of their own: silent where all is right, and plain where it is not."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd.gradcheck import GradcheckError
from torch.nn.utils import parametrizations

from mamlkit import models
from mamlkit.engine import check

X, Y = torch.randn(6, 2, generator=torch.Generator().manual_seed(0)), torch.ones(6, 1)


class HalfCube(torch.autograd.Function):
    """x^3, whose first derivative is right and whose second is that of a factor held fixed: 0."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return x**3

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, slope):
        return slope * 3 * ctx.saved_tensors[0].detach() ** 2


PARAMS = {"good": torch.tensor([0.5, -0.5]), "bad": {"w": torch.tensor([1.0, 2.0])}}


def test_a_wrong_second_derivative_is_found_and_its_parameters_named():
    def loss(p, x):
        return (HalfCube.apply(x @ p["bad"]["w"]) + (x @ p["good"]) ** 2).mean()

    with pytest.raises(GradcheckError, match=r"second derivative of loss_fn is wrong in params\['bad'\]\['w'\]"):
        check(loss, PARAMS, (X,))


def test_a_wrong_first_derivative_is_found():
    with pytest.raises(GradcheckError, match=r"first derivative of loss_fn is wrong in params\['good'\]: .*detach"):
        check(lambda p, x: (x @ p["good"].detach() * (x @ p["good"])).sum() + p["bad"]["w"].sum() ** 2, PARAMS, (X,))


def test_a_wrong_batch_is_found(monkeypatch):
    """`select_scatter`, which the engine computes in another way, under plain vmap."""
    monkeypatch.setattr("mamlkit.runtime.operators.OTHER_WAYS", {})

    def loss(p, x):
        return (torch.select_scatter(x, p["bad"]["w"], 0, 1) ** 2).sum() + (p["good"] ** 3).sum()

    with pytest.raises(GradcheckError, match=r"batched derivative of loss_fn is wrong in params\['bad'\]\['w'\]"):
        check(loss, PARAMS, (X,))


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Linear(2, 1),
        lambda: nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Dropout(0.3), nn.Linear(3, 1)),
        lambda: nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1)).eval(),
        lambda: nn.Sequential(parametrizations.weight_norm(nn.Linear(2, 3)), nn.Tanh(), nn.Linear(3, 1)),
    ],
)
def test_a_sound_model_passes_in_single_precision_with_its_buffers_and_its_dropout(make):
    torch.manual_seed(0)
    params, loss_fn = models.from_module(make(), F.mse_loss)
    state = torch.get_rng_state()
    check(loss_fn, params, (X.numpy(), Y))
    assert torch.equal(state, torch.get_rng_state())
    assert all(value.dtype is torch.float32 for value in params.values())


def test_weight_norm_as_pytorch_has_it_fails(monkeypatch):
    monkeypatch.setattr("mamlkit.runtime.operators.OTHER_WAYS", {})
    torch.manual_seed(0)
    params, loss_fn = models.from_module(parametrizations.weight_norm(nn.Linear(2, 3)), lambda out, y: (out**3).sum())
    with pytest.raises(GradcheckError, match=r"second derivative .* params\['parametrizations\.weight\.original"):
        check(loss_fn, params, (X, Y))


def test_what_cannot_be_batched_or_differentiated_twice():
    check(lambda p, x: p["good"].sum() ** 3 * len(x[x > 0]) + (p["bad"]["w"] ** 2).sum(), PARAMS, (X,))
    bags = torch.tensor([0, 1, 1]), torch.tensor([0, 2])
    with pytest.raises(NotImplementedError, match="cannot differentiate twice"):
        check(lambda w: F.embedding_bag(bags[0], w, bags[1], mode="sum").sin().sum(), torch.ones(3, 2), ())
