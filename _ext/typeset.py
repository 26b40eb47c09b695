"""Make the PDF from the book's LaTeX: say which Debian packages are missing, run XeLaTeX, read its log.

A formula that runs over the margin, a sign that no font has, or a link that leads nowhere fails the build.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "_build/latex"
NAME = "learning-to-learn"
TOO_WIDE = 20.0  # printer's points over the margin; less is hardly seen
# For each package a file that it brings: a program, a part of TeX, or a font of the system.
NEEDED = {
    "fontconfig": "fc-list",
    "texlive-xetex": "xelatex",
    "texlive-latex-extra": "needspace.sty",
    "texlive-fonts-recommended": "pzdr.tfm",
    "fonts-lmodern": "latinmodern-math.otf",
    "fonts-freefont-otf": "FreeSerif.otf",
    "fonts-wqy-microhei": "wqy-microhei.ttc",
}
WIDE = re.compile(r"Overfull \\hbox \((?P<points>[\d.]+)pt too wide\).*")
ROUNDS = 6  # more than were ever needed
FAULT = re.compile(r"^! .*|^Missing character.*|.*(?:Reference|Citation|destination).*(?:undefined|not exist).*", re.M)


def missing() -> list[str]:
    """Return the Debian packages without which the PDF cannot be made."""
    fonts = said("fc-list", ":", "file")
    return [package for package, file in NEEDED.items() if not (file in fonts or there(file))]


def there(file: str) -> bool:
    return shutil.which(file) is not None or bool(said("kpsewhich", file))


def said(*command: str) -> str:
    """Return what a command says; nothing if there is no such command."""
    if shutil.which(command[0]) is None:
        return ""
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def complaints(log: str) -> Iterator[str]:
    r"""Yield what is wrong with the pages, as the log of XeLaTeX tells it.

    Examples
    --------
    >>> list(complaints("Overfull \\hbox (3.2pt too wide) in paragraph\nMissing character: There is no 好"))
    ['Missing character: There is no 好']
    """
    yield from FAULT.findall(log)
    yield from (line[0] for line in WIDE.finditer(log) if float(line["points"]) > TOO_WIDE)


def typeset(sources: Path) -> str:
    """Run XeLaTeX until it notes the same page numbers and widths of tables again, and return its last log."""
    environment = {**os.environ, "max_print_line": "1000"}
    command = ["xelatex", "-interaction=nonstopmode", f"{NAME}.tex"]
    noted = b""
    for _round in range(ROUNDS):
        before = noted
        subprocess.run(command, cwd=sources, env=environment, stdout=subprocess.DEVNULL)
        noted = (sources / f"{NAME}.aux").read_bytes()
        if noted == before:
            break
    return (sources / f"{NAME}.log").read_text("utf-8", errors="replace")


def main(sources: Path, target: Path) -> str:
    """Return what is to be said at the end; empty if nothing is wrong."""
    faults = list(complaints(typeset(sources)))
    if not faults:
        shutil.copy(sources / f"{NAME}.pdf", target)
        print(f"{target.relative_to(ROOT)}: {target.stat().st_size / 1e6:.1f} MB")
    return "\n".join(faults)


if __name__ == "__main__":
    if "--packages" in sys.argv:
        print(*NEEDED)
    elif packages := missing():
        sys.exit(f"The PDF needs TeX. On Debian: apt install --no-install-recommends {' '.join(packages)}")
    elif "--ready" not in sys.argv:
        sys.exit(main(SOURCES, ROOT / "_build" / f"{NAME}.pdf") or 0)
