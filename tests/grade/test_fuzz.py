"""Whatever a notebook, a name or a kernel's message holds, the grader gives a result that can be stored.

A hundred examples each by default; MAMLKIT_FUZZ=600 looks for new ones for that many seconds in each test.
"""

import contextlib
import csv
import functools
import io
import json
import os
import time
from collections import deque
from pathlib import Path
from types import SimpleNamespace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jupyter_client.session import Session
from nbval.plugin import IPyNbCell, NbCellError

from mamlkit.grade import lifting, plain, reading, reports, rooms
from mamlkit.grade.client import ContainedKernel, KernelLost
from mamlkit.grade.handins import find
from mamlkit.grade.judge import Key, answers, judge

from .conftest import assignment, fill, release, right_answers

SECONDS = float(os.environ.get("MAMLKIT_FUZZ", "0"))
LONG = settings(
    max_examples=1000 if SECONDS else 100,
    derandomize=not SECONDS,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
TEXT = st.text(st.characters(), max_size=30) | st.sampled_from(
    [
        "\ud800",
        "\x1b[2J",
        "=1",
        "%%time",
        "!ls",
        "# ANSWER e02.a (keep this line)",
        "e02.a",
        "answer",
        "code",
        "\0",
        "idle",
    ]
)
SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
JSON = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
)
SOURCE = (
    TEXT
    | st.lists(TEXT, max_size=3)
    | st.sampled_from(
        [
            *right_answers("e02").values(),
            "def f(:",
            "(" * 300,
            "x = " + "-" * 3000 + "1",
            "import numpy as np\nnp = 1",
            "from math import *",
            "from __future__ import annotations",
            "x[0].y += 1\nx.append(1)",
            "%time x = 1\r\n!ls",
        ]
    )
)
CELL = st.fixed_dictionaries(
    {},
    optional={
        "cell_type": st.sampled_from(["code", "markdown", "raw"]) | JSON,
        "source": SOURCE | JSON,
        "id": st.sampled_from(["e02-a-answer", "e02-b-answer", "e02-setup"]) | JSON,
        "metadata": st.fixed_dictionaries(
            {"mamlkit": st.fixed_dictionaries({}, optional={"role": TEXT | JSON, "part": TEXT | JSON})}
        )
        | JSON,
        "outputs": JSON,
        "input": SOURCE | JSON,
    },
)
NOTEBOOK = st.fixed_dictionaries(
    {"nbformat": st.sampled_from([4, 3, "4", 5, 4.0, 1e300, float("nan")]) | JSON},
    optional={
        "cells": st.lists(CELL | JSON, max_size=5) | JSON,
        "worksheets": st.lists(st.fixed_dictionaries({"cells": st.lists(CELL | JSON, max_size=3)}) | JSON, max_size=2)
        | JSON,
        "metadata": st.fixed_dictionaries({"mamlkit": st.fixed_dictionaries({"exercise": TEXT | JSON}) | JSON}) | JSON,
        "nbformat_minor": JSON,
    },
)


def for_a_while(test):
    """Run a property once, or again and again for MAMLKIT_FUZZ seconds."""

    @functools.wraps(test)
    def run(*args, **kwargs):
        end = time.monotonic() + SECONDS
        test(*args, **kwargs)
        while time.monotonic() < end:
            test(*args, **kwargs)

    return run


def storable(record):
    """Fail where a record cannot be written and read as it is written in a class."""
    clean = plain.all_plain(record)
    text = json.dumps(clean)
    assert json.loads(text) == clean or "nan" in text.lower()
    json.dumps(clean, ensure_ascii=False).encode()
    return clean


def graded_notes(data):
    """Do what grading does before any code runs."""
    with contextlib.suppress(reading.Unreadable):
        notebook, notes = reading.parse(data)
        lifted = lifting.lift(notebook, assignment("e02").exercise)
        assert all(isinstance(source, str) and source.encode() is not None for source in lifted.answers.values())
        storable({"notes": notes + lifted.notes, "named": reading.named_exercise(notebook)})


