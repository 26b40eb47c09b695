"""What honest people do, with a notebook that is green on their own machine: it counts here, too."""

import time
from dataclasses import replace

import nbformat
import numpy as np
import pytest

from mamlkit.grade import wire
from mamlkit.grade.judge import answers, judge

from .conftest import assignment, data, fill, grade, parts, points, right_answers, said


@pytest.mark.parametrize(
    "value", [np.float64(2.5), np.array(2.5), np.int64(3), np.array(True), np.array(2.5, dtype="f4")]
)
def test_a_single_number_keeps_its_shape(value):
    again = wire.decode(wire.encode(value))
    assert np.shape(again) == ()
    assert again == value


def test_a_tensor_of_one_number_keeps_its_shape():
    torch = pytest.importorskip("torch")
    assert wire.decode(wire.encode(torch.tensor(2.5))).shape == ()


@pytest.mark.parametrize(
    ("part", "old", "new"),
    [
        ("e01.c", "return int(np.argmin(after)), int(np.argmin(before))", "return np.argmin(after), np.argmin(before)"),
        (
            "e01.c",
            "return int(np.argmin(after)), int(np.argmin(before))",
            "return np.array([np.argmin(after), np.argmin(before)])",
        ),
        ("e01.b", "return np.mean(losses)", "return np.array(np.mean(losses))"),
        ("e01.b", "return np.mean(losses)", "return np.asarray(losses).mean(keepdims=False)"),
    ],
)
def test_an_everyday_way_to_return_numbers_is_right_in_notebook_and_class(grader, part, old, new):
    """P12: NumPy's own numbers and arrays without axes are the numbers that they hold."""
    source = right_answers("e01")[part].replace(old, new)
    assert source != right_answers("e01")[part]
    namespace = {"np": np}
    exec(source, namespace)
    function = next(
        value for name, value in namespace.items() if name in {"outer_objective", "best_start_and_best_model"}
    )
    key = parts("e01")[part].key(seed=1)
    assert judge(answers(function, key), key).right
    assert points(grader("e01", fill("e01", {part: source})))[part] > 0


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "leave",
    [
        "exit()",
        "import sys\nsys.exit()",
        *(pytest.param(way, marks=SLOW) for way in ("quit()", "exit", "raise SystemExit")),
    ],
)
def test_leaving_costs_no_other_answer_and_always_the_same(grader, leave):
    """P13: the same file gets the same points each time; an answer that ends the kernel costs its own part at most."""
    answers = {**right_answers("e02"), "e02.b": f"{right_answers('e02')['e02.b']}\n{leave}"}
    results = [points(grader("e02", fill("e02", answers))) for _ in range(2)]
    assert results[0] == results[1] == {"e02.a": 3, "e02.b": 4, "e02.c": 3}


@pytest.mark.parametrize("seconds", [0.05, pytest.param(0.0, marks=SLOW)])
def test_a_kernel_that_ends_a_moment_later_costs_the_answer_at_fault(grader, seconds):
    """P13: each answer is tried in a kernel of its own when a kernel is lost."""
    bomb = f"import os, threading\nthreading.Timer({seconds}, os._exit, [0]).start()\nimport time; time.sleep(0)"
    answers = {**right_answers("e02"), "e02.a": f"{bomb}\n{right_answers('e02')['e02.a']}"}
    result = grader("e02", fill("e02", answers))
    assert points(result)["e02.b"] == 4, said(result)
    assert points(result)["e02.c"] == 3, said(result)


def test_a_kernel_that_ends_during_another_answer_does_not_cost_that_one(grader):
    """P13: the first answer ends the kernel while the second runs."""
    bomb = f"import os, threading\nthreading.Timer(0.6, os._exit, [0]).start()\n{right_answers('e02')['e02.a']}"
    slow = f"import time\ntime.sleep(1.5)\n{right_answers('e02')['e02.b']}"
    result = grader("e02", fill("e02", {**right_answers("e02"), "e02.a": bomb, "e02.b": slow}))
    assert points(result)["e02.b"] == 4, said(result)
    assert points(result)["e02.c"] == 3, said(result)


def edited(name, change, parts_=None):
    """Return the solved notebook after `change(cells by id, list of cells)`."""
    notebook = fill(
        name, {part: text for part, text in right_answers(name).items() if parts_ is None or part in parts_}
    )
    change({cell["id"]: cell for cell in notebook["cells"]}, notebook["cells"])
    return notebook


def code(source, **fields):
    return {
        "cell_type": "code",
        "id": f"new-{abs(hash(source))}",
        "metadata": {},
        "source": source,
        "outputs": [],
        "execution_count": None,
        **fields,
    }


STEP = "phi = theta - alpha * (A @ theta + b)"
HELPER = "def inner_step(theta, A, b, alpha):\n    return theta - alpha * (A @ theta + b)\n"


