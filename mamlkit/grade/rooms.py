"""Rooms: the folders in which kernels run; made where sockets fit, watched, and cleared whatever is in them."""

from __future__ import annotations

import itertools
import os
import tempfile
from pathlib import Path

LONGEST = 60
"""Bytes of a folder that rooms can be made in: a socket's whole path must stay below 104, on Linux 108."""
PLACES = ("/tmp", "/var/tmp", "/dev/shm")
MOST_FILES, DEEPEST = 4096, 100
FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)


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

    It walks by the names of one folder at a time, so that no path grows long. Nothing may run there any more.
    """
    if not room.is_dir():
        return
    room.chmod(0o700)
    here, path = os.open(room, FOLDER), list[bytes]()
    waiting = [_folders_left(here)]
    while waiting:
        if waiting[-1]:
            path.append(waiting[-1].pop())
            os.chmod(path[-1], 0o700, dir_fd=here)
            here = _go(here, path[-1])
            waiting.append(_folders_left(here))
        elif waiting.pop() == [] and path:
            here = _go(here, b"..")
            os.rmdir(path.pop(), dir_fd=here)
    os.close(here)
    room.rmdir()


def _folders_left(here: int) -> list[bytes]:
    """Remove the files of an open folder and return the names of the folders in it."""
    with os.scandir(here) as entries:
        found = [(os.fsencode(entry.name), entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in found:
        if not is_folder:
            os.unlink(name, dir_fd=here)
    return [name for name, is_folder in found if is_folder]


def _go(here: int, name: bytes) -> int:
    there = os.open(name, FOLDER, dir_fd=here)
    os.close(here)
    return there


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
