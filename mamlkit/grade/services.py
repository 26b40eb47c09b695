"""A helper process that answers one line of JSON with another; it ends when its standard input does."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self, TextIO

LONGEST_REPLY = 64 << 20


class GraderError(RuntimeError):
    """The grader could not do its work; never the student's fault and never a zero."""


def trust_no_current_folder() -> None:
    """Import nothing from the folder where the command runs, here and in all processes to come.

    Submissions may lie there, and a file of theirs may be called ``nbformat.py``.
    """
    os.environ["PYTHONSAFEPATH"] = "1"
    if not sys.flags.safe_path and sys.path and Path(sys.path[0]).resolve() == Path.cwd():
        del sys.path[0]


def own_environment(**more: str) -> dict[str, str]:
    """Return this process's environment with `more` and without what changes where Python imports from."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")} | more


class Service:
    """Start ``python -P -m module arguments`` in the root folder and talk to it; a context manager.

    Nothing is imported from the current folder, and no reply is waited for without end.

    Raises
    ------
    GraderError
        If the process ends, is silent for too long, or answers with an ``error``; also from :meth:`ask`.
    """

    def __init__(self, module: str, *arguments: str, environment: dict[str, str], seconds: float = 180) -> None:
        command = [sys.executable, "-P", "-m", module, *arguments]
        self.name, self._unread = module.rpartition(".")[2], b""
        self.process = subprocess.Popen(
            command,
            env=environment,
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,  # a signal to the command's group must leave them time to clear up
        )
        self.started = self._reply(time.monotonic() + seconds)

    def ask(self, request: dict[str, Any], seconds: float = 60) -> dict[str, Any]:
        """Send `request` and return the reply, which may take `seconds`."""
        assert self.process.stdin is not None
        deadline = time.monotonic() + seconds
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
        except (OSError, ValueError) as error:  # it has ended, or was ended before
            raise self._gone("has ended") from error
        return self._reply(deadline)

    def _reply(self, deadline: float) -> dict[str, Any]:
        assert self.process.stdout is not None
        pieces = [self._unread]
        while b"\n" not in pieces[-1]:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise self._gone("did not answer in time")
            pieces.append(os.read(self.process.stdout.fileno(), 1 << 20))
            if not pieces[-1]:
                raise self._gone("has ended")
            if sum(map(len, pieces)) > LONGEST_REPLY:
                raise self._gone("sent too long an answer")
        text, _, self._unread = b"".join(pieces).partition(b"\n")
        reply = dict(json.loads(text))
        if "error" in reply:
            raise GraderError(str(reply["error"]))
        return reply

    def _gone(self, what: str) -> GraderError:
        """End the process, since what it says next would answer an earlier question, and return the error."""
        self.process.kill()
        self.close()
        return GraderError(f"the helper process {self.name!r} {what}")

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Requests:
    """The other end: the requests on standard input, which nothing in this process can read from then on."""

    def __init__(self) -> None:
        self._lines: TextIO = os.fdopen(os.dup(0), encoding="utf-8")
        self._replies: TextIO = os.fdopen(os.dup(1), "w", encoding="utf-8")
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(2, 1)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return map(json.loads, self._lines)

    def reply(self, data: dict[str, Any]) -> None:
        """Send a reply."""
        self._replies.write(json.dumps(data) + "\n")
        self._replies.flush()
