"""A catalogue of attacks on the grader: none earns a point, none stops it, each leaves a line that says what happened.

Each attack is an answer to part a of E2 unless it says otherwise. What only namespaces can stop is skipped, with
a reason, where the system grants none.
"""

import copy
import json
import re
from dataclasses import replace

import pytest

from mamlkit.grade.kernels import KernelHost
from mamlkit.grade.services import GraderError

from .conftest import ISOLATION, ROOT, answered, assignment, data, fill, grade, points, release, right_answers, said


@pytest.fixture(scope="module")
def isolation():
    try:
        with KernelHost(isolation=ISOLATION) as host:
            return host.isolation
    except GraderError as error:
        pytest.skip(str(error))


IN_THE_KERNEL = {
    "prints the line of a pass": ("", "print('✓ e02.a: right, 3 points.')", "None"),
    "replays a check's output": (
        "from IPython.display import publish_display_data as show",
        "show({'application/x-mamlkit-values+json': {'part': 'e02.a', 'outcomes': [{'value': 'right'}] * 8}})",
        "None",
    ),
    "patches numpy": (
        "import numpy as np\nnp.allclose = np.array_equal = np.isfinite = lambda *a, **k: np.True_\n"
        "np.abs = lambda x: 0 * x\nnp.asarray = lambda x, *a, **k: np.zeros(3)",
        "return 0.0",
        "shape|differs|could not",
    ),
    "patches print, assert and exceptions": (
        "import builtins\nbuiltins.print = lambda *a, **k: None\n"
        "builtins.AssertionError = builtins.Exception = SystemError",
        "return 1.0",
        "shape|differs|could not",
    ),
    "patches check": (
        "import mamlkit.grade as g, mamlkit.grade.parts as p\n"
        "check = g.check = p.check = lambda part, function: print(f'✓ {part}: right.')",
        "return 1.0",
        "did not give one value",
    ),
    "patches the comparison": (
        "import mamlkit.grade.judge as j\nj.same = lambda *a: True\nj.judge = lambda *a: j.Verdict(True, 'right', '')",
        "return 1.0",
        "shape|differs",
    ),
    "patches pytest and nbval": (
        "import sys, types\nfor name in ('pytest', 'nbval', 'nbval.plugin', 'unittest'):\n"
        "    sys.modules[name] = types.ModuleType(name)",
        "return 1.0",
        "shape|differs",
    ),
    "patches json": (
        "import json\njson.loads = lambda *a, **k: {'right': True}\njson.dumps = lambda *a, **k: 'true'",
        "return 1.0",
        ".",
    ),
    "equals everything": (
        "class Always(float):\n    __eq__ = __le__ = __ge__ = lambda *a: True\n    __hash__ = None",
        "return Always(1.0)",
        "shape|differs",
    ),
    "array that equals everything": (
        "import numpy as np\nclass Always(np.ndarray):\n    __array_ufunc__ = lambda *a, **k: np.True_",
        "return np.zeros(2).view(Always)",
        "shape|differs|could not",
    ),
    "returns an object that pretends": ("class Right:\n    right = True\n    shape = ()", "return Right()", "Right"),
    "looks for right answers in the key": (
        "",
        "import mamlkit.grade.parts as p\nreturn next(t.expected for k in p._keys.values() for t in k.trials)",
        "None",
    ),
    "looks for right answers among all objects": (
        "import gc",
        "found = [o for o in gc.get_objects() if type(o).__name__ == 'Trial' and o.expected is not None]\n"
        "return found[0].expected",
        "IndexError",
    ),
    "declares the part itself": (
        "from mamlkit.grade import Part\nfor name in ('e02.a', 'e02.b', 'e02.c'):\n"
        "    p = Part(name, points=3)\n    p.draw(lambda rng: {'x': 1.0})",
        "return 1.0",
        "did not give one value",
    ),
    "loads a key of its own": (
        "import mamlkit.grade as g\ng.load_key = lambda text: None",
        "return 1.0",
        "could not call your answer: LookupError",
    ),
    "imports the closed form": (
        "",
        "from mamlkit.closed_form import quadratic\nreturn quadratic.meta_gradient",
        "ModuleNotFoundError",
    ),
    "searches the environment": (
        "import os",
        "return [v for v in os.environ.values() if 'expected' in v or 'solutions' in v][0]",
        "IndexError",
    ),
    "rewrites the next cells": (
        "ip = get_ipython()\nip.input_transformers_cleanup.append(lambda lines: ['print(\"right\")\\n'])",
        "return 1.0",
        "did not give one value|shape",
    ),
    "says that the cell is over": (
        "k = get_ipython().kernel",
        "k.session.send(k.iopub_socket, 'status', {'execution_state': 'idle'}, parent=k.get_parent())\nreturn 1.0",
        "did not give one value|shape|differs",
    ),
    "sends messages that nobody signed": (
        "k = get_ipython().kernel",
        "k.session.key = b'forged'\nreturn 1.0",
        "sent a message|took too long|did not give",
    ),
    "closes every file": ("import os", "os.closerange(0, 256)", "kernel"),
    "calls sys.exit": ("", "import sys\nsys.exit(0)", "did not give|could not call"),
    "calls sys.exit in the cell": ("import sys\nsys.exit(0)", "return None", "SystemExit"),
    "ends the process": ("", "import os\nos._exit(0)", "ended its own process"),
    "ends the process in the cell": ("import os\nos._exit(0)", "return None", "ended its own process"),
    "crashes": ("import ctypes", "ctypes.string_at(0)", "ended its own process"),
    "never ends": ("", "while True: pass", "took too long"),
    "never ends and ignores interrupts": (
        "import signal\nfor s in (signal.SIGINT, signal.SIGTERM): signal.signal(s, signal.SIG_IGN)",
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        "took too long",
    ),
    "takes all memory": ("", "return bytearray(1 << 40)", "MemoryError"),
    "takes memory bit by bit": (
        "",
        "held = []\nwhile True: held.append(bytearray(1 << 26))",
        "MemoryError|ended|too long",
    ),
    "forks": (
        "import os, time",
        "for _ in range(300):\n    if os.fork() == 0:\n        time.sleep(60)\n        os._exit(0)",
        "BlockingIOError",
    ),
    "starts threads": (
        "import threading, time",
        "for _ in range(300):\n    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
        "can't start new thread",
    ),
    "prints 50 MB": ("", "print('x' * (50 << 17))", "more than 1024|took too long"),  # for each of 8 inputs
    "prints more than its memory holds": ("", "for _ in range(50): print('x' * (1 << 20))", "printed|too long|None"),
    "prints for ever": ("", "while True: print('x' * 10000)", "more than 1024|took too long"),
    "recurses": ("", "return meta_gradient(*args, **kwargs)", "Recursion|None|NameError"),
    "fills the disk": (
        "",
        "with open('big', 'wb') as f:\n    for _ in range(64): f.write(bytes(1 << 20))",
        "OSError|kernel",
    ),
    "returns far too much": (
        "import numpy as np",
        "return np.zeros(10_000_000)",
        "more than 1024|MemoryError|took too long",
    ),
    "asks for input": ("", "return input('the answer, please')", "Not answered"),
    "is no Python": ("this is no Python", "", "SyntaxError"),
    "installs a package": ("%pip install -q numpy\n!ls /", "return 1.0", "."),
    "skips its cell": ("# NBVAL_SKIP\nimport os", "return 1.0", "NameError|not defined"),
}


