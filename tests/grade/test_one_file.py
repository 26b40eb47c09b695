"""One file stops or spoils nothing for the others: whatever it is called, holds, leaves behind or does not say."""

import csv
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import zmq

from mamlkit.grade import grading, plain, reports, rooms
from mamlkit.grade.client import LONGEST_FRAME, ContainedKernel, KernelLost
from mamlkit.grade.handins import find
from mamlkit.grade.kernels import KernelHost
from mamlkit.grade.sandbox import Limits
from mamlkit.grade.session import MEMORY

from .conftest import NAMES, answered, assignment, class_run, data, fill, grade, points, right_answers, said

LONE = "\ud800"


def put(path, notebook):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data(notebook))


def test_half_letters_and_odd_names_spoil_nothing(tmp_path):
    """P7: text from outside is made storable in one place; a name in an old encoding is a name."""
    right = fill("e02", right_answers("e02"))
    folder = os.fsencode(tmp_path / "in")
    put(folder + b"/ada/e02.ipynb", right)
    put(folder + b"/J\xf6rg/e02.ipynb", right)
    put(folder + b"/\xff\xfe\n;=x/e02.ipynb", right)
    for number, code in enumerate(
        (
            f"raise ValueError({ascii(LONE)!s} * 3)",
            f"print({ascii(LONE)!s})",
            f"class E{'ﬀ'}(Exception): pass\nraise Eﬀ('\x1b[2J')",
        )
    ):
        put(folder + b"/s%d/e02.ipynb" % number, answered(code))
    put(folder + b"/eve/e02.ipynb", {**right, "nbformat": LONE})
    put(folder + b"/kim/e02.ipynb", {**right, "metadata": {"mamlkit": {"exercise": LONE, LONE: LONE}}})
    put(folder + b"/lee/e02.ipynb", answered("", f"return {{{ascii(LONE)!s}: {ascii(LONE)!s}}}"))
    for _ in range(2):  # what is kept is read again
        done = class_run(tmp_path)
        assert done.returncode == 0, done.stderr
    rows = {
        row["student"]: row["points"]
        for row in csv.DictReader((tmp_path / "out" / "grades.csv").open("r", encoding="utf-8"))
    }
    assert len(rows) == 9
    assert rows["ada"] == rows["Jörg"] == rows["kim"] == "10"
    assert len(list((tmp_path / "out" / "feedback").iterdir())) == 9
    assert "\x1b" not in done.stdout + (tmp_path / "out" / "grades.csv").read_text(encoding="utf-8")


def test_what_an_answer_leaves_behind_is_cleared(tmp_path):
    """P8: 3,000 folders inside one another, none of which may be opened, are removed like any other."""
    room = tmp_path / "room"
    room.mkdir()
    before = os.getcwd()
    os.chdir(room)
    for _ in range(3000):
        os.mkdir("n")
        os.chdir("n")
    os.chdir(room)
    for name, mode in (("closed", 0), ("n", 0)):
        (room / name).mkdir(exist_ok=True)
        (room / name).chmod(mode)
    (room / "file").touch(mode=0)
    (room / "link").symlink_to(tmp_path)
    os.chdir(before)
    rooms.clear(room)
    assert list(tmp_path.iterdir()) == []


NESTS = """\
import os
for _ in range(3000):
    os.mkdir('n'); os.chdir('n')
"""


@pytest.mark.parametrize("level", ["namespaces", "limits"])
def test_folders_without_end_cost_nobody_else(contained, level):
    task = contained(level)
    grade(data(answered(NESTS)), task)
    with KernelHost(isolation=level) as host:
        host.start(Limits())
        host.stop()
    result = grade(data(fill("e02", right_answers("e02"))), task)
    assert (result.status, result.points) == ("graded", 10)
    left = [host.room for host in grading._services.values() if isinstance(host, KernelHost)]
    assert [list(room.glob("tmp*")) for room in left if room.exists()] == [[]] * len(left)


FILLS = "n = 0\nwhile True:\n    n += 1\n    with open(f'{where}/{{n}}', 'wb') as f: f.write(bytes(1 << 20))\n"


