"""Find what a class has handed in, whose it is and which exercise: one rule, and a line for all that breaks it.

- A notebook ends in ``.ipynb``, whatever the case, or in ``.ipynb.txt`` or ``.ipynb.json``, as browsers save it. What
  begins with a dot or lies in ``__MACOSX`` is a computer's and nobody's.
- The exercise is the one that the notebook's metadata name; else the one in the file's name (``e02``, set apart from
  other letters and digits); else the one in a folder's name.
- The student is the first folder below the one that was asked for, unless that is an exercise's; else what the file's
  name says before the exercise; else what it says after.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mamlkit.grade import plain, reading

NOTEBOOK = re.compile(r"\.ipynb(\.txt|\.json)?$", re.IGNORECASE)
COPY = re.compile(r"([ _-]*(\(\d+\)|copy\d*|kopie))+$", re.IGNORECASE)
ALONE = r"(?<![0-9a-z]){}(?![0-9a-z])"


@dataclass(frozen=True)
class Entry:
    """One notebook of one student, or a place where one should be and cannot be read: `problem` says why."""

    student: str
    file: str
    exercise: str
    """Empty where neither the notebook nor its name says which exercise it is."""
    sha256: str
    path: Path
    problem: str = ""
    notes: tuple[str, ...] = ()

    def read(self) -> bytes:
        """Return the notebook; one that is too large for any is cut off where that shows."""
        with self.path.open("rb") as file:
            return file.read(reading.MAX_BYTES + 1)


def find(folder: Path, stems: Sequence[str], ignore: Sequence[Path | None] = ()) -> list[Entry]:
    """Return what was handed in under `folder`, a file or a folder, sorted.

    Parameters
    ----------
    folder : Path
        Where to look.
    stems : sequence of str
        The instructor's notebooks without their suffix, such as ``e02_meta_gradient_of_a_quadratic``.
    ignore : sequence of Path
        Folders that are not handed in, should they lie there.
    """
    if folder.is_file():
        return [_entry(folder, Path(folder.name), stems)]
    entries = [_entry(path, path.relative_to(folder), stems, problem) for path, problem in _walk(folder, ignore)]
    return sorted(entries, key=lambda entry: (entry.student, entry.file))


def _walk(folder: Path, ignore: Sequence[Path | None]) -> Iterator[tuple[Path, str]]:
    """Yield notebooks, and whatever cannot be looked into, with the problem that there is."""
    problems: list[tuple[Path, str]] = []

    def note(error: OSError) -> None:
        problems.append((Path(error.filename), f"The folder cannot be read: {error.strerror}."))

    left_out = {path.resolve() for path in ignore if path}
    full, other = set[Path](), dict[Path, str]()
    for place, folders, files in os.walk(folder, onerror=note):
        here = Path(place)
        folders[:] = sorted(n for n in folders if not _is_nobodys(n) and (here / n).resolve() not in left_out)
        top = folder / here.relative_to(folder).parts[0] if here != folder else folder
        for name in files:
            if NOTEBOOK.search(name) and not _is_nobodys(name):
                full.add(top)
                yield here / name, ""
            elif not _is_nobodys(name):
                other.setdefault(top, name)
        for name in folders:
            if (here / name).is_symlink():
                problems.append((here / name, "This is a link, and links are not followed."))
    for top, name in other.items():
        if top not in full and top != folder and full:
            problems.append((top, f"There is no notebook in this folder, but {plain.line(name)!r}."))
    yield from problems


def _is_nobodys(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _entry(path: Path, inside: Path, stems: Sequence[str], problem: str = "") -> Entry:
    data, problem = (b"", problem) if problem else _read(path)
    exercise = _exercise(data, inside, stems)
    student = _student(inside, stems)
    notes = () if student else ("Neither a folder nor the file's name says whose this is.",)
    file = plain.line(_decoded(str(inside)), 1000)
    return Entry(student, file, exercise, hashlib.sha256(data).hexdigest(), path, problem, notes)


def _read(path: Path) -> tuple[bytes, str]:
    """Return the file's bytes, or why they cannot be had."""
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            return b"", "This is a link, and links are not followed."
        if not stat.S_ISREG(mode):
            return b"", "This is not a file."
        return Entry("", "", "", "", path).read(), ""
    except OSError as error:
        return b"", f"The file cannot be read: {error.strerror}."


def _decoded(name: str) -> str:
    """Return a name as text: in UTF-8, or as old ZIP files have it."""
    raw = os.fsencode(name)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("cp1252", "replace")
    return unicodedata.normalize("NFC", text)


def _stem(name: str, stems: Sequence[str]) -> str:
    """Return a file's or folder's name without its ending, and with an exercise's title cut to its name."""
    stem = COPY.sub("", NOTEBOOK.sub("", _decoded(name)))
    for known in stems:
        stem = re.sub(ALONE.format(re.escape(known)), known[:3], stem, flags=re.IGNORECASE)
    return stem


def _named(name: str, stems: Sequence[str]) -> re.Match[str] | None:
    """Return where the name of an exercise stands in that of a file or folder."""
    any_of = "|".join(re.escape(stem[:3]) for stem in stems)
    return re.search(ALONE.format(f"({any_of})"), _stem(name, stems), re.IGNORECASE)


def _exercise(data: bytes, inside: Path, stems: Sequence[str]) -> str:
    try:
        named = reading.named_exercise(reading.parse(data)[0])
    except reading.Unreadable:
        named = ""
    found = [match[1].lower() for part in reversed(inside.parts) if (match := _named(part, stems))]
    return next((name for name in (named, *found) if name in {stem[:3] for stem in stems}), "")


def _student(inside: Path, stems: Sequence[str]) -> str:
    for folder in inside.parts[:-1]:
        match = _named(folder, stems)
        if match is None or match[0] != _stem(folder, stems):
            return plain.line(_decoded(folder))
    stem = _stem(inside.name, stems)
    match = _named(inside.name, stems)
    before, after = (stem[: match.start()], stem[match.end() :]) if match else (stem, "")
    return plain.line(before.strip(" _-.,") or after.strip(" _-.,"))


def with_claims(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries with a note on each that claims the place of another: one student, one exercise."""
    places: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        places.setdefault((entry.student.casefold(), entry.exercise), []).append(entry)
    noted = []
    for entry in entries:
        rivals = [one.file for one in places[entry.student.casefold(), entry.exercise]]
        claim = f"{len(rivals)} files claim this place: {', '.join(rivals[:5])}. Each is graded; say which one counts."
        crowded = len(rivals) > 1 and entry.exercise
        noted.append(replace(entry, notes=(*entry.notes, claim)) if crowded else entry)
    return noted
