"""E13: the references against the engine, mutants of the solution, and how far a right training is from the bound."""

import numpy as np
import pytest
import torch

from mamlkit import engine
from mamlkit.experiments import capstone, load
from mamlkit.grade.accepted import error

from ..conftest import parts, right_answers, told, verdicts

STEPS = [  # mutants of parts a and b, which need no training
    ("e13.a", ".mean(dim=(1, 2)).sum()", ".mean()", "averaged"),
    ("e13.a", ".mean(dim=(1, 2)).sum()", ".sum()", "summed over the points"),
    ("e13.a", "create_graph=True", "retain_graph=True", "second order is lost"),
    ("e13.a", "p.expand(", "p.detach().clone().requires_grad_().expand(", "hang on nothing"),
    ("e13.a", "p - r * g", "p - g", "rates are missing"),
    ("e13.a", "range(num_steps)", "range(num_steps - 1)", "one inner step too few"),
    ("e13.b", "optimizer.zero_grad()", "pass", "add up"),
    (
        "e13.b",
        "optimizer.zero_grad()",
        "optimizer = torch.optim.Adam(leaves, lr=outer_lr); optimizer.zero_grad()",
        "anew",
    ),
    ("e13.b", "optim.Adam", "optim.SGD", "plain gradient descent"),
    ("e13.b", "Adam(leaves", "Adam(leaves[:1]", "Only the first tensor"),
    ("e13.b", "        optimizer.step()\n", "", "Nothing has moved"),
    ("e13.b", "p.detach().clone().requires_grad_()", "p.requires_grad_()", "change the tensors that you were given"),
    (
        "e13.b",
        "p.detach().clone().requires_grad_()",
        "p.detach().requires_grad_()",
        "change the tensors that you were given",
    ),
]
TRAININGS = [  # what a student gets wrong in the whole, each a training of its own
    ("num_steps=2", "num_steps=0", "hardly adapts|mean curve|not well enough"),
    ("x_query, 4", "x_query, 0", "mean curve"),
    (".mean(dim=(1, 2)).sum()", ".mean() / 100", "mean curve"),
    ("32, 250", "32, 25", "not well enough"),
    ("x_query, 4", "x_query, 400", "run away|finite numbers"),
    ("said - y[:, 10:]", "said - 0 * y[:, 10:]", "hardly adapts"),
]


@pytest.mark.parametrize(("part", "old", "new", "advice"), STEPS)
def test_a_mutant_of_the_solution_is_told_what_is_wrong(part, old, new, advice, monkeypatch):
    without_training(monkeypatch)
    told(part, old, new, advice)


def without_training(monkeypatch):
    """Keep the verdicts on parts a and b from training part c each time."""
    quick = "def learn_and_predict(sample_waves, x_support, y_support, x_query, seed):\n    return x_query[..., 0]\n"
    answers = {**right_answers("e13"), "e13.c": quick}
    monkeypatch.setattr("tests.grade.conftest.right_answers", lambda name: answers)
    found = verdicts

    def but_c(name, answered):
        return {part: verdict for part, verdict in found(name, answered).items() if part != "e13.c"}

    monkeypatch.setattr("tests.grade.conftest.verdicts", but_c)


@pytest.mark.parametrize(("old", "new", "advice"), TRAININGS)
def test_a_training_that_lacks_something_is_told_what(old, new, advice):
    told("e13.c", old, new, advice)


def test_e13_adapts_each_task_as_the_engine_does():
    for trial in parts("e13")["e13.a"].key(seed=3).trials:
        given, (adapted, slopes) = trial.inputs, trial.expected
        rates = {str(i): rate[0] for i, rate in enumerate(given["rates"])}
        start = {str(i): p[0].clone().requires_grad_() for i, p in enumerate(given["params"])}
        total = 0.0
        for task, (x, y) in enumerate(zip(given["x"], given["y"], strict=True)):
            phi = engine.adapt(_loss, start, (x, y), inner_lr=rates, num_steps=given["num_steps"])
            torch.testing.assert_close(adapted[task], _flat(phi.values()).detach(), rtol=1e-9, atol=1e-12)
            total = total + _flat(phi.values()).sin().sum()
        expected = torch.autograd.grad(total, [*start.values()])
        torch.testing.assert_close(slopes, _flat(expected), rtol=1e-8, atol=1e-10)


def _flat(tensors):
    return torch.cat([tensor.flatten() for tensor in tensors])


