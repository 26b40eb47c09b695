"""Checkpoints: a run resumes to the same bits, wherever it was cut off."""

import signal
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest
import torch

from mamlkit.engine import meta_gradient
from mamlkit.engine.train import ADAM

from .runs import bits, random_loss, sample_tasks, train


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
import torch
from tests.engine.runs import train
torch.set_num_threads(1)
trained = train(num_steps=1, iterations=300, checkpoint={path!r}, checkpoint_every=3)
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


def halved(tensors, lr):
    """An optimizer like the usual one in all but the rate of one group."""
    optimizer = ADAM(tensors, lr=lr)
    optimizer.param_groups[0]["lr"] = lr / 2
    return optimizer


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
    with pytest.raises(ValueError, match="another optimizer"):
        train(checkpoint=path, optimizer=halved)
    with pytest.raises(ValueError, match="another inner loop"):
        train(checkpoint=path, algorithm=partial(meta_gradient, first_order=True))
    with pytest.raises(ValueError, match=r"iterations=5 are fewer than the 30 in checkpoint"):
        train(checkpoint=path, iterations=5)
    path = tmp_path / "rates.pt"
    train(checkpoint=path, inner_lr=torch.tensor(0.05))
    with pytest.raises(ValueError, match="another inner loop"):
        train(checkpoint=path, inner_lr=torch.tensor(0.5))


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


def test_what_validation_and_callbacks_draw_is_remembered(tmp_path):
    """The iterations after them draw other numbers than they would have."""
    tasks = sample_tasks(np.random.default_rng(9))
    options = {"loss": random_loss, "validation_tasks": tasks, "validate_every": 4, "iterations": 12}

    def drawing(*_):
        torch.rand(3)

    def interrupting(*_):
        raise KeyboardInterrupt

    for name, callback in {"none": [], "drawing": [drawing]}.items():
        path = tmp_path / name
        train(checkpoint=path, callbacks=callback, **options | {"iterations": 4})
        assert bits(train(checkpoint=path, callbacks=callback, **options)) == bits(train(callbacks=callback, **options))
    with pytest.raises(KeyboardInterrupt):
        train(checkpoint=tmp_path / "interrupted", callbacks=[interrupting], **options)
    assert bits(train(checkpoint=tmp_path / "interrupted", **options)) == bits(train(**options))


def test_a_folder_that_is_missing_is_named_at_once(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"run.pt cannot be written: there is no folder .*nowhere; make it"):
        train(checkpoint=tmp_path / "nowhere" / "run.pt", sample=None)


def test_an_algorithm_without_a_name_can_be_saved(tmp_path):
    train(checkpoint=tmp_path / "run.pt", algorithm=partial(meta_gradient, first_order=True), iterations=3)
    assert (tmp_path / "run.pt").exists()