@for_a_while
@LONG
@given(notebook=NOTEBOOK | JSON)
def test_any_json_is_read_or_refused(notebook):
    graded_notes(json.dumps(notebook).encode())


@for_a_while
@LONG
@given(data=st.binary(max_size=200), cut=st.integers(0, 20_000), at=st.integers(0, 20_000))
def test_any_bytes_and_any_damage_to_a_notebook_are_read_or_refused(data, cut, at):
    whole = json.dumps(release("e02")).encode()
    graded_notes(data)
    graded_notes(whole[:at] + data + whole[at + cut :])


NAME = st.binary(min_size=1, max_size=40).filter(lambda raw: not set(raw) & set(b"/\0") and raw not in {b".", b".."})


@for_a_while
@LONG
@given(
    names=st.lists(NAME | st.sampled_from([b"e02", b"J\xf6rg_e02", b"=e01;", b"e01_e02"]), min_size=1, max_size=2),
    file=NAME,
)
def test_any_name_makes_a_line_in_every_report(tmp_path_factory, names, file):
    top = tmp_path_factory.mktemp("names")
    folder = os.path.join(os.fsencode(top / "in"), *names)
    with contextlib.suppress(OSError):
        os.makedirs(folder)
        with open(os.path.join(folder, file + b".ipynb"), "wb") as handle:
            handle.write(b'{"nbformat": 4, "cells": []}')
        entries = find(top / "in", ["e01", "e02_meta"])
        records = [storable(_record(entry)) for entry in entries]
        hidden = any(part.startswith(b".") for part in [*names, file + b".ipynb"]) or b"__MACOSX" in names
        assert hidden or len(records) == 1
        reports.save(records, top / "out")
        assert reports.table(records).isprintable() or "\n" in reports.table(records)
        rows = list(csv.reader(io.StringIO((top / "out" / "grades.csv").read_text(encoding="utf-8"))))
        assert {len(row) for row in rows} == {8}
        assert all(page.parent == top / "out" / "feedback" for page in (top / "out" / "feedback").iterdir())
    rooms.clear(top)


def _record(entry):
    return {
        "student": entry.student,
        "file": entry.file,
        "sha256": entry.sha256,
        "seed": 1,
        "source_sha256": "",
        "exercise": entry.exercise,
        "title": "",
        "status": "unreadable",
        "points": 0,
        "out_of": 0,
        "parts": [],
        "notes": list(entry.notes),
        "isolation": "",
        "seconds": 0.0,
        "starting": 0.0,
    }


VALUE = JSON | st.recursive(
    st.builds(lambda text: {"float": text}, TEXT)
    | st.builds(lambda text: {"other": text}, TEXT | JSON)
    | st.builds(
        lambda a, d, s: {"array": a, "dtype": d, "shape": s},
        st.sampled_from(["", "AAAAAAAA8D8=", "!"]) | JSON,
        st.sampled_from(["<f8", "|b1", "<c16", "O", "<M8[s]"]) | JSON,
        st.sampled_from([[], [1], [0], [-1], [True]]) | JSON,
    ),
    lambda inner: (
        st.builds(lambda items: {"list": items}, st.lists(inner, max_size=3))
        | st.builds(lambda items: {"dict": items}, st.dictionaries(TEXT, inner, max_size=3))
    ),
    max_leaves=6,
)
OUTCOME = (
    st.fixed_dictionaries({}, optional={"value": VALUE, "error": TEXT | JSON, "unanswered": JSON, "changed": JSON})
    | JSON
)


@for_a_while
@LONG
@given(part=st.integers(0, 2), outcomes=st.lists(OUTCOME, min_size=8, max_size=8) | JSON, one=OUTCOME)
def test_any_report_of_a_kernel_is_judged_and_wrong(part, outcomes, one):
    key = Key.from_json(assignment("e02").keys[part], tensors=False)
    for claimed in (outcomes, [one] * len(key.trials)):
        for reveal in (True, False):
            verdict = judge(claimed, key, reveal=reveal)
            assert not verdict.right
            storable(vars(verdict))


