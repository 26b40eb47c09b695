"""Would the suite notice? Known mistakes are written into a copy of the engine, and its oracles must go red."""

import inspect
import types

import pytest

from mamlkit.engine import meta

from . import test_meta

RECOMPUTE = ("recompute: bool = False", "recompute: bool = True")
MISTAKES = {  # what is replaced, by what
    "second order dropped": [("if first_order else params  # FOMAML", "if True else params  # FOMAML")],
    "one factor for K steps": [RECOMPUTE, ("        if k:  #", "        if k == 1:  #")],
    "factors at the wrong point": [RECOMPUTE, ("points[k - 1], learned)[1]", "points[k], learned)[1]")],
    "query loss on the support set": [("loss_fn(params, *query), theta", "loss_fn(params, *support), theta")],
    "adapted on the query set": [("(learned), params), support)", "(learned), params), query)")],
    "sign of the step": [("stepped[index] - rates", "stepped[index] + rates")],
}


def mutated(replacements):
    source = inspect.getsource(meta)
    for old, new in replacements:
        assert source.count(old) == 1, f"{old!r} is no longer in the engine: bring the mutation up to date"
        source = source.replace(old, new)
    module = types.ModuleType("mutated")
    exec(compile(source, "mutated", "exec"), module.__dict__)
    return module


def oracles():
    """Run the suite's checks against the closed form and central differences, with whatever engine it has now."""
    test_meta.test_equals_closed_form_on_quadratics(3, False)
    test_meta.test_r2_equals_central_differences_on_a_network(2)


def test_the_engine_itself_passes(monkeypatch):
    monkeypatch.setattr(test_meta, "meta_gradient", mutated([]).meta_gradient)
    oracles()


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_noticed(monkeypatch, name):
    """On quadratics all factors are one, so the wrong point shows on the network alone."""
    monkeypatch.setattr(test_meta, "meta_gradient", mutated(MISTAKES[name]).meta_gradient)
    with pytest.raises(AssertionError):
        oracles()
