"""The grader's end of a kernel: nbval's, with an eye on the kernel's life, its time, its output and its files.

Nothing that the kernel says is believed. Each frame is counted before it is read, each wait has an end, and a message
that is not as the protocol has it ends the notebook.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zmq
from jupyter_client import BlockingKernelClient
from nbval.kernel import RunningKernel

from mamlkit.grade import rooms

GREETING, GRACE = 60.0, 2.0
"""Seconds for a kernel to answer at all, and to say that it is idle after it has replied."""
LONGEST_FRAME, MOST_WAITING = 16 << 20, 1000
"""Bytes of one piece of a message that are received, and messages kept by the system until they are looked at."""
Message = dict[str, Any]
CONTENT: dict[str, dict[str, type]] = {
    "status": {"execution_state": str},
    "stream": {"name": str, "text": str},
    "display_data": {"data": dict, "metadata": dict},
    "execute_result": {"data": dict, "metadata": dict, "execution_count": int},
    "error": {"ename": str, "evalue": str, "traceback": list},
}


class KernelLost(Exception):
    """The kernel ended, was too slow, sent too much or what cannot be read, or left too much on the disk."""


class ContainedKernel(RunningKernel):  # type: ignore[misc]
    """nbval's kernel, connected to a process that was forked elsewhere."""

    def __init__(self, connection: dict[str, Any], limits: dict[str, Any]) -> None:
        connection = dict(connection)
        self.pid, self.scratch = connection.pop("pid"), Path(connection.pop("scratch"))
        self.limits, self.received, self.allowed, self.looked = limits, 0, LONGEST_FRAME, 0.0
        self.end = self.until = time.monotonic() + GREETING
        self.waiting: dict[str, deque[Message]] = {"shell": deque(), "iopub": deque()}
        self._connect(connection)
        self._greet()
        self.end = time.monotonic() + limits["total_seconds"]

    def _connect(self, connection: dict[str, Any]) -> None:
        context: zmq.Context[Any] = zmq.Context()
        context.setsockopt(zmq.MAXMSGSIZE, LONGEST_FRAME)
        context.setsockopt(zmq.RCVHWM, MOST_WAITING)
        self.kc = BlockingKernelClient(context=context)
        self.kc.load_connection_info(connection)  # type: ignore[arg-type]
        self.kc.start_channels(stdin=False, hb=False, control=False)
        self.sockets = {"shell": self.kc.shell_channel.socket, "iopub": self.kc.iopub_channel.socket}
        self.poller = zmq.Poller()
        for socket in self.sockets.values():
            self.poller.register(socket, zmq.POLLIN)

    def _greet(self) -> None:
        """Ask until the kernel answers and its broadcasts arrive; the first may be missed."""
        while not self.waiting["iopub"]:
            asked = self.kc.kernel_info()
            self.await_reply(asked)
            self._take_in(0.1)

    def is_alive(self) -> bool:
        """Return True, or raise KernelLost where the process has ended; nbval asks before each cell."""
        if not self._runs():
            raise KernelLost("ended its own process")
        return True

    def _runs(self) -> bool:
        try:
            os.kill(self.pid, 0)
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except ProcessLookupError:
            return False
        except OSError:
            return True

    def execute_cell_input(self, cell_input: str, allow_stdin: bool | None = None) -> str:
        """Send a cell; from now on its time runs."""
        seconds = self.limits["cell_seconds"] if self.counted else self.limits["total_seconds"]
        self.until, self.received = min(self.end, time.monotonic() + seconds), 0
        self.allowed = self.limits["output_kb"] * 1024 + 2 * len(cell_input)  # the kernel repeats its input
        self.waiting["iopub"].clear()
        return str(super().execute_cell_input(cell_input, allow_stdin))

    counted = True
    """Whether a cell's own limit of time holds: the set-up cell is not the student's."""

    def await_reply(self, msg_id: str, timeout: float | None = None) -> None:
        """Wait for the reply to `msg_id`, or raise KernelLost and say why it will not come."""

        def replied() -> bool:
            replies, self.waiting["shell"] = self.waiting["shell"], deque()
            return any(reply["parent_header"].get("msg_id") == msg_id for reply in replies)

        self._wait(replied)
        self.until = max(self.until, time.monotonic() + GRACE)

    def get_message(self, stream: str, timeout: float | None = None) -> Message:
        """Return the next broadcast, or raise KernelLost; nbval asks for these after the reply, until one says idle."""
        if time.monotonic() > self.until:
            raise KernelLost("never said that it had finished")
        self._wait(lambda: bool(self.waiting[stream]))
        return self.waiting[stream].popleft()

    def _wait(self, ready: Callable[[], bool]) -> None:
        while not ready():
            alive = self._runs()  # before the last look: what it has sent first still counts
            if self._take_in(0.05):
                continue
            self._look_at_files()
            if not alive:
                raise KernelLost("ended its own process")
            if time.monotonic() > self.until:
                raise KernelLost("took too long")

    def _take_in(self, seconds: float) -> bool:
        """Receive what there is, waiting at most `seconds` for it, and tell whether there was anything."""
        ready = dict(self.poller.poll(int(1000 * seconds)))
        names = [name for name, socket in self.sockets.items() if socket in ready]
        if names and time.monotonic() > self.until + GRACE:
            raise KernelLost("took too long")
        for name in names:
            self.waiting[name].append(self._read(self.sockets[name].recv_multipart(zmq.NOBLOCK)))
        return bool(names)

    def _read(self, frames: list[bytes]) -> Message:
        self.received += sum(map(len, frames))
        if self.received > self.allowed:
            raise KernelLost(f"printed or returned more than {self.limits['output_kb']} kB")
        try:
            message = self.kc.session.deserialize(self.kc.session.feed_identities(frames)[1])
        except Exception as error:  # whatever the library raises: the bytes are the student's
            raise KernelLost(f"sent a message that cannot be read ({type(error).__name__})") from error
        if not _is_well_formed(message):
            raise KernelLost("sent a message that is not as the protocol has it")
        return message

    def _look_at_files(self) -> None:
        """Count what lies in the kernel's folder, where no file system of its own does."""
        if time.monotonic() < self.looked + 0.5:
            return
        self.looked = time.monotonic()
        if too_much := rooms.overfull(self.scratch, self.limits["scratch_mb"]):
            raise KernelLost(f"wrote {too_much}")

    def stop(self) -> None:
        """Leave the kernel; its host ends it."""
        self.kc.stop_channels()


def _is_well_formed(message: Message) -> bool:
    content, kind = message.get("content"), message.get("msg_type")
    if not isinstance(content, dict) or not isinstance(message.get("parent_header"), dict) or not isinstance(kind, str):
        return False
    fields = CONTENT.get(kind, {})
    texts = content.get("traceback", []) if kind == "error" else []
    return all(isinstance(content.get(name), of) for name, of in fields.items()) and all(
        isinstance(text, str) for text in texts
    )