@pytest.mark.parametrize("attack", IN_THE_KERNEL)
def test_an_attack_from_inside_the_kernel_earns_nothing(grader, attack):
    code, call, line = IN_THE_KERNEL[attack]
    result = grader("e02", answered(code, call), cell_seconds=1 if "too long" in line else 2)
    assert (result.status, result.points) == ("graded", 0)
    assert re.search(line, said(result)), said(result)


@pytest.mark.parametrize(
    ("limit", "value", "call", "line"),
    [
        ("memory_mb", 1000, "return len(bytearray(1 << 30))", "raised MemoryError"),
        ("output_kb", 10, "print('x' * 50_000)", "more than 10 kB"),
        ("file_mb", 1, "open('big', 'wb').write(bytes(2 << 20))\nreturn 1.0", "File too large"),
        ("cell_seconds", 1, "import time\ntime.sleep(2)\nreturn 1.0", "took too long"),
        ("total_seconds", 2, "import time\ntime.sleep(1)\nreturn 1.0", "took too long"),
        ("processes", 40, "import os\nfor _ in range(60):\n    if os.fork() == 0: os.pause()", "BlockingIOError"),
    ],
)
def test_each_limit_is_kept(grader, limit, value, call, line):
    result = grader("e02", answered("import signal", call.replace("os.pause", "signal.pause")), **{limit: value})
    assert re.search(line, said(result)), said(result)


