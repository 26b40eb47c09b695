"""What an instructor is told: everything that is wrong, in sentences, before a class is graded with it."""

import json
import re
import shutil
import subprocess

import pytest

from mamlkit.grade import cli, instructor
from mamlkit.grade.services import GraderError

from .conftest import COMMAND, NAMES, ROOT, class_run, data, release, solution, walkthrough


def check(*paths):
    return subprocess.run([COMMAND, "check", *map(str, paths)], capture_output=True, text=True, timeout=600)


def test_the_walk_through_makes_an_exercise_that_nothing_is_wrong_with():
    """P18: the exercise of CONTRIBUTING.md, built from the page itself, passes the check."""
    done = check(walkthrough())
    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing is wrong; 2 points" in done.stdout


def test_nothing_is_wrong_with_the_books_exercises():
    done = check(*map(solution, NAMES))
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("nothing is wrong; 10 points") == len(NAMES)


def cell(notebook, role):
    return next(cell for cell in notebook["cells"] if instructor.role(cell) == role)


def second_answer(notebook):
    notebook["cells"].append({**cell(notebook, "answer"), "id": "second"})


def other_exercises_part(notebook):
    for one in notebook["cells"]:
        if "part" in one["metadata"].get("mamlkit", {}):
            one["metadata"]["mamlkit"]["part"] = "e01.a"
        one["source"] = one["source"].replace("e99.a", "e01.a")


def named_as_another(notebook):
    notebook["metadata"]["mamlkit"]["exercise"] = "e01"


def without_points(notebook):
    cell(notebook, "part")["source"] = cell(notebook, "part")["source"].replace("points=2", "points=0")
    notebook["cells"][2]["source"] = notebook["cells"][2]["source"].replace("2 points", "0 points")


def limit(name, value):
    def change(notebook):
        notebook["metadata"]["mamlkit"]["limits"] = {name: value}

    return change


def source(role, old, new):
    def change(notebook):
        assert old in cell(notebook, role)["source"]
        cell(notebook, role)["source"] = cell(notebook, role)["source"].replace(old, new)

    return change


def metadata(key, value):
    def change(notebook):
        notebook["metadata"]["mamlkit"][key] = value

    return change


def without(role):
    def change(notebook):
        notebook["cells"].remove(cell(notebook, role))

    return change


MISTAKES = {
    "two answers": (second_answer, "must have one cell with role 'answer'; it has 2"),
    "a part of another exercise": (other_exercises_part, "part 'e01.a' does not belong to this exercise"),
    "named as another": (named_as_another, "the file is called e99"),
    "0 points": (without_points, "is worth 0 points"),
    "half points": (source("part", "points=2", "points=1.5"), "is worth 1.5 points"),
    "misspelt limit": (limit("cell_second", 20), "no limit 'cell_second' (did you mean 'cell_seconds'?)"),
    "a limit as text": (limit("memory_mb", "4096"), "'memory_mb' is '4096'; it must be a number"),
    "half a megabyte": (limit("memory_mb", 0.5), "must be a whole number"),
    "a limit below zero": (limit("cell_seconds", -1), "must be a number above 0"),
    "misspelt metadata": (metadata("prelaod", ["torch"]), "'prelaod', which is not one of"),
    "preload as text": (metadata("preload", "torch"), "'preload' must be a list"),
    "a module that is not there": (metadata("preload", ["torhc"]), "'torhc'"),
    "no title": (metadata("title", ""), "need a 'title'"),
    "no set-up": (without("setup"), "one cell with role 'setup'"),
    "no check": (without("check"), "must have one cell with role 'check'; it has none"),
    "no part": (without("part"), "declared nowhere|no.*a check|e99.a"),
    "no function": (source("answer", "def double(x):", "if True:"), "must be a function"),
    "no Python": (source("answer", "def double(x):", "def double(x:"), "this is no Python"),
    "an answer that does not run": (
        source("answer", "# ANSWER e99.a (keep this line)", "# ANSWER e99.a (keep this line)\nnothing"),
        "NameError",
    ),
    "needs what is not there": (source("part", "points=2", "points=2, needs=('e99.b',)"), "needs 'e99.b'"),
    "draws no dictionary": (source("part", "return {", "return 1 or {"), "e99.a"),
    "a part that is answered nowhere": (
        source("part", "@doubling.draw", "Part('e99.b', points=1)\n@doubling.draw"),
        "Part e99.b is declared, but no answer",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_has_a_sentence(tmp_path, mistake, capsys):
    """P18: mistakes in an instructor's notebook are said in sentences, never shown as a traceback."""
    change, sentence = MISTAKES[mistake]
    notebook = json.loads(walkthrough().read_text())
    change(notebook)
    (tmp_path / "e99_doubling.ipynb").write_bytes(data(notebook))
    assert cli.main(["check", str(tmp_path / "e99_doubling.ipynb")]) == 1
    out = capsys.readouterr().out
    assert sentence in out or re.search(sentence, out), out
    assert "Traceback" not in out


def test_all_that_is_wrong_is_said_at_once(tmp_path):
    notebook = json.loads(walkthrough().read_text())
    for mistake in ("two answers", "misspelt limit", "no title", "misspelt metadata"):
        MISTAKES[mistake][0](notebook)
    (tmp_path / "e99_doubling.ipynb").write_bytes(data(notebook))
    done = check(tmp_path / "e99_doubling.ipynb", tmp_path / "nothing.ipynb")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.count("\n  - ") == 5


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"nbformat": 4, "cells": [1]}', b'{"nbformat": 3}', b"\xff\xfe"]
)
def test_a_file_that_is_no_notebook_has_a_sentence(tmp_path, content, capsys):
    (tmp_path / "e99.ipynb").write_bytes(content)
    assert cli.main(["check", str(tmp_path / "e99.ipynb")]) == 1
    assert "e99.ipynb:\n  - " in capsys.readouterr().out


