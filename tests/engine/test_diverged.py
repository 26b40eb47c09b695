"""A run that meets a number which is not finite stops with a reason and keeps the last good state."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mamlkit.engine import Diverged, meta_train

from .runs import bits, sample_tasks, train


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