STOPPED_BY_NAMESPACES = {
    "reads the solution from disk": (
        "import glob",
        f"seen = glob.glob({str(ROOT / 'solutions' / '*')!r}) + glob.glob('/tmp/**/*e02*', recursive=True)\n"
        "return seen[0] + glob.glob('/home/**/*e02*', recursive=True)[0]",
        "IndexError",
    ),
    "reads the repository": ("", f"return open({str(ROOT / 'pyproject.toml')!r}).read()", "FileNotFoundError"),
    "finds mamlkit's files again": (
        "",
        "import sys, mamlkit, pathlib\nsys.meta_path.pop(0)\n"
        "mamlkit.__path__ = [str(pathlib.Path(mamlkit.__file__).parent)]\n"
        "from mamlkit.closed_form import quadratic\nreturn quadratic.meta_gradient",
        "ModuleNotFoundError",
    ),
    "reads another process's memory or environment": (
        "import os, re",
        "text = b''\nfor pid in filter(str.isdigit, os.listdir('/proc')):\n"
        "    for name in ('environ', 'cmdline', 'maps'):\n"
        "        if int(pid) != os.getpid():\n            text += open(f'/proc/{pid}/{name}', 'rb').read()\n"
        "if not text: raise LookupError('nobody else here')",
        "nobody else here",
    ),
    "calls home": (
        "import socket",
        "socket.create_connection(('127.0.0.1', 22), timeout=1)",
        "unreachable",
    ),
    "calls a process by its abstract socket": (
        "import socket",
        "s = socket.socket(socket.AF_UNIX)\ns.connect('\\0/tmp/.X11-unix/X0')",
        "refused",
    ),
    "ends everything that it may": (
        "import os, signal",
        "os.kill(-1, signal.SIGKILL)\nreturn 1.0",
        "shape|ended its own process|ProcessLookupError",
    ),
    "writes into Python": (
        "import json",
        "open(json.__file__, 'a').write('#')",
        "Read-only|Permission",
    ),
    "becomes root": ("import os", "os.setuid(0)", "PermissionError|Invalid argument"),
    "leaves the sandbox": (
        "import ctypes, os",
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "if libc.mount(b'none', b'/tmp', b'proc', 0, None) or libc.setns(3, 0): raise OSError('stays inside')",
        "stays inside",
    ),
}


@pytest.mark.parametrize("attack", STOPPED_BY_NAMESPACES)
def test_an_attack_on_the_machine_finds_nothing(grader, attack, isolation):
    if isolation != "namespaces":
        pytest.skip(f"no namespaces here: {isolation} do not contain this")
    code, call, line = STOPPED_BY_NAMESPACES[attack]
    result = grader("e02", answered(code, call), cell_seconds=5)
    assert (result.status, result.points) == ("graded", 0)
    assert re.search(line, said(result)), said(result)


