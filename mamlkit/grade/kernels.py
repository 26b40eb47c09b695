"""Kernels for graded notebooks: forked from a process that has done the imports, each contained and used once.

The host process (``python -P -m mamlkit.grade.kernels``) never sees a key. It reads a line of JSON for each request:
``start`` forks a kernel, ``stop`` ends it with everything it has started. A kernel inherits nothing of the host's
that is open.
"""

from __future__ import annotations

import importlib
import json
import os
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mamlkit.grade import rooms, sandbox
from mamlkit.grade.sandbox import Limits
from mamlkit.grade.services import GraderError, Requests, Service

ENVIRONMENT = {
    "MPLBACKEND": "agg",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "PYTHONDONTWRITEBYTECODE": "1",
    "USER": "student",
}
KERNEL = (
    "IPython.core.completerlib",
    "IPython.extensions.storemagic",
    "ipykernel.ipkernel",
    "ipykernel.kernelapp",
    "mamlkit.grade.parts",
)


class KernelHost(Service):
    """The process that forks kernels.

    Parameters
    ----------
    preload : sequence of str
        Modules to import once for all kernels.
    isolation : {"auto", "namespaces", "limits"}
        What contains a kernel; ``auto`` takes namespaces where the system grants them.
    hidden : sequence of str
        Folders that are empty inside namespaces, wherever they lie.

    Raises
    ------
    GraderError
        If nothing can contain a kernel here, or the system cannot fork.
    """

    def __init__(self, preload: Sequence[str] = (), isolation: str = "auto", hidden: Sequence[str] = ()) -> None:
        if not hasattr(os, "fork"):
            raise GraderError("grading needs Linux or macOS; on Windows use WSL or Docker, or pytest --nbval-lax")
        self.room = rooms.make()
        kept = {name: os.environ[name] for name in ("LANG", "LC_ALL", "LD_LIBRARY_PATH") if name in os.environ}
        settings = json.dumps({"isolation": isolation, "room": str(self.room), "preload": preload, "hidden": hidden})
        super().__init__("mamlkit.grade.kernels", settings, environment={**ENVIRONMENT, **kept})
        self.isolation = str(self.started["isolation"])

    def start(self, limits: Limits) -> dict[str, Any]:
        """Fork a kernel and return its connection: what jupyter_client needs, its process id, its scratch folder."""
        return self.ask({"start": asdict(limits)})

    def stop(self) -> None:
        """End the kernel and everything it has started."""
        self.ask({"stop": True})

    def close(self) -> None:
        """End the process and leave nothing behind, even where it could not do so itself."""
        super().close()
        rooms.clear(self.room)


def main(settings: str) -> None:
    """Serve requests on standard input until it ends, then leave nothing behind."""
    requests, given = Requests(), json.loads(settings)
    room, hidden = Path(given["room"]), given["hidden"]
    sandbox.adopt_orphans()
    sandbox.conceal()
    try:
        _import(given["preload"], room)
        level = _granted(given["isolation"], room)
        requests.reply({"isolation": level})
        _answer(requests, level, room, hidden)
    except Exception as error:
        requests.reply({"error": str(error)})
    finally:
        _end_children()
        rooms.clear(room)


def _answer(requests: Requests, level: str, room: Path, hidden: Sequence[str]) -> None:
    kernel = room
    for request in requests:
        if "start" in request:
            kernel = Path(tempfile.mkdtemp(dir=room))
            requests.reply(_fork(level, kernel, Limits(**request["start"]), hidden))
        else:
            _end_children()
            rooms.clear(kernel)
            requests.reply({})


def _import(preload: Sequence[str], room: Path) -> None:
    """Import what every kernel needs, and let nothing else of mamlkit be found from then on."""
    os.environ["MPLCONFIGDIR"] = str(room)  # matplotlib looks for fonts once for all kernels; it takes many seconds
    sys.modules["debugpy"] = None  # type: ignore[assignment]  # no debugger in a graded kernel: it takes long to load
    for name in (*KERNEL, *preload):
        importlib.import_module(name)
    sys.meta_path.insert(0, _NoMore())


class _NoMore:
    """Refuse to import what holds answers. Namespaces hide the files too; without them a determined hand gets there."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] == "mamlkit":
            raise ModuleNotFoundError(f"{name} is not here while exercises are graded", name=name)


def _granted(isolation: str, room: Path) -> str:
    """Return the strongest level that works here, tried in a child process."""
    reasons = []
    for level in ("namespaces", "limits") if isolation == "auto" else (isolation,):
        trial = Path(tempfile.mkdtemp(dir=room))
        read, write = os.pipe()
        if (child := os.fork()) == 0:
            try:
                sandbox.enter(level, trial, Limits())
                for module in ("os", "numpy", "IPython"):  # readable by whoever the kernel runs as?
                    Path(importlib.import_module(module).__file__ or "").open("rb").close()
            except BaseException as error:
                os.write(write, str(error).encode()[:500])
                os._exit(1)
            os._exit(0)
        os.close(write)
        _, status = os.waitpid(child, 0)
        rooms.clear(trial)
        reason = os.fdopen(read).read()
        if status == 0:
            return level
        reasons.append(f"{level}: {reason}")
    raise GraderError(
        f"no kernel can be contained here ({'; '.join(reasons)}). A kernel never runs as root; whoever it runs as must "
        "be able to read the Python installation. Run the grader as an ordinary user, or in Docker"
    )


def _fork(level: str, room: Path, limits: Limits, hidden: Sequence[str]) -> dict[str, Any]:
    """Fork a contained kernel and return its connection."""
    connection = {
        "transport": "ipc", "ip": str(room / "k"), "key": secrets.token_hex(16), "signature_scheme": "hmac-sha256",
        "shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 5,
    }  # fmt: skip
    if (child := os.fork()) == 0:
        try:
            os.setsid()
            _close_everything()
            _serve(room, connection, sandbox.enter(level, room, limits, hidden))
        finally:
            os._exit(1)
    return {**connection, "pid": child, "scratch": str(room / "scratch")}


def _close_everything() -> None:
    """Leave no way to the host: its pipes carry requests, and what a student writes past the notebook goes nowhere."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))


def _serve(room: Path, connection: dict[str, Any], seal: Callable[[], None]) -> None:
    from ipykernel.kernelapp import IPKernelApp

    scratch = str(room / "scratch")
    os.environ.update(HOME=scratch, TMPDIR=scratch, MPLCONFIGDIR=scratch, IPYTHONDIR=f"{scratch}/ipython")
    file = room / "connection.json"
    file.write_text(json.dumps(connection))
    app = IPKernelApp.instance()
    app.initialize(["-f", str(file), "--quiet", "--HistoryManager.enabled=False", "--InteractiveShell.colors=NoColor"])
    assert app.shell is not None
    app.shell.ask_exit = _stay
    seal()
    app.start()


def _stay() -> None:
    """Stand for ``exit()``, which would end the kernel a moment later and cost other answers."""
    raise RuntimeError("exit() and quit() would end the kernel: leave them out")


def _end_children() -> None:
    """Kill what this process has started, and what that has started, until nothing is left."""
    import psutil

    deadline = time.monotonic() + 20
    while (left := psutil.Process().children(recursive=True)) and time.monotonic() < deadline:
        for process in left:
            try:
                os.kill(process.pid, signal.SIGKILL)
                os.waitpid(process.pid, os.WNOHANG)
            except (ProcessLookupError, ChildProcessError):
                pass
        time.sleep(0.005)


if __name__ == "__main__":
    main(*sys.argv[1:])
