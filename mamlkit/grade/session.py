"""One notebook graded: nbval runs its cells in a contained kernel, and the verdicts are made here, outside it.

``python -P -m mamlkit.grade.session`` has pytest and nbval imported and forks a process for each request. Requests,
with the keys, and reports go through pipes and never touch the disk. The kernel runs elsewhere and gets inputs
without answers. pytest reads no file but the notebook: no ``conftest.py``, no settings.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import tempfile
import time
from pathlib import Path
from typing import Any, TextIO

import nbformat
import pytest
from nbval.plugin import IPyNbCell, IPyNbFile, NbCellError

from mamlkit.grade import sandbox
from mamlkit.grade.client import GREETING, ContainedKernel, KernelLost
from mamlkit.grade.judge import Key, Verdict, blinded, judge
from mamlkit.grade.parts import VALUES, CheckFailed, dump_key
from mamlkit.grade.services import Requests

MEMORY = 2 << 30
"""Bytes that the grader's end of one kernel may use."""
GRADER: pytest.StashKey[Grader] = pytest.StashKey()


class GradedFile(IPyNbFile):  # type: ignore[misc]
    """The pristine notebook with a student's answers in it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.compare_outputs = False
        self.lost = ""

    def setup(self) -> None:
        """Connect to the kernel that waits."""
        grader: Grader = self.config.stash[GRADER]
        self.kernel = ContainedKernel(grader.request["connection"], grader.request["limits"])
        grader.report["ready"] = time.monotonic()
        self.config.option.nbval_cell_timeout = grader.request["limits"]["cell_seconds"]

    def collect(self) -> Any:
        """Yield one item for each cell."""
        for item in super().collect():
            yield GradedCell.from_parent(
                self, name=item.name, cell_num=item.cell_num, cell=item.cell, options=item.options
            )

    def teardown(self) -> None:
        """Close the connection."""
        if self.kernel is not None:
            self.kernel.stop()


class GradedCell(IPyNbCell):  # type: ignore[misc]
    """A cell that nbval runs; where it is a check, the values that it gives are judged."""

    def runtest(self) -> None:
        """Run the cell and keep what came of it."""
        grader: Grader = self.config.stash[GRADER]
        about = self.cell.metadata["mamlkit"]
        if self.parent.lost:
            pytest.skip(self.parent.lost)
        grader.began(about)
        self.parent.kernel.counted = about["role"] != "setup"
        try:
            super().runtest()
        except KernelLost as lost:
            self.parent.lost = str(lost)
            grader.report["lost"] = {**about, "reason": str(lost)}
            raise
        except NbCellError as error:
            grader.cell_failed(about, self.test_outputs)
            raise CheckFailed(str(error)) from None
        if about["role"] == "check":
            grader.judge(about["part"], self.test_outputs)


class Grader:
    """The pytest plugin of one session: the request in, the report out, and a line before each cell on the way."""

    def __init__(self, request: dict[str, Any], progress: TextIO) -> None:
        self.request, self.progress = request, progress
        self.keys = {data["part"]: Key.from_json(data, tensors=False) for data in request["keys"]}
        self.errors: dict[str, str] = {}
        self.report: dict[str, Any] = {"verdicts": {}, "lost": None, "setup": ""}

    def pytest_configure(self, config: pytest.Config) -> None:
        """Let the cells find this plugin."""
        config.stash[GRADER] = self

    def pytest_collect_file(self, file_path: Path, parent: Any) -> Any:
        """Collect the notebook."""
        return GradedFile.from_parent(parent, path=file_path)

    def began(self, about: dict[str, Any]) -> None:
        """Say which cell runs now, in case this process does not live to say more."""
        line = {**about, "reason": "made the grader's end of it stop", "ready": self.report["ready"]}
        self.progress.write(json.dumps(line) + "\n")
        self.progress.flush()

    def cell_failed(self, about: dict[str, Any], outputs: list[Any]) -> None:
        """Keep the error that a cell raised: an answer's or a check's belongs to its part."""
        error = next((out for out in outputs if out.output_type == "error"), {"ename": "an error", "evalue": ""})
        text = f"{error['ename']}: {error['evalue']}"[:500]
        if about["role"] == "setup":
            self.report["setup"] = text
        elif about["role"] == "answer":
            self.errors[about["part"]] = f"Your answer cell raised {text}"
        else:
            advice = self.errors.get(about["part"], f"The check could not call your answer: {text}")
            self._record(about["part"], Verdict(False, "error", advice))

    def judge(self, part: str, outputs: list[Any]) -> None:
        """Judge the values that the check of `part` gave; raise when they are not right, so that pytest counts it."""
        bundles = [out.data[VALUES] for out in outputs if VALUES in out.get("data", {})]
        values = bundles[-1] if bundles and isinstance(bundles[-1], dict) else {}
        try:
            verdict = judge(values.get("outcomes"), self.keys[part], reveal=False)
        except Exception as error:  # whatever is in the values, the student's kernel has put there
            verdict = Verdict(False, "error", f"The values could not be judged ({type(error).__name__}).")
        if not verdict.right and part in self.errors:
            verdict = Verdict(False, "error", self.errors[part])
        self._record(part, verdict)
        if not verdict.right:
            raise CheckFailed(verdict.advice)

    def _record(self, part: str, verdict: Verdict) -> None:
        self.report["verdicts"][part] = vars(verdict)


def notebook(request: dict[str, Any]) -> Any:
    """Return the notebook to run: pristine set-up and checks, the student's answers, inputs without answers."""
    keys = {key["part"]: blinded(key) for key in request["keys"]}
    cells = []
    for cell in request["cells"]:
        source = cell["source"]
        if cell["role"] == "answer":
            source = request["answers"].get(cell["part"], source)
        if cell["role"] == "check":
            source = f'__import__("mamlkit.grade").grade.load_key("{dump_key([keys[cell["part"]]])}")\n{source}'
        new = nbformat.v4.new_code_cell(source, id=cell["id"])
        new.metadata = nbformat.from_dict({"mamlkit": {"role": cell["role"], "part": cell["part"]}})
        cells.append(new)
    return nbformat.v4.new_notebook(cells=cells)


