"""What counts where a notebook holds more than one attempt, or an answer leans on other cells: what the notebook does.

Answers are lifted and run here without a kernel; what a kernel alone does is tried with one.
"""

import copy
import json
import time

import numpy as np
import pytest

from mamlkit.grade import lifting, names, plain, reading
from mamlkit.grade.judge import Key, answers, judge

from .conftest import assignment, data, fill, points, right_answers, said

STEP = "phi = theta - alpha * (A @ theta + b)"
HELPER = "def inner_step(theta, A, b, alpha):\n    return theta - alpha * (A @ theta + b)\n"


def code(source):
    return {"cell_type": "code", "id": f"new-{len(source)}", "metadata": {}, "source": source, "outputs": []}


class Solved:
    """E2 solved: its cells, and the answer to part a."""

    def __init__(self):
        self.notebook = fill("e02", right_answers("e02"))
        self.cells = self.notebook["cells"]
        for cell in self.cells:
            cell["source"] = "".join(cell["source"])
        self.answer = next(cell for cell in self.cells if cell["id"] == "e02-a-answer")
        self.setup = next(cell for cell in self.cells if cell["id"] == "e02-setup")

    def swap(self, old, new):
        assert old in self.answer["source"]
        self.answer["source"] = self.answer["source"].replace(old, new)
        return self

    def uses(self, factor, *sources):
        """Let the answer need `factor`, which is 1 where `sources`, cells above it, have been run."""
        self.swap("np.eye(len(theta)) -", f"{factor} * np.eye(len(theta)) -")
        self.cells[3:3] = [code(source) for source in sources]
        return self

    def below(self, *sources):
        place = self.cells.index(self.answer) + 1
        self.cells[place:place] = [one if isinstance(one, dict) else code(one) for one in sources]
        return self


def verdict(notebook):
    """Lift part a and judge it as the grader does."""
    lifted = lifting.lift(notebook, assignment("e02").exercise)
    namespace = {"np": np}
    exec(lifted.answers["e02.a"], namespace)
    key = Key.from_json(assignment("e02").keys[0], tensors=False)
    return judge(answers(namespace["meta_gradient"], key), key), lifted.notes


def second_try(solved, wrong="phi = theta"):
    """Spoil the answer and return the right one."""
    right = copy.deepcopy(solved.answer)
    solved.swap(STEP, wrong)
    return right


def copy_of_the_answer_cell_below():
    solved = Solved()
    return solved.below({**second_try(solved), "id": "copy"})


def function_written_again_below():
    solved = Solved()
    return solved.below(second_try(solved)["source"].partition("\n")[2])


def function_wrapped_below():
    flip = "def flipped(function):\n    return lambda *args, **kwargs: -function(*args, **kwargs)\n"
    return Solved().swap("return ", "return -1 * ").below(f"{flip}meta_gradient = flipped(meta_gradient)")


def values_set_one_by_one():
    return Solved().uses("SET['one'] * LIST[0] * TABLE[2]", "SET, LIST, TABLE = {}, [], np.zeros(3)",
                         "SET['one'] = 1.0\nLIST.append(1.0)", "for i in range(3):\n    TABLE[i] = 1.0")  # fmt: skip


def attribute_set_later():
    return Solved().uses("Constants.one", "class Constants: pass", "Constants.one = 1.0")


def everything_imported():
    return Solved().uses("cos(0.0)", "from math import *")


def everything_imported_in_the_set_up_cell():
    solved = Solved().uses("cos(0.0)")
    solved.setup["source"] += "\nfrom math import *"
    return solved


def a_builtin_of_ones_own():
    return Solved().uses("sum(theta)", "def sum(values):\n    return 1.0")


def a_line_that_is_timed():
    return Solved().swap("\ndef meta_gradient", "\n%time ONE = 1.0\ndef meta_gradient").uses("ONE")


def ends_of_lines_of_windows():
    solved = Solved().swap(STEP, "phi = inner_step(theta, A, b, alpha)")
    solved.cells.insert(3, code(HELPER))
    for cell in solved.cells:
        cell["source"] = cell["source"].replace("\n", "\r\n")
    return solved


