"""Ways that have led to marks without the work, or to somebody else's: each is closed, and stays so."""

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mamlkit.grade import classroom, grading
from mamlkit.grade.classroom import ClassRun
from mamlkit.grade.handins import find
from mamlkit.grade.judge import Key, judge
from mamlkit.grade.keys import KeyMaker, seed_of
from mamlkit.grade.services import GraderError, Service, own_environment

from .conftest import (
    COMMAND,
    ROOT,
    answered,
    assignment,
    class_run,
    data,
    fill,
    grade,
    parts,
    points,
    release,
    right_answers,
    said,
    solution,
)


def test_a_kernel_inherits_nothing_that_is_open(grader):
    """P1: no pipe of the host's leads into a kernel, so nobody answers or reads for another."""
    call = "raise LookupError(sorted(os.fstat(fd).st_ino for fd in range(64) if os.path.exists(f'/proc/self/fd/{fd}')))"
    advice = said(grader("e02", answered("import os", call)))
    inside = set(json.loads(re.search(r"LookupError: (\[[\d, ]+\])", advice)[1]))
    hosts = [service.process for service in grading._services.values() if service.process.poll() is None]
    ours = {os.fstat(pipe.fileno()).st_ino for process in hosts for pipe in (process.stdin, process.stdout)}
    assert len(ours) >= 4
    assert inside
    assert not inside & ours


def test_what_an_answer_writes_to_every_descriptor_reaches_no_classmate(grader):
    spoil = 'import os\nfor fd in range(3, 40):\n    try:\n        os.write(fd, b\'{"error": "gone"}\\n\')\n'
    grader("e02", answered(f"{spoil}    except OSError: pass"), cell_seconds=2)
    for _ in range(2):
        assert grader("e02", fill("e02", right_answers("e02"))).points == 10


def test_a_helper_that_never_replies_is_given_up():
    start = time.monotonic()
    with pytest.raises(GraderError, match="did not answer in time"):
        Service("json.tool", environment=own_environment(), seconds=0.5)
    assert time.monotonic() - start < 15


MARK = "import pathlib\npathlib.Path({!r}).touch()\n"


@pytest.mark.parametrize("command", [[COMMAND], [sys.executable, "-m", "mamlkit.grade"]], ids=["script", "module"])
def test_nothing_is_imported_from_where_submissions_lie(tmp_path, command):
    """P2: a file beside the submissions that is called as a library is not run."""
    mark, folder = tmp_path / "ran", tmp_path / "in"
    for name in ("nbformat", "numpy", "joblib", "tqdm", "pytest", "zmq", "IPython", "sitecustomize", "conftest"):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(MARK.format(str(mark)))
    (folder / "jsonschema.py").write_text(MARK.format(str(mark)))
    for student in ("ada", "bob"):  # two, so that joblib starts its workers
        (folder / student).mkdir()
        (folder / student / "e02.ipynb").write_bytes(data(fill("e02", right_answers("e02"))))
    options = ["ada", "bob", "--jobs", "2", "--out", "../out", "--solutions", str(ROOT / "solutions")]
    done = subprocess.run(
        [*command, *options, "--accept-limits"], cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "grades.csv").read_text().count("e02.c=3/3") == 2
    assert not mark.exists()


def test_no_conftest_is_loaded_from_above_the_notebook(tmp_path):
    """P2: pytest reads nothing that a student can have written."""
    (tmp_path / "in" / "ada").mkdir(parents=True)
    (tmp_path / "in" / "ada" / "e02.ipynb").write_bytes(data(fill("e02", {"e02.a": right_answers("e02")["e02.a"]})))
    place = tmp_path / "tmp"
    place.mkdir()
    for name in ("conftest.py", "pytest.ini", "sitecustomize.py"):
        (place / name).write_text(MARK.format(str(tmp_path / "ran")) if name.endswith("py") else "[pytest]\naddopts=-x")
    done = class_run(tmp_path, env={**os.environ, "TMPDIR": str(place)})
    assert done.returncode == 0, done.stderr
    assert "e02.a=3/3" in (tmp_path / "out" / "grades.csv").read_text()
    assert not (tmp_path / "ran").exists()


READS_MEMORY = """\
import os
def holds_keys(command):
    return ('mamlkit' in command or 'popen_loky' in command) and 'grade.kernels' not in command  # kernels have none
def meta_gradient(*args, **kwargs):
    seen = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            command = open(f'/proc/{pid}/cmdline').read()
            open(f'/proc/{pid}/mem', 'rb').close()
            seen += [command[:200]] if holds_keys(command) else []
        except OSError: pass
    raise LookupError(f'{len(seen)} readable: {seen}')
"""


def test_with_limits_alone_the_memory_that_holds_the_keys_cannot_be_read(tmp_path, contained):
    """P3: command, workers, sessions and key makers conceal their memory from other processes of the same user."""
    contained("limits")
    for student in ("ada", "bob"):
        (tmp_path / "in" / student).mkdir(parents=True)
        (tmp_path / "in" / student / "e02.ipynb").write_bytes(data(fill("e02", {"e02.a": READS_MEMORY})))
    done = class_run(tmp_path, "--isolation", "limits", "--jobs", "2")
    assert done.returncode == 0, done.stderr
    feedback = (tmp_path / "out" / "grades.json").read_text()
    assert "0 readable" in feedback, feedback