def test_release_and_grading_say_the_same_and_end(tmp_path):
    (tmp_path / "solutions").mkdir()
    notebook = json.loads(solution("e02").read_text())
    notebook["metadata"]["mamlkit"]["limits"] = {"cell_second": 1}
    (tmp_path / "solutions" / "e02_x.ipynb").write_bytes(data(notebook))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "ada_e02.ipynb").write_bytes(data(release("e02")))
    shutil.copy(ROOT / "_config.yml", tmp_path)
    for done in (
        class_run(tmp_path, "--solutions", "solutions"),
        subprocess.run([COMMAND, "release"], cwd=tmp_path, capture_output=True, text=True),
    ):
        assert done.returncode == 2
        assert "did you mean 'cell_seconds'?" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seed", "-1"], "not a whole number"),
        (["--seed", "x"], "not a whole number"),
        (["--isolation", "none"], "invalid choice"),
        (["--solutions", "nowhere"], "no instructor's notebook"),
        (["--out", "in/ada_e02.ipynb"], "is a file"),
        (["--backend", "nonsense"], "nonsense"),
    ],
)
def test_wrong_usage_is_a_sentence(tmp_path, options, message, monkeypatch, capsys):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "ada_e02.ipynb").write_bytes(data(release("e02")))
    monkeypatch.chdir(tmp_path)
    try:
        code = cli.main(["in", "--out", "out", "--solutions", str(ROOT / "solutions"), "--accept-limits", *options])
    except SystemExit as end:  # argparse's own way
        code = end.code
    assert code == 2
    assert message in capsys.readouterr().err


def test_a_run_that_somebody_has_been_at_is_a_sentence(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "in" / "ada_e02.ipynb").write_bytes(data(release("e02")))
    (tmp_path / "out" / "run.json").write_text("{}")
    done = class_run(tmp_path)
    assert (done.returncode, "does not hold the seed" in done.stderr) == (2, True)


def test_a_class_is_graded_with_limits_alone_only_where_somebody_has_accepted_them(tmp_path, monkeypatch, capsys):
    """P19: without namespaces a class run stops and asks for --accept-limits."""

    def none_here(**_):
        raise GraderError("no namespaces here")

    monkeypatch.setattr(cli, "KernelHost", none_here)
    (tmp_path / "ada_e02.ipynb").write_bytes(data(release("e02")))
    command = [str(tmp_path), "--out", str(tmp_path / "out"), "--solutions", str(ROOT / "solutions"), "--jobs", "1"]
    assert cli.main(command) == 2
    assert "--accept-limits" in capsys.readouterr().err
    assert not list((tmp_path / "out").glob("*.csv"))
    assert cli.main([*command, "--accept-limits"]) == 0
