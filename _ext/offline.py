"""Pack the built book into one ZIP that works from a folder, without a network: pages, scripts, fonts, search."""

from __future__ import annotations

import re
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

ROOT = Path(__file__).parents[1]
BUILT = ROOT / "_build/html"
# What no page asks for: maps for debuggers, cards for links, and MathJax without the one bundle and the fonts in use.
UNUSED = re.compile(
    r"\.map$|^_images/social_previews/|^_static/mathjax/(?!tex-chtml\.js$|output/chtml/fonts/)|^sitemap\.xml$|^404\.html$"
)


def pack(built: Path, target: Path, folder: str = "learning-to-learn") -> list[str]:
    """Write the ZIP `target`, whole or not at all, and return the names in it; all lie in `folder`.

    Raises
    ------
    FileNotFoundError
        If the book has not been built.
    """
    if not (built / "index.html").is_file():
        raise FileNotFoundError(f"no built book in {built}: run make html first")
    files = sorted(path for path in built.rglob("*") if path.is_file())
    names = {path: path.relative_to(built).as_posix() for path in files}
    unfinished = target.with_suffix(".part")
    with ZipFile(unfinished, "w", ZIP_DEFLATED) as archive:
        for path in files:
            if not UNUSED.search(names[path]):
                archive.writestr(f"{folder}/{names[path]}", content(path), compresslevel=9)
        found = archive.namelist()
    unfinished.replace(target)
    return found


def content(path: Path) -> bytes:
    """Return what a file holds; in a folder, where pages may not read one another, the search shows no excerpts."""
    if path.name == "documentation_options.js":
        return path.read_bytes().replace(b"SHOW_SEARCH_SUMMARY: true", b"SHOW_SEARCH_SUMMARY: false")
    return path.read_bytes()


if __name__ == "__main__":
    archive = ROOT / "_build/learning-to-learn.zip"
    pack(BUILT, archive)
    print(f"{archive.relative_to(ROOT)}: {archive.stat().st_size / 1e6:.1f} MB; unpack it and open index.html")
