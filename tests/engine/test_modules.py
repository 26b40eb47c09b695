"""A sweep over PyTorch's layers: vmap, loop and recorded steps against plain autograd, second order, float64.

Each layer with parameters in `torch.nn` has a row here: it is right in all ways, or refused with a sentence. A layer
that is new in PyTorch makes `test_no_layer_is_forgotten` fail until it has one.
"""

import inspect
from contextlib import nullcontext
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.autograd.gradcheck import GradcheckError
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.utils import parametrizations

from mamlkit import models
from mamlkit.engine import check, meta_gradient, meta_train
from mamlkit.runtime import capture

from .oracles import central_differences, distance, plain_autograd
from .test_meta import outer_loss

INNER, ONE_STEP = {"inner_lr": 0.1, "num_steps": 2}, {"inner_lr": 0.1, "num_steps": 1}


class First(nn.Module):
    """The first of what a layer returns: attention and recurrent layers return more."""

    def __init__(self, layer, *, twice=1):
        super().__init__()
        self.layer, self.twice = layer, twice

    def forward(self, x):
        return self.layer(*[x] * self.twice)[0]


class Cell(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        found = self.layer(x)
        return found[0] if isinstance(found, tuple) else found


class Pairs(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x, torch.flip(x, [-1]) + 0.1)


class Gathered(nn.Module):
    """A plain ParameterList or ParameterDict."""

    def __init__(self, held):
        super().__init__()
        self.held = held

    def forward(self, x):
        values = self.held.values() if isinstance(self.held, nn.ParameterDict) else self.held
        return sum(x * torch.tanh(value) for value in values)


class Classes(nn.Module):
    """A layer that is a loss of its own, with two classes made of the signs of the inputs."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        found = self.layer(x, (x[:, 0] > 0).long())
        return (found.output if hasattr(found, "output") else found).reshape(1, -1)


class Unweighted(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.MultiheadAttention(4, 2, batch_first=True)

    def forward(self, x):
        return self.layer(x, x, x, need_weights=False)[0]


def encoder(cls, **options):
    return cls(4, 2, dim_feedforward=6, dropout=0.0, batch_first=True, **options)


def tied():
    """One weight in two places."""
    first, second = nn.Linear(4, 4), nn.Linear(4, 4)
    second.weight = first.weight
    return nn.Sequential(first, nn.Tanh(), second)


WORDS, ROWS, SEQUENCE = (5, 3), (5, 4), (2, 3, 4)
LAYERS = {  # how a layer is made, and the shape of what goes in; WORDS are whole numbers below 7
    "Linear": (lambda: nn.Linear(4, 3), ROWS),
    "Bilinear": (lambda: Pairs(nn.Bilinear(4, 4, 3)), ROWS),
    "PReLU": (lambda: nn.Sequential(nn.Linear(4, 4), nn.PReLU(4)), ROWS),
    "Conv1d": (lambda: nn.Conv1d(2, 3, 3, padding=1), (5, 2, 6)),
    "Conv2d": (lambda: nn.Conv2d(2, 3, 3, padding=1, groups=1), (5, 2, 4, 4)),
    "Conv3d": (lambda: nn.Conv3d(1, 2, 2), (3, 1, 3, 3, 3)),
    "ConvTranspose1d": (lambda: nn.ConvTranspose1d(2, 3, 3, stride=2), (4, 2, 5)),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(2, 2, 3), (3, 2, 4, 4)),
    "ConvTranspose3d": (lambda: nn.ConvTranspose3d(1, 2, 2), (2, 1, 3, 3, 3)),
    "BatchNorm1d": (lambda: nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Tanh()), ROWS),
    "BatchNorm2d": (lambda: nn.Sequential(nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2)), (4, 1, 4, 4)),
    "BatchNorm3d": (lambda: nn.Sequential(nn.Conv3d(1, 2, 2), nn.BatchNorm3d(2)), (3, 1, 3, 3, 3)),
    "LayerNorm": (lambda: nn.Sequential(nn.Linear(4, 3), nn.LayerNorm(3), nn.Tanh()), ROWS),
    "RMSNorm": (lambda: nn.Sequential(nn.Linear(4, 3), nn.RMSNorm(3), nn.Tanh()), ROWS),
    "GroupNorm": (lambda: nn.Sequential(nn.Conv1d(2, 4, 2), nn.GroupNorm(2, 4)), (4, 2, 5)),
    "InstanceNorm1d": (lambda: nn.Sequential(nn.Conv1d(2, 3, 2), nn.InstanceNorm1d(3, affine=True)), (4, 2, 5)),
    "InstanceNorm2d": (lambda: nn.Sequential(nn.Conv2d(1, 2, 2), nn.InstanceNorm2d(2, affine=True)), (3, 1, 4, 4)),
    "InstanceNorm3d": (lambda: nn.Sequential(nn.Conv3d(1, 2, 2), nn.InstanceNorm3d(2, affine=True)), (2, 1, 3, 3, 3)),
    "RNN": (lambda: First(nn.RNN(4, 3, batch_first=True)), SEQUENCE),
    "LSTM": (lambda: First(nn.LSTM(4, 3, num_layers=2, bidirectional=True, batch_first=True)), SEQUENCE),
    "LSTM, projected": (lambda: First(nn.LSTM(4, 3, proj_size=2, batch_first=True)), SEQUENCE),
    "GRU": (lambda: First(nn.GRU(4, 3, batch_first=True)), SEQUENCE),
    "RNNCell": (lambda: Cell(nn.RNNCell(4, 3)), ROWS),
    "LSTMCell": (lambda: Cell(nn.LSTMCell(4, 3)), ROWS),
    "GRUCell": (lambda: Cell(nn.GRUCell(4, 3)), ROWS),
    "Embedding": (lambda: nn.Embedding(7, 3), WORDS),
    "Embedding, padded": (lambda: nn.Embedding(7, 3, padding_idx=0), WORDS),
    "Embedding, padded from the end": (lambda: nn.Embedding(7, 3, padding_idx=-7), WORDS),
    "Embedding, sparse": (lambda: nn.Embedding(7, 3, sparse=True), WORDS),
    "EmbeddingBag": (lambda: nn.EmbeddingBag(7, 3, mode="mean"), WORDS),
    "EmbeddingBag, sum": (lambda: nn.EmbeddingBag(7, 3, mode="sum"), WORDS),
    "EmbeddingBag, max": (lambda: nn.EmbeddingBag(7, 3, mode="max"), WORDS),
    "EmbeddingBag, padded": (lambda: nn.EmbeddingBag(7, 3, mode="mean", padding_idx=0), WORDS),
    "EmbeddingBag, sparse": (lambda: nn.EmbeddingBag(7, 3, mode="sum", sparse=True), WORDS),
    "MultiheadAttention": (lambda: First(nn.MultiheadAttention(4, 2, batch_first=True), twice=3), SEQUENCE),
    "MultiheadAttention, no weights": (Unweighted, SEQUENCE),
    "TransformerEncoderLayer": (lambda: encoder(nn.TransformerEncoderLayer), SEQUENCE),
    "TransformerEncoderLayer, evaluating": (lambda: encoder(nn.TransformerEncoderLayer).eval(), SEQUENCE),
    "TransformerEncoder": (
        lambda: nn.TransformerEncoder(encoder(nn.TransformerEncoderLayer), 2, enable_nested_tensor=False),
        SEQUENCE,
    ),
    "TransformerDecoderLayer": (lambda: Pairs(encoder(nn.TransformerDecoderLayer)), SEQUENCE),
    "TransformerDecoder": (lambda: Pairs(nn.TransformerDecoder(encoder(nn.TransformerDecoderLayer), 1)), SEQUENCE),
    "Transformer": (
        lambda: Pairs(encoder(nn.Transformer, num_encoder_layers=1, num_decoder_layers=1)),
        SEQUENCE,
    ),
    "AdaptiveLogSoftmaxWithLoss": (lambda: Classes(nn.AdaptiveLogSoftmaxWithLoss(4, 6, [2])), ROWS),
    "LinearCrossEntropyLoss": (lambda: Classes(nn.LinearCrossEntropyLoss(4, 3)), ROWS),
    "LinearCrossEntropyLoss, in chunks": (
        lambda: Classes(nn.LinearCrossEntropyLoss(4, 3, options=nn.LinearCrossEntropyOptions(batch_chunk_size=2))),
        ROWS,
    ),
    "ParameterList": (lambda: Gathered(nn.ParameterList([torch.ones(4), torch.zeros(4)])), ROWS),
    "ParameterDict": (lambda: Gathered(nn.ParameterDict({"b": torch.ones(4), "a": torch.zeros(4)})), ROWS),
    "tied weights": (tied, ROWS),
    "weight norm": (lambda: nn.Sequential(parametrizations.weight_norm(nn.Linear(4, 3)), nn.Tanh()), ROWS),
    "weight norm of all": (lambda: parametrizations.weight_norm(nn.Linear(4, 3), dim=None), ROWS),
    "weight norm, convolution": (lambda: parametrizations.weight_norm(nn.Conv1d(2, 3, 3), dim=1), (5, 2, 6)),
    "spectral norm": (lambda: nn.Sequential(parametrizations.spectral_norm(nn.Linear(4, 3)), nn.Tanh()), ROWS),
    "spectral norm, evaluating": (lambda: parametrizations.spectral_norm(nn.Linear(4, 3)).eval(), ROWS),
    "orthogonal": (lambda: parametrizations.orthogonal(nn.Linear(4, 4)), ROWS),
}
UNRECORDED = {"AdaptiveLogSoftmaxWithLoss": "aten.nonzero.default gives a shape or a number that depends on values"}
CUT = {"Embedding, padded", "Embedding, padded from the end", "spectral norm"}  # their gradient is no derivative
REFUSED = {  # how a layer is made, what goes in, and the sentence
    "Embedding(max_norm)": (lambda: nn.Embedding(7, 3, max_norm=0.5), WORDS, "changes its weights in place"),
    "Embedding(scale_grad_by_freq)": (
        lambda: nn.Embedding(7, 3, scale_grad_by_freq=True), WORDS, "a gradient that is no derivative"
    ),
    "EmbeddingBag(max_norm)": (lambda: nn.EmbeddingBag(7, 3, max_norm=0.5), WORDS, "changes its weights in place"),
    "EmbeddingBag(scale_grad_by_freq)": (
        lambda: nn.EmbeddingBag(7, 3, scale_grad_by_freq=True), WORDS, "a gradient that is no derivative"
    ),
    "old weight norm": (lambda: nn.utils.weight_norm(nn.Linear(4, 3)), ROWS, "take those of torch.nn.utils.parametr"),
    "old spectral norm": (lambda: nn.utils.spectral_norm(nn.Linear(4, 3)), ROWS, "take those of torch.nn.utils.para"),
    "DataParallel": (lambda: nn.DataParallel(nn.Linear(4, 3)), ROWS, r"from_module\(model.module"),
    "torch.compile": (lambda: torch.compile(nn.Linear(4, 3)), ROWS, r"from_module\(model._orig_mod"),
    "LazyLinear": (lambda: nn.LazyLinear(3), ROWS, "has no size yet: call the module once"),
}  # fmt: skip


def problem(make, shape, num_tasks=2):
    """Return the module in float64, a loss of its outputs, and sets of tasks; none of its parameters is 0."""
    torch.manual_seed(0)
    module = make().double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.3 * torch.rand_like(parameter))

    def draw():
        x = torch.randint(0, 7, (num_tasks, *shape)) if shape is WORDS else torch.randn(num_tasks, *shape).double()
        return x, torch.randn(num_tasks, shape[0]).double()

    def criterion(out, y):
        return ((out.reshape(out.shape[0], -1).sin().sum(1) - y[: out.shape[0]]) ** 2).mean()

    return module, criterion, draw(), draw()


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_right(name):
    module, criterion, support, query = problem(*LAYERS[name])
    params, loss_fn = models.from_module(module, criterion)
    expected = oracle(name, module, criterion, params, support, query, INNER)
    for axis in ("vmap", "loop"):
        found = meta_gradient(loss_fn, params, support=support, query=query, task_axis=axis, **INNER)
        assert distance(found.gradient, expected) < 1e-8, axis
    with pytest.raises(GradcheckError, match="on purpose") if name in CUT else nullcontext():
        check(loss_fn, params, [part[0] for part in support], directions=1)


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_right_when_it_is_recorded(name, caplog):
    module, criterion, support, query = problem(*LAYERS[name])
    params, loss_fn = models.from_module(module, criterion)
    expected = oracle(name, module, criterion, params, support, query, ONE_STEP)
    for axis in ("vmap", "loop"):
        tasks = SimpleNamespace(support=support, query=query)
        after = meta_train(loss_fn, params, lambda _, tasks=tasks: tasks, outer_lr=1.0, iterations=1, seed=0,
                           optimizer=torch.optim.SGD, backend="capture", progress=False, task_axis=axis,
                           **ONE_STEP).params  # fmt: skip
        assert distance({key: params[key] - after[key] for key in params}, expected) < 1e-8, axis
    said = [record.getMessage() for record in caplog.records if record.name == capture.__name__]
    assert all(UNRECORDED.get(name, "never") in line for line in said), said


def oracle(name, module, criterion, params, support, query, inner):
    """Return the meta-gradient by plain autograd, or by differences where PyTorch's own second derivative is wrong."""
    loss = by_pytorch(module, criterion)
    if "weight norm" in name:
        return central_differences(outer_loss(loss, support, query, **inner), params)
    with sdpa_kernel(SDPBackend.MATH):
        return plain_autograd(loss, params, support, query, **inner)


def by_pytorch(module, criterion):
    """Return the loss as PyTorch itself computes it, with embeddings dense or reduced by hand, and without chunks."""
    for layer in module.modules():
        if isinstance(layer, nn.Embedding):
            layer.sparse = False
        if isinstance(layer, nn.LinearCrossEntropyLoss):
            layer.options = None
        if isinstance(layer, nn.EmbeddingBag):
            layer.forward = partial(bag, layer)

    def loss(params, x, y):
        buffers = {name: buffer.clone() for name, buffer in module.named_buffers()}
        return criterion(functional_call(module, (params, buffers), (x,)), y)

    return loss


def bag(layer, x):
    """Reduce each row's words, one row after the other, without those that pad."""
    rows = []
    for row in x:
        words = layer.weight[[int(word) for word in row if word != layer.padding_idx]]
        rows.append({"sum": words.sum(0), "mean": words.mean(0), "max": words.max(0).values}[layer.mode])
    return torch.stack(rows)


@pytest.mark.parametrize("name", REFUSED)
def test_a_layer_is_refused_clearly(name):
    make, shape, message = REFUSED[name]
    x = torch.randint(0, 7, (2, *shape)) if shape is WORDS else torch.randn(2, *shape)

    def use():
        params, loss_fn = models.from_module(make(), lambda out, y: out.square().mean())
        meta_gradient(loss_fn, params, support=(x, x), query=(x, x), **INNER)

    with pytest.raises(ValueError, match=message):
        use()


def test_no_layer_is_forgotten():
    """Every class of `torch.nn` that makes parameters of its own stands in a row above, or in this list, and why."""
    besides = {"Module", "Container", "Sequential", "ModuleList", "ModuleDict", "DataParallel"}  # hold other layers
    besides |= {"RNNBase", "RNNCellBase", "SyncBatchNorm", "CrossMapLRN2d"}  # bases; for several GPUs; no parameters
    tried = {type(layer).__name__ for make, _ in LAYERS.values() for layer in make().modules()}
    for name, cls in inspect.getmembers(nn, inspect.isclass):
        source = inspect.getsource(cls) if issubclass(cls, nn.Module) else ""
        if "Parameter" in source and not name.startswith("Lazy") and name not in besides:
            assert name in tried, name


def test_the_losses_of_a_sparse_embedding_learn():
    """Its gradients are dense, so a fused optimizer can take them."""
    module, criterion, support, query = problem(*LAYERS["Embedding, sparse"])
    params, loss_fn = models.from_module(module, criterion)
    trained = meta_train(loss_fn, params, lambda _: SimpleNamespace(support=support, query=query), outer_lr=0.05,
                         iterations=20, seed=0, progress=False, **INNER)  # fmt: skip
    assert trained.losses[-1] < trained.losses[0]
    assert np.isfinite(trained.losses).all()
