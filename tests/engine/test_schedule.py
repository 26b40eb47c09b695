"""Inner rates for each step, and an inner step that sees a mini-batch of its own: against central differences."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mamlkit.engine import Diverged, PerStep, adapt, evaluate, meta_gradient, meta_train
from mamlkit.runtime import capture
from mamlkit.variants import implicit, reptile

from .oracles import central_differences, distance
from .runs import bits
from .test_meta import mlp_problem

PARAMS, LOSS, _, QUERY = mlp_problem()
STEPS, RATES = 3, [0.1, 0.05, 0.2]
GENERATOR = torch.Generator().manual_seed(1)
STREAM = tuple(torch.randn(3, STEPS, 4, width, generator=GENERATOR, dtype=torch.float64) for width in (2, 1))
SUPPORT = tuple(part[:, 0] for part in STREAM)


def by_hand(params, rates, support, *, stream=False):
    """Return the mean outer loss by plain steps, with `rates` a list of a number, or a dict by name, for each step."""
    total = 0.0
    for task in range(3):
        phi = params
        for k, rate in enumerate(rates):
            batch = [part[task, k] if stream else part[task] for part in support]
            points = {name: value.detach().requires_grad_() for name, value in phi.items()}
            slopes = torch.autograd.grad(LOSS(points, *batch), list(points.values()))
            phi = {name: phi[name] - (rate[name] if isinstance(rate, dict) else rate) * slope
                   for name, slope in zip(phi, slopes, strict=True)}  # fmt: skip
        total += float(LOSS(phi, *(part[task] for part in QUERY)))
    return total / 3


WAYS = [{}, {"task_axis": "loop"}, {"chunk_size": 2}, {"recompute": True}]
PER_TENSOR = [{name: rate * (i + 1) / 4 for i, name in enumerate(PARAMS)} for rate in RATES]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("rates", [RATES, PER_TENSOR, torch.tensor(RATES, dtype=torch.float64), np.array(RATES)])
def test_rates_for_each_step(rates, way):
    found = meta_gradient(LOSS, PARAMS, support=SUPPORT, query=QUERY, inner_lr=PerStep(rates), num_steps=STEPS,
                          learn_inner_lr=True, **way)  # fmt: skip
    expected = central_differences(lambda p: by_hand(p, rates, SUPPORT), PARAMS)
    assert distance(found.gradient, expected) < 1e-8
    learned = [torch.tensor(r, dtype=torch.float64) if isinstance(r, float) else r for r in rates]
    if isinstance(rates, list) and isinstance(rates[0], dict):
        learned = [{name: torch.tensor(r, dtype=torch.float64) for name, r in step.items()} for step in rates]
    slopes = central_differences(lambda r: by_hand(PARAMS, r, SUPPORT), learned)
    found_slopes = found.inner_lr_gradient.rates
    assert distance(list(found_slopes), slopes) < 1e-8


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("rates", [0.1, PerStep(RATES)])
def test_a_mini_batch_for_each_step(rates, way):
    found = meta_gradient(LOSS, PARAMS, support=STREAM, query=QUERY, inner_lr=rates, num_steps=STEPS, stream=True,
                          **way)  # fmt: skip
    each = RATES if isinstance(rates, PerStep) else [rates] * STEPS
    assert distance(found.gradient, central_differences(lambda p: by_hand(p, each, STREAM, stream=True), PARAMS)) < 1e-8
    assert float(found.loss) == pytest.approx(by_hand(PARAMS, each, STREAM, stream=True), rel=1e-12)


def test_a_stream_of_equal_mini_batches_is_the_plain_inner_loop():
    same = tuple(part[:, :1].expand_as(part) for part in STREAM)
    options = {"query": QUERY, "inner_lr": 0.1, "num_steps": STEPS}
    for algorithm in (meta_gradient, reptile):
        streamed = algorithm(LOSS, PARAMS, support=same, stream=True, **options)
        assert distance(streamed.gradient, algorithm(LOSS, PARAMS, support=SUPPORT, **options).gradient) < 1e-13


@pytest.mark.parametrize("task_axis", ["vmap", "loop"])
def test_adapt_evaluate_and_reptile_stream_too(task_axis):
    """The losses are those of the parameters that plain steps on one mini-batch after the other reach."""
    options = {"inner_lr": 0.1, "num_steps": STEPS, "stream": True}
    curve = evaluate(LOSS, PARAMS, support=STREAM, query=QUERY, task_axis=task_axis, **options)
    for k in range(STEPS + 1):
        assert float(curve[k].mean()) == pytest.approx(by_hand(PARAMS, [0.1] * k, STREAM, stream=True), rel=1e-12)
    phis = [adapt(LOSS, PARAMS, tuple(part[task] for part in STREAM), **options) for task in range(3)]
    losses = [float(LOSS(phi, *(part[task] for part in QUERY))) for task, phi in enumerate(phis)]
    np.testing.assert_allclose(curve[-1], losses, rtol=1e-12)
    moved = {name: torch.stack([value - phi[name] for phi in phis]).mean(0) for name, value in PARAMS.items()}
    found = reptile(LOSS, PARAMS, support=STREAM, query=QUERY, task_axis=task_axis, **options)
    assert distance(found.gradient, moved) < 1e-12


def test_implicit_maml_takes_rates_for_each_step():
    options = {"support": SUPPORT, "query": QUERY, "num_steps": 2, "strength": 1.0}
    one, other = (implicit(LOSS, PARAMS, inner_lr=rate, **options) for rate in (0.1, PerStep([0.1, 0.1])))
    assert distance(one.gradient, other.gradient) < 1e-14
    with pytest.raises(ValueError, match="implicit needs an inner_lr above 0"):
        implicit(LOSS, PARAMS, inner_lr=PerStep([0.1, 0.0]), **options)


def sample(rng):
    x, y = rng.normal(size=(4, STEPS, 5, 2)), rng.normal(size=(4, STEPS, 5, 1))
    return SimpleNamespace(support=(x, y), query=(x[:, 0], y[:, 0]))


def train(**changes):
    options = {"inner_lr": PerStep([{"1": 0.1, "2": 0.05}] * STEPS), "num_steps": STEPS, "outer_lr": 1e-2, "seed": 0}
    options |= {"iterations": 8, "stream": True, "learn_inner_lr": True, "progress": False} | changes
    params = {layer: {k[2:]: v for k, v in PARAMS.items() if k.startswith(layer)} for layer in "12"}
    flat = lambda p: {f"{layer}.{name}": value for layer in p for name, value in p[layer].items()}  # noqa: E731
    return meta_train(lambda p, x, y: LOSS(flat(p), x, y), params, sample, **options)


@pytest.mark.parametrize(("backend", "task_axis"), [("capture", "vmap"), ("capture", "loop"), ("compile", "vmap")])
def test_training_records_and_compiles_both(backend, task_axis, monkeypatch):
    """The compiler gives back what it gets: the whole step is one graph, in no time."""
    monkeypatch.setattr(capture, "_compile", lambda graph, tensors: graph)
    eager, captured = (train(backend=b, task_axis=task_axis) for b in ("eager", backend))
    np.testing.assert_allclose(captured.losses, eager.losses, rtol=1e-12)
    assert isinstance(captured.inner_lr, PerStep)
    rates = [[float(rate) for rate in step.values()] for step in captured.inner_lr.rates]
    assert len({rate for step in rates for rate in step}) == 2 * STEPS  # each has moved in its own way


def test_training_with_both_resumes_and_validates(tmp_path):
    changes = {"validation_tasks": sample(np.random.default_rng(5)), "validate_every": 3}
    train(iterations=4, checkpoint=tmp_path / "run.pt", **changes)
    assert bits(train(checkpoint=tmp_path / "run.pt", **changes)) == bits(train(**changes))


def test_a_stream_that_diverges_says_where():
    with pytest.raises(Diverged, match="diverges by step"):
        train(inner_lr=1e60, learn_inner_lr=False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inner_lr": PerStep([0.1])}, "inner_lr holds rates for 1 steps, and num_steps=3"),
        ({"inner_lr": PerStep([0.1, 0.1, {"1.weight": 0.1}])}, r"it lacks \['1\.bias'\]"),
        ({"inner_lr": {name: PerStep(RATES) for name in PARAMS}}, r"must be one number or tensor.*got \['\.rates'\]"),
        ({"num_steps": 2}, r"axis 1 of every tensor of the support set .* each of num_steps=2 .* \(3, 3, 4, 2\)"),
        ({"support": tuple(part[:, 0, 0, 0] for part in STREAM)}, r"axis 1 of every tensor .* got shape \(3,\)"),
    ],
)
def test_bad_schedules_are_named(changes, message):
    options = {"support": STREAM, "inner_lr": 0.1, "num_steps": STEPS} | changes
    with pytest.raises(ValueError, match=message):
        meta_gradient(LOSS, PARAMS, query=QUERY, stream=True, **options)


def test_no_steps_need_no_mini_batches():
    """Joint training takes the same tasks."""
    found = meta_gradient(LOSS, PARAMS, support=STREAM, query=QUERY, inner_lr=0.1, num_steps=0, stream=True)
    assert float(found.loss) == pytest.approx(by_hand(PARAMS, [], STREAM), rel=1e-12)
