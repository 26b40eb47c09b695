"""Rooms: the folders in which kernels run; made where sockets fit, watched, and cleared whatever is in them."""

from __future__ import annotations

import itertools
import os
import secrets
import stat
import tempfile
from pathlib import Path

LONGEST = 60
"""Bytes of a folder that rooms can be made in: a socket's whole path must stay below 104, on Linux 108."""
PLACES = ("/tmp", "/var/tmp", "/dev/shm")
MOST_FILES, DEEPEST = 4096, 100


def make() -> Path:
    """Make a room and return it; where the folder for temporary files has too long a name, in another.

    Raises
    ------
    OSError
        If no folder will do.
    """
    for folder in (tempfile.gettempdir(), *PLACES):
        if len(os.fsencode(folder)) <= LONGEST and os.access(folder, os.W_OK | os.X_OK):
            room = Path(tempfile.mkdtemp(prefix="mamlkit-", dir=folder)).resolve()
            room.chmod(0o711)
            return room
    raise OSError(f"no folder for sockets: {tempfile.gettempdir()} has more than {LONGEST} letters; set TMPDIR")


def clear(room: Path) -> None:
    """Remove `room` with whatever a student has left there, however deep it is nested and whatever its mode.

    Each folder's contents move up into `room` before the folder goes, so that no path grows long. Nothing may run
    there any more.
    """
    top, names = os.fsencode(room), (f"{secrets.token_hex(8)}-{n}".encode() for n in itertools.count())
    if not os.path.isdir(top):
        return
    os.chmod(top, 0o700)
    while entries := os.listdir(top):
        for entry in entries:
            path = os.path.join(top, entry)
            if not stat.S_ISDIR(os.lstat(path).st_mode):
                os.unlink(path)
                continue
            os.chmod(path, 0o700)
            for inner in os.listdir(path):
                _move(os.path.join(path, inner), os.path.join(top, next(names)))
            os.rmdir(path)
    os.rmdir(top)


def _move(path: bytes, target: bytes) -> None:
    if stat.S_ISDIR(os.lstat(path).st_mode):
        os.chmod(path, 0o700)  # who moves a folder needs to write to it
    os.rename(path, target)


def overfull(room: Path, megabytes: int) -> str:
    """Return what there is too much of in `room`, or an empty string; looks at no more than it must."""
    size, count, folders = 0, 0, [(os.fsencode(room), 0)]
    while folders:
        folder, depth = folders.pop()
        if depth > DEEPEST:
            return f"folders nested more than {DEEPEST} deep"
        for entry in _entries(folder):
            count, size = count + 1, size + _size(entry)
            if count > MOST_FILES:
                return f"more than {MOST_FILES} files"
            if size > megabytes << 20:
                return f"more than {megabytes} MB"
            if entry.is_dir(follow_symlinks=False):
                folders.append((entry.path, depth + 1))
    return ""


def _entries(folder: bytes) -> list[os.DirEntry[bytes]]:
    try:
        with os.scandir(folder) as entries:
            return list(itertools.islice(entries, MOST_FILES + 1))
    except OSError:  # gone meanwhile, or closed to us: `clear` opens it later
        return []


def _size(entry: os.DirEntry[bytes]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_blocks * 512
    except OSError:  # gone meanwhile
        return 0