WAYS = [
    copy_of_the_answer_cell_below,
    function_written_again_below,
    function_wrapped_below,
    values_set_one_by_one,
    attribute_set_later,
    everything_imported,
    everything_imported_in_the_set_up_cell,
    a_builtin_of_ones_own,
    a_line_that_is_timed,
    ends_of_lines_of_windows,
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_what_the_notebook_does_is_what_counts(way):
    """P14: the last attempt counts, and values come along with whatever has changed them."""
    found, notes = verdict(way().notebook)
    assert found.right, (found, notes)


def test_a_second_attempt_that_is_wrong_counts_as_well():
    """The rule is the order of the cells, not the better mark."""
    solved = Solved()
    wrong = {**copy.deepcopy(solved.answer), "id": "copy"}
    wrong["source"] = wrong["source"].replace(STEP, "phi = theta")
    found, notes = verdict(solved.below(wrong).notebook)
    assert not found.right
    assert "e02.a: 2 answer cells; the last one counts." in notes


def test_what_stands_below_the_check_changes_no_answer():
    solved = Solved()
    solved.cells.append(code("meta_gradient = None\nnp = None\nmeta_gradient.calls = 0"))
    found, notes = verdict(solved.notebook)
    assert (found.right, notes) == (True, [])


def test_a_module_that_is_not_here_costs_nothing_where_nobody_needs_it():
    """A file of the student's own, imported whole in a cell that no answer leans on."""
    found, notes = verdict(Solved().uses("len('x')", "from a_file_of_mine import *").notebook)
    assert (found.right, notes) == (True, [])


def test_a_plot_is_not_drawn_again():
    solved = Solved().uses("len(plt.__name__[:1])", "import json as plt", "plt.show()\nplt.dumps({}).sort()")
    assert verdict(solved.notebook)[0].right


def test_postponed_annotations_hold_in_all_cells(grader):
    """P14: as in the notebook, where ``from __future__`` in one cell holds for those that follow."""
    solved = Solved().swap("def meta_gradient(theta", "def meta_gradient(theta: Vector")
    solved.setup["source"] = f"from __future__ import annotations\n{solved.setup['source']}"
    result = grader("e02", solved.notebook)
    assert points(result)["e02.a"] == 3, said(result)


def test_ends_of_lines_are_no_change():
    solved = Solved()
    for cell in solved.cells:
        cell["source"] = cell["source"].replace("\n", "\r\n")
    assert verdict(solved.notebook)[1] == []


def test_cells_are_known_by_their_metadata_where_an_editor_drops_ids():
    """Colab moves ids into the metadata: nothing is missing then."""
    solved = Solved()
    for cell in solved.cells:
        cell["metadata"]["id"] = cell.pop("id")
    notes = verdict(solved.notebook)[1]
    assert not [note for note in notes if "Missing" in note or "Changed" in note]


EMPTY_LINES = "x = 1" + " \n" * 49_000
DENSE = "meta_gradient = a\n" * 5500


@pytest.mark.parametrize(("cell", "count"), [(EMPTY_LINES, 60), (DENSE, 100), ("```\n" + " \n" * 49_000, 50)])
def test_ten_megabytes_that_are_slow_to_read_are_read_in_seconds(cell, count):
    """P10: no pattern looks at a text more than once, and no more than a million characters are taken apart."""
    notebook = {"nbformat": 4, "cells": [code(cell) for _ in range(count)]}
    start = time.process_time()
    lifted = lifting.lift(reading.parse(data(notebook))[0], assignment("e02").exercise)
    assert time.process_time() - start < 20
    assert any("Only the first 1000000 characters" in note for note in lifted.notes)


def test_two_hundred_thousand_strange_cells_leave_one_note():
    """P7: what is said twice is said once, with its number."""
    notebook = {"nbformat": 4, "cells": [{"cell_type": "code", "source": 7}] * 200_000}
    notes = lifting.lift(notebook, assignment("e02").exercise).notes
    assert "A code cell without text was left out. (200000 times)" in notes
    assert len(json.dumps(notes)) < 2000
    assert len(plain.few(str(number) for number in range(1000))) == 31


def test_names_that_nobody_binds_bring_nothing_along():
    available = [*names.pieces("import os"), *names.pieces("x = y\nos.remove('x')")]
    assert [piece.source for piece in names.closure({"x"}, available)] == ["x = y"]
    assert names.closure({"z"}, available) == []
