"""The outer loop: it resumes to the same bits, stops with a reason, and gives the same numbers however it runs."""

import logging
import os
import platform
import resource
import signal
import subprocess
import sys
import textwrap
import time
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mamlkit import models
from mamlkit.closed_form import quadratic
from mamlkit.engine import Diverged, evaluate, fast, meta_gradient, meta_train
from mamlkit.engine.fast import Captured, break_even
from mamlkit.engine.train import ADAM
from mamlkit.tasks import sinusoid

from .oracles import quadratic_loss, random_quadratics


def sample_tasks(rng):
    return sinusoid.sample(rng, num_tasks=4, num_support=5, num_query=5)


def train(*, dtype=torch.float32, loss=None, sample=sample_tasks, **changes):
    params, net = models.mlp([1, 8, 1], torch.Generator().manual_seed(0), dtype=dtype)
    loss = loss or (lambda p, x, y: F.mse_loss(net(p, x), y))
    options = {"inner_lr": 0.01, "num_steps": 2, "outer_lr": 1e-2, "iterations": 30, "seed": 3, "progress": False}
    return meta_train(loss, params, sample, **(options | changes))


def bits(trained):
    leaves = torch.utils._pytree.tree_leaves((trained.params, trained.inner_lr))
    return [leaf.numpy().tobytes() if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves] + [
        trained.losses.tobytes(),
        trained.validation.tobytes(),
    ]


def test_finds_the_meta_optimum_of_quadratics():
    rng = np.random.default_rng(0)
    supports, support = random_quadratics(rng, num_tasks=5, dim=2)
    queries, query = random_quadratics(rng, num_tasks=5, dim=2)
    tasks = [quadratic.QuadraticTask(*pair) for pair in zip(supports, queries, strict=True)]
    trained = meta_train(
        quadratic_loss,
        torch.zeros(2, dtype=torch.float64),
        lambda _: SimpleNamespace(support=support, query=query),
        inner_lr=0.2,
        num_steps=2,
        outer_lr=0.3,
        iterations=400,
        seed=0,
        optimizer=torch.optim.SGD,
        progress=False,
    )
    np.testing.assert_allclose(
        trained.params.numpy(), quadratic.meta_optimum(tasks, inner_lr=0.2, num_steps=2), rtol=1e-8
    )


def test_same_seed_same_bits_other_seed_other():
    assert bits(train()) == bits(train())
    assert bits(train()) != bits(train(seed=4))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"backend": "eager", "learn_inner_lr": True},
        {"optimizer": torch.optim.RMSprop, "task_axis": "loop"},
        {"validation_tasks": sample_tasks(np.random.default_rng(9)), "validate_every": 4},
    ],
)
@pytest.mark.parametrize("stop", [1, 13])
def test_resumes_to_the_same_bits(tmp_path, changes, stop):
    path = tmp_path / "run.pt"
    train(iterations=stop, checkpoint=path, **changes)
    assert bits(train(checkpoint=path, **changes)) == bits(train(**changes))


def test_an_interrupted_step_leaves_a_sound_checkpoint(tmp_path):
    """The error comes after tasks are drawn: the resumed run must draw them again."""
    path, calls = tmp_path / "run.pt", []

    def failing(rng):
        calls.append(1)
        tasks = sample_tasks(rng)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return tasks

    with pytest.raises(KeyboardInterrupt):
        train(checkpoint=path, sample=failing)
    assert bits(train(checkpoint=path)) == bits(train())


KILLED = """
import numpy as np, torch, torch.nn.functional as F
from mamlkit import models
from mamlkit.engine import meta_train
from mamlkit.tasks import sinusoid
torch.set_num_threads(1)
params, net = models.mlp([1, 8, 1], torch.Generator().manual_seed(0))
trained = meta_train(lambda p, x, y: F.mse_loss(net(p, x), y), params,
    lambda rng: sinusoid.sample(rng, num_tasks=4, num_support=5, num_query=5), inner_lr=0.01, num_steps=1,
    outer_lr=1e-2, iterations=300, seed=3, checkpoint={path!r}, checkpoint_every=3, progress=False)
print(trained.losses.tobytes().hex()[-64:], [p.numpy().tobytes().hex() for p in trained.params.values()])
"""


def start(path):
    return subprocess.Popen([sys.executable, "-c", KILLED.format(path=str(path))], stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_killed_at_random_moments_it_resumes_to_the_same_bits(tmp_path):
    expected = start(tmp_path / "whole.pt")
    rng, path, kills = np.random.default_rng(), tmp_path / "killed.pt", 0
    while kills < 2:
        process, deadline = start(path), time.monotonic() + 60
        before = path.stat().st_mtime_ns if path.exists() else 0
        while (not path.exists() or path.stat().st_mtime_ns == before) and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.2))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kills += 1
    resumed = start(path).communicate()[0]
    assert resumed
    assert resumed == expected.communicate()[0]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:500]), "cannot be read: it is cut short"),
        (lambda path: path.write_text("no checkpoint"), "cannot be read"),
        (lambda path: torch.save({"problem": {}}, path), "is of another version of mamlkit"),
    ],
)
def test_a_damaged_checkpoint_is_named(tmp_path, damage, message):
    path = tmp_path / "run.pt"
    train(checkpoint=path)
    damage(path)
    with pytest.raises(ValueError, match=message):
        train(checkpoint=path)