@pytest.mark.parametrize("where", [".", "/tmp", *(pytest.param(w, marks=pytest.mark.slow) for w in ("/dev/shm", ".."))])
def test_the_disk_has_a_limit_inside_namespaces(contained, where):
    """P8: all files together have a limit, in each place that can be written to."""
    result = grade(data(answered("", FILLS.format(where=where))), contained("namespaces"))
    assert any(word in said(result) for word in ("No space left", "Permission denied", "Read-only")), said(result)


def test_the_disk_has_a_limit_where_there_are_limits_alone(contained):
    task = contained("limits")
    result = grade(data(answered("", FILLS.format(where="."))), task)
    assert "wrote more than 64 MB" in said(result)


@pytest.mark.parametrize(
    ("count", "size", "found"), [(5000, 0, "more than 4096 files"), (3, 1 << 20, "more than 2 MB"), (3, 10, "")]
)
def test_a_folder_is_measured(tmp_path, count, size, found):
    for number in range(count):
        (tmp_path / str(number)).write_bytes(b"x" * size)
    assert rooms.overfull(tmp_path, 2) == found


def session_memory(stop, peak):
    while not stop.is_set():
        for process in psutil.Process().children(recursive=True):
            try:
                if "mamlkit.grade.session" in process.cmdline():
                    peak.append(process.memory_info().rss)
            except psutil.Error:
                continue
        time.sleep(0.01)


KERNEL = """\
k = get_ipython().kernel
def show(content, **more):
    k.session.send(k.iopub_socket, 'display_data', content, parent=k.get_parent(), **more)
"""
SENDS = (
    KERNEL
    + """\
def meta_gradient(*args, **kwargs):
    {call}
    __import__("time").sleep(2)  # or the next call would send more before this is read
    return 1.0
"""
)
FLOODS = {
    "in the metadata": "show({'data': {}, 'metadata': {'x': 'x' * (12 << 20)}})",
    "in a piece before the last": "show({'data': {}, 'metadata': {}}, metadata={'x': 'x' * (12 << 20)})",
    "in buffers": "show({'data': {}, 'metadata': {}}, buffers=[bytes(12 << 20)] * 8)",
    "in one piece": "k.iopub_socket.send(bytes(400 << 20))",
    "in many pieces": "[k.iopub_socket.send(bytes(1 << 20)) for _ in range(400)]",
}


def some_slow(names, quick):
    """Return the names, all but the `quick` ones marked as slow."""
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in names]


@pytest.mark.parametrize("flood", some_slow(FLOODS, {"in the metadata", "in a piece before the last", "in buffers"}))
def test_all_of_a_message_counts_and_none_fills_the_memory(grader, flood):
    """P9: every byte that a kernel sends counts, before it is read; the session's memory has a limit of its own."""
    stop, peak = threading.Event(), [0]
    watcher = threading.Thread(target=session_memory, args=(stop, peak))
    watcher.start()
    try:
        result = grader("e02", fill("e02", {"e02.a": SENDS.format(call=FLOODS[flood])}), cell_seconds=1)
    finally:
        stop.set()
        watcher.join()
    assert (result.status, result.points) == ("graded", 0)
    assert any(
        text in said(result)
        for text in ("more than 1024 kB", "took too long", "never said", "ended its own", "cannot be read")
    ), said(result)
    assert max(peak) < 400 << 20


