"""Whatever is given beside the parameters is matched with them by key, in any order, or refused with the keys."""

import pytest
import torch
from torch import nn

from mamlkit import models
from mamlkit.engine import adapt, meta_gradient, meta_train
from mamlkit.variants import implicit, reptile

ZERO = torch.tensor(0.0, dtype=torch.float64)
PARAMS = {"body": ZERO, "head": ZERO}
ONE = torch.ones(1, dtype=torch.float64)


def loss(p, y):
    return (p["body"] + p["head"] - y) ** 2


def test_rates_in_another_order_reach_their_own_tensors():
    """From 0 the slope of (body + head - 1)^2 is -2, so the head goes to 0.2 and the body stays."""
    phi = adapt(loss, PARAMS, (ONE[0],), inner_lr={"head": 0.1, "body": 0.0}, num_steps=1)
    assert {name: float(value) for name, value in phi.items()} == {"body": 0.0, "head": 0.2}


@pytest.mark.parametrize("algorithm", [meta_gradient, reptile])
def test_algorithms_match_by_key(algorithm):
    """At phi = (0, 0.2) the slope is -1.6, and one step has shrunk both by 1 - 0.1 * 2; Reptile: (0, -0.2)."""
    found = algorithm(loss, PARAMS, support=(ONE,), query=(ONE,), inner_lr={"head": 0.1, "body": 0.0}, num_steps=1)
    expected = {"body": -1.6 * 0.8, "head": -1.6 * 0.8} if algorithm is meta_gradient else {"body": 0.0, "head": -0.2}
    assert {name: float(value) for name, value in found.gradient.items()} == pytest.approx(expected, abs=1e-12)


def test_implicit_maml_names_the_rate_that_is_zero_whatever_the_order():
    with pytest.raises(ValueError, match="implicit needs an inner_lr above 0"):
        implicit(loss, PARAMS, support=(ONE,), query=(ONE,), inner_lr={"head": 0.1, "body": 0.0}, num_steps=1,
                 strength=1.0)  # fmt: skip


def test_learned_rates_are_learned_where_they_belong():
    """The slope of (0.2 - 1)^2 in the head's rate is 2 (0.2 - 1) * 2, and the body's plain 0 is not learned."""
    found = meta_gradient(loss, PARAMS, support=(ONE,), query=(ONE,), inner_lr={"head": 0.1, "body": 0.0}, num_steps=1,
                          learn_inner_lr=True)  # fmt: skip
    assert float(found.inner_lr_gradient["head"]) == pytest.approx(-3.2)
    assert found.inner_lr_gradient["body"] == 0


def test_one_entry_stands_for_a_whole_branch():
    params = {"body": {"w": ZERO, "b": ZERO}, "head": [ZERO, ZERO]}
    phi = adapt(lambda p, y: (p["body"]["w"] + p["body"]["b"] + sum(p["head"]) - y) ** 2, params, (ONE[0],),
                inner_lr={"head": (0.1, 0.2), "body": 0.3}, num_steps=1)  # fmt: skip
    assert [float(v) for v in (phi["body"]["w"], phi["body"]["b"], *phi["head"])] == pytest.approx([0.6, 0.6, 0.2, 0.4])


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        ({"head": 0.1}, r"inner_lr must be a number or have the keys of params: it lacks \['body'\]"),
        ({"head": 0.1, "bodi": 0.0}, r"it lacks \['body'\] and adds \['bodi'\]"),
        ([0.1, 0.0], r"it lacks \['body'\], \['head'\] and adds \[0\], \[1\]"),
        (
            {"head": {"w": 0.1}, "body": 0.0},
            r"inner_lr\['head'\] must be one number or tensor, as params\['head'\] is a",
        ),
    ],
)
def test_keys_that_differ_are_named(rates, message):
    with pytest.raises(ValueError, match=message) as error:
        adapt(loss, PARAMS, (ONE[0],), inner_lr=rates, num_steps=1)
    assert "TreeSpec" not in str(error.value)


def test_params_of_a_module_without_one_of_its_names_are_refused():
    """PyTorch would use the module's own tensor for what is left out."""
    module = nn.Linear(1, 1)
    params, loss_fn = models.from_module(module, nn.functional.mse_loss)
    batch = torch.ones(3, 1), torch.ones(3, 1)
    with pytest.raises(ValueError, match="params must have the names of the module's parameters: it lacks bias"):
        loss_fn({"weight": params["weight"]}, *batch)
    with pytest.raises(ValueError, match=r"it lacks weight and adds 0\.weight"):
        models.into_module(module, {"0.weight": params["weight"], "bias": params["bias"]})


def test_a_checkpoint_of_params_in_another_order_is_refused_by_name(tmp_path):
    tasks = type("Tasks", (), {"support": (ONE,), "query": (ONE,)})
    options = {"inner_lr": 0.1, "num_steps": 1, "outer_lr": 0.1, "iterations": 2, "seed": 0, "progress": False}
    meta_train(loss, PARAMS, lambda _: tasks, checkpoint=tmp_path / "run.pt", **options)
    with pytest.raises(ValueError, match=r"is of another set of parameters.*\['head'\]"):
        meta_train(loss, dict(reversed(PARAMS.items())), lambda _: tasks, checkpoint=tmp_path / "run.pt", **options)
