"""Contain the process that runs a student's code: namespaces where the system grants them, limits everywhere.

``namespaces`` (Linux): a process tree, network, inter-process communication and file system of its own. The file
system holds system libraries and Python, read-only, and a small scratch space; no home directory, no other
submission, no mamlkit. ``limits`` (elsewhere): limits on memory, time, processes and file size, and no more than that.
A kernel never runs as root: started by root, it becomes a user that owns nothing.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mamlkit.grade.filesystem import call, make_read_only, own_file_system

FIRST_UID, NOBODY = 200_000, 65_534
_CLONE_NEWUSER = 0x10000000
_CLONE_OTHERS = 0x20000 | 0x4000000 | 0x8000000 | 0x20000000 | 0x40000000  # mount, host name, ipc, pid, network
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS, _PR_SET_CHILD_SUBREAPER = 1, 4, 38, 36


@dataclass(frozen=True)
class Limits:
    """What a submission may use; an exercise's notebook can set others under ``mamlkit.limits``."""

    cell_seconds: float = 10.0
    total_seconds: float = 60.0
    memory_mb: int = 2048
    processes: int = 48
    """Processes and threads; a kernel itself has about a dozen threads."""
    output_kb: int = 1024
    """All that a cell prints, shows and returns."""
    file_mb: int = 16
    scratch_mb: int = 64
    """All files together."""


def conceal() -> None:
    """Let no other process of this user read this one's memory, as far as the system can."""
    if sys.platform == "linux":
        call("prctl", _PR_SET_DUMPABLE, 0, 0, 0, 0)


def reveal() -> None:
    """Undo :func:`conceal`: a process that is to have namespaces of its own must be able to see itself."""
    if sys.platform == "linux":
        call("prctl", _PR_SET_DUMPABLE, 1, 0, 0, 0)


def die_with_parent() -> None:
    """Let this process be killed when its parent ends."""
    if sys.platform == "linux":
        call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends, so that none gets away."""
    if sys.platform == "linux":
        call("prctl", _PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def enter(level: str, room: Path, limits: Limits, hidden: Sequence[str] = ()) -> Callable[[], None]:
    """Contain the calling process, which must have one thread, for good, and go to ``room/scratch``.

    At the level ``namespaces`` it forks: the caller's copy inside returns, the one outside waits for it and exits.
    Folders in `hidden` are empty inside. The process may write into `room`, to make its sockets, until it calls the
    function that is returned; from then on, with namespaces, into ``room/scratch`` and ``/tmp`` alone, which are small.

    Raises
    ------
    OSError
        If the system does not grant what `level` needs.
    """
    die_with_parent()
    reveal()
    uid, scratch = os.getuid(), room / "scratch"
    scratch.mkdir()
    seal: Callable[[], None] = _nothing
    if uid == 0:
        uid = _stranger()
        for folder in (room, scratch):
            os.chown(folder, uid, uid)
    if level == "namespaces":
        _own_namespaces()
        seal = _fork_first_process(room)
        own_file_system(room, limits.scratch_mb, hidden)
    os.chdir(scratch)
    _drop_privileges(uid)
    _set_limits(limits)
    return seal


def _nothing() -> None:
    """Stand for sealing where there is nothing to seal."""


def _stranger() -> int:
    """Return a user who owns nothing, another for each kernel where this machine knows so many."""
    uid = FIRST_UID + os.getpid()
    if not Path("/proc/self/uid_map").exists():
        return uid
    ranges = [[int(n) for n in line.split()] for line in Path("/proc/self/uid_map").read_text().splitlines()]
    return uid if any(first <= uid < first + count for first, _, count in ranges) else NOBODY


def _own_namespaces() -> None:
    uid, gid = os.getuid(), os.getgid()
    if uid == 0:
        return call("unshare", _CLONE_OTHERS)
    call("unshare", _CLONE_NEWUSER | _CLONE_OTHERS)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    return None


def _fork_first_process(room: Path) -> Callable[[], None]:
    """Fork the first process of the new process tree; when it ends, everything in that tree ends.

    The process outside keeps its rights over the tree's files, and makes `room` read-only when it is asked to.
    """
    asked, ask = os.pipe()
    done, tell = os.pipe()
    child = os.fork()
    if child:
        os.close(ask)
        if os.read(asked, 1):
            make_read_only(room, recursive=False)
            os.write(tell, b".")
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    die_with_parent()
    os.close(asked)
    os.close(tell)

    def seal() -> None:
        os.write(ask, b".")
        if not os.read(done, 1):
            raise OSError(f"{room} could not be made read-only")
        os.close(ask)
        os.close(done)

    return seal


def _drop_privileges(uid: int) -> None:
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    if sys.platform != "linux":
        return
    call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    header, nothing = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    call("capset", header, nothing)
    die_with_parent()  # changing the user has cleared it


def _set_limits(limits: Limits) -> None:
    import resource  # not on Windows

    megabyte = 1 << 20
    wanted = {
        resource.RLIMIT_AS: limits.memory_mb * megabyte,
        resource.RLIMIT_CPU: int(limits.total_seconds) + 5,
        resource.RLIMIT_FSIZE: limits.file_mb * megabyte,
        resource.RLIMIT_NPROC: limits.processes + _own_tasks(),
        resource.RLIMIT_NOFILE: 256,
        resource.RLIMIT_CORE: 0,
    }
    for kind, value in wanted.items():
        _, hard = resource.getrlimit(kind)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))


def _own_tasks() -> int:
    """Return how many processes and threads this user already has, which the system counts against the limit."""
    uid, tasks = os.getuid(), 0
    for status in Path("/proc").glob("[0-9]*"):
        try:
            if status.stat().st_uid == uid:
                tasks += len(os.listdir(status / "task"))
        except OSError:  # it has ended meanwhile
            continue
    return tasks
