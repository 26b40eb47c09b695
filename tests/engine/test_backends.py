"""However a step is run, recorded, compiled or in pieces, the numbers are the same."""

import logging
import os
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mamlkit import models
from mamlkit.engine import meta_train
from mamlkit.engine.train import ADAM
from mamlkit.runtime import capture

from .runs import bits, random_loss, train


def test_captured_run_equals_the_eager_one():
    eager, captured = (train(backend=backend, dtype=torch.float64) for backend in ("eager", "capture"))
    np.testing.assert_allclose(captured.losses, eager.losses, rtol=1e-12)


@pytest.mark.parametrize("options", [{"task_axis": "loop"}, {"chunk_size": 3}])
def test_captured_pieces_equal_the_whole(options):
    """Later pieces begin elsewhere in memory than the one that was recorded."""
    eager, captured = (train(backend=b, dtype=torch.float64, **o) for b, o in (("eager", {}), ("capture", options)))
    np.testing.assert_allclose(captured.losses, eager.losses, rtol=1e-12)


def images(rng):
    """Two tasks of three images each, of 8 by 8 pixels in three colours."""
    x, y = rng.normal(size=(2, 2, 3, 3, 8, 8)), rng.integers(0, 2, size=(2, 2, 3))
    return SimpleNamespace(support=(x[0], y[0]), query=(x[1], y[1]))


class Flat(torch.nn.Module):
    def forward(self, x):
        return x.view(len(x), -1)  # which needs the layout that the images came in


def train_on_images(flat=torch.nn.Flatten, **options):
    torch.manual_seed(0)
    layers = [torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.MaxPool2d(2)]
    net = torch.nn.Sequential(*layers, flat(), torch.nn.Linear(36, 2)).double()
    params, loss = models.from_module(net, F.cross_entropy)
    common = {"inner_lr": 0.1, "num_steps": 2, "outer_lr": 1e-2, "iterations": 4, "seed": 0, "progress": False}
    return meta_train(loss, params, images, **common | options)


def test_captured_convolutions_equal_the_eager_ones(caplog):
    """Pooling is recorded with channels last, and rectifiers write in place."""
    caplog.set_level(logging.INFO, capture.__name__)
    eager, captured = (train_on_images(task_axis="loop", backend=backend) for backend in ("eager", "capture"))
    assert capture.__name__ not in [record.name for record in caplog.records]  # nothing fell back
    np.testing.assert_allclose(captured.losses, eager.losses, rtol=1e-12)


@pytest.mark.parametrize("changes", [{"task_axis": "loop"}, {}, {"task_axis": "loop", "flat": Flat}])
def test_the_fused_optimizer_steps_as_the_plain_one(changes):
    """It walks through memory in order, so a gradient in another layout than its parameter would be mixed up."""
    fused, plain = (train_on_images(optimizer=o, **changes) for o in (ADAM, torch.optim.Adam))
    for name, value in plain.params.items():
        torch.testing.assert_close(fused.params[name], value, rtol=0, atol=1e-9)


def test_a_transposed_parameter_is_stepped_as_any_other():
    weight = torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(4, 3)
    tasks = SimpleNamespace(support=(torch.ones(2, 5, 3).double(),), query=(torch.ones(2, 5, 3).double(),))
    options = {"inner_lr": 0.1, "num_steps": 1, "outer_lr": 0.1, "iterations": 3, "seed": 0, "progress": False}
    found = [
        meta_train(lambda w, x: ((x @ w + w[0, 1]) ** 2).mean(), w, lambda _: tasks, **options).params
        for w in (weight.T, weight.T.contiguous())
    ]
    torch.testing.assert_close(*found, rtol=1e-12, atol=0)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", [torch.optim.Adam, torch.optim.SGD, torch.optim.AdamW])
def test_compiled_run_equals_the_eager_one(optimizer):
    if not any(os.access(os.path.join(d, "g++"), os.X_OK) for d in os.environ["PATH"].split(os.pathsep)):
        pytest.skip("no C++ compiler")
    eager, compiled = (train(backend=b, dtype=torch.float64, optimizer=optimizer) for b in ("eager", "compile"))
    np.testing.assert_allclose(compiled.losses, eager.losses, rtol=1e-11)


@pytest.mark.slow
def test_without_a_compiler_training_goes_on_with_one_line(tmp_path):
    code = textwrap.dedent("""
        from tests.engine.runs import train
        recorded, fallen_back = (train(backend=backend) for backend in ("capture", "compile"))
        assert (recorded.losses == fallen_back.losses).all()
    """)
    environment = os.environ | {
        "PATH": "",
        "CXX": "/nowhere",
        "TORCHINDUCTOR_CACHE_DIR": str(tmp_path),
        "PYTHONPATH": ".",
    }
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=200)
    assert run.returncode == 0, run.stderr
    assert run.stderr.count("going on without a compiled step") == 1


