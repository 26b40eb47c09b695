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
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mamlkit.grade import plain, reading

NOTEBOOK = re.compile(r"\.ipynb(\.txt|\.json)?$", re.IGNORECASE)
COPY = re.compile(r"([ _-]*(\(\d+\)|copy\d*|kopie))+$", re.IGNORECASE)
DEEPEST, MOST_CLAIMS = 50, 10
"""Folders inside one another that are looked into, and files for one place that are graded."""
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
    entries = [_entry(path, path.relative_to(folder), stems, problem) for path, problem in _walk(folder, stems, ignore)]
    return sorted(entries, key=lambda entry: (entry.student, entry.file))


def _walk(folder: Path, stems: Sequence[str], ignore: Sequence[Path | None]) -> Iterator[tuple[Path, str]]:
    """Yield notebooks, and whatever cannot be looked into or holds none, with the problem that there is."""
    left_out = {path.resolve() for path in ignore if path}
    full, other, waiting = set[Path](), dict[Path, str](), [folder]
    while waiting:
        here = waiting.pop()
        place = _place(folder, here, stems)
        if len(here.relative_to(folder).parts) > DEEPEST:
            yield here, f"Folders nested more than {DEEPEST} deep are not looked into."
            continue
        names, links, problem = _names(here)
        if problem:
            yield here, problem
            full.add(place)
        for name, is_folder in names:
            if is_folder and (here / name).resolve() not in left_out:
                waiting.append(here / name)
                other.setdefault(_place(folder, here / name, stems), "")
            elif not is_folder and NOTEBOOK.search(name):
                full.add(place)
                yield here / name, ""
            elif not is_folder and place != folder:
                other[place] = name
            elif not is_folder and _named(name, stems):
                yield here / name, "This is no notebook."
        for name in links:
            yield here / name, "This is a link, and links are not followed."
    for place, name in other.items():
        if full and place not in full and place != folder and not _is_exercises(place.name, stems):
            yield place, f"There is no notebook in this folder{f', but {plain.line(name)!r}' if name else ''}."


def _names(here: Path) -> tuple[list[tuple[str, bool]], list[str], str]:
    """Return what is in a folder and whether it is a folder itself, the links to folders, and the problem there is."""
    try:
        with os.scandir(here) as entries:
            found = sorted((entry.name, entry.is_dir(), entry.is_symlink()) for entry in entries)
    except OSError as error:
        return [], [], f"The folder cannot be read: {error.strerror}."
    mine = [one for one in found if not _is_nobodys(one[0])]
    names = [(name, is_folder) for name, is_folder, is_link in mine if not (is_folder and is_link)]
    return names, [name for name, is_folder, is_link in mine if is_folder and is_link], ""


def _place(folder: Path, here: Path, stems: Sequence[str]) -> Path:
    """Return the student's folder that `here` lies in: the first that is not an exercise's."""
    place = folder
    for part in here.relative_to(folder).parts:
        place = place / part
        if not _is_exercises(part, stems):
            break
    return place


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


def _is_exercises(folder: str, stems: Sequence[str]) -> bool:
    match = _named(folder, stems)
    return match is not None and match[0] == _stem(folder, stems)


def _exercise(data: bytes, inside: Path, stems: Sequence[str]) -> str:
    try:
        named = reading.named_exercise(reading.parse(data)[0])
    except reading.Unreadable:
        named = ""
    found = [match[1].lower() for part in reversed(inside.parts) if (match := _named(part, stems))]
    return next((name for name in (named, *found) if name in {stem[:3] for stem in stems}), "")


def _student(inside: Path, stems: Sequence[str]) -> str:
    for folder in inside.parts[:-1]:
        if not _is_exercises(folder, stems):
            return plain.line(_decoded(folder))
    stem = _stem(inside.name, stems)
    match = _named(inside.name, stems)
    before, after = (stem[: match.start()], stem[match.end() :]) if match else (stem, "")
    return plain.line(before.strip(" _-.,") or after.strip(" _-.,"))


def with_claims(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries with a note on each that claims the place of another: one student, one exercise.

    Of many that do, MOST_CLAIMS are graded; else one student could keep the grader busy for days.
    """
    places: dict[tuple[str, str], list[str]] = {}
    noted = []
    for entry in entries:
        places.setdefault((entry.student.casefold(), entry.exercise), []).append(entry.file)
    seen = Counter[tuple[str, str]]()
    for entry in entries:
        place = entry.student.casefold(), entry.exercise
        rivals = places[place]
        graded = "Each is" if len(rivals) <= MOST_CLAIMS else f"The first {MOST_CLAIMS} of them are"
        claim = f"{len(rivals)} files claim this place: {', '.join(rivals[:5])}. {graded} graded; say which one counts."
        seen[place] += 1
        too_many = seen[place] > MOST_CLAIMS and entry.exercise and not entry.problem
        problem = f"Not graded: {len(rivals)} files claim this place." if too_many else entry.problem
        crowded = len(rivals) > 1 and entry.exercise
        noted.append(replace(entry, notes=(*entry.notes, claim), problem=problem) if crowded else entry)
    return noted
