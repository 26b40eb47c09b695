"""Operators that PyTorch differentiates wrongly: each trap is shown to be there, and the engine to be right."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd.gradcheck import gradgradcheck
from torch.func import functional_call, vmap
from torch.nn.utils import parametrizations

from mamlkit import models
from mamlkit.engine import adapt, evaluate, meta_gradient
from mamlkit.runtime.operators import OTHER_WAYS, mended

from .oracles import central_differences, distance, plain_autograd
from .test_meta import outer_loss

GENERATOR = torch.Generator().manual_seed(0)
INNER = {"inner_lr": 0.1, "num_steps": 2}


def randn(*shape):
    return torch.randn(*shape, generator=GENERATOR, dtype=torch.float64)


def batched_and_alone(loss, *points):
    """Return the gradients of three equal tasks, batched by vmap, and of one alone."""
    many = [point.expand(3, *point.shape).clone() for point in points]
    alone = [point.clone() for point in points]
    learned = [[p.requires_grad_() for p in ps if p.is_floating_point()] for ps in (many, alone)]
    batched = torch.autograd.grad(vmap(loss)(*many).sum(), learned[0], materialize_grads=True)
    return list(batched), [g.expand(3, *g.shape) for g in torch.autograd.grad(loss(*alone), learned[1])]


TRAPS = {  # losses whose gradient under plain vmap is wrong, and where
    "embedding with padding": (
        lambda weight, words: (F.embedding(words, weight, padding_idx=0) ** 2).sum(),
        [randn(4, 2), torch.tensor([0, 1, 0, 2])],
    ),
    "select_scatter": (lambda x, s: (torch.select_scatter(x, s, 1, 2) ** 2).sum(), [randn(4, 5), randn(4)]),
    "Tensor.select_scatter": (lambda x, s: (x.select_scatter(s, -1, -2) ** 2).sum(), [randn(4, 5), randn(4)]),
    "select_scatter into what all share": (
        lambda s: (torch.select_scatter(torch.ones(4, 5).double(), s, 1, 2) ** 2).sum(), [randn(4)]
    ),
    "linear_cross_entropy in chunks": (
        lambda x, w: F.linear_cross_entropy(x, w, torch.tensor([0, 1, 2, 1]), options=in_chunks()),
        [randn(4, 3), randn(3, 3)],
    ),
}  # fmt: skip


def in_chunks():
    return nn.LinearCrossEntropyOptions(batch_chunk_size=2, allow_retain_graph=True)


@pytest.mark.parametrize("name", TRAPS)
def test_the_trap_is_there_and_is_mended(name):
    """Were PyTorch to mend one of them, this says so."""
    loss, points = TRAPS[name]
    batched, alone = batched_and_alone(loss, *points)
    assert distance(batched, alone) > 1e-3
    with mended(twice=True):
        mended_batched, mended_alone = batched_and_alone(loss, *points)
    assert distance(mended_batched, alone) < 1e-14
    assert distance(mended_alone, alone) < 1e-14


@pytest.mark.parametrize("task_axis", ["vmap", "loop"])
def test_the_padding_row_stays_in_every_task(task_axis):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Embedding(5, 3, padding_idx=0), nn.Flatten(), nn.Linear(6, 1)).double()
    with torch.no_grad():
        module[0].weight[0] = 0.5  # a padding row that is not 0 tells its own gradient from none
    params, loss_fn = models.from_module(module, F.mse_loss)
    x, y = torch.tensor([[0, 1], [2, 0], [3, 4]]).expand(3, 3, 2), torch.ones(3, 3, 1).double()
    tasks = {"support": (x, y), "query": (x, y)}
    found = meta_gradient(loss_fn, params, **tasks, task_axis=task_axis, **INNER)
    assert not found.gradient["0.weight"][0].any()
    assert distance(found.gradient, plain_autograd(loss_fn, params, *tasks.values(), **INNER)) < 1e-12
    curve = evaluate(loss_fn, params, **tasks, task_axis=task_axis, **INNER)
    torch.testing.assert_close(curve, curve[:, :1].expand(3, 3), rtol=1e-12, atol=0)
    phi = adapt(loss_fn, params, (x[0], y[0]), **INNER)
    assert torch.equal(phi["0.weight"][0], params["0.weight"][0])


@pytest.mark.parametrize("dim", [0, 1, None])
def test_weight_norm_is_right_twice(dim):
    torch.manual_seed(0)
    module = nn.Sequential(parametrizations.weight_norm(nn.Linear(3, 4), dim=dim), nn.Tanh(), nn.Linear(4, 1)).double()
    params, loss_fn = models.from_module(module, F.mse_loss)
    support, query = ((randn(2, 5, 3), randn(2, 5, 1)) for _ in range(2))
    expected = central_differences(outer_loss(loss_fn, support, query, **INNER), params)
    for task_axis in ("vmap", "loop"):
        found = meta_gradient(loss_fn, params, support=support, query=query, task_axis=task_axis, **INNER)
        assert distance(found.gradient, expected) < 1e-8

    def plain(params, x, y):
        return F.mse_loss(functional_call(module, params, (x,)), y)

    assert torch.equal(loss_fn(params, support[0][0], support[1][0]), plain(params, support[0][0], support[1][0]))
    wrong = distance(plain_autograd(plain, params, support, query, **INNER), expected)
    assert dim is None or wrong > 1e-4  # were PyTorch to mend its second derivative, this says so


def test_pytorchs_own_second_derivative_of_weight_norm_fails_its_own_check():
    v, g = randn(3, 4).requires_grad_(), randn(3, 1).requires_grad_()
    assert not gradgradcheck(lambda v, g: torch._weight_norm(v, g, 0), (v, g), raise_exception=False)
    with mended(twice=True):
        assert gradgradcheck(lambda v, g: torch._weight_norm(v, g, 0), (v, g))


def test_embeddings_scaled_by_frequency_have_a_wrong_second_derivative():
    """The gradient is S dL/dw, whose derivative is S H; PyTorch's is H S, as central differences tell."""
    weight = randn(4, 2)

    def gradient(w):
        w = w.clone().requires_grad_() if not w.requires_grad else w
        found = torch.embedding(w, torch.tensor([1, 1, 2]), -1, scale_grad_by_freq=True)
        return torch.autograd.grad(found.sum() ** 3, w, create_graph=True)[0]

    point = weight.clone().requires_grad_()
    direction = randn(4, 2)
    by_pytorch = torch.autograd.grad((gradient(point) * direction).sum(), point)[0]
    expected = central_differences(lambda w: (gradient(w) * direction).sum(), weight)
    assert distance(by_pytorch, expected) > 0.1


