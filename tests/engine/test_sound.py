"""A recorded step is right for every batch, or it is not used (what Python read from the first would stay in it)."""

import logging
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.nn.utils.rnn import pack_padded_sequence as pack

from mamlkit.engine import meta_train
from mamlkit.runtime import capture
from mamlkit.runtime.capture import Captured
from mamlkit.runtime.record import record
from mamlkit.runtime.sound import Unsound

OPTIONS = {"inner_lr": 0.1, "num_steps": 1, "outer_lr": 0.1, "iterations": 4, "seed": 0, "progress": False}
START = torch.zeros(3, 2, dtype=torch.float64)


def sample(rng):
    """Four tasks of twelve points of two classes, with other counts of the classes in each."""
    x, y = rng.normal(size=(2, 4, 12, 3)), rng.integers(0, 2, size=(2, 4, 12))
    return SimpleNamespace(support=(x[0], y[0]), query=(x[1], y[1]))


def said(caplog):
    return [record.getMessage() for record in caplog.records if record.name == capture.__name__]


def each(w, x, y):
    return F.cross_entropy(x @ w, y, reduction="none")


def of_one(w, x, y):
    e = each(w, x, y)
    return e[(e == e.max())].sum() + e.mean()  # the first mask holds one entry, and so does each


READ = {
    "numpy": lambda w, x, y: F.cross_entropy(x @ w, y, torch.tensor(1 / (np.bincount(y.numpy(), minlength=2) + 1))),
    "asarray": lambda w, x, y: each(w, x, y).mean() * float(np.asarray(y).sum()),
    "dlpack": lambda w, x, y: each(w, x, y).mean() * float(np.from_dlpack(y).sum()),
    "tolist": lambda w, x, y: each(w, x, y).mean() * sum(y.tolist()),
    "item": lambda w, x, y: each(w, x, y).mean() * y.sum().item(),
    "float": lambda w, x, y: each(w, x, y).mean() * float(y.sum()),
    "range": lambda w, x, y: sum(each(w, x, y).mean() for _ in range(y.sum())),
    "branch": lambda w, x, y: each(w, x, y).mean() * (2 if y.sum() > 6 else 1),
    "length": lambda w, x, y: each(w, x, y).mean() * len(y[y == 1]),
    "unique": lambda w, x, y: each(w, x, y).mean() * x.round().unique().shape[0],
    "nonzero": lambda w, x, y: each(w, x, y)[torch.nonzero(y)[:, 0]].mean(),
    "packed": lambda w, x, y: (
        pack((x @ w)[..., None], y + 1, batch_first=True, enforce_sorted=False).data.square().mean()
    ),
    "mask": lambda w, x, y: each(w, x, y)[y == 1].mean(),
    "mask of one": of_one,
    "masked_select": lambda w, x, y: each(w, x, y).masked_select(y == 1).mean(),
}


@pytest.mark.parametrize("task_axis", ["loop", "vmap"])
@pytest.mark.parametrize("name", READ)
def test_what_reads_values_trains_as_it_is(name, task_axis, caplog):
    caplog.set_level(logging.WARNING, capture.__name__)
    eager, default = (meta_train(READ[name], START, sample, task_axis=task_axis, **OPTIONS, **b)
                      for b in ({"backend": "eager"}, {}))  # fmt: skip
    np.testing.assert_array_equal(default.losses, eager.losses)
    assert sum("going on without a recorded step" in line for line in said(caplog)) == 1


def test_class_weights_by_bincount_by_hand():
    """Against plain autograd; with the first batch's weights in the graph the second loss was already another."""

    def by_hand(w, x, y):
        weights = torch.tensor(1 / (np.bincount(y.numpy(), minlength=2) + 1))
        return F.cross_entropy(x @ w, y, weights)

    rng, theta, expected = np.random.default_rng(0), START.clone(), []
    for _ in range(3):
        (sx, sy), (qx, qy) = ([torch.as_tensor(a) for a in s] for s in vars(sample(rng)).values())
        w = theta.clone().requires_grad_()
        losses = []
        for t in range(4):
            (slope,) = torch.autograd.grad(by_hand(w, sx[t], sy[t]), w, create_graph=True)
            losses.append(by_hand(w - 0.1 * slope, qx[t], qy[t]))
        total = torch.stack(losses).mean()
        expected.append(total.item())
        theta = theta - 0.1 * torch.autograd.grad(total, w)[0]
    found = meta_train(READ["numpy"], START, sample, task_axis="loop", optimizer=torch.optim.SGD,
                       **OPTIONS | {"iterations": 3})  # fmt: skip
    np.testing.assert_allclose(found.losses, expected, rtol=1e-12)


def test_a_loss_that_reads_nothing_is_still_recorded(caplog):
    caplog.set_level(logging.WARNING, capture.__name__)
    masked = lambda w, x, y: torch.where(y == 1, each(w, x, y).abs(), 0.0).mean() * len(y)  # noqa: E731
    for task_axis in ("vmap", "loop"):
        eager, default = (meta_train(masked, START, sample, task_axis=task_axis, **OPTIONS, **b)
                          for b in ({"backend": "eager"}, {}))  # fmt: skip
        np.testing.assert_allclose(default.losses, eager.losses, rtol=1e-12)
    assert not said(caplog)


def test_numbers_are_compared_in_calls_that_it_was_not_recorded_on(caplog):
    """What a C extension reads is hidden from every guard; here it is a table that grows with the calls."""
    hidden = {0.0: 1.0}
    captured = Captured(lambda x: [x * hidden[0.0]])
    captured(torch.tensor([2.0]))
    assert captured.level == 1
    hidden[0.0] = 3.0
    with caplog.at_level(logging.WARNING, capture.__name__):
        assert captured(torch.tensor([5.0]))[0].tolist() == [15.0]
    (line,) = said(caplog)
    assert "going on without a recorded step: it is right for the first tensors alone" in line
    assert captured(torch.tensor([7.0]))[0].tolist() == [21.0]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: [x * x.abs().sum().item()], "depends on values|takes values out"),
        (lambda x: [x.abs() * float(np.asarray(x).sum())], "Tensor.__array__ takes values out of a tensor"),
        (lambda x: [x.abs() * x.numpy().sum()], "Tensor.numpy takes values out of a tensor"),
        (lambda x: [x[x > 0]], "index.Tensor gives a shape or a number that depends on values"),
        (lambda x: [x[torch.tensor([0, 0])]], None),
        (lambda x: [torch.where(x > 0, x, 0.0)], None),
        (lambda x: [torch.full_like(x, 0.0).index_put((x > 0,), torch.tensor(1.0))], None),
    ],
)
def test_what_may_be_recorded(function, message):
    if message:
        with pytest.raises(Unsound, match=message):
            record(function, (torch.tensor([1.0, -2.0]),))
    else:
        graph = record(function, (torch.tensor([1.0, -2.0]),))
        torch.testing.assert_close(graph(torch.tensor([-1.0, 3.0])), function(torch.tensor([-1.0, 3.0])))


def test_a_constant_may_be_read():
    """A tensor from outside is the same for every batch."""
    scale = torch.tensor(3.0)
    graph = record(lambda x: [x * scale.item()], (torch.ones(2),))
    assert graph(torch.tensor([1.0, 2.0]))[0].tolist() == [3.0, 6.0]