def session_limits():
    """Return how much memory each process that runs a session now may take."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            parent = process.parent()
            if parent and all("mamlkit.grade.session" in one.cmdline() for one in (process, parent)):
                found.append(process.rlimit(psutil.RLIMIT_AS)[0])
        except psutil.NoSuchProcess:
            continue
    return found


@pytest.mark.skipif(not hasattr(psutil, "RLIMIT_AS"), reason="only Linux tells the limits of another process")
def test_the_graders_end_of_a_kernel_has_a_limit_of_memory(grader):
    """P9: what a kernel sends may fill that process and no other."""
    seen = []
    worker = threading.Thread(
        target=lambda: seen.append(grader("e02", answered("", "import time\ntime.sleep(0.1)\nreturn 1.0")))
    )
    worker.start()
    limits = []
    while worker.is_alive():
        try:
            limits += session_limits()
        except psutil.AccessDenied:
            pytest.skip("an ordinary user cannot look into a process that conceals itself")
        time.sleep(0.01)
    worker.join()
    assert seen[0].status == "graded"
    assert 0 < limits[-1] <= MEMORY  # the first may be from the moment before it is set


@pytest.mark.parametrize("more", [-1, 1])
def test_a_piece_that_is_too_long_is_not_received(more):
    """P9: the system refuses it, so that no memory is taken; a shorter one is received and counted."""
    room, context = rooms.make(), zmq.Context()
    sender = context.socket(zmq.XPUB)
    sender.bind(f"ipc://{room}/k-2")
    kernel = ContainedKernel.__new__(ContainedKernel)
    kernel.limits, kernel.received, kernel.allowed, kernel.until = {"output_kb": 1}, 0, 1024, float("inf")
    kernel.waiting = {"shell": deque(), "iopub": deque()}
    ports = dict(zip(("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port"), range(1, 6), strict=True))
    try:
        kernel._connect({"transport": "ipc", "ip": f"{room}/k", "key": "k", "signature_scheme": "hmac-sha256", **ports})
        assert sender.poll(5000)  # it has subscribed
        sender.recv()
        sender.send(bytes(LONGEST_FRAME + more))
        if more > 0:
            assert not kernel._take_in(2.0)
        else:
            with pytest.raises(KernelLost, match="more than 1 kB"):
                kernel._take_in(5.0)
    finally:
        kernel.stop()
        context.destroy(linger=0)
        rooms.clear(room)


MUTE = "k._publish_status = lambda *a, **kw: None"
CHANGES = "s = k.session.send\nk.session.send = lambda st, t, c=None, *a, **kw: s(st, t, {}, *a, **kw)"
SILENT = {
    "never idle": MUTE,
    "never idle, but talks": f"{MUTE}\nimport threading, time\n"
    "def talk():\n    while True:\n        show({'data': {}, 'metadata': {}}); time.sleep(0.1)\n"
    "threading.Thread(target=talk, daemon=True).start()",
    "never replies": "k.session.send = lambda *a, **kw: None",
    "replies nonsense": CHANGES.format("{'traceback': [1], 'data': 3}"),
    "replies as no dictionary": CHANGES.format("[1]"),
}


@pytest.mark.parametrize("silence", some_slow(SILENT, {"never idle", "replies nonsense"}))
def test_a_kernel_that_does_not_follow_the_protocol_costs_its_own_part_in_bounded_time(grader, silence):
    """P10: each wait has an end, and what a kernel does not say is never the grader's failure."""
    code = KERNEL + SILENT[silence]
    answers = {**right_answers("e02"), "e02.a": f"{code}\ndef meta_gradient(*a, **kw): return 1.0"}
    start = time.monotonic()
    result = grader("e02", fill("e02", answers), cell_seconds=1)
    assert result.status == "graded", said(result)
    assert points(result) == {"e02.a": 0, "e02.b": 4, "e02.c": 3}, said(result)
    assert time.monotonic() - start < 20


def test_what_cannot_be_read_has_a_line(tmp_path):
    """P11: nothing vanishes in silence: a pipe, a link, a folder called as a notebook, a folder without one."""
    folder = tmp_path / "in"
    put(folder / "ada" / "e02.ipynb", fill("e02", {}))
    (folder / "bob").mkdir()
    os.mkfifo(folder / "bob" / "e02.ipynb")
    (folder / "eve").mkdir()
    (folder / "eve" / "e02.ipynb").symlink_to(folder / "ada" / "e02.ipynb")
    (folder / "kim" / "e02.ipynb").mkdir(parents=True)
    (folder / "kim" / "e02.zip").touch()
    (folder / "lee").symlink_to(folder / "ada")
    problems = {entry.student: entry.problem for entry in find(folder, NAMES)}
    assert problems["ada"] == ""
    assert "not a file" in problems["bob"]
    assert "link" in problems["eve"]
    assert "no notebook in this folder" in problems["kim"]
    assert "link" in problems["lee"]
    done = class_run(tmp_path)
    assert done.returncode == 0, done.stderr
    rows = {row["student"]: row for row in csv.DictReader((tmp_path / "out" / "grades.csv").open())}
    assert rows.keys() == problems.keys()
    assert rows["bob"]["status"] == "unreadable"


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="root may read everything")
def test_a_file_and_a_folder_that_may_not_be_read_have_a_line(tmp_path):
    put(tmp_path / "ada" / "e02.ipynb", fill("e02", {}))
    put(tmp_path / "bob" / "e02.ipynb", fill("e02", {}))
    (tmp_path / "ada" / "e02.ipynb").chmod(0)
    (tmp_path / "bob").chmod(0)
    try:
        problems = {entry.student: entry.problem for entry in find(tmp_path, NAMES)}
    finally:
        (tmp_path / "bob").chmod(stat.S_IRWXU)
    assert "Permission denied" in problems["ada"]
    assert "Permission denied" in problems["bob"]


