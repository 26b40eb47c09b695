"""Mutants of the solutions: each is wrong in its own part alone, and is told what is wrong."""

from importlib import import_module
from pathlib import Path

import pytest

from ..conftest import NAMES, told

MODULES = [import_module(f".{path.stem}", __package__) for path in sorted(Path(__file__).parent.glob("test_e*.py"))]
MUTANTS = [mutant for module in MODULES for mutant in vars(module).get("MUTANTS", [])]


@pytest.mark.parametrize(("part", "old", "new", "advice"), MUTANTS)
def test_a_mutant_of_a_solution_is_told_what_is_wrong(part, old, new, advice):
    told(part, old, new, advice)


def test_every_exercise_has_three():
    """Those of E13 stand with their own test, since its part c must not train for each."""
    assert [name for name in NAMES if sum(part.startswith(name) for part, *_ in MUTANTS) < 3] == ["e13"]