def swap(cell, *pairs):
    source = "".join(cell["source"])
    for old, new in pairs:
        assert old in source, source
        source = source.replace(old, new)
    cell["source"] = source


def helper_in_an_extra_cell(by_id, cells):
    cells.insert(3, code(HELPER))
    swap(by_id["e02-a-answer"], (STEP, "phi = inner_step(theta, A, b, alpha)"))


def helper_below_the_answer(by_id, cells):
    cells.append(code(HELPER))
    swap(by_id["e02-a-answer"], (STEP, "phi = inner_step(theta, A, b, alpha)"))


def helper_of_a_helper_and_a_constant(by_id, cells):
    cells.insert(
        3,
        code(
            "import math\nfrom functools import reduce as fold\nONE = math.cos(0.0)\n"
            + HELPER.replace("alpha *", "ONE * scaled(alpha) *")
        ),
    )
    cells.insert(5, code("scaled = lambda alpha: fold(lambda a, b: a * b, [alpha, ONE])"))
    swap(by_id["e02-a-answer"], (STEP, "phi = inner_step(theta, A, b, alpha)"))


def import_in_the_setup_cell(by_id, cells):
    swap(by_id["e02-setup"], ("import numpy as np", "import numpy as np, math\nfrom numpy.linalg import matrix_power"))
    swap(by_id["e02-a-answer"], ("np.eye(len(theta)) -", "math.cos(0) * matrix_power(np.eye(len(theta)), 1) -"))


def answer_split_over_two_cells(by_id, cells):
    head, _, tail = "".join(by_id["e02-a-answer"]["source"]).partition("\n")
    by_id["e02-a-answer"]["source"] = f"{head}\nimport math"
    cells.insert(
        [c["id"] for c in cells].index("e02-a-answer") + 1, code(tail.replace("alpha * A", "math.cos(0) * alpha * A"))
    )


def all_answers_in_the_first_cell(by_id, cells):
    pristine = {cell["id"]: cell["source"] for cell in fill("e02", {})["cells"]}
    by_id["e02-a-answer"]["source"] = "\n\n".join("".join(by_id[f"e02-{x}-answer"]["source"]) for x in "abc")
    for letter in "bc":
        by_id[f"e02-{letter}-answer"]["source"] = pristine[f"e02-{letter}-answer"]


def magic_above_the_marker(by_id, cells):
    by_id["e02-a-answer"]["source"] = "%%time\n" + "".join(by_id["e02-a-answer"]["source"])


def magic_above_the_marker_of_a_lost_cell(by_id, cells):
    by_id["e02-a-answer"].update(
        id="other", metadata={}, source="%%time\n\n" + "".join(by_id["e02-a-answer"]["source"])
    )


def shell_above_an_unmarked_function(by_id, cells):
    text = "".join(by_id["e02-a-answer"]["source"]).partition("\n")[2]
    by_id["e02-a-answer"].update(id="other", metadata={}, source=f"!ls\n%matplotlib inline\n{text}\nnp.eye?")


def answer_turned_into_markdown(by_id, cells):
    text = "".join(by_id["e02-a-answer"]["source"])
    by_id["e02-a-answer"].update(cell_type="markdown", source=f"```python\n{text}\n```")


def answer_turned_into_raw(by_id, cells):
    by_id["e02-a-answer"].update(cell_type="raw")


def a_blank_line_and_spaces_above_the_marker(by_id, cells):
    by_id["e02-a-answer"].update(
        id="other",
        metadata={},
        source="\n\n  #  ANSWER e02.a\n" + "".join(by_id["e02-a-answer"]["source"]).partition("\n")[2],
    )


EDITS = [
    value
    for value in list(globals().values())
    if callable(value) and getattr(value, "__code__", None) and value.__code__.co_varnames[:2] == ("by_id", "cells")
]


@pytest.mark.parametrize("change", EDITS, ids=lambda change: change.__name__)
def test_what_is_green_in_the_notebook_is_right_in_the_class(grader, change):
    """P14: what an answer needs of the student's other cells is taken along, and a note says so."""
    notebook = edited("e02", change)
    result = grader("e02", notebook)
    assert (result.status, result.points) == ("graded", 10), said(result)


def test_nothing_is_taken_along_that_no_answer_needs(grader):
    notebook = edited(
        "e02", lambda by_id, cells: cells.insert(3, code("theta = 1\nraise ValueError\nimport os\nos._exit(1)"))
    )
    result = grader("e02", notebook)
    assert (result.points, result.notes) == (10, [])


def test_a_helper_can_replace_neither_a_check_nor_another_answer(grader):
    def change(by_id, cells):
        cells.append(code("def check(part, function): print('right')\ndef pull_back(*a, **k): return 0\nnp = None"))

    assert grader("e02", edited("e02", change)).points == 10


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        ("return input('theta?')", "error"),
        ("raise NotImplementedError('sparse is not supported')", "error"),
        ("raise NotImplementedError", "unanswered"),
        ("raise NotImplementedError('your answer here')", "unanswered"),
    ],
)
def test_only_the_stub_is_no_answer(grader, call, kind):
    result = grader(
        "e02", fill("e02", {"e02.a": f"def meta_gradient(theta, A, b, B, d, alpha):\n    {call}\n    pass"})
    )
    assert result.parts[0].kind == kind


