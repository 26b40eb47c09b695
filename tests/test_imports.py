"""What notebooks import is installed where readers open them: in Binder, and in Colab by the set-up cell."""

import ast
import contextlib
import json
import re
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
NOTEBOOKS = [
    path for folder in ("book", "exercises", "solutions") for path in sorted(ROOT.glob(f"{folder}/**/*.ipynb"))
]
CONDA = {"pytorch-cpu": "torch", "matplotlib-base": "matplotlib"}  # names that conda-forge has for the same thing
TENSORS = "mamlkit/grade/wire.py"  # imports PyTorch when it meets a tensor, that is where a notebook has PyTorch
PROVIDED_BY = packages_distributions()


def name(path):
    return path.relative_to(ROOT).as_posix()


def code(path):
    """Return the code cells of a notebook as one program, without IPython's commands."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    return re.sub(r"^( *)%.*", r"\1pass", text, flags=re.M)


def modules(program):
    """Yield each module that a program imports, and what it takes from it, which may be a module too."""
    for node in ast.walk(ast.parse(program)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files(module):
    """Return the files of mamlkit that importing `module` runs."""
    parts = module.split(".")
    above = [ROOT.joinpath(*parts[: i + 1], "__init__.py") for i in range(len(parts))]
    return [path for path in (*above, ROOT.joinpath(*parts).with_suffix(".py")) if path.is_file()]


def imported(program):
    """Return the distributions that a program needs, through mamlkit too, whatever of it is imported late."""
    found, seen, waiting = set(), set(), [program]
    while waiting:
        for module in modules(waiting.pop()):
            top = module.split(".")[0]
            if top == "mamlkit":
                new = set(files(module)) - seen - {ROOT / TENSORS}
                seen |= new
                waiting += [path.read_text("utf-8") for path in new]
            elif top not in sys.stdlib_module_names:
                found |= {canonical(part) for part in PROVIDED_BY.get(top, [top])[:1]}
    return found


def canonical(distribution):
    return re.sub(r"[-_.]+", "-", distribution).lower()


@cache
def with_dependencies(distribution):
    """Return a distribution and all that it installs."""
    found, waiting = set(), [canonical(distribution)]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            with contextlib.suppress(PackageNotFoundError):  # what another system needs
                needs = map(Requirement, requires(one) or [])
                waiting += [canonical(need.name) for need in needs if applies(need, "")]
    return found


def installed(distributions):
    return set().union(*map(with_dependencies, distributions))


def extra(*names):
    """Return what `mamlkit[names]` installs beside mamlkit."""
    found, chosen = set(), set()
    while names:
        chosen |= set(names)
        needs = [n for n in map(Requirement, requires("mamlkit")) if any(applies(n, one) for one in ("", *chosen))]
        names = {one for need in needs if need.name == "mamlkit" for one in need.extras} - chosen
        found |= {canonical(need.name) for need in needs} - {"mamlkit"}
    return installed(found)


def applies(need, one):
    return not need.marker or need.marker.evaluate({"extra": one})


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_the_set_up_cell_installs_what_a_notebook_imports(path):
    text = path.read_text("utf-8")
    extras = re.search(r"mamlkit\[([\w,]+)\] @ git", text)
    if not extras:  # a solution is its instructor's, who has the book's environment
        assert path.parent.name == "solutions"
        extras = re.search(r"mamlkit\[([\w,]+)\] @ git", (ROOT / "exercises" / path.name).read_text("utf-8"))
    assert imported(code(path)) <= extra(*extras[1].split(","))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_binder_has_what_a_notebook_imports(path):
    settings = yaml.safe_load((ROOT / ".binder/environment.yml").read_text("utf-8"))
    packages = [one for one in settings["dependencies"] if isinstance(one, str)]
    packages += [one for more in settings["dependencies"] if isinstance(more, dict) for one in more["pip"]]
    listed = [re.match(r"[\w-]+", one)[0] for one in packages]
    assert imported(code(path)) <= installed([CONDA.get(one, one) for one in listed])


def test_what_mamlkit_needs_is_found_through_it():
    assert imported("from mamlkit.glue import glue") == {"ipython"}
    assert "matplotlib" in imported("from mamlkit.explorers import still")
    assert imported("import json\nimport torch\nfrom tabulate import tabulate") == {"torch", "tabulate"}
    assert "ipython" in with_dependencies("ipywidgets")
