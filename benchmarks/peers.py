"""One outer step in each library, written as its own documentation writes it.

Each function gets a problem and returns ``step()``, which takes one outer step and returns nothing, and
``gradient()``, the meta-gradient at the starting point as a list of arrays in PyTorch's order of parameters.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
import types
from pathlib import Path

import numpy as np


def torch_module(problem, dtype):
    """Return the network as a PyTorch module with the common weights, the loss and the data."""
    import torch
    from torch import nn

    if problem.network == "mlp":
        module, loss = (
            nn.Sequential(nn.Linear(1, 40), nn.ReLU(), nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 1)),
            nn.MSELoss(),
        )
    else:
        blocks = []
        for channels in (1, 64, 64, 64):
            norm = nn.BatchNorm2d(64, track_running_stats=False)
            blocks += [nn.Conv2d(channels, 64, 3, padding=1), norm, nn.ReLU(), nn.MaxPool2d(2)]
        module, loss = nn.Sequential(*blocks, nn.Flatten(), nn.Linear(64, 5)), nn.CrossEntropyLoss()
    module = module.to(getattr(torch, dtype))
    module.load_state_dict({name: torch.from_numpy(value) for name, value in problem.weights(dtype).items()})
    return module, loss, [torch.from_numpy(array) for array in problem.tasks(dtype)]


def _torch_step(problem, dtype, wrap):
    """Return step and gradient from ``wrap(module, loss, data) -> (parameters, backward)``."""
    import torch

    module, loss, data = torch_module(problem, dtype)
    parameters, backward = wrap(module, loss, data)
    parameters = list(parameters)
    optimizer = torch.optim.Adam(parameters, lr=problem.outer_lr)

    def step():
        optimizer.zero_grad()
        backward()
        optimizer.step()

    def gradient():
        optimizer.zero_grad()
        backward()
        return [parameter.grad.detach().numpy().copy() for parameter in parameters]

    return step, gradient


def mamlkit_run(problem, dtype, backend):
    """Return a training run of mamlkit and the tasks of its steps."""
    from mamlkit import models
    from mamlkit.engine import meta_gradient
    from mamlkit.engine.run import Run
    from mamlkit.engine.train import ADAM

    module, loss, data = torch_module(problem, dtype)
    params, loss_fn = models.from_module(module, loss)
    small = problem.network == "mlp"
    options = {"num_steps": problem.num_steps, "task_axis": "vmap" if small else "loop"}
    backend = backend if small else "capture"  # what meta_train settles on by itself
    run = Run(loss_fn, params, problem.inner_lr, problem.outer_lr, 1, 0, False, meta_gradient, ADAM, backend, options)
    return run, types.SimpleNamespace(support=tuple(data[:2]), query=tuple(data[2:]))


def mamlkit(problem, dtype, backend="compile"):
    run, tasks = mamlkit_run(problem, dtype, backend)

    def gradient():
        params, sets = run.rebuild(run.tensors)[0], {"support": tasks.support, "query": tasks.query}
        found = run.algorithm(run.loss_fn, params, **sets, inner_lr=run.inner_lr, **run.options).gradient
        return [gradient.numpy() for gradient in found.values()]

    return lambda: run.step(lambda rng: tasks), gradient


def learn2learn(problem, dtype):
    MAML = _load_learn2learn().MAML

    def wrap(module, loss, data):
        maml = MAML(module, lr=problem.inner_lr, first_order=False)

        def backward():
            for x_support, y_support, x_query, y_query in zip(*data, strict=True):
                learner = maml.clone()
                for _ in range(problem.num_steps):
                    learner.adapt(loss(learner(x_support), y_support))
                loss(learner(x_query), y_query).backward()
            for parameter in maml.parameters():
                parameter.grad.mul_(1 / problem.num_tasks)

        return maml.parameters(), backward

    return _torch_step(problem, dtype, wrap)


def _load_learn2learn():
    """Load its MAML module alone: the package's own imports ask for gym and torchvision."""
    root = Path(importlib.util.find_spec("learn2learn").origin).parent
    for name, path in {"learn2learn": root, "learn2learn.algorithms": root / "algorithms"}.items():
        package = types.ModuleType(name)
        package.__path__ = [str(path)]
        sys.modules[name] = package
    return importlib.import_module("learn2learn.algorithms.maml")


