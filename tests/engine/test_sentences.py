"""What cannot be done ends in a sentence that says what to write instead, or is done in another way with one line."""

import pickle
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_all_start_methods, get_context
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mamlkit import models
from mamlkit.engine import Diverged, MetaTrained, adapt, evaluate, meta_gradient, meta_train
from mamlkit.runtime import batching, capture
from mamlkit.runtime.record import record
from mamlkit.variants import implicit, reptile

from .oracles import distance, plain_autograd

INNER = {"inner_lr": 0.1, "num_steps": 2}
X, Y = (torch.randn(3, 5, n, generator=torch.Generator().manual_seed(n), dtype=torch.float64) for n in (2, 1))
PARAMS = {"w": torch.tensor([[0.3], [-0.7]], dtype=torch.float64)}


class Cube(torch.autograd.Function):
    """One that vmap cannot batch, since it has no rule for that."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, slope):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * slope


def errors(p, x, y):
    return (x @ p["w"] - y) ** 2


def written_in_place(p, x, y):
    out = torch.zeros(5, 1, dtype=x.dtype)
    out[:] = x @ p["w"]
    return ((out - y) ** 2).mean()


UNBATCHABLE = {
    "item": lambda p, x, y: errors(p, x, y).mean() * (1 + y.abs().sum().item()),
    "numpy": lambda p, x, y: errors(p, x, y).mean() * float(np.asarray(y).max()),
    "branch": lambda p, x, y: errors(p, x, y).mean() * (2 if y.sum() > 0 else 1),
    "mask": lambda p, x, y: errors(p, x, y)[y > 0].sum(),
    "nonzero": lambda p, x, y: errors(p, x, y)[torch.nonzero(y[:, 0])].sum(),
    "zeros()[:] =": written_in_place,
    "custom autograd.Function": lambda p, x, y: Cube.apply(x @ p["w"] - y).mean(),
}


def call(loss, **options):
    return meta_gradient(loss, PARAMS, **{"support": (X, Y), "query": (X, Y)} | INNER | options)


@pytest.mark.parametrize("name", UNBATCHABLE)
def test_what_vmap_cannot_batch_goes_one_after_the_other_with_one_line(name, caplog):
    """Any algorithm, again and again: one line for the loss, and the numbers of plain autograd."""
    loss = partial(UNBATCHABLE[name])  # an object of its own, of which nothing is known yet
    expected = plain_autograd(loss, PARAMS, (X, Y), (X, Y), **INNER)
    for _ in range(2):
        assert distance(call(loss).gradient, expected) < 1e-12
    tasks = {"support": (X, Y), "query": (X, Y)}
    for use in (evaluate, reptile, partial(implicit, strength=1.0)):
        default, looped = (use(loss, PARAMS, **tasks, **INNER, **axis) for axis in ({}, {"task_axis": "loop"}))
        assert distance(default[:3], looped[:3]) == 0
    (line,) = caplog.messages
    assert line.startswith('going on with task_axis="loop": vmap cannot batch loss_fn over tasks (')


def test_in_training_too_one_task_is_recorded_and_not_all(caplog, monkeypatch):
    """An LSTM: the numbers are those of the loop from the start, random ones included, and the graph is one task's."""
    torch.manual_seed(0)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.out, self.drop = nn.LSTM(2, 3, batch_first=True), nn.Linear(3, 1), nn.Dropout(0.2)

        def forward(self, x):
            return self.out(self.drop(self.lstm(x[:, None])[0][:, -1]))

    params, loss = models.from_module(Net().double(), F.mse_loss)
    tasks = SimpleNamespace(support=(X, Y), query=(X, Y))
    options = INNER | {"outer_lr": 0.01, "iterations": 3, "seed": 0, "progress": False}
    recorded = []
    monkeypatch.setattr(capture, "record", lambda f, tensors: recorded.append(len(tensors[-1])) or record(f, tensors))
    runs = [meta_train(loss, params, lambda _: tasks, **options, **axis) for axis in ({}, {"task_axis": "loop"})]
    assert recorded == [1, 1]
    np.testing.assert_array_equal(runs[0].losses, runs[1].losses)
    assert len([line for line in caplog.messages if 'going on with task_axis="loop"' in line]) == 1
    assert not [line for line in caplog.messages if "without a recorded step" in line]


