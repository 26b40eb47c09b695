"""The house: each part of the package imports only what it may, and the engine can be read in one sitting."""

import ast
import tokenize
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "mamlkit"
BENEATH = {  # what each part may import of the others, beside the checks of arguments and the version
    "claims": set(),
    "closed_form": set(),
    "tasks": set(),
    "glue": set(),
    "grade": set(),
    "reading": set(),
    "roles": set(),
    "scene": {"reading", "roles"},
    "text": set(),
    "runtime": set(),
    "models": {"runtime"},
    "engine": {"runtime"},
    "variants": {"engine", "runtime"},
    "cost": {"engine"},
    "diagnostics": set(),
    "applications": {"closed_form", "engine", "models", "runtime", "tasks", "variants"},
    "experiments": {"applications", "closed_form", "engine", "grade", "models", "runtime", "tasks", "variants"},
    "figures": {"reading", "roles", "scene"},
    "explorers": {"closed_form", "diagnostics", "figures", "reading", "roles", "scene", "tasks", "text"},
}


def imported(path):
    """Return the parts of mamlkit that a file names in its imports."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield "a relative import"  # which no part may have: it hides where it leads
        elif isinstance(node, ast.ImportFrom) and node.module == "mamlkit":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("mamlkit."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("mamlkit."))


def files(part):
    return sorted((PACKAGE / part).glob("*.py")) or [PACKAGE / f"{part}.py"]


def test_no_part_is_forgotten():
    assert {path.stem for path in PACKAGE.glob("[a-z]*") if path.suffix in ("", ".py")} == set(BENEATH)


@pytest.mark.parametrize("part", BENEATH)
def test_imports_point_upward_only(part):
    found = {name for path in files(part) for name in imported(path)} - {part, "_check", "__version__"}
    assert found <= BENEATH[part]


def lines_of_code(path):
    """Count the lines that are neither blank, comment nor docstring."""
    tree, lines = ast.parse(path.read_text("utf-8")), set()
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.string.strip() and token.type not in (tokenize.COMMENT, tokenize.ENCODING):
                lines |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):  # a docstring
            lines -= set(range(node.lineno, node.end_lineno + 1))
    return len(lines)


def test_the_engine_can_be_read_in_one_sitting():
    assert sum(map(lines_of_code, files("engine"))) < 700
    assert max(map(lines_of_code, files("engine"))) < 200