def _loss(params, x, y):
    w1, b1, w2, b2, w3, b3 = (params[str(i)] for i in range(6))
    return ((torch.tanh(torch.tanh(x @ w1 + b1) @ w2 + b2) @ w3 + b3 - y) ** 2).mean()


def test_e13_outer_loop_is_adam_by_its_formula():
    """Gradients by central differences, Adam by its four lines."""
    for trial in parts("e13")["e13.b"].key(seed=3).trials:
        given = trial.inputs
        learned = np.concatenate([np.ravel(p) for p in given["learned"]])
        mean, square = np.zeros_like(learned), np.zeros_like(learned)
        for count, batch in enumerate(given["batches"], start=1):
            gradient = _slopes(lambda point, data=batch: _outer(point, data), learned)
            mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
            step = (mean / (1 - 0.9**count)) / (np.sqrt(square / (1 - 0.999**count)) + 1e-8)
            learned = learned - given["outer_lr"] * step
        right, untouched = trial.expected
        assert untouched is True
        expected = np.concatenate([np.ravel(p) for p in right])
        np.testing.assert_allclose(expected, learned, rtol=1e-5, atol=1e-6)


def _outer(learned, batch):
    *w, rate = learned
    losses = []
    for x, y, x_query, y_query in zip(*(part.numpy() for part in batch), strict=True):
        phi = w - rate * x.T @ (x @ w - y) / len(y)
        losses.append(np.mean((x_query @ phi - y_query) ** 2))
    return np.mean(losses)


def _slopes(function, point, eps=1e-6):
    return np.array([(function(point + e) - function(point - e)) / (2 * eps) for e in eps * np.eye(len(point))])


def test_e13_a_right_training_stays_far_below_the_bound():
    """What the file says of a thousand runs, none of which missed; a few fresh runs have to look like them."""
    found = load("capstone")
    assert found["bound"] == capstone.bound() == 0.6
    assert found["failures"] == 0
    assert found["runs"] >= 1000
    assert found["sds_to_bound"] > 8
    assert found["largest"] < 0.8 * found["bound"]
    fresh = np.array([capstone.one(seed)[0] for seed in range(5000, 5004)])
    assert (fresh > found["quantiles"]["0.0"] - 3 * found["sd"]).all()
    assert (fresh < found["quantiles"]["1.0"] + 3 * found["sd"]).all()
    assert abs(fresh.mean() - found["mean"]) < 5 * found["sd"] / len(fresh) ** 0.5


def test_e13_simpler_rivals_are_as_far_off_as_the_text_says():
    """The table of part c; and trainings of another kind pass with room."""
    rivals = load("capstone")["rivals"]
    for name in ("joint training", "joint training, 4 steps of 0.05", "joint training, 50 steps of 0.01"):
        assert min(rivals[name]) > 1.2 * capstone.bound()
    assert min(rivals["MAML, 25 iterations"]) > capstone.bound()
    assert max(rivals["MAML, fixed rates"] + rivals["FOMAML"]) < 0.8 * capstone.bound()
    said = {"joint training": 1.7, "joint training, 50 steps of 0.01": 0.9, "MAML, 25 iterations": 0.7}
    for name, number in said.items():
        assert np.mean(rivals[name]) == pytest.approx(number, abs=0.1)
    assert load("capstone")["mean"] == pytest.approx(0.2, abs=0.05)


def test_e13_who_estimates_the_frequency_passes_with_no_error():
    """Least squares on the true family, its one unknown found from sampled tasks: right, as the solution says."""
    part = parts("e13")["e13.c"]
    inputs, accepted = capstone._drawn(3)
    sampler = part.reference.__globals__["wave_sampler"](inputs["frequency"])
    x, y = sampler(50, 10, torch.Generator().manual_seed(0))

    def fit(frequency, x, y, asked):
        known, at = (torch.cat([(frequency * v).sin(), (frequency * v).cos()], -1) for v in (x, asked))
        return (at @ torch.linalg.lstsq(known, y).solution)[..., 0]

    grid = torch.linspace(0.5, 1.0, 101)
    best = min(grid, key=lambda one: ((fit(one, x[:, :7], y[:, :7], x[:, 7:]) - y[:, 7:, 0]) ** 2).mean())
    assert error(fit(best, inputs["x_support"], inputs["y_support"], inputs["x_query"]), accepted.target) < 0.1