@pytest.mark.parametrize(
    "text", ["=1+1", "a;=cmd|' /C calc'!A0", "  =1", "\t=1", "a\n=1", "a\r=1", "＝1", "@x", "-1+1", '"=1', "a\u2028=1"]
)
def test_a_field_of_the_csv_is_one_field_and_no_formula(text):
    """P7: no spreadsheet splits a student's text at its marks or takes it for a formula."""
    field = plain.cell(text)
    assert not set(field) & set(";\n\r\t\u2028")
    assert field[0] not in "=+-@＝\t "


def test_no_terminal_code_and_no_direction_mark_gets_through():
    text = plain.plain("\x1b]0;title\x07\x9b31m\u202eevil\u2066")
    assert text.isprintable()
    record = {
        "student": "\x1b[1m",
        "exercise": "e02",
        "title": "T",
        "status": "graded",
        "points": 1,
        "out_of": 3,
        "file": "",
        "notes": ["\x1b[2J"],
        "parts": [{"part": "e02.a", "points": 0, "out_of": 3, "advice": "\x1b[2J\rx", "kind": "error"}],
    }
    assert "\x1b" not in reports.table([record]) + reports.summary([record]) + reports.page(
        "\x1b", plain.all_plain([record])
    )


def test_a_long_folder_for_temporary_files_is_no_obstacle(tmp_path):
    """Sockets have paths of a hundred letters at most; rooms are then made elsewhere."""
    put(tmp_path / "in" / "ada" / "e02.ipynb", fill("e02", right_answers("e02")))
    long = tmp_path / ("x" * 120)
    long.mkdir()
    start = time.monotonic()
    done = class_run(tmp_path, env={**os.environ, "TMPDIR": str(long)})
    assert done.returncode == 0, done.stderr
    assert "10/10" in done.stdout
    assert time.monotonic() - start < 60


def test_an_environment_behind_a_link_is_an_environment(tmp_path):
    """Whatever names Python's folder goes by are there inside, too."""
    code = "from mamlkit.grade.kernels import KernelHost\nwith KernelHost() as host: print(host.isolation)"
    expected = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    (tmp_path / "link").symlink_to(sys.prefix)
    alias = tmp_path / "link" / Path(sys.executable).relative_to(sys.prefix)
    done = subprocess.run([str(alias), "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == (expected, 0), done.stderr


def test_the_parent_holds_no_class_in_memory(tmp_path):
    """Files are read when their turn comes."""
    for number in range(20):
        put(tmp_path / f"s{number}" / "e02.ipynb", b'{"nbformat": 4, "cells": [], "x": "' + b"x" * (9 << 20) + b'"}')
    before = psutil.Process().memory_info().rss
    entries = find(tmp_path, NAMES)
    assert len(entries) == 20
    assert psutil.Process().memory_info().rss - before < 60 << 20


def test_limits_of_an_exercise_reach_the_kernel():
    task = assignment("e02")
    tight = replace(task, exercise=replace(task.exercise, limits={"scratch_mb": 1}))
    result = grade(data(answered("", FILLS.format(where="."))), tight)
    assert any(word in said(result) for word in ("No space left", "wrote more than 1 MB")), said(result)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_command_that_is_killed_with_its_group_leaves_nothing_behind(number):
    code = (
        "from mamlkit.grade.kernels import KernelHost, Limits\nimport time\n"
        "host = KernelHost(); host.start(Limits()); print(host.room, flush=True); time.sleep(60)"
    )
    command = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True)
    room = Path(command.stdout.readline().strip())
    assert room.is_dir()
    os.killpg(command.pid, number)
    command.wait()
    end = time.monotonic() + 20
    while room.exists() and time.monotonic() < end:
        time.sleep(0.1)
    assert not room.exists()
