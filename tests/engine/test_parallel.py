"""Two processes over gloo: the gradient of one, and an end with an error and a checkpoint when a worker dies."""

import os
import socket
import subprocess
import sys

import pytest
import torch
import torch.distributed as dist

WORKER = """
import os, sys, torch, torch.distributed as dist, torch.nn.functional as F
from datetime import timedelta
from mamlkit import models
from mamlkit.engine import meta_train
from mamlkit.tasks import sinusoid
torch.set_num_threads(1)
path, dies = sys.argv[1], sys.argv[2] == "dies"
if "RANK" in os.environ:
    dist.init_process_group("gloo", timeout=timedelta(seconds=20))
rank = int(os.environ.get("RANK", 0))
params, net = models.mlp([1, 8, 1], torch.Generator().manual_seed(0), dtype=torch.float64)
def sample(rng):
    sample.calls += 1
    if dies and rank == 1 and sample.calls == 8:
        os._exit(1)
    return sinusoid.sample(rng, num_tasks=5, num_support=5, num_query=5)
sample.calls = 0
trained = meta_train(lambda p, x, y: F.mse_loss(net(p, x), y), params, sample, inner_lr=0.01, num_steps=2,
    outer_lr=1e-2, iterations=12, seed=3, checkpoint=path + ".run", checkpoint_every=5, progress=False)
torch.save([trained.params, torch.tensor(trained.losses)], f"{path}.{rank}")
"""


def launch(path, mode, processes):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    environments = [os.environ] if processes == 1 else [
        os.environ | {"RANK": str(r), "WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        for r in range(processes)
    ]  # fmt: skip
    command = [sys.executable, "-c", WORKER, str(path), mode]
    running = [subprocess.Popen(command, env=e, stderr=subprocess.PIPE, text=True) for e in environments]
    return [(p.communicate(timeout=120)[1], p.returncode) for p in running]


@pytest.mark.skipif(not dist.is_available(), reason="this PyTorch has no torch.distributed")
def test_two_processes_give_the_numbers_of_one(tmp_path):
    assert [code for _, code in launch(tmp_path / "one", "lives", 1)] == [0]
    assert [code for _, code in launch(tmp_path / "two", "lives", 2)] == [0, 0]
    params, losses = torch.load(tmp_path / "one.0")
    for rank in range(2):
        theirs, their_losses = torch.load(tmp_path / f"two.{rank}")
        torch.testing.assert_close(their_losses, losses, rtol=1e-12, atol=1e-12)
        for name in params:
            torch.testing.assert_close(theirs[name], params[name], rtol=1e-12, atol=1e-12)


@pytest.mark.skipif(not dist.is_available(), reason="this PyTorch has no torch.distributed")
@pytest.mark.slow
def test_a_dead_worker_ends_the_run_with_an_error_and_a_usable_checkpoint(tmp_path):
    (message, survivor), (_, dead) = launch(tmp_path / "run", "dies", 2)
    assert dead == 1
    assert survivor not in (0, None)
    assert "Connection closed" in message or "peer" in message or "Timed out" in message
    assert launch(tmp_path / "run", "lives", 1)[0][1] == 0  # goes on from the checkpoint
    assert launch(tmp_path / "whole", "lives", 1)[0][1] == 0
    resumed, whole = (torch.load(tmp_path / f"{name}.0") for name in ("run", "whole"))
    torch.testing.assert_close(resumed[1], whole[1], rtol=1e-12, atol=1e-12)