def test_a_checkpoint_of_another_problem_is_refused(tmp_path):
    path = tmp_path / "run.pt"
    train(checkpoint=path)
    with pytest.raises(ValueError, match="another inner loop"):
        train(checkpoint=path, num_steps=1)
    with pytest.raises(ValueError, match="another set of parameters"):
        train(checkpoint=path, dtype=torch.float64)
    with pytest.raises(ValueError, match="another seed"):
        train(checkpoint=path, seed=8)
    with pytest.raises(ValueError, match="another optimizer"):
        train(checkpoint=path, optimizer=partial(ADAM, betas=(0.5, 0.9)))
    path = tmp_path / "rates.pt"
    train(checkpoint=path, inner_lr=torch.tensor(0.05))
    with pytest.raises(ValueError, match="another inner loop"):
        train(checkpoint=path, inner_lr=torch.tensor(0.5))


def test_divergence_names_task_step_and_cause_and_keeps_the_last_good_state(tmp_path):
    path = tmp_path / "run.pt"

    def sample(rng):
        tasks = sample_tasks(rng)
        sample.count += 1
        if sample.count > 10:
            tasks.support.x[2] *= 1e8
        return tasks

    sample.count = 0
    with pytest.raises(
        Diverged, match=r"iteration 10: the outer loss of task 2 .* diverges by step \d: lower inner_lr"
    ) as stop:
        train(sample=sample, checkpoint=path, num_steps=5)
    assert bits(stop.value.trained) == bits(train(iterations=10, num_steps=5))
    assert bits(train(iterations=10, num_steps=5, checkpoint=path)) == bits(stop.value.trained)


@pytest.mark.parametrize("backend", ["eager", "capture"])
@pytest.mark.parametrize("which", ["support", "query"])
def test_nan_in_the_data_is_named(which, backend):
    def sample(rng):
        tasks = sample_tasks(rng)
        getattr(tasks, which).y[1, 2] = np.nan
        return tasks

    with pytest.raises(Diverged, match=f"iteration 0: the {which} set of task 1 holds a number that is not finite"):
        train(sample=sample, backend=backend)


def test_a_gradient_that_would_freeze_adam_is_noticed():
    """Its square overflows: Adam's second moment would be infinite, and the parameters would never move again."""
    params = {"far": torch.tensor(1.0), "near": torch.tensor(1.0)}
    tasks = SimpleNamespace(support=(torch.ones(2),), query=(torch.ones(2),))
    with pytest.raises(Diverged, match=r"the losses are finite, but the gradient in params\['far'\] reaches 1e\+25"):
        meta_train(lambda p, y: 1e25 * p["far"] + p["near"] * y, params, lambda _: tasks, inner_lr=0.0, num_steps=0,
                   outer_lr=0.1, iterations=5, seed=0, progress=False)  # fmt: skip


def test_frozen_parameters_are_noticed():
    class Freezing(torch.optim.Adam):
        def step(self):
            super().step()
            self.state[self.param_groups[0]["params"][1]]["exp_avg_sq"].fill_(float("inf"))

    with pytest.raises(
        Diverged, match=r"state for params\['1.bias'\] is not finite, so it has silently stopped moving"
    ):
        train(optimizer=Freezing, validate_every=5)


def test_early_stopping_returns_the_best():
    tasks = sample_tasks(np.random.default_rng(9))
    trained = train(outer_lr=0.3, iterations=200, validation_tasks=tasks, validate_every=1, patience=3)
    best = int(trained.validation[:, 1].argmin())
    assert len(trained.validation) == best + 1 + 3 == len(trained.losses) < 200
    params, net = models.mlp([1, 8, 1], torch.Generator())
    curve = evaluate(lambda p, x, y: F.mse_loss(net(p, x), y), trained.params, support=tasks.support,
                     query=tasks.query, inner_lr=0.01, num_steps=2)  # fmt: skip
    np.testing.assert_allclose(float(curve[-1].mean()), trained.validation[best, 1], rtol=1e-6)
    assert set(params) == set(trained.params)


def test_callbacks_see_progress_and_may_stop():
    seen = []
    train(validate_every=5, callbacks=[lambda i, trained: seen.append((i, len(trained.losses)))])
    assert seen == [(i, i) for i in range(5, 31, 5)]
    assert len(train(validate_every=5, callbacks=[lambda i, _: i == 10]).losses) == 10


