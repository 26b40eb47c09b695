"""Inner rates, ANIL, clipping, multi-step loss, recomputing, chunks; properties; bad input."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mamlkit import models
from mamlkit.engine import adapt, evaluate, meta_gradient

from .oracles import central_differences, distance
from .test_meta import mlp_problem, outer_loss

PARAMS, LOSS, SUPPORT, QUERY = mlp_problem()
INNER = {"inner_lr": 0.1, "num_steps": 3}


def gradient(**options):
    return meta_gradient(LOSS, PARAMS, **({"support": SUPPORT, "query": QUERY} | INNER | options))


@pytest.mark.parametrize("options", [{"task_axis": "loop"}, {"chunk_size": 2}, {"recompute": True}])
@pytest.mark.parametrize(
    "extra", [{}, {"step_weights": [0.1, 0.2, 0.3, 0.4]}, {"clip_norm": 0.05}, {"first_order": True}]
)
def test_ways_of_computing_agree(options, extra):
    one, other = gradient(learn_inner_lr=True, **extra), gradient(learn_inner_lr=True, **extra, **options)
    assert distance(other.gradient, one.gradient) < 1e-12
    assert distance(other.inner_lr_gradient, one.inner_lr_gradient) < 1e-12
    assert distance(other.task_losses, one.task_losses) < 1e-12


@pytest.mark.parametrize("task_axis", ["vmap", "loop"])
def test_recomputing_draws_the_same_random_numbers(task_axis):
    """Dropout falls on the same units on the way back, so the gradient is that of the run that was seen."""
    weights, x = torch.ones(4, 3, dtype=torch.float64), torch.ones(2, 9, 4, dtype=torch.float64)
    options = {"support": (x,), "query": (x,), "task_axis": task_axis} | INNER

    def found(recompute):
        torch.manual_seed(0)
        loss = lambda p, x: (torch.dropout(x @ p, 0.5, train=True) ** 2).mean()  # noqa: E731
        return meta_gradient(loss, weights, recompute=recompute, **options).gradient

    assert torch.equal(found(recompute=True), found(recompute=False))


@pytest.mark.parametrize("name", ["number", "per tensor", "per element", "ANIL"])
def test_gradient_in_params_and_inner_rate(name):
    rates = {
        "number": torch.tensor(0.1, dtype=torch.float64),
        "per tensor": {k: torch.tensor(0.05 * (i + 1)).double() for i, k in enumerate(PARAMS)},
        "per element": {k: 0.1 + 0.05 * torch.rand(v.shape).double() for k, v in PARAMS.items()},
        "ANIL": {k: torch.tensor(0.1).double() if k.startswith("2") else 0 for k in PARAMS},
    }[name]
    result = gradient(inner_lr=rates, learn_inner_lr=True)

    def value(params, rates):
        return outer_loss(LOSS, SUPPORT, QUERY, inner_lr=rates, num_steps=3)(params)

    assert distance(result.gradient, central_differences(lambda p: value(p, rates), PARAMS)) < 1e-8
    if name == "ANIL":
        assert result.inner_lr_gradient["1.weight"] == 0
        phi = adapt(LOSS, PARAMS, [t[0] for t in SUPPORT], inner_lr=rates, num_steps=3)
        assert [torch.equal(phi[k], PARAMS[k]) for k in PARAMS] == [True, True, False, False]
    else:
        assert distance(result.inner_lr_gradient, central_differences(lambda r: value(PARAMS, r), rates)) < 1e-8


def test_clipped_and_multi_step_gradients_equal_central_differences():
    clipped = gradient(clip_norm=0.3)
    expected = central_differences(outer_loss(LOSS, SUPPORT, QUERY, clip_norm=0.3, **INNER), PARAMS)
    assert distance(clipped.gradient, expected) < 1e-8
    weights = [0.1, 0.0, 0.4, 0.5]

    def value(params):
        steps = [outer_loss(LOSS, SUPPORT, QUERY, inner_lr=0.1, num_steps=k)(params) for k in range(4)]
        return float(np.dot(weights, steps))

    assert distance(gradient(step_weights=weights).gradient, central_differences(value, PARAMS)) < 1e-8


def test_evaluate_is_the_curve_of_query_losses():
    curve = evaluate(LOSS, PARAMS, support=SUPPORT, query=QUERY, **INNER)
    for k in range(4):
        expected = meta_gradient(LOSS, PARAMS, support=SUPPORT, query=QUERY, inner_lr=0.1, num_steps=k).task_losses
        torch.testing.assert_close(curve[k], expected)
    looped = evaluate(LOSS, PARAMS, support=SUPPORT, query=QUERY, task_axis="loop", **INNER)
    torch.testing.assert_close(curve, looped)


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(3)), st.integers(1, 3), st.integers(0, 3), st.floats(0, 0.3))
def test_properties(order, size, num_steps, inner_lr):
    options = {"num_steps": num_steps, "inner_lr": inner_lr}
    whole = gradient(**options)
    shuffled = gradient(
        support=[t[order] for t in SUPPORT], query=[t[order] for t in QUERY], chunk_size=size, **options
    )
    assert distance(shuffled.gradient, whole.gradient) < 1e-12
    plain = gradient(num_steps=0)
    if num_steps == 0 or inner_lr == 0:
        assert distance(whole.gradient, plain.gradient) < 1e-12


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"query": [t[:2] for t in QUERY]}, ValueError, r"same number of tasks.*\[3\] in support and \[2\] in query"),
        ({"support": SUPPORT[0]}, TypeError, "support must be a tuple such as"),
        ({"inner_lr": -0.1}, ValueError, "inner_lr must not be negative, got -0.1"),
        ({"inner_lr": "fast"}, TypeError, "inner_lr must be a real number, got 'fast'"),
        ({"inner_lr": {"1.weight": 0.1}}, ValueError, "inner_lr must be a number or have the keys of params: it lacks"),
        ({"num_steps": -1}, ValueError, "num_steps must be at least 0, got -1"),
        ({"num_steps": 1.5}, TypeError, "num_steps must be a whole number, got 1.5"),
        ({"step_weights": [1.0]}, ValueError, r"step_weights must hold num_steps \+ 1 = 4 weights"),
        ({"clip_norm": 0}, ValueError, "clip_norm must be positive, got 0"),
        ({"task_axis": "map"}, ValueError, "task_axis must be"),
        ({"chunk_size": 0}, ValueError, "chunk_size must be at least 1, got 0"),
    ],
)
def test_bad_arguments_are_named(change, error, message):
    with pytest.raises(error, match=message):
        gradient(**change)


@pytest.mark.parametrize("task_axis", ["vmap", "loop"])
def test_bad_losses_and_parameters_are_named(task_axis):
    def call(loss, params=PARAMS):
        return meta_gradient(loss, params, support=SUPPORT, query=QUERY, task_axis=task_axis, **INNER)

    with pytest.raises(ValueError, match=r"must return a scalar tensor.*got shape"):
        call(lambda p, x, y: (x @ p["1.weight"]).sum(-1))
    with pytest.raises(ValueError, match=r"must return a scalar tensor.*got 1\.0"):
        call(lambda p, x, y: 1.0)
    with pytest.raises(ValueError, match="must not change its arguments in place"):
        call(lambda p, x, y: (x.mul_(2) @ p["1.weight"]).sum())
    with pytest.raises(ValueError, match="must not change its arguments in place"):
        call(lambda p, x, y: (x @ p["1.weight"].mul_(2)).sum())
    with pytest.raises(TypeError, match=r"params\['n'\] must be a floating-point tensor, got a tensor of torch.int64"):
        call(LOSS, PARAMS | {"n": torch.tensor(3)})
    with pytest.raises(ValueError, match="params must hold at least one tensor"):
        call(LOSS, {})


def test_a_frozen_module_parameter_is_named():
    module = torch.nn.Linear(2, 1)
    module.bias.requires_grad_(False)
    with pytest.raises(ValueError, match="parameter 'bias' has requires_grad=False"):
        models.from_module(module, torch.nn.functional.mse_loss)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_same_gradient_on_a_gpu():
    there = [[t.cuda() for t in s] for s in (SUPPORT, QUERY)]
    found = meta_gradient(LOSS, {k: v.cuda() for k, v in PARAMS.items()}, support=there[0], query=there[1], **INNER)
    assert distance({k: v.cpu() for k, v in found.gradient.items()}, gradient().gradient) < 1e-10


def test_clipping_survives_gradients_whose_square_overflows():
    phi = adapt(lambda p, y: 1e20 * (p - y).sum(), torch.zeros(2), (torch.zeros(2),), inner_lr=0.1, num_steps=1,
                clip_norm=1.0)  # fmt: skip
    torch.testing.assert_close(phi, torch.full((2,), -0.1 / 2**0.5))
    for limit in (1e-23, 1e20):
        phi = adapt(lambda p, y: 0 * (p - y).sum(), torch.zeros(2), (torch.zeros(2),), inner_lr=0.1, num_steps=1,
                    clip_norm=limit)  # fmt: skip
        assert torch.equal(phi, torch.zeros(2))


@pytest.mark.parametrize("task_axis", ["vmap", "loop"])
@pytest.mark.parametrize(("shape", "rate"), [((), (2,)), ((3,), (3, 1)), ((3,), (2,))])
def test_an_inner_rate_of_another_shape_is_named(shape, rate, task_axis):
    """Under vmap it would broadcast against the tasks."""
    x = (torch.ones(3, *shape),)
    with pytest.raises(ValueError, match=r"inner_lr of shape .* does not fit a parameter of shape"):
        meta_gradient(lambda p, x: ((p - x) ** 2).sum(), torch.zeros(shape), support=x, query=x,
                      inner_lr=torch.full(rate, 0.1), num_steps=1, task_axis=task_axis)  # fmt: skip


@pytest.mark.parametrize("requires_grad", [False, True])
def test_tensors_that_are_one_object_are_adapted_apart(requires_grad):
    w = torch.tensor(1.0, requires_grad=requires_grad)
    phi = adapt(lambda p, y: (2 * p["a"] + 3 * p["b"] - y) ** 2, {"a": w, "b": w}, (torch.tensor(1.0),),
                inner_lr=0.1, num_steps=1)  # fmt: skip
    np.testing.assert_allclose([phi["a"].item(), phi["b"].item()], [1 - 1.6, 1 - 2.4], rtol=1e-6)


def test_buffers_that_a_module_changes_are_held_fixed():
    class Counting(torch.nn.Linear):
        def __init__(self):
            super().__init__(1, 1)
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, x):
            self.calls += 1
            return super().forward(x) * self.calls

    params, loss = models.from_module(Counting(), torch.nn.functional.mse_loss)
    batch = torch.ones(4, 1), torch.ones(4, 1)
    assert float(loss(params, *batch)) == float(loss(params, *batch))


def test_tasks_that_are_no_tensors_and_losses_without_parameters_are_named():
    with pytest.raises(TypeError, match=r"query must hold tensors or NumPy arrays, got 1\.0"):
        meta_gradient(lambda p, x: p.sum(), torch.zeros(2), support=(torch.ones(1),), query=([1.0],), **INNER)
    with pytest.raises(ValueError, match="loss_fn must depend on params"):
        meta_gradient(lambda p, x: x.sum(), torch.zeros(2), support=(torch.ones(2),), query=(torch.ones(2),),
                      inner_lr=0.1, num_steps=0)  # fmt: skip
