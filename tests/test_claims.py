"""A claim is complete when its chapter, function, test and exercise exist and carry its label."""

import ast
from importlib import import_module
from pathlib import Path

import nbformat
import pytest

from mamlkit.claims import CLAIMS, TO_COME

ROOT = Path(__file__).parents[1]


def source(notebook):
    cells = nbformat.read(ROOT / f"{notebook}.ipynb", as_version=4).cells
    return "\n".join(cell.source for cell in cells)


@pytest.mark.parametrize("label", CLAIMS)
def test_claim_stands_in_its_chapter(label):
    assert f"{{claim}} {label}\n" in source(CLAIMS[label].chapter)


@pytest.mark.parametrize("label", CLAIMS)
def test_claim_stands_in_the_docstring_of_its_function(label):
    module, name = CLAIMS[label].function.rsplit(".", 1)
    assert label in getattr(import_module(module), name).__doc__


@pytest.mark.parametrize("label", CLAIMS)
def test_claim_stands_on_its_test(label):
    file, name = CLAIMS[label].test.split("::")
    tests = {node.name: node for node in ast.parse((ROOT / file).read_text()).body if isinstance(node, ast.FunctionDef)}
    assert name in tests
    assert label.lower() in name.split("_") or label in (ast.get_docstring(tests[name]) or "")


@pytest.mark.parametrize("label", CLAIMS)
def test_claim_stands_in_its_exercise(label):
    """Smaller results, whose labels end in a letter, may have none; for some the exercise is still to come."""
    exercise = CLAIMS[label].exercise
    assert exercise or label[-1].isalpha() or label in TO_COME
    assert not (exercise and label in TO_COME)
    if exercise:
        assert label in source(exercise)


def test_every_claim_of_a_chapter_is_in_the_table():
    chapters = [path.relative_to(ROOT).with_suffix("") for path in ROOT.glob("book/*/*.ipynb")]
    stated = [line.split()[1] for chapter in chapters for line in source(chapter).splitlines() if "{claim} " in line]
    assert sorted(stated) == sorted(CLAIMS)