def changed(**roles):
    """Return the untouched E2 with the source of each cell of a role replaced."""
    notebook = release("e02")
    for cell in notebook["cells"]:
        role = cell["metadata"].get("mamlkit", {}).get("role", "")
        if role in roles:
            cell["source"] = roles[role]
    return notebook


def without(*roles):
    notebook = release("e02")
    notebook["cells"] = [c for c in notebook["cells"] if c["metadata"].get("mamlkit", {}).get("role") not in roles]
    return notebook


def with_cells(*sources, **fields):
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": fields,
            "cells": [{"cell_type": "code", "source": source, **fields} for source in sources]}  # fmt: skip


def with_outputs():
    notebook = release("e02")
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "✓ e02.a: right, 3 points."}]
            cell["execution_count"] = 1
    return notebook


def tagged():
    notebook = answered("", "raise ValueError('no answer')")
    for cell in notebook["cells"]:
        cell["metadata"]["tags"] = ["raises-exception", "nbval-skip", "nbval-ignore-output"]
    notebook["metadata"]["kernelspec"] = {"name": "bash", "display_name": "x", "argv": ["/bin/sh"]}
    notebook["metadata"]["mamlkit"]["points"] = {"e02.a": 10}
    return notebook


IN_THE_FILE = {
    "edited checks": (changed(check="print('✓ right')"), "Changed: the check of e02.a"),
    "edited set-up": (changed(setup="check = print"), "Changed: the set-up cell"),
    "edited key": (changed(key="import mamlkit"), "unanswered|Not answered"),
    "edited outputs": (with_outputs(), "Not answered"),
    "deleted checks": (without("check"), "Missing: the check of e02.a"),
    "deleted answers": (without("answer"), "Not answered"),
    "deleted everything": (with_cells(), "No cell of e02 kept its id"),
    "tags, another kernel and points of its own": (tagged(), "ValueError: no answer"),
    "an empty file": (b"", "no notebook"),
    "a picture": (b"\x89PNG\r\n\x1a\n\x00\xff", "no notebook"),
    "cut short": (data(release("e02"))[:5000], "no notebook"),
    "JSON, but a list": (b"[1, 2, 3]", "no notebook"),
    "nested a hundred thousand times": (b"[" * 100_000, "no notebook"),
    "format 3": (data({"nbformat": 3, "worksheets": [{"cells": []}]}), "format 3"),
    "format x": (data({"nbformat": "4; rm -rf", "cells": []}), "format 4; rm"),
    "cells that are numbers": (
        data({"nbformat": 4, "cells": [1, None, "x", {"cell_type": "code", "source": 7}]}),
        "without text",
    ),
    "metadata that is a list": (
        data({"nbformat": 4, "metadata": [], "cells": [{"cell_type": "code", "source": "x = 1", "metadata": []}]}),
        "No cell of e02 kept its id",
    ),
    "larger than anyone writes": (b" " * (11 << 20), "11 MB|12 MB"),
    "an endless answer": (
        with_cells("# ANSWER e02.a (keep this line)\n" + "x = 1\n" * 50_000),
        "characters was left out",
    ),
    "half a letter": (b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": "s = \'\\ud800\'"}]}', "no text"),
    "a NUL": (
        with_cells("# ANSWER e02.a (keep this line)\ndef meta_gradient(*a):\n    return '\0'"),
        "SyntaxError|null",
    ),
    "letters from elsewhere": (
        with_cells("# ANSWER e02.a (keep this line)\ndef mеta_gradient(*a, **k):\n    return 1.0  # \u202e\u2066"),
        "is not defined",
    ),
    "another exercise's notebook": (fill("e01", right_answers("e01")), "it was graded as e02"),
}


@pytest.mark.parametrize("attack", IN_THE_FILE)
def test_a_file_that_is_not_as_it_should_be_earns_nothing(grader, attack):
    notebook, line = IN_THE_FILE[attack]
    result = grader("e02", notebook)
    assert result.status in {"graded", "unreadable"}
    assert result.points == 0
    assert re.search(line, said(result) + str({part.kind for part in result.parts})), said(result)


