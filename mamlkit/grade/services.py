"""A helper process that answers one line of JSON with another; it ends when its standard input does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, TextIO


class GraderError(RuntimeError):
    """The grader could not do its work; never the student's fault and never a zero."""


class Service:
    """Start ``python -m module arguments`` and talk to it; a context manager.

    Raises
    ------
    GraderError
        If the process ends, or answers with an ``error``; also from :meth:`ask`.
    """

    def __init__(self, module: str, *arguments: str, environment: dict[str, str]) -> None:
        command = [sys.executable, "-m", module, *arguments]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "encoding": "utf-8"}
        self.process = subprocess.Popen(command, env=environment, **pipes)
        self.started = self._reply()

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send `request` and return the reply."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        except OSError as error:
            raise GraderError(f"a helper process has ended: {error}") from error
        return self._reply()

    def _reply(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        reply = json.loads(line) if line else {"error": "a helper process has ended"}
        if "error" in reply:
            raise GraderError(str(reply["error"]))
        return dict(reply)

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=60)

    def __enter__(self) -> Service:
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