class Deaf(ContainedKernel):
    """A kernel that has said all that it ever says."""

    def __init__(self, frames):
        self.kc, self.limits, self.scratch = SimpleNamespace(session=SESSION), {"output_kb": 64}, Path("/nowhere")
        self.received, self.allowed, self.looked = 0, 64 << 10, float("inf")
        self.waiting, self.frames = {"shell": deque(), "iopub": deque()}, list(frames)
        self.end = self.until = time.monotonic() + 60

    def _runs(self):
        return bool(self.frames)

    def execute_cell_input(self, cell_input, allow_stdin=None):
        return "cell"

    def await_reply(self, msg_id, timeout=None):
        return None

    def _take_in(self, seconds):
        if self.frames:
            self.waiting["iopub"].append(self._read(self.frames.pop(0)))
        return bool(self.frames) or bool(self.waiting["iopub"])


SESSION = Session(key=b"key", check_pid=False)
CONTENT = (
    st.fixed_dictionaries(
        {},
        optional={
            "execution_state": st.sampled_from(["idle", "busy"]) | JSON,
            "name": TEXT | JSON,
            "text": TEXT | JSON,
            "data": JSON,
            "metadata": JSON,
            "ename": TEXT | JSON,
            "evalue": TEXT | JSON,
            "traceback": st.lists(TEXT | JSON, max_size=3) | JSON,
            "execution_count": JSON,
        },
    )
    | JSON
)
TYPE = (
    st.sampled_from(["status", "stream", "display_data", "execute_result", "error", "comm_open", "clear_output"]) | TEXT
)
MESSAGE = st.tuples(TYPE | JSON, CONTENT, st.sampled_from([{"msg_id": "cell"}, {}, {"msg_id": 1}]) | JSON)


def framed(message):
    """Return a message as a kernel with the right key would send it, whatever is in it."""
    kind, content, parent = message
    header = SESSION.msg_header("status") | {"msg_type": kind}
    parts = [json.dumps(part, default=str).encode() for part in (header, parent, {}, content)]
    return [b"topic", b"<IDS|MSG>", SESSION.sign(parts), *parts]


@for_a_while
@LONG
@given(messages=st.lists(MESSAGE.map(framed) | st.lists(st.binary(max_size=20), max_size=6), max_size=6))
def test_any_message_of_a_kernel_ends_in_outputs_or_in_its_loss(messages):
    item, kernel = IPyNbCell.__new__(IPyNbCell), Deaf(messages)
    cell = SimpleNamespace(source="x", execution_count=None, outputs=[])
    fields = {
        "options": {"skip": False, "check": False, "check_exception": False},
        "output_timeout": 1,
        "cell_num": 0,
        "cell": cell,
        "config": SimpleNamespace(option=SimpleNamespace(nbval_cell_timeout=1)),
        "test_outputs": None,
        "parent": SimpleNamespace(
            kernel=kernel, timed_out=False, get_kernel_message=lambda timeout: kernel.get_message("iopub")
        ),
    }
    for name, value in fields.items():
        setattr(item, name, value)
    with contextlib.suppress(KernelLost, NbCellError), contextlib.redirect_stdout(io.StringIO()):
        item.runtest()
    assert item.test_outputs is None or isinstance(item.test_outputs, list)


def test_the_right_answers_pass_through_all_of_this():
    """The oracle of this file is not that everything is refused."""
    notebook, notes = reading.parse(json.dumps(fill("e02", right_answers("e02"))).encode())
    lifted = lifting.lift(notebook, assignment("e02").exercise)
    assert (len(lifted.answers), lifted.notes, notes) == (3, [], [])
    key = Key.from_json(assignment("e02").keys[2], tensors=False)
    namespace = {}
    exec(right_answers("e02")["e02.c"], {"np": __import__("numpy")}, namespace)
    assert judge(answers(namespace["pull_back"], key), key, reveal=False).right