def attention(p, x, y):
    q, k, v = ((x @ p[name])[:, None] for name in "qkv")
    return ((F.scaled_dot_product_attention(q, k, v).sum(-1)[:, 0] - y) ** 2).mean()


@pytest.mark.parametrize("first_order", [False, True])
@pytest.mark.parametrize("task_axis", ["vmap", "loop"])
def test_attention_is_differentiated_twice(task_axis, first_order):
    """PyTorch's fast kernels have no second derivative; the engine takes the plain one within the inner loop."""
    params = {name: randn(4, 4) for name in "qkv"}
    support, query = ((randn(2, 3, 5, 4), randn(2, 3, 5)) for _ in range(2))
    call = {"support": support, "query": query, "task_axis": task_axis, **INNER}
    found = meta_gradient(attention, params, first_order=first_order, **call).gradient
    recomputed = meta_gradient(attention, params, first_order=first_order, recompute=True, **call).gradient
    assert distance(recomputed, found) < 1e-13
    if first_order:
        again = meta_gradient(attention, params, first_order=True, **call | {"task_axis": "loop"}).gradient
        assert distance(found, again) < 1e-12
    else:
        expected = central_differences(outer_loss(attention, support, query, **INNER), params)
        assert distance(found, expected) < 1e-7


def test_the_raw_embedding_is_mended_too():
    weight, words = randn(4, 2), torch.tensor([0, 1, 0])
    with mended(twice=True):
        (slope,) = torch.autograd.grad(torch.embedding(w := weight.requires_grad_(), words, padding_idx=0).sum(), w)
        with pytest.raises(ValueError, match="a gradient that is no derivative"):
            torch.embedding(weight, words, scale_grad_by_freq=True)
        with pytest.raises(AssertionError, match="Padding_idx must be within"):
            F.embedding(words, weight, padding_idx=7)
    assert slope.tolist() == [[0, 0], [1, 1], [0, 0], [0, 0]]


def test_settings_are_as_they_were_after_an_error():
    before = torch.backends.cuda.flash_sdp_enabled(), torch.backends.cuda.math_sdp_enabled()
    with pytest.raises(ZeroDivisionError), mended(twice=True):
        raise ZeroDivisionError
    assert (torch.backends.cuda.flash_sdp_enabled(), torch.backends.cuda.math_sdp_enabled()) == before
    assert torch.overrides._get_current_function_mode() is None


@pytest.mark.parametrize("twice", [False, True])
def test_recurrent_layers_are_differentiated_twice_without_cudnn(twice, monkeypatch):
    """Whose kernels have no second derivative; here there is no GPU, so the switch alone is looked at."""
    seen = []

    def watched(*arguments):
        seen.append(torch.backends.cudnn.enabled)
        return torch.lstm(*arguments)

    monkeypatch.setitem(OTHER_WAYS, torch.lstm, watched)
    with mended(twice=twice):
        nn.LSTM(2, 2)(torch.ones(1, 2))
    assert seen == [not twice]
    assert torch.backends.cudnn.enabled


@pytest.mark.parametrize("task_axis", ["vmap", "loop"])
def test_an_operator_without_a_second_derivative_is_named(task_axis):
    def pooled(p, x):
        return F.embedding_bag(torch.tensor([0, 1, 1]), p * x, torch.tensor([0, 2]), mode="sum").sin().sum()

    params, x = randn(3, 2), torch.ones(2).double()
    call = {"support": (x,), "query": (x,), "task_axis": task_axis, **INNER}
    with pytest.raises(NotImplementedError, match=r"cannot differentiate twice .* first_order=True"):
        meta_gradient(pooled, params, **call)
    assert meta_gradient(pooled, params, first_order=True, **call).gradient.isfinite().all()
