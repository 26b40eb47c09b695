"""Would the suite notice? Known mistakes are written into a copy of the engine, and its oracles must go red."""

import inspect
import sys
import types

import pytest
from torch.utils import _pytree as pytree

from mamlkit.engine import inner, meta

from . import test_meta

STEP = "params = step(params, rate, index)"
MISTAKES = {  # what is replaced, by what
    "second order dropped": [("leaf if second_order and leaf.requires_grad else leaf.detach()", "leaf.detach()")],
    "one factor for K steps": [(STEP, f"{STEP} if index == 0 else held(step(params, rate, index), params)")],
    "factors at the wrong point": [
        (STEP, "params = held(moved := step(params, rate, index), step(held(moved, params), rate, index))")
    ],
    "query loss on the support set": [("self.losses(params, self.query)", "self.losses(params, self.support)")],
    "adapted on the query set": [("batch = self.support", "batch = self.query")],
    "sign of the step": [("torch.sub(leaf, slope, alpha=rate)", "torch.add(leaf, slope, alpha=rate)")],
}


def held(values, slopes):
    """Return `values` that are differentiated as `slopes` are."""
    return pytree.tree_map(lambda value, slope: slope + (value - slope).detach(), values, slopes)


def mutated(replacements):
    """Return the inner loop with the replacements made in its source."""
    source = inspect.getsource(inner)
    for old, new in replacements:
        assert source.count(old) == 1, f"{old!r} is no longer in the engine: bring the mutation up to date"
        source = source.replace(old, new)
    module = sys.modules["mutated"] = types.ModuleType("mutated")  # dataclasses look their module up
    module.held = held
    exec(compile(source, "mutated", "exec"), module.__dict__)
    return module.InnerLoop


def oracles():
    """Run the suite's checks against the closed form and central differences, with whatever engine it has now."""
    test_meta.test_equals_closed_form_on_quadratics(3, False)
    test_meta.test_r2_equals_central_differences_on_a_network(2)


def test_the_engine_itself_passes(monkeypatch):
    monkeypatch.setattr(meta, "InnerLoop", mutated([]))
    oracles()


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_noticed(monkeypatch, name):
    """On quadratics all factors are one, so the wrong point shows on the network alone."""
    monkeypatch.setattr(meta, "InnerLoop", mutated(MISTAKES[name]))
    with pytest.raises(AssertionError):
        oracles()