def test_learned_inner_rate_moves_and_plain_zero_does_not():
    rates = {"1.weight": 0.01, "1.bias": 0, "2.weight": torch.full((8, 1), 0.01), "2.bias": torch.tensor(0.02)}
    trained = train(inner_lr=rates, learn_inner_lr=True, iterations=5)
    assert trained.inner_lr["1.bias"] == 0
    assert trained.inner_lr["2.weight"].unique().numel() > 2
    assert float(trained.inner_lr["2.bias"]) != 0.02
    assert float(rates["2.bias"]) == np.float32(0.02)


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
    eager, captured = (train_on_images(task_axis="loop", backend=backend) for backend in ("eager", "capture"))
    assert "mamlkit.engine" not in [record.name for record in caplog.records]  # nothing fell back
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


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="an allocator of another kind")
def test_freed_memory_is_kept():
    """Sixteen megabytes, freed and asked for again: without the setting every page comes from the system anew."""
    code = textwrap.dedent("""
        import resource, torch
        from mamlkit.engine.fast import keep_freed_memory
        keep_freed_memory()
        torch.set_num_threads(1)
        def faults(count):
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            for _ in range(count):
                torch.ones(4_000_000).add(1)
            return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
        print(faults(2), faults(20))
    """)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, later = map(int, run.stdout.split())
    assert later < 20 * 2 * 16_000_000 / resource.getpagesize() / 4, first


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
        from tests.engine.test_train import train
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
    monkeypatch.setattr(fast, "_compile", lambda graph, tensors: graph)


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
@pytest.mark.parametrize("loss", [None, lambda p, x, y: F.dropout(x * p["1.weight"] - y, 0.5).square().mean()])
def test_compiled_and_random_runs_resume_to_the_same_bits(tmp_path, compiler, stop, loss):
    for backend in ("compile", "capture"):
        path = tmp_path / f"{backend}.pt"
        train(iterations=stop, checkpoint=path, backend=backend, loss=loss)
        resumed = train(checkpoint=path, backend=backend, loss=loss)
        assert bits(resumed) == bits(train(backend=backend, loss=loss))


def test_recording_draws_no_random_numbers(caplog):
    loss = lambda p, x, y: F.dropout(x * p["1.weight"] - y, 0.5).square().mean()  # noqa: E731
    eager, captured = (train(backend=b, loss=loss, dtype=torch.float64) for b in ("eager", "capture"))
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


def test_a_validation_that_was_cut_short_is_made_up_for(tmp_path):
    class Interrupting:
        """Validation tasks that are interrupted when they are first read."""

        def __init__(self):
            self.tasks, self.reads = sample_tasks(np.random.default_rng(9)), 0

        @property
        def support(self):
            self.reads += 1
            if self.reads == 3:  # each review asks twice
                raise KeyboardInterrupt
            return self.tasks.support

        @property
        def query(self):
            return self.tasks.query

    options = {"validate_every": 2, "iterations": 8, "checkpoint": tmp_path / "run.pt"}
    with pytest.raises(KeyboardInterrupt):
        train(validation_tasks=Interrupting(), **options)
    resumed = train(validation_tasks=sample_tasks(np.random.default_rng(9)), **options)
    assert resumed.validation[:, 0].tolist() == [2, 4, 6, 8]


def test_an_algorithm_without_a_name_can_be_saved(tmp_path):
    train(checkpoint=tmp_path / "run.pt", algorithm=partial(meta_gradient, first_order=True), iterations=3)
    assert (tmp_path / "run.pt").exists()


def test_a_loss_that_branches_on_its_values_runs_uncaptured(caplog):
    def loss(params, x, y):
        error = ((x @ params["1.weight"]).mean(-1, keepdim=True) - y).square().mean()
        return error if error > 0 else -error

    with caplog.at_level(logging.WARNING, "mamlkit.engine"):
        captured = train(loss=loss, task_axis="loop", iterations=4)
    assert sum("going on without a recorded step" in line for line in caplog.messages) == 1
    assert bits(captured) == bits(train(loss=loss, task_axis="loop", iterations=4, backend="eager"))


def test_captured_checks_numbers_against_the_function(caplog):
    """A function that reads the clock is not pure: the recorded constant is seen to differ."""
    ticks = iter(range(100))
    captured = Captured(lambda x: [x + next(ticks)])
    with caplog.at_level(logging.WARNING, "mamlkit.engine"):
        assert [float(captured(torch.tensor(0.0))[0]) for _ in range(3)] != [0.0] * 3
    assert captured.level == 0


def test_compiling_is_worth_it_only_for_long_runs():
    assert 1000 < break_even(300) < 70_000
    assert break_even(0) > 10**9


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="backend must be"):
        train(backend="fast")
    with pytest.raises(ValueError, match="patience=3 needs validation_tasks"):
        train(patience=3)
    with pytest.raises(ValueError, match="outer_lr must be positive, got 0"):
        train(outer_lr=0)
    with pytest.raises(ValueError, match="iterations must be at least 0, got -1"):
        train(iterations=-1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'num_step'"):
        train(num_step=1)
    with pytest.raises(TypeError, match=r"sample_tasks must return .* support and query, got tuple"):
        train(sample=lambda rng: (1, 2))
