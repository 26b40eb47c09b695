"""The grader's end of a kernel: nbval's, with an eye on the kernel's life, its time and its output."""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from pathlib import Path
from queue import Empty
from typing import Any

import zmq
from jupyter_client import BlockingKernelClient
from nbval.kernel import RunningKernel


class KernelLost(Exception):
    """The kernel ended, was too slow, or sent too much."""


class ContainedKernel(RunningKernel):  # type: ignore[misc]
    """nbval's kernel, connected to a process that was forked elsewhere, with an eye on its life and its output."""

    def __init__(self, connection: dict[str, Any], limits: dict[str, Any]) -> None:
        connection = dict(connection)
        self.pid, self.limits = connection.pop("pid"), limits
        self.deadline, self.received = time.monotonic() + limits["total_seconds"], 0
        self.waiting: deque[dict[str, Any]] = deque()
        self.kc = BlockingKernelClient()
        self.kc.load_connection_info(connection)  # type: ignore[arg-type]
        self.kc.start_channels()
        self.kc.iopub_channel.socket.setsockopt(zmq.RCVHWM, 0)  # drop no message
        self._greet()

    def _greet(self) -> None:
        """Wait until the kernel answers and its broadcasts arrive."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            message = self.kc.kernel_info()
            with contextlib.suppress(Empty):
                self.await_reply(message, timeout=30)
                self.await_idle(message, timeout=0.5)
                return
        raise KernelLost("did not start")

    def is_alive(self) -> bool:
        """Tell whether the kernel's process runs."""
        try:
            os.kill(self.pid, 0)
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except ProcessLookupError:
            return False
        except OSError:
            return True

    def await_reply(self, msg_id: str, timeout: float | None = None) -> None:
        """Wait for the reply to `msg_id` while counting what arrives, and say why it will not come."""
        end = min(self.deadline, time.monotonic() + (timeout or 0))
        while True:
            self._count_output()
            with contextlib.suppress(Empty):
                reply = self._receive(self.kc.get_shell_msg, 0.05)
                if reply["parent_header"].get("msg_id") == msg_id:
                    return
                continue
            if not self.is_alive():
                raise KernelLost("ended its own process")
            if time.monotonic() > end:
                raise KernelLost("took too long")

    def _count_output(self) -> None:
        with contextlib.suppress(Empty):
            while True:
                message = self._receive(self.kc.get_iopub_msg, 0)
                self.received += len(repr(message["content"]))
                if self.received > self.limits["output_kb"] * 1024:
                    raise KernelLost(f"printed more than {self.limits['output_kb']} kB")
                self.waiting.append(message)

    def _receive(self, get: Any, timeout: float) -> Any:
        try:
            return get(timeout=timeout)
        except Empty:
            raise
        except Exception as error:
            raise KernelLost(f"sent a message that cannot be read ({type(error).__name__})") from error

    def get_message(self, stream: str, timeout: float | None = None) -> Any:
        """Return the next broadcast; nbval asks for these after the reply."""
        if not self.waiting:
            end = time.monotonic() + (timeout or 0)
            while not self.waiting and time.monotonic() < end:
                self._count_output()
                time.sleep(0 if self.waiting else 0.002)
                if not self.waiting and not self.is_alive():
                    raise KernelLost("ended its own process")
        if not self.waiting:
            raise Empty
        return self.waiting.popleft()

    def stop(self) -> None:
        """Leave the kernel; its host ends it."""
        self.kc.stop_channels()