def higher(problem, dtype):
    import higher as library
    import torch

    def wrap(module, loss, data):
        inner = torch.optim.SGD(module.parameters(), lr=problem.inner_lr)

        def backward():
            for x_support, y_support, x_query, y_query in zip(*data, strict=True):
                with library.innerloop_ctx(module, inner, copy_initial_weights=False) as (learner, diffopt):
                    for _ in range(problem.num_steps):
                        diffopt.step(loss(learner(x_support), y_support))
                    loss(learner(x_query), y_query).backward()
            for parameter in module.parameters():
                parameter.grad.mul_(1 / problem.num_tasks)

        return module.parameters(), backward

    return _torch_step(problem, dtype, wrap)


def torchopt(problem, dtype):
    import torchopt as library
    from torch.func import functional_call, grad, vmap

    def wrap(module, loss, data):
        inner = library.sgd(lr=problem.inner_lr)
        leaves = dict(module.named_parameters())

        def value(params, x, y):
            return loss(functional_call(module, params, (x,)), y)

        def task_loss(params, x_support, y_support, x_query, y_query):
            state = inner.init(params)
            for _ in range(problem.num_steps):
                updates, state = inner.update(grad(value)(params, x_support, y_support), state, inplace=False)
                params = library.apply_updates(params, updates, inplace=False)
            return value(params, x_query, y_query)

        def backward():
            vmap(task_loss, in_dims=(None, 0, 0, 0, 0))(leaves, *data).mean().backward()

        return leaves.values(), backward

    return _torch_step(problem, dtype, wrap)


def jax(problem, dtype):
    import jax as library
    import jax.numpy as jnp

    if dtype == "float64":
        library.config.update("jax_enable_x64", True)
    data = [jnp.asarray(array) for array in problem.tasks(dtype)]
    weights = [jnp.asarray(value) for value in problem.weights(dtype).values()]

    def value(params, x, y):
        for layer in range(3):
            x = x @ params[2 * layer].T + params[2 * layer + 1]
            x = library.nn.relu(x) if layer < 2 else x
        return ((x - y) ** 2).mean()

    def task_loss(params, x_support, y_support, x_query, y_query):
        for _ in range(problem.num_steps):
            gradient = library.grad(value)(params, x_support, y_support)
            params = [p - problem.inner_lr * g for p, g in zip(params, gradient, strict=True)]
        return value(params, x_query, y_query)

    def outer_loss(params, *data):
        return library.vmap(task_loss, in_axes=(None, 0, 0, 0, 0))(params, *data).mean()

    @library.jit
    def outer_step(params, first, second, count, *data):
        gradient, count = library.grad(outer_loss)(params, *data), count + 1
        first = [0.9 * m + 0.1 * g for m, g in zip(first, gradient, strict=True)]
        second = [0.999 * v + 0.001 * g * g for v, g in zip(second, gradient, strict=True)]
        scale = problem.outer_lr / (1 - 0.9**count)
        roots = [jnp.sqrt(v / (1 - 0.999**count)) + 1e-8 for v in second]
        params = [p - scale * m / root for p, m, root in zip(params, first, roots, strict=True)]
        return params, first, second, count

    zeros = [jnp.zeros_like(p) for p in weights]
    state = [(weights, zeros, zeros, jnp.zeros((), dtype))]

    def step():
        state[0] = outer_step(*state[0], *data)
        library.block_until_ready(state[0])

    def gradient():
        return [np.asarray(g) for g in library.grad(outer_loss)(weights, *data)]

    return step, gradient


PEERS = {
    "mamlkit": mamlkit,
    "mamlkit, no compiler": functools.partial(mamlkit, backend="capture"),
    "learn2learn": learn2learn,
    "higher": higher,
    "TorchOpt (functional, vmap)": torchopt,
    "JAX (jit)": jax,
}
