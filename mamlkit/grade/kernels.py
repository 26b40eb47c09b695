"""Kernels for graded notebooks: forked from a process that has done the imports, each contained and used once.

The host process (``python -m mamlkit.grade.kernels``) never sees a key. It reads a line of JSON for each request:
``start`` forks a kernel, ``stop`` ends it with everything it has started.
"""

from __future__ import annotations

import importlib
import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mamlkit.grade import sandbox
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

    Raises
    ------
    GraderError
        If nothing can contain a kernel here, or the system cannot fork.
    """

    def __init__(self, preload: tuple[str, ...] = (), isolation: str = "auto") -> None:
        if not hasattr(os, "fork"):
            raise GraderError("grading needs Linux or macOS; on Windows use WSL or Docker, or pytest --nbval-lax")
        room = Path(tempfile.mkdtemp(prefix="mamlkit-"))
        room.chmod(0o711)
        kept = {name: os.environ[name] for name in ("LANG", "LC_ALL", "LD_LIBRARY_PATH") if name in os.environ}
        arguments = (isolation, str(room), *preload)
        super().__init__("mamlkit.grade.kernels", *arguments, environment={**ENVIRONMENT, **kept})
        self.isolation = str(self.started["isolation"])

    def start(self, limits: Limits) -> dict[str, Any]:
        """Fork a kernel and return its connection: what jupyter_client needs, and its process id."""
        return self.ask({"start": asdict(limits)})

    def stop(self) -> None:
        """End the kernel and everything it has started."""
        self.ask({"stop": True})


def main(isolation: str, room: str, *preload: str) -> None:
    """Serve requests on standard input until it ends, then leave nothing behind."""
    requests = Requests()
    sandbox.adopt_orphans()
    try:
        _import(preload)
        level = _granted(isolation, Path(room))
        requests.reply({"isolation": level})
        _answer(requests, level, Path(room))
    except Exception as error:
        requests.reply({"error": str(error)})
    finally:
        _end_children()
        shutil.rmtree(room, ignore_errors=True)


def _answer(requests: Requests, level: str, room: Path) -> None:
    kernel = room
    for request in requests:
        if "start" in request:
            kernel = Path(tempfile.mkdtemp(dir=room))
            requests.reply(_fork(level, kernel, Limits(**request["start"])))
        else:
            _end_children()
            shutil.rmtree(kernel, ignore_errors=True)
            requests.reply({})


def _import(preload: tuple[str, ...]) -> None:
    """Import what every kernel needs, and let nothing else of mamlkit be found from then on."""
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
        reason = os.fdopen(read).read()
        if status == 0:
            return level
        reasons.append(f"{level}: {reason}")
    raise GraderError(
        f"no kernel can be contained here ({'; '.join(reasons)}). A kernel never runs as root; whoever it runs as must "
        "be able to read the Python installation. Run the grader as an ordinary user, or in Docker"
    )


def _fork(level: str, room: Path, limits: Limits) -> dict[str, Any]:
    """Fork a contained kernel and return its connection."""
    connection = {
        "transport": "ipc", "ip": str(room / "k"), "key": secrets.token_hex(16), "signature_scheme": "hmac-sha256",
        "shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 5,
    }  # fmt: skip
    if (child := os.fork()) == 0:
        try:
            os.setsid()
            for descriptor in (1, 2):  # what a student writes past the notebook goes nowhere
                os.dup2(0, descriptor)
            sandbox.enter(level, room, limits)
            _serve(room, connection)
        finally:
            os._exit(1)
    return {**connection, "pid": child}


def _serve(room: Path, connection: dict[str, Any]) -> None:
    from ipykernel.kernelapp import IPKernelApp

    os.environ.update(HOME=str(room), IPYTHONDIR=str(room / "ipython"))
    file = room / "connection.json"
    file.write_text(json.dumps(connection))
    IPKernelApp.launch_instance(
        argv=["-f", str(file), "--quiet", "--HistoryManager.enabled=False", "--InteractiveShell.colors=NoColor"]
    )


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