def test_a_right_notebook_keeps_its_points_whatever_is_around_the_answers(grader):
    notebook = fill("e02", right_answers("e02"))
    cells = [
        cell for cell in notebook["cells"] if cell["metadata"].get("mamlkit", {}).get("role") not in {"check", "setup"}
    ]
    notebook["cells"] = list(reversed(cells))
    notebook["cells"].insert(0, {"cell_type": "code", "source": "import os\nos._exit(1)", "metadata": {}})
    result = grader("e02", notebook)
    assert result.points == 10
    assert "Missing: the check of e02.a" in said(result)


def test_answers_are_found_when_an_editor_has_dropped_ids_and_metadata(grader):
    notebook = fill("e02", right_answers("e02"))
    for cell in notebook["cells"]:
        cell.pop("id")
        cell["metadata"] = {}
    part_a = next(cell for cell in notebook["cells"] if "ANSWER e02.a" in cell["source"][:20])
    part_a["source"] = part_a["source"].split("\n", 1)[1]  # without its first line, by its function's name
    result = grader("e02", notebook)
    assert result.points == 10
    assert "e02.a: the answer was found by its function's name" in said(result)
    assert "e02.b: the answer was found by its marker" in said(result)


def test_of_two_answers_the_last_that_is_filled_in_counts(grader):
    notebook = fill("e02", right_answers("e02"))
    answer = next(cell for cell in notebook["cells"] if cell["id"] == "e02-a-answer")
    wrong = {**copy.deepcopy(answer), "source": answer["source"].replace("- alpha * A", "+ alpha * A")}
    stub = next(cell for cell in release("e02")["cells"] if cell["id"] == "e02-a-answer")
    notebook["cells"] += [wrong, stub]
    result = grader("e02", notebook)
    assert points(result) == {"e02.a": 0, "e02.b": 4, "e02.c": 3}
    assert "e02.a: 2 answer cells; the last one counts." in said(result)


@pytest.mark.parametrize("fatal", ["import os\nos._exit(1)", "while True: pass"])
def test_a_dead_kernel_costs_its_own_part_and_no_other(grader, fatal):
    answers = {**right_answers("e02"), "e02.b": f"{fatal}\ndef meta_gradient_steps(**k): pass"}
    result = grader("e02", fill("e02", answers), cell_seconds=1)
    assert points(result) == {"e02.a": 3, "e02.b": 0, "e02.c": 3}
    assert "this answer was left out" in said(result)


def test_a_clash_between_answers_is_not_hidden(grader):
    """An answer that spoils numpy for later parts loses those; it cannot gain any."""
    answers = {**right_answers("e02"), "e02.a": right_answers("e02")["e02.a"] + "\nnp.eye = None"}
    assert points(grader("e02", fill("e02", answers))) == {"e02.a": 0, "e02.b": 0, "e02.c": 3}


def test_the_kernel_gets_inputs_without_answers():
    from mamlkit.grade.judge import blinded

    for key in assignment("e02").keys:
        shown = json.dumps(blinded(key))
        assert not any(text in shown for text in key["advice"].values())
        assert all(json.dumps(trial["expected"]) not in shown for trial in key["trials"])


def test_a_failure_of_the_grader_is_no_zero():
    task = assignment("e02")
    cells = tuple(replace(c, source="raise OSError('disk')") if c.role == "setup" else c for c in task.exercise.cells)
    broken = replace(task, exercise=replace(task.exercise, cells=cells))
    result = grade(data(fill("e02", right_answers("e02"))), broken)
    assert result.status == "failed"
    assert "this is not a zero" in said(result)


def test_inputs_are_drawn_afresh():
    first, second = (json.dumps([part.key(seed).to_json() for part in _parts()]) for seed in (1, 2))
    assert first != second


def _parts():
    from .conftest import parts

    return parts("e02").values()
