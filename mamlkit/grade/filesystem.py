"""A file system of its own for a kernel: system libraries and Python, read-only, and a little room to write in."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import mamlkit
from mamlkit.grade.rooms import MOST_FILES

USR = ("bin", "sbin", "lib", "lib32", "lib64", "libexec", "share/zoneinfo", "share/fonts", "share/fontconfig")
ETC = ("alternatives", "fonts", "group", "ld.so.cache", "localtime", "nsswitch.conf", "passwd", "ssl")
SYSTEM = (
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    *(f"/usr/{name}" for name in USR),
    *(f"/etc/{name}" for name in ETC),
)
"""What programs need of a system; a solution that lies anywhere else is not there."""
PYTHON = ("bin", "lib", "lib64", "pyvenv.cfg", "ssl", "etc/fonts")
"""What Python needs of its own folder."""
DEVICES = ("null", "zero", "random", "urandom")
_MS = {"nosuid": 2, "nodev": 4, "noexec": 8, "bind": 4096, "rec": 16384, "private": 1 << 18}
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_MOUNT_SETATTR, _AT_RECURSIVE, _READ_ONLY = 442, 0x8000, 1 | 2 | 4  # read-only, no set-uid, no devices
_libc = ctypes.CDLL(None, use_errno=True) if os.name == "posix" else None


def call(name: str, *arguments: object) -> None:
    """Call a function of the C library and raise OSError where it fails."""
    assert _libc is not None
    values = [os.fsencode(a) if isinstance(a, str | Path) else a for a in arguments]
    if getattr(_libc, name)(*values) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def own_file_system(room: Path, scratch_mb: int, hidden: Sequence[str]) -> None:
    """Build a small root from what Python needs, read-only, and leave the old root; `hidden` folders are empty there.

    Raises
    ------
    OSError
        If the system does not grant it.
    """
    root = room / "root"
    root.mkdir()
    owner, size = (room / "scratch").stat(), f"size={scratch_mb}m,nr_inodes={MOST_FILES}"
    call("mount", "none", "/", None, _MS["rec"] | _MS["private"], None)
    _mount_memory(root, "mode=755")
    for name in ("tmp", "dev/shm"):
        (root / name).mkdir(parents=True)
        _mount_memory(root / name, f"{size},mode=1777")
    for path in _readable():
        _bind(path, root, read_only=True)
    for folder in (Path(mamlkit.__file__).parent, *map(Path, hidden)):
        if (root / folder.relative_to("/")).is_dir():  # among what is shown, as a package beside others: cover it
            _mount_memory(root / folder.relative_to("/"), "size=4k,mode=755")
    for device in DEVICES:
        _bind(Path("/dev") / device, root)
    for name in ("proc", "old"):
        (root / name).mkdir()
    _bind(room, root, recursive=False)
    _mount_memory(root / room.relative_to("/") / "scratch", f"{size},mode=700,uid={owner.st_uid},gid={owner.st_gid}")
    with contextlib.suppress(OSError):  # a container that masks /proc forbids this; the kernel does without
        call("mount", "proc", root / "proc", "proc", _MS["nosuid"] | _MS["nodev"] | _MS["noexec"], None)
    call("syscall", _PIVOT_ROOT[os.uname().machine], root, root / "old")
    os.chdir("/")
    call("umount2", "/old", 2)
    make_read_only(Path("/"), recursive=False)


def _mount_memory(folder: Path, options: str) -> None:
    call("mount", "tmpfs", folder, "tmpfs", _MS["nosuid"] | _MS["nodev"], options.encode())


def _readable() -> list[Path]:
    """Return what a kernel reads: the system's libraries, and those of this Python, by every name they go by."""
    prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix}
    python = [Path(prefix) / name for prefix in prefixes for name in PYTHON]
    python += [Path(path) for path in sys.path if Path(path).name in {"site-packages", "dist-packages"}]
    system = [Path(path) for path in SYSTEM if Path(path).exists()]
    named = {path for path in python if path.exists()}
    extra = sorted(path for path in named | {path.resolve() for path in named} if not _is_inside(path, system))
    return system + [path for path in extra if not _is_inside(path, [other for other in extra if other != path])]


def _is_inside(path: Path, folders: Sequence[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _bind(path: Path, root: Path, *, read_only: bool = False, recursive: bool = True) -> None:
    target = root / path.relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink():
        return target.symlink_to(os.readlink(path))
    if path.is_dir():
        target.mkdir(exist_ok=True)
    else:
        target.touch()
    call("mount", path, target, None, _MS["bind"] | (_MS["rec"] if recursive else 0), None)
    return make_read_only(target) if read_only else None


def make_read_only(target: Path, *, recursive: bool = True) -> None:
    """Let nobody write below `target` in this process's tree of mounts."""
    attributes = (ctypes.c_uint64 * 4)(_READ_ONLY, 0, 0, 0)
    flags = _AT_RECURSIVE if recursive else 0
    call("syscall", _MOUNT_SETATTR, -100, target, flags, attributes, ctypes.sizeof(attributes))