def test_each_hand_in_gets_inputs_of_its_own(tmp_path, monkeypatch):
    """P4: inputs follow from the seed of the run and the bytes of the file; the same file gets the same again."""
    seen = []
    monkeypatch.setattr(classroom, "grade", lambda content, task: seen.append(task.keys) or grade(content, task))
    run = ClassRun(ROOT / "solutions", tmp_path / "out")
    for cells in (0, 1, 0):
        notebook = release("e02")
        notebook["cells"] += [
            {"cell_type": "markdown", "id": f"x{n}", "metadata": {}, "source": ""} for n in range(cells)
        ]
        (tmp_path / "e02.ipynb").write_bytes(data(notebook))
        (record,) = run.grade(find(tmp_path / "e02.ipynb", run.stems), jobs=1)
    assert len(seen) == 3
    assert seen[0] == seen[2]
    for first, second in zip(seen[0], seen[1], strict=True):
        shared = [
            trial for trial in first["trials"] if trial["inputs"] in [other["inputs"] for other in second["trials"]]
        ]
        assert shared == []
    with KeyMaker(solution("e02")) as maker:  # for an appeal: the record says all that the inputs follow from
        assert maker.assignment(*seed_of(record["seed"], record["sha256"])).keys == seen[2]


def test_feedback_on_a_class_does_not_hold_right_numbers():
    """P4: it shows the input and the answer given, and of the right numbers two digits."""
    for name in ("e01", "e02"):
        for part in parts(name).values():
            key = part.key(seed=5)
            blank = [{"value": {"float": "0.125"}}] * len(key.trials)
            for outcomes in (blank, _nearly(key)):
                hidden, shown = (judge(outcomes, key, reveal=reveal).advice for reveal in (False, True))
                right = [repr(number) for trial in key.trials for number in _six_digits(trial.expected)]
                assert not [number for number in right if number in hidden.partition("Try it")[0]]
                assert shown


def _six_digits(value):
    numbers = np.ravel(np.asarray(value, dtype=float))
    return [float(f"{number:.5e}") for number in numbers if number != float(f"{number:.1e}") and number % 1]


def _nearly(key: Key):
    from mamlkit.grade import wire

    return [
        {"value": wire.encode([7, 7] if isinstance(t.expected, list) else 1.01 * t.expected + 1)} for t in key.trials
    ]


TRIMS = """\
def reverse_sweep(hvp, trajectory, query_gradient, alpha):
    calls = next(c.cell_contents for c in hvp.__closure__ if isinstance(c.cell_contents, list))
    vector, n = query_gradient, len(query_gradient)
    for theta in reversed(trajectory[:-1]):
        columns = [hvp(theta, unit) for unit in torch.eye(n)]
        vector = vector - alpha * torch.stack(columns, dim=1) @ vector
    del calls[len(trajectory) - 1:]
    return vector
"""


def test_a_count_that_is_trimmed_earns_nothing(grader):
    """P5: what a check counts in the student's process proves nothing; here the numbers themselves tell."""
    assert points(grader("e03", fill("e03", {"e03.c": TRIMS})))["e03.c"] == 0
    scaled = right_answers("e03")["e03.c"].replace("alpha * hvp(theta, vector)", "hvp(theta, -alpha * vector) * -1")
    assert points(grader("e03", fill("e03", {"e03.c": scaled})))["e03.c"] == 3


def looks_for(path):
    return answered("import os", f"raise LookupError('there' if os.path.exists({str(path)!r}) else 'not there')")


def test_a_folder_of_the_machine_that_is_not_a_library_is_not_there(contained):
    """P6: inside namespaces a solution is nowhere: not in Python's own folder, not in /opt, not where it is hidden."""
    task = contained("namespaces")
    place = Path(sys.prefix) / "share" / f"mamlkit-test-{os.getpid()}"
    inside = Path(np.__file__).parents[1] / f"mamlkit_test_{os.getpid()}"
    try:
        for folder in (place, inside):
            folder.mkdir(parents=True)
            (folder / "e02.ipynb").write_text("{}")
    except OSError as error:
        pytest.skip(str(error))
    try:
        for where, hidden in ((place, ()), ("/opt", ()), ("/home", ()), (inside / "e02.ipynb", (str(inside),))):
            result = grade(data(looks_for(where)), replace(task, hidden=hidden))
            assert "not there" in said(result), said(result)
    finally:
        for folder in (place, inside):
            (folder / "e02.ipynb").unlink()
            folder.rmdir()


def test_the_whole_solution_still_earns_everything_where_folders_are_hidden(contained):
    task = replace(contained("namespaces"), hidden=(str(ROOT / "solutions"), "/nowhere"))
    assert grade(data(fill("e02", right_answers("e02"))), task).points == assignment("e02").exercise.points["e02.a"] + 7


def test_a_helper_that_was_given_up_says_so_again():
    service = Service.__new__(Service)
    with pytest.raises(GraderError, match="in time"):
        service.__init__("json.tool", environment=own_environment(), seconds=0.5)
    with pytest.raises(GraderError, match="has ended"):
        service.ask({"start": 1})