def test_a_set_up_cell_that_does_not_end_is_the_graders_failure():
    """P15: nobody's part is blamed for what no student has written."""
    task = assignment("e02")
    cells = tuple(
        replace(c, source="import time\ntime.sleep(30)") if c.role == "setup" else c for c in task.exercise.cells
    )
    slow = replace(task.exercise, cells=cells, limits={"cell_seconds": 1, "total_seconds": 3})
    result = grade(data(fill("e02", right_answers("e02"))), replace(task, exercise=slow))
    assert result.status == "failed"
    assert "set-up cell" in said(result)
    assert {part.kind for part in result.parts} == {"not-graded"}


def test_a_set_up_cell_may_take_longer_than_an_answer():
    task = assignment("e02")
    cells = tuple(
        replace(c, source=f"{c.source}\nimport time\ntime.sleep(2)") if c.role == "setup" else c
        for c in task.exercise.cells
    )
    slow = replace(task.exercise, cells=cells, limits={"cell_seconds": 1})
    assert grade(data(fill("e02", right_answers("e02"))), replace(task, exercise=slow)).points == 10


def test_importing_matplotlib_takes_none_of_the_answers_time(grader):
    before = "import sys\nloaded = {'matplotlib.pyplot', 'matplotlib.font_manager'} <= sys.modules.keys()\n"
    source = before + "assert loaded\nimport matplotlib.pyplot as plt\n" + right_answers("e02")["e02.a"]
    plot = source.replace("    ### BEGIN SOLUTION", "    plt.figure(); plt.plot([1, 2]); plt.title('x'); plt.close()")
    result = grader("e02", fill("e02", {"e02.a": plot}), cell_seconds=4)
    assert points(result)["e02.a"] == 3, said(result)


def as_format_3():
    notebook = nbformat.from_dict(fill("e02", dict(right_answers("e02").items())))
    for cell in notebook.cells:
        cell.source = "".join(cell.source)
    return nbformat.convert(notebook, 3)


WRITTEN = {
    "UTF-16": data(fill("e02", right_answers("e02"))).decode().encode("utf-16"),
    "UTF-8 with a mark": b"\xef\xbb\xbf" + data(fill("e02", right_answers("e02"))),
    "UTF-32": data(fill("e02", right_answers("e02"))).decode().encode("utf-32"),
    "format '4'": data({**fill("e02", right_answers("e02")), "nbformat": "4"}),
    "format 3": data(as_format_3()),
}


@pytest.mark.parametrize("way", WRITTEN)
def test_a_notebook_is_read_however_it_was_saved(grader, way):
    """P16: what can be read is read; for what cannot be, a sentence says what has happened and what to do."""
    result = grader("e02", WRITTEN[way])
    assert (result.status, result.points) == ("graded", 10), said(result)


def test_a_file_in_an_old_encoding_is_read(grader):
    answers = {"e02.a": right_answers("e02")["e02.a"] + "\n# für René"}
    import json

    text = json.dumps(fill("e02", answers), ensure_ascii=False).replace("—", "-").encode("cp1252", "replace")
    result = grader("e02", text)
    assert points(result)["e02.a"] == 3
    assert "Windows-1252" in said(result)


WHOLE = data(fill("e02", {}))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"\0\0\0\0", "is empty"),
        (WHOLE[:-20], "ends in the middle"),
        (WHOLE[:500], "ends in the middle"),
        (WHOLE.replace(b'"cells"', b'\n<<<<<<< HEAD\n"cells"', 1), "merge conflict in it (line 2)"),
        (b"<!DOCTYPE html><html><body>e02</body></html>", "is a web page"),
        (b"PK\x03\x04rest", "a ZIP archive"),
        (b"%PDF-1.7", "a PDF"),
        (b"def meta_gradient(): pass", "not JSON from line 1"),
        (b'{"a": 1}', "without a notebook's fields"),
        (b'{"nbformat": 2, "worksheets": []}', "format 2"),
    ],
)
def test_a_file_that_cannot_be_read_gets_a_sentence(grader, content, sentence):
    result = grader("e02", content)
    assert result.status == "unreadable"
    assert sentence in said(result), said(result)


def test_time_of_lifting_is_bounded():
    """A notebook of ten megabytes of code is lifted in seconds."""
    from mamlkit.grade.lifting import lift

    cells = [code(f"x{n} = {n}\ndef f{n}(): return f{n + 1}() + x{n}\n" * 20) for n in range(3000)]
    start = time.monotonic()
    lift({"nbformat": 4, "cells": cells}, assignment("e02").exercise)
    assert time.monotonic() - start < 15
