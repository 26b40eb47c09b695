"""The students' notebooks: derived, reproducible, without a word of the solution, and usable where they are opened."""

import copy
import json
import re
import subprocess
import sys

import nbformat
import pytest

from mamlkit.grade import instructor
from mamlkit.grade import release as derive
from mamlkit.grade.cells import HEADING

from .conftest import NAMES, PROMISED, ROOT, data, fill, release, right_answers, solution

URL = derive.repository_url(ROOT / "_config.yml")


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_release_is_what_the_solution_gives_byte_for_byte(name):
    target = ROOT / "exercises" / solution(name).name
    assert target.read_bytes() == derive.release(solution(name), URL).encode()


@pytest.mark.parametrize("name", PROMISED)
def test_a_release_is_a_valid_notebook_without_outputs(name):
    notebook = nbformat.from_dict(release(name))
    nbformat.validate(notebook)
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    assert all(not cell.outputs and cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")


@pytest.mark.parametrize("name", PROMISED)
def test_no_line_of_a_solution_or_of_a_part_is_in_the_release(name):
    shown = "\n".join("".join(cell["source"]) for cell in release(name)["cells"])
    for cell in instructor.read(solution(name))["cells"]:
        kept = instructor.strip(cell["source"]) if instructor.role(cell) == "answer" else ""
        if instructor.role(cell) in {"answer", "part", "solution"}:
            secret = [line.strip() for line in cell["source"].splitlines() if line not in kept.splitlines()]
            assert [
                line for line in secret if len(line) > 12 and line in shown and not line.startswith("for _ in")
            ] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_first_code_cell_installs_from_the_one_setting_and_only_where_missing(name):
    code = [cell for cell in release(name)["cells"] if cell["cell_type"] == "code"]
    source = "".join(code[0]["source"])
    assert f"@ git+{URL}" in source
    assert re.match(r"try:\n    import mamlkit\nexcept ImportError:.*\n    %pip install -q ", source)


@pytest.mark.parametrize("name", PROMISED)
def test_stubs_raise_not_implemented(name):
    answers = [cell for cell in release(name)["cells"] if instructor.role(cell) == "answer"]
    assert answers
    for cell in answers:
        source = "".join(cell["source"])
        assert source.startswith(f"# ANSWER {instructor.part_of(cell)} (keep this line)\n")
        assert "raise NotImplementedError" in source


@pytest.mark.parametrize("name", PROMISED)
def test_hints_open_one_after_another(name):
    """HTML that JupyterLab, Colab and the book all fold; blank lines let the Markdown inside be rendered."""
    texts = ["".join(cell["source"]) for cell in release(name)["cells"] if cell["cell_type"] == "markdown"]
    parts = [text for text in texts if HEADING.search(text)]
    assert parts
    for text in parts:
        assert re.findall(r"<details>\n<summary>Hint (\d): [^<]+</summary>\n\n", text) == ["1", "2", "3"]
        assert text.count("\n\n</details>") == 3


@pytest.mark.parametrize("name", ["e01", "e03", "e13"])  # formulas, automatic differentiation, a training
def test_plain_nbval_passes_a_filled_notebook_and_fails_a_wrong_one(name, tmp_path):
    right = fill(name, right_answers(name))
    wrong = copy.deepcopy(right)
    answer = next(cell for cell in wrong["cells"] if instructor.role(cell) == "answer")
    answer["source"] = "".join(next(c for c in release(name)["cells"] if c["id"] == answer["id"])["source"])
    (tmp_path / "right.ipynb").write_bytes(data(right))
    (tmp_path / "wrong.ipynb").write_bytes(data(wrong))
    command = [sys.executable, "-m", "pytest", "-q", "--nbval-lax", "-c", "/dev/null", "right.ipynb", "wrong.ipynb"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=180)
    assert f"✗ {name}.a: Not answered yet." in done.stdout
    assert "right.ipynb" not in re.sub(r"\nright.ipynb \.+", "", done.stdout)


def _cell(role, source, part="e99.a"):
    return {"cell_type": "code", "id": f"c-{role}", "metadata": {"mamlkit": {"role": role, "part": part}},
            "source": source, "outputs": [], "execution_count": None}  # fmt: skip


ANSWER = "# ANSWER e99.a (keep this line)\ndef f(x):\n    ### BEGIN SOLUTION\n    return x\n    ### END SOLUTION"
PART = """from mamlkit.grade import Part, check
part = Part("e99.a", points=1)
part.draw(lambda rng: {"x": rng.normal()})
"""


SETUP = "from mamlkit.grade import check"


def _written(tmp_path, *cells, text="# T\n## a · 1 point"):
    heading = {"cell_type": "markdown", "id": "t", "metadata": {}, "source": text}
    about = {"mamlkit": {"exercise": "e99", "title": "T"}}
    path = tmp_path / "e99_t.ipynb"
    path.write_text(
        json.dumps(
            {
                "nbformat": 4,
                "nbformat_minor": 5,
                "metadata": about,
                "cells": [heading, _cell("setup", SETUP, ""), *cells],
            }
        )
    )
    return path


@pytest.mark.parametrize(
    ("cells", "text", "message"),
    [
        ([_cell("answers", ANSWER)], "# T", "role 'answers' is not one of"),
        ([_cell("answer", ANSWER, part="")], "# T", "needs a part"),
        ([_cell("answer", ANSWER.replace("e99.a", "e98.a"))], "# T", "first line must be"),
        ([_cell("answer", ANSWER.replace("### END", "# END"))], "# T", "no lines between"),
        (
            [_cell("answer", ANSWER), _cell("part", PART), _cell("check", "check('e99.a', f)")],
            "# T\n## a · 2 points",
            "headings promise",
        ),
        (
            [_cell("answer", ANSWER), _cell("part", PART), _cell("check", "'nothing'")],
            "## a · 1 point",
            "a check cell that gives the answer",
        ),
        (
            [
                _cell("answer", ANSWER),
                _cell("part", PART + "part.wrong('Same.')(lambda x: x)\n"),
                _cell("check", "check('e99.a', f)"),
            ],
            "## a · 1 point",
            "no input tells <lambda> from the right answer",
        ),
        (
            [
                _cell("answer", ANSWER),
                _cell("part", PART + "part.wrong('Bad.')(lambda x: 1 / 0)\n"),
                _cell("check", "check('e99.a', f)"),
            ],
            "## a · 1 point",
            "ZeroDivisionError",
        ),
    ],
)
def test_a_mistake_in_an_instructors_notebook_is_named(tmp_path, cells, text, message):
    with pytest.raises(ValueError, match=message):
        derive.release(_written(tmp_path, *cells, text=text), URL)


def test_check_tells_when_a_release_is_out_of_date(tmp_path, capsys):
    cells = [_cell("answer", ANSWER), _cell("part", PART), _cell("check", "check('e99.a', f)")]
    (tmp_path / "_config.yml").write_text("repository:\n  url: https://example.org/me/fork/\n")
    _written(tmp_path, *cells)
    folders = [
        "--solutions",
        str(tmp_path),
        "--exercises",
        str(tmp_path / "out"),
        "--config",
        str(tmp_path / "_config.yml"),
    ]
    assert derive.main([*folders, "--check"]) == 1
    assert not (tmp_path / "out").exists()
    assert derive.main(folders) == 0
    assert derive.main([*folders, "--check"]) == 0
    assert "git+https://example.org/me/fork" in (tmp_path / "out" / "e99_t.ipynb").read_text()