def run(request: dict[str, Any], progress: TextIO) -> dict[str, Any]:
    """Run one notebook under pytest and nbval and return the report."""
    grader, log = Grader(request, progress), io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(log):
        path = Path(folder) / "exercise.ipynb"
        nbformat.write(notebook(request), path)
        options = ["--noconftest", "-c", os.devnull, "--rootdir", folder, "--confcutdir", folder, "--color=no"]
        plugins = ["-p", "no:cacheprovider", "-p", "no:doctest", "-p", "nbval.plugin"]
        code = pytest.main([*options, *plugins, str(path)], plugins=[grader])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        grader.report["failure"] = f"pytest ended with {code!r}: {log.getvalue()[-2000:]}"
    return grader.report


def main() -> None:
    """Serve requests on standard input until it ends, each in a process of its own."""
    sandbox.conceal()
    requests = Requests()
    requests.reply({})
    for request in requests:
        requests.reply(_apart(request))


def _apart(request: dict[str, Any]) -> dict[str, Any]:
    """Run one notebook in a forked process, which has limits of its own, and return its report."""
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        os.close(read)
        with os.fdopen(write, "w") as pipe:
            signal.alarm(int(request["limits"]["total_seconds"] + GREETING) + 10)
            _limit_memory()
            try:
                report = run(request, pipe)
            except BaseException as error:
                report = {"failure": f"{type(error).__name__}: {error}"[:2000]}
            pipe.write(json.dumps({"report": report}) + "\n")
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        whole = [json.loads(line) for line in pipe.read().split("\n")[:-1]]
    os.waitpid(child, 0)
    last = whole[-1] if whole else None
    if last and "report" in last:
        return dict(last["report"])
    return {"verdicts": {}, "lost": last, "setup": "", **({"ready": last["ready"]} if last else {})}


def _limit_memory() -> None:
    import resource  # not on Windows

    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


if __name__ == "__main__":
    main()
