"""Contain the process that runs a student's code: namespaces where the system grants them, limits everywhere.

``namespaces`` (Linux): a process tree, network, inter-process communication and file system of its own. The file
system holds system libraries and Python, read-only, and a small scratch space; no home directory, no other
submission, no mamlkit. ``limits`` (elsewhere): limits on memory, time, processes and file size, and no more than that.
A kernel never runs as root: started by root, it becomes a user that owns nothing.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import mamlkit

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc", "/opt")
DEVICES = ("null", "zero", "random", "urandom")
FIRST_UID, NOBODY = 200_000, 65_534
_MS = {"nosuid": 2, "nodev": 4, "noexec": 8, "bind": 4096, "rec": 16384, "private": 1 << 18}
_CLONE_NEWUSER = 0x10000000
_CLONE_OTHERS = 0x20000 | 0x4000000 | 0x8000000 | 0x20000000 | 0x40000000  # mount, host name, ipc, pid, network
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS, _PR_SET_CHILD_SUBREAPER = 1, 4, 38, 36
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_MOUNT_SETATTR, _AT_RECURSIVE, _READ_ONLY = 442, 0x8000, 1 | 2 | 4  # read-only, no set-uid, no devices
_libc = ctypes.CDLL(None, use_errno=True) if os.name == "posix" else None


@dataclass(frozen=True)
class Limits:
    """What a submission may use; an exercise's notebook can set others under ``mamlkit.limits``."""

    cell_seconds: float = 10.0
    total_seconds: float = 60.0
    memory_mb: int = 2048
    processes: int = 48
    """Processes and threads; a kernel itself has about a dozen threads."""
    output_kb: int = 1024
    file_mb: int = 16


def _call(name: str, *arguments: object) -> None:
    """Call a function of the C library and raise OSError where it fails."""
    assert _libc is not None
    values = [os.fsencode(a) if isinstance(a, str | Path) else a for a in arguments]
    if getattr(_libc, name)(*values) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def conceal() -> None:
    """Let no other process of this user read this one's memory, as far as the system can."""
    if sys.platform == "linux":
        _call("prctl", _PR_SET_DUMPABLE, 0, 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends, so that none gets away."""
    if sys.platform == "linux":
        _call("prctl", _PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def enter(level: str, room: Path, limits: Limits) -> None:
    """Contain the calling process, which must have one thread, for good; `room` is where its sockets may lie.

    At the level ``namespaces`` it forks: the caller's copy inside returns, the one outside waits for it and exits.

    Raises
    ------
    OSError
        If the system does not grant what `level` needs.
    """
    uid = os.getuid()
    if uid == 0:
        uid = _stranger()
        os.chown(room, uid, uid)
    if level == "namespaces":
        _own_namespaces()
        _fork_first_process()
        _own_file_system(room)
    os.chdir(room)
    _drop_privileges(uid)
    _set_limits(limits)


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
        return _call("unshare", _CLONE_OTHERS)
    _call("unshare", _CLONE_NEWUSER | _CLONE_OTHERS)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    return None


def _fork_first_process() -> None:
    """Fork the first process of the new process tree; when it ends, everything in that tree ends."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    _call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _own_file_system(room: Path) -> None:
    """Build a small root from what Python needs, read-only, and leave the old root."""
    root = room / "root"
    root.mkdir()
    _call("mount", "none", "/", None, _MS["rec"] | _MS["private"], None)
    _call("mount", "tmpfs", root, "tmpfs", _MS["nosuid"] | _MS["nodev"], b"size=64m,mode=755")
    for path in _readable():
        _bind(path, root, read_only=True)
    package = Path(mamlkit.__file__).parent
    if (root / package.relative_to("/")).exists():  # installed beside the other packages: cover it
        _call("mount", "tmpfs", root / package.relative_to("/"), "tmpfs", 0, b"size=4k,mode=755")
    for device in DEVICES:
        _bind(Path("/dev") / device, root)
    for name in ("tmp", "dev/shm", "proc", "old"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for name in ("tmp", "dev/shm"):
        (root / name).chmod(0o1777)
    _bind(room, root, recursive=False)
    with contextlib.suppress(OSError):  # a container that masks /proc forbids this; the kernel does without
        _call("mount", "proc", root / "proc", "proc", _MS["nosuid"] | _MS["nodev"] | _MS["noexec"], None)
    _call("syscall", _PIVOT_ROOT[os.uname().machine], root, root / "old")
    os.chdir("/")
    _call("umount2", "/old", 2)


def _readable() -> list[Path]:
    """Return the folders a kernel reads: the system's, and those of this Python that lie elsewhere."""
    python = {Path(p).resolve() for p in (sys.prefix, sys.base_prefix, *sys.path) if _is_python(p)}
    system = [Path(path) for path in SYSTEM if Path(path).exists()]
    extra = sorted(path for path in python if not any(path.is_relative_to(folder) for folder in system))
    return system + [p for p in extra if not any(p != other and p.is_relative_to(other) for other in extra)]


def _is_python(path: str) -> bool:
    return path in {sys.prefix, sys.base_prefix} or Path(path).name in {"site-packages", "dist-packages"}


def _bind(path: Path, root: Path, *, read_only: bool = False, recursive: bool = True) -> None:
    target = root / path.relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink():
        return target.symlink_to(os.readlink(path))
    if path.is_dir():
        target.mkdir(exist_ok=True)
    else:
        target.touch()
    _call("mount", path, target, None, _MS["bind"] | (_MS["rec"] if recursive else 0), None)
    if read_only:
        attributes = (ctypes.c_uint64 * 4)(_READ_ONLY, 0, 0, 0)
        _call("syscall", _MOUNT_SETATTR, -100, target, _AT_RECURSIVE, attributes, ctypes.sizeof(attributes))
    return None


def _drop_privileges(uid: int) -> None:
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    if sys.platform != "linux":
        return
    _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    header, nothing = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    _call("capset", header, nothing)
    _call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # changing the user has cleared it


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