@pytest.fixture
def compiler(monkeypatch):
    """A compiler that gives back what it gets: the whole step is one graph, in no time."""
    monkeypatch.setattr(capture, "_compile", lambda graph, tensors: graph)


def groups(tensors, lr):
    return torch.optim.Adam([{"params": tensors[:1], "lr": 10 * lr}, {"params": tensors[1:]}], lr=lr)


class Slowing(torch.optim.SGD):
    """Lowers its learning rate after each step, as a scheduler does."""

    def step(self):
        super().step()
        self.param_groups[0]["lr"] *= 0.5


def hooked(tensors, lr):
    optimizer = torch.optim.SGD(tensors, lr=lr)
    optimizer.register_step_post_hook(lambda o, *_: o.param_groups[0].update(lr=o.param_groups[0]["lr"] / 2))
    return optimizer


@pytest.mark.parametrize("optimizer", [ADAM, groups, Slowing, hooked])
def test_a_compiled_step_does_all_that_its_optimizer_does(compiler, optimizer):
    eager, compiled = (train(backend=b, dtype=torch.float64, optimizer=optimizer) for b in ("eager", "compile"))
    np.testing.assert_allclose(compiled.losses, eager.losses, rtol=1e-11)


@pytest.mark.parametrize("stop", [1, 13])
@pytest.mark.parametrize("loss", [None, random_loss])
def test_compiled_and_random_runs_resume_to_the_same_bits(tmp_path, compiler, stop, loss):
    for backend in ("compile", "capture"):
        path = tmp_path / f"{backend}.pt"
        train(iterations=stop, checkpoint=path, backend=backend, loss=loss)
        resumed = train(checkpoint=path, backend=backend, loss=loss)
        assert bits(resumed) == bits(train(backend=backend, loss=loss))


def test_losses_that_are_hard_to_record_are_recorded(caplog):
    """`abs` under vmap cannot be recorded without numbers; a bias before batch norm has a gradient of mere rounding."""
    _, net = models.mlp([1, 8, 1], torch.Generator())
    for loss in (
        lambda p, x, y: (net(p, x) - y).abs().mean(),
        lambda p, x, y: F.mse_loss(F.batch_norm(x @ p["1.weight"] + p["1.bias"], None, None, training=True)[:, :1], y),
    ):
        eager, captured = (train(loss=loss, backend=b, dtype=torch.float64) for b in ("eager", "capture"))
        np.testing.assert_allclose(captured.losses, eager.losses, rtol=1e-9)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_recording_draws_no_random_numbers(caplog):
    eager, captured = (train(backend=b, loss=random_loss, dtype=torch.float64) for b in ("eager", "capture"))
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    np.testing.assert_allclose(captured.losses, eager.losses, rtol=1e-11)


@pytest.mark.parametrize("change", ["order", "dtype"])
def test_a_recorded_step_belongs_to_one_kind_of_tasks(change):
    """From the fourth batch on, the same shapes hold other things."""

    def sample(rng):
        sample.count += 1
        x = torch.as_tensor(rng.normal(size=(4, 5, 1)))
        batch = {"x": x, "sign": (x > 0).double()}
        if sample.count > 3:
            batch = {"sign": batch["sign"], "x": x} if change == "order" else batch | {"sign": x > 0}
        return SimpleNamespace(support=(batch,), query=(batch,))

    def loss(params, batch):
        guess = (batch["x"] @ params["1.weight"]).mean(-1, keepdim=True)
        return torch.where(batch["sign"] > 0, guess - 1, guess).square().mean()

    found = []
    for backend in ("eager", "capture"):
        sample.count = 0
        found.append(train(loss=loss, sample=sample, backend=backend, dtype=torch.float64, iterations=6).losses)
    np.testing.assert_allclose(found[1], found[0], rtol=1e-11)


def test_a_loss_that_branches_on_its_values_runs_uncaptured(caplog):
    def loss(params, x, y):
        error = ((x @ params["1.weight"]).mean(-1, keepdim=True) - y).square().mean()
        return error if error > 0 else -error

    with caplog.at_level(logging.WARNING, capture.__name__):
        captured = train(loss=loss, task_axis="loop", iterations=4)
    assert sum("going on without a recorded step" in line for line in caplog.messages) == 1
    assert bits(captured) == bits(train(loss=loss, task_axis="loop", iterations=4, backend="eager"))
