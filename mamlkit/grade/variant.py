"""A private variant of an exercise for an examination: other names, other numbers, the same checks.

``mamlkit-grade variant solutions/e02_x.ipynb --to exam/solutions --seed 41 --rename theta=w alpha=eta`` writes an
instructor's notebook. A solution of the exercise in the book earns nothing there, since its functions are asked by
other names; a student who has understood it changes the names.
"""

from __future__ import annotations

import argparse
import io
import json
import keyword
import re
import tokenize
import unicodedata
from pathlib import Path
from typing import Any

from mamlkit.grade import instructor
from mamlkit.grade.classroom import write

Names = dict[str, str]


def renamed_code(source: str, names: Names) -> str:
    """Return Python code with `names` replaced, as names and as whole words of texts; attributes stay.

    Lines that only a notebook understands (``%pip``) are kept as they are.

    Examples
    --------
    >>> renamed_code("def f(theta): return np.theta + theta, 'theta is shown'", {"theta": "w"})
    "def f(w): return np.theta + w, 'w is shown'"
    """
    if re.search(r"^\s*[%!]", source, re.MULTILINE):
        return source
    lines, before, changes = source.splitlines(keepends=True), "", []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        new = _renamed_token(token, before, names)
        if new != token.string:
            changes.append((token.start, token.end, new))
        before = token.string or before
    for (row, start), (last, end), new in reversed(changes):
        lines[row - 1 : last] = [lines[row - 1][:start] + new + lines[last - 1][end:]]
    return "".join(lines)


def _renamed_token(token: tokenize.TokenInfo, before: str, names: Names) -> str:
    if token.type == tokenize.NAME:
        return token.string if before == "." else names.get(token.string, token.string)
    if token.type in {tokenize.STRING, tokenize.COMMENT, getattr(tokenize, "FSTRING_MIDDLE", -1)}:
        return _words(token.string, names)
    return token.string


def _words(text: str, names: Names) -> str:
    """Return `text` with whole words replaced; all at once, so that two names may change places."""
    return re.sub("|".join(rf"\b{re.escape(name)}\b" for name in names), lambda match: names[match[0]], text)


def renamed_text(text: str, names: Names) -> str:
    r"""Return Markdown with `names` replaced where they are code or Greek letters of a formula.

    Examples
    --------
    >>> print(renamed_text(r"`theta` is $\theta$, theta to friends", {"theta": "w"}))
    `w` is $w$, theta to friends
    """
    text = re.sub(r"`[^`\n]+`", lambda match: _words(match[0], names), text)
    letters = [name for name in names if _greek(name)]
    if not letters:
        return text

    def letter(match: re.Match[str]) -> str:
        new = names[match[1]]
        return f"\\{new}" if _greek(new) else new if len(new) == 1 else rf"\mathit{{{new}}}"

    return re.sub(rf"\\({'|'.join(letters)})(?![A-Za-z])", letter, text)


def _greek(name: str) -> bool:
    """Tell whether `name` is that of a Greek letter, and so a command of TeX."""
    try:
        return bool(unicodedata.lookup(f"GREEK SMALL LETTER {name}"))
    except KeyError:
        return False


def variant(source: Path, *, seed: int, names: Names) -> dict[str, Any]:
    """Return the instructor's notebook at `source` with other names, and other numbers in its release.

    Parameters
    ----------
    source : Path
        An instructor's notebook.
    seed : int
        What the inputs of the release's own checks are drawn from. Grading draws fresh ones in any case.
    names : dict
        Old names to new ones: arguments of the answers, such as ``{"theta": "w"}``, or the functions themselves.

    Raises
    ------
    ValueError
        If a name is not there, cannot be a name or is taken, or the variant does not pass what the original passes.
    """
    notebook = instructor.read(source)
    code = "\n".join(cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "code")
    for old, new in names.items():
        _check_name(old, new, code, names)
    for cell in notebook["cells"] if names else []:
        change = renamed_code if cell["cell_type"] == "code" else renamed_text
        cell["source"] = change(cell["source"], names)
    notebook["metadata"]["mamlkit"]["seed"] = seed
    instructor.parts(notebook)  # runs it: a name that a library needs is found here
    return dict(notebook)


def _check_name(old: str, new: str, code: str, names: Names) -> None:
    there = {token.string for token in tokenize.generate_tokens(io.StringIO(_plain_code(code)).readline)}
    if old not in there:
        raise ValueError(f"--rename {old}={new}: no {old!r} in the notebook's code")
    if not new.isidentifier() or keyword.iskeyword(new):
        raise ValueError(f"--rename {old}={new}: {new!r} cannot be a name in Python")
    if new in there and new not in names:
        raise ValueError(f"--rename {old}={new}: {new!r} is taken in the notebook's code; choose another")


def _plain_code(code: str) -> str:
    return re.sub(r"^\s*[%!].*$", "", code, flags=re.MULTILINE)


def main(arguments: list[str] | None = None) -> int:
    """Write a private variant of an instructor's notebook."""
    parser = argparse.ArgumentParser(prog="mamlkit-grade variant", description=main.__doc__)
    parser.add_argument("notebook", type=Path, help="an instructor's notebook, as in solutions/")
    parser.add_argument("--to", type=Path, required=True, help="folder for the variant, outside this repository")
    parser.add_argument("--seed", type=int, required=True, help="draws the numbers of the release's own checks")
    parser.add_argument("--rename", nargs="*", default=[], metavar="OLD=NEW", help="names of arguments and functions")
    options = parser.parse_args(arguments)
    if bad := [pair for pair in options.rename if pair.count("=") != 1]:
        raise ValueError(f"--rename takes OLD=NEW, not {', '.join(bad)}")
    names = dict(pair.split("=") for pair in options.rename)
    target = options.to / options.notebook.name
    if target.exists():
        raise ValueError(f"{target} is there already; delete it first, or choose another --to")
    text = json.dumps(variant(options.notebook, seed=options.seed, names=names), ensure_ascii=False, indent=1)
    options.to.mkdir(parents=True, exist_ok=True)
    write(target, text + "\n")
    print(f"{target}: written. Next: mamlkit-grade release --solutions {options.to} --exercises FOLDER")
    return 0
