"""A promise is kept when its test exists and carries its label, and when the page of the book shows it."""

import ast
import re

import pytest

from mamlkit.grade.promises import PROMISES

from .conftest import ROOT


def cases_of(file):
    body = ast.parse((ROOT / "tests" / "grade" / file).read_text(encoding="utf-8")).body
    return {node.name: ast.get_docstring(node) or "" for node in body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("label", PROMISES)
def test_a_promise_stands_on_its_test(label):
    file, name = PROMISES[label].test.split("::")
    assert name in cases_of(file)
    assert re.match(rf"{label}\b", cases_of(file)[name]), f"the docstring of {name} must begin with {label}"


def test_every_label_on_a_test_is_a_promise():
    files = sorted(path.name for path in (ROOT / "tests" / "grade").glob("test_*.py"))
    labels = {label for file in files for text in cases_of(file).values() for label in re.findall(r"^(P\d+):", text)}
    assert labels == PROMISES.keys()


def test_the_page_is_made_from_the_table():
    page = (ROOT / "book" / "reference" / "grader.md").read_text(encoding="utf-8")
    assert "```{promises}" in page
    assert "book/reference/grader" in (ROOT / "_toc.yml").read_text(encoding="utf-8")