def test_an_algorithm_that_knows_no_task_axis_is_left_alone():
    def own(loss_fn, params, *, support, query, inner_lr, num_steps):
        return meta_gradient(loss_fn, params, support=support, query=query, inner_lr=inner_lr, num_steps=num_steps)

    tasks = SimpleNamespace(support=(X, Y), query=(X, Y))
    options = INNER | {"outer_lr": 0.01, "iterations": 2, "seed": 0, "progress": False}
    runs = [meta_train(partial(UNBATCHABLE["item"]), PARAMS, lambda _: tasks, algorithm=a, **options)
            for a in (own, meta_gradient)]  # fmt: skip
    np.testing.assert_allclose(runs[0].losses, runs[1].losses, rtol=1e-12)


def test_an_error_of_the_loss_itself_stays_its_own(caplog):
    def broken(p, x, y):
        return (x @ p["w"] @ y).sum()

    with pytest.raises(RuntimeError, match="mat1 and mat2 shapes cannot be multiplied") as error:
        call(broken)
    assert "vmap" not in str(error.value)
    assert not caplog.messages
    assert not batching.unbatched(broken)


def test_rows_of_different_lengths():
    ragged = np.array([[1.0, 2.0], [3.0]], dtype=object)
    with pytest.raises(TypeError, match="support must hold arrays of numbers, got one of object: rows of different"):
        call(UNBATCHABLE["item"], support=(ragged, Y))


@pytest.mark.parametrize("use", [meta_gradient, evaluate, reptile, partial(implicit, strength=1.0)])
@pytest.mark.parametrize("batch", [(X,), (X, Y, Y)])
def test_a_batch_with_an_entry_too_many_or_too_few(batch, use):
    def loss(p, x, y):
        return errors(p, x, y).mean()

    message = rf"loss_fn must take params and the {len(batch)} entries of each batch, .* its signature is \(p, x, y\)"
    with pytest.raises(TypeError, match=message):
        use(loss, PARAMS, support=batch, query=batch, **INNER)
    with pytest.raises(TypeError, match=message):
        adapt(loss, PARAMS, batch, **INNER)


def test_a_type_error_within_the_loss_is_no_wrong_call():
    with pytest.raises(TypeError, match="unsupported operand"):
        call(lambda p, x, y: errors(p, x, y).mean() + "1")


def test_wrapped_models():
    with pytest.raises(ValueError, match=r"module is a DataParallel.*model\.module.*into_module\(model\.module"):
        models.from_module(nn.DataParallel(nn.Linear(1, 1)), F.mse_loss)


def test_an_empty_parameter_under_clip_norm():
    """It changes nothing: the step on the other is that without it, and both gradients are the plain one's."""
    loss = lambda p, x, y: errors(p, x, y).mean() + p.get("empty", torch.zeros(0)).sum()  # noqa: E731
    found = meta_gradient(loss, PARAMS | {"empty": torch.zeros(0).double()}, support=(X, Y), query=(X, Y),
                          clip_norm=0.1, **INNER)  # fmt: skip
    assert torch.equal(found.gradient["w"], call(loss, clip_norm=0.1).gradient["w"])
    assert found.gradient["empty"].shape == (0,)


def diverge(seed):
    """Train until it diverges, in another process."""
    tasks = SimpleNamespace(support=(X, Y), query=(X, Y * float("nan")))
    meta_train(lambda p, x, y: errors(p, x, y).mean(), PARAMS, lambda _: tasks, outer_lr=0.1, iterations=2, seed=seed,
               progress=False, backend="eager", **INNER)  # fmt: skip


def test_divergence_can_be_pickled():
    error = Diverged("far away", MetaTrained({"w": torch.ones(2)}, 0.1, np.ones(3), np.ones((0, 2))))
    copy = pickle.loads(pickle.dumps(error))
    assert str(copy) == "far away"
    assert torch.equal(copy.trained.params["w"], torch.ones(2))
    assert copy.trained.losses.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.skipif("fork" not in get_all_start_methods(), reason="no fork")
def test_divergence_leaves_a_pool_of_processes():
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
        error = pool.submit(diverge, 0).exception(timeout=100)
    assert isinstance(error, Diverged)
    assert "the query set of task 0 holds a number that is not finite" in str(error)
    assert torch.equal(error.trained.params["w"], PARAMS["w"])
