"""The work that every library does: the same data, the same network, the same numbers to start from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Problem:
    """One outer step: `num_steps` inner steps of plain gradient descent on each task, then one Adam step."""

    name: str
    network: str  # "mlp" or "conv4"
    num_steps: int
    num_tasks: int
    inner_lr: float
    outer_lr: float = 1e-3
    first_order: bool = False

    def tasks(self, dtype):
        """Return x_support, y_support, x_query, y_query with a leading task axis."""
        rng = np.random.default_rng(0)
        if self.network == "mlp":
            amplitude, phase = (
                rng.uniform(0.1, 5, (self.num_tasks, 1, 1)),
                rng.uniform(0, np.pi, (self.num_tasks, 1, 1)),
            )
            x = rng.uniform(-5, 5, (self.num_tasks, 20, 1)).astype(dtype)
            y = (amplitude * np.sin(x - phase)).astype(dtype)
            return x[:, :10].copy(), y[:, :10].copy(), x[:, 10:].copy(), y[:, 10:].copy()
        ways, shots, queries = 5, 1, 15
        prototypes = rng.normal(size=(self.num_tasks, ways, 1, 28, 28))

        def draw(n):
            labels = np.tile(np.repeat(np.arange(ways), n), (self.num_tasks, 1))
            images = prototypes[np.arange(self.num_tasks)[:, None], labels]
            return (images + rng.normal(size=images.shape)).astype(dtype), labels

        return *draw(shots), *draw(queries)

    def weights(self, dtype):
        """Return the initial parameters in PyTorch's shapes, by name."""
        rng = np.random.default_rng(1)
        if self.network == "mlp":
            shapes = {"0": (40, 1), "2": (40, 40), "4": (1, 40)}
        else:
            shapes = {f"{4 * i}": (64, 1 if i == 0 else 64, 3, 3) for i in range(4)} | {"17": (5, 64)}
        found = {}
        for name, shape in shapes.items():
            bound = np.prod(shape[1:]) ** -0.5
            found[f"{name}.weight"] = rng.uniform(-bound, bound, shape).astype(dtype)
            found[f"{name}.bias"] = rng.uniform(-bound, bound, shape[0]).astype(dtype)
            if self.network == "conv4" and name != "17":
                norm = str(int(name) + 1)
                found[f"{norm}.weight"], found[f"{norm}.bias"] = np.ones(64, dtype), np.zeros(64, dtype)
        return found


PROBLEMS = {
    problem.name: problem
    for problem in [
        Problem("sinusoid, K = 1", "mlp", num_steps=1, num_tasks=25, inner_lr=0.01),
        Problem("sinusoid, K = 5", "mlp", num_steps=5, num_tasks=25, inner_lr=0.01),
        Problem("Conv-4, K = 5", "conv4", num_steps=5, num_tasks=16, inner_lr=0.01),
    ]
}
