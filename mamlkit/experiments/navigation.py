"""Policies for the plane, meta-trained in several ways, on goals held out; and how noisy each meta-gradient is.

`run` trains everything with five seeds (about six minutes of one core). Numbers are kept as words, which keeps
the file small; `returns` and `trajectories` give them back as arrays.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mamlkit import engine
from mamlkit.applications import navigation, navigation_policy, navigation_score

INNER_LR, OUTER_LR, STEPS = 0.005, 0.01, 3
CLIP = 40.0  # the longest inner gradient: untrained policies have gradients that throw a path out of the square
RATES = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05)
SMALLER = tuple(rate / 20 for rate in RATES)  # for scratch, whose gradients are longer
SHOWN = ((0.4, 0.3), (-0.3, 0.4), (-0.45, -0.2), (0.2, -0.4), (0.05, 0.1))
DRAWN = ("maml", "fomaml", "joint")
METHODS: dict[
    str, tuple[Any, tuple[int, ...], dict[str, Any] | None]
] = {  # the kind of loss, hidden layers, options of the training; no options: not trained at all
    "maml": ("lvc", (32, 32), {"num_steps": 1}),
    "naive": ("naive", (32, 32), {"num_steps": 1}),
    "dice": ("dice", (32, 32), {"num_steps": 1}),
    "scored": ("naive", (32, 32), {"num_steps": 1, "scored": True}),
    "fomaml": ("lvc", (32, 32), {"num_steps": 1, "first_order": True}),
    "joint": ("lvc", (32, 32), {"num_steps": 0}),
    "scratch": ("lvc", (32, 32), None),
    "maml, linear": ("lvc", (), {"num_steps": 1}),
    "joint, linear": ("lvc", (), {"num_steps": 0}),
}


class Decaying(torch.optim.Adam):
    """Adam with gradients cut to length 1 and a rate that falls linearly to zero."""

    def __init__(self, tensors: Any, lr: float, *, iterations: int) -> None:
        super().__init__(tensors, lr=lr)
        self.first, self.left, self.iterations = lr, iterations, iterations

    def step(self, closure: Any = None) -> Any:
        """Take a step with what is left of the rate."""
        group = self.param_groups[0]
        torch.nn.utils.clip_grad_norm_(group["params"], 1.0)
        group["lr"] = self.first * self.left / self.iterations
        self.left -= 1
        return super().step(closure)


def train(method: str, *, seed: int, iterations: int) -> tuple[Any, Any, Any]:
    """Return the policy, its loss and the trained parameters of a method.

    Joint training takes no inner step, so it is given both sets' worth of trajectories for its one gradient.
    """
    kind, hidden, options = METHODS[method]
    params, policy = navigation_policy.gaussian_policy(torch.Generator().manual_seed(seed), hidden=hidden)
    loss_fn = navigation_policy.policy_loss(policy, kind=kind)
    if options is None:
        return policy, loss_fn, params
    options = dict(options)
    if options.pop("scored", False):
        options["algorithm"] = navigation_score.scored_meta_gradient(policy)
    count = 20 if options["num_steps"] else 40
    trained = engine.meta_train(
        loss_fn,
        params,
        partial(navigation.sample_goals, trajectories=count),
        inner_lr=INNER_LR,
        outer_lr=OUTER_LR,
        iterations=iterations,
        seed=seed,
        clip_norm=CLIP,
        stream=True,
        backend="eager",
        progress=False,
        optimizer=partial(Decaying, iterations=iterations),
        **options,
    )
    return policy, loss_fn, trained.params


def judge(loss_fn: Any, params: Any, tasks: navigation.Goals, rate: float) -> NDArray[Any]:
    """Return the mean return of each task after 0 to 3 steps, shape (4, num_tasks)."""
    support, query = tasks
    losses = engine.evaluate(loss_fn, params, support=support, query=query, inner_lr=rate, num_steps=STEPS, stream=True)
    return -losses.numpy().astype(float)


def one(seed: int, *, iterations: int = 200, num_tasks: int = 100, methods: Sequence[str] = tuple(METHODS)) -> Any:
    """Train and judge every method with one seed; the test goals are the same for all seeds."""
    draw = partial(navigation.sample_goals, num_tasks=num_tasks, num_steps=STEPS)
    validation, test = draw(np.random.default_rng(10_000 + seed)), draw(np.random.default_rng(99))
    found: dict[str, Any] = {"returns": {}, "rates": {}, "paths": {}, "seconds": {}}
    for method in methods:
        begin = time.process_time()
        policy, loss_fn, params = train(method, seed=seed, iterations=iterations)
        found["seconds"][method] = round(time.process_time() - begin, 1)
        rates = SMALLER if method == "scratch" else RATES
        tried = np.array([judge(loss_fn, params, validation, rate).mean(1) for rate in rates])
        best = [rates[index] for index in tried.argmax(0)]  # a rate for each number of steps, by validation goals
        judged = {rate: judge(loss_fn, params, test, rate) for rate in set(best)}
        after = [judged[rate][step] for step, rate in enumerate(best)]
        found["returns"][method] = [" ".join(f"{value:.3f}" for value in row) for row in after]
        found["rates"][method] = best[1:]
        if seed == 0 and method in DRAWN:
            found["paths"][method] = drawn(policy, loss_fn, params, best[1])
    return found


def drawn(policy: Any, loss_fn: Any, params: Any, rate: float) -> list[list[str]]:
    """Return four trajectories to each shown goal after 0 to 3 steps, in thousandths, as text."""
    rng, rows = np.random.default_rng(7), []
    for goal in SHOWN:
        noise = [
            torch.tensor(rng.standard_normal(shape), dtype=torch.float32) for shape in ((3, 20, 20, 2), (4, 20, 2))
        ]
        found = navigation_policy.paths(
            policy,
            params,
            goal=torch.tensor(goal),
            noise=noise[0],
            query=noise[1],
            loss_fn=loss_fn,
            inner_lr=rate,
            clip_norm=CLIP,
        )
        rows.append([" ".join(str(round(1000 * float(x))) for x in path.flatten()) for path in found])
    return rows


def noise(*, iterations: int = 30, repeats: int = 150) -> dict[str, dict[str, float]]:
    """Return how each meta-gradient scatters at one point: its relative spread, and its mean's cosine to DiCE's."""
    policy, _, params = train("maml", seed=0, iterations=iterations)
    made: dict[str, NDArray[Any]] = {}
    for name, (kind, algorithm, options) in estimators(policy).items():
        loss_fn, rng = navigation_policy.policy_loss(policy, kind=kind), np.random.default_rng(5)
        rows = []
        for _ in range(repeats):
            support, query = navigation.sample_goals(rng)
            inner = {"inner_lr": INNER_LR, "num_steps": 1, "clip_norm": CLIP, "stream": True, **options}
            found = algorithm(loss_fn, params, support=support, query=query, **inner).gradient
            rows.append(torch.cat([found[key].flatten() for key in sorted(found)]).double().numpy())
        made[name] = np.array(rows)
    means = {name: rows.mean(0) for name, rows in made.items()}
    truth = means["dice"] / np.linalg.norm(means["dice"])
    return {
        name: {
            "relative_sd": float(np.sqrt(rows.var(0, ddof=1).sum()) / np.linalg.norm(means[name])),
            "cosine": float(means[name] @ truth / np.linalg.norm(means[name])),
        }
        for name, rows in made.items()
    }


def estimators(policy: Any) -> dict[str, tuple[Any, Callable[..., Any], dict[str, Any]]]:
    """Return the estimators that `noise` compares: kind of loss, algorithm, options."""
    plain = engine.meta_gradient
    return {
        "first order": ("lvc", plain, {"first_order": True}),
        "naive": ("naive", plain, {}),
        "lvc": ("lvc", plain, {}),
        "dice": ("dice", plain, {}),
        "scored": ("naive", navigation_score.scored_meta_gradient(policy), {}),
    }


def run(*, seeds: Sequence[int] = (0, 1, 2, 3, 4), repeats: int = 150, **sizes: Any) -> dict[str, Any]:
    """Train, judge and measure everything.

    Returns
    -------
    dict
        "seeds": for each seed what `one` returns, "noise": what `noise` returns, and "oracle" and "stay", the mean
        returns on the test goals of a policy that is told the goal and of one that rests.
    """
    torch.set_num_threads(1)
    goals = navigation.sample_goals(np.random.default_rng(99), num_tasks=sizes.get("num_tasks", 100), num_steps=STEPS)
    centres = goals.query[0]
    return {
        "seeds": [one(seed, **sizes) for seed in seeds],
        "noise": noise(repeats=repeats, iterations=min(30, sizes.get("iterations", 30))),
        "oracle": float(np.mean([navigation.oracle_return(goal) for goal in centres])),
        "stay": float(-navigation.HORIZON * (centres**2).sum(1).mean()),
    }


def returns(measured: Any) -> dict[str, NDArray[Any]]:
    """Return each method's returns as an array (seeds, 4, goals): after 0 to 3 steps on each test goal."""
    rows = [one["returns"] for one in measured["seeds"]]
    return {name: np.array([[text.split() for text in row[name]] for row in rows], dtype=float) for name in rows[0]}


def trajectories(measured: Any) -> dict[str, NDArray[Any]]:
    """Return the drawn trajectories of each method, (goals, 4 numbers of steps, 4 trajectories, 21, 2)."""
    kept = measured["seeds"][0]["paths"]
    return {
        name: np.array([[text.split() for text in row] for row in rows], dtype=float).reshape(len(rows), -1, 4, 21, 2)
        / 1000
        for name, rows in kept.items()
    }
