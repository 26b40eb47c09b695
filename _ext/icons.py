"""The theme's icons without the thousands that no page shows.

The theme brings fonts of 2,000 icons (300 kB on each first visit). When a build ends, the icons that its pages use are
cut out of them, into small fonts that go before the whole ones: an icon that they lack would still come from there.
"""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont
from sphinx.application import Sphinx

FONTS = {  # file of the theme: family and weight that its style sheet asks for
    "fa-solid-900": ("Font Awesome 6 Free", 900),
    "fa-regular-400": ("Font Awesome 6 Free", 400),
    "fa-brands-400": ("Font Awesome 6 Brands", 400),
}
FACE = """@font-face {{
  font-family: "{family}"; font-weight: {weight}; font-style: normal; font-display: block;
  src: url("{name}.woff") format("woff"); unicode-range: {range};
}}
"""
RULE = re.compile(r"(?P<names>(?:\.fa-[\w-]+:{1,2}before,?)+)\{content:\"\\(?P<code>[0-9a-f]+)\"\}")
USED = re.compile(r"\bfa-[a-z0-9-]+")


def codes(styles: str) -> dict[str, int]:
    """Return the place in the fonts of each icon that the theme's style sheet names."""
    rules = RULE.finditer(styles)
    return {name: int(rule["code"], 16) for rule in rules for name in re.findall(r"fa-[\w-]+", rule["names"])}


def drawn(styles: str) -> set[int]:
    """Return the places of icons that a style sheet draws by itself, as before the title of a note."""
    plain = RULE.sub("", styles)
    written = {int(code, 16) for code in re.findall(r"\\(f[0-9a-f]{3})\b", plain)}
    return written | {ord(letter) for letter in plain if "\ue000" <= letter <= "\uf8ff"}


def cut(font: Path, places: set[int]) -> tuple[bytes, list[int]]:
    """Return a font that holds these places of another, as WOFF, and those that it has."""
    whole = TTFont(font)
    kept = sorted(places & set(whole.getBestCmap()))
    options = subset.Options(flavor="woff", layout_features=[], name_IDs=[], notdef_outline=False, hinting=False)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=kept)
    cutter.subset(whole)
    whole.flavor = "woff"
    file = BytesIO()
    whole.save(file)
    return file.getvalue(), kept


def write_icons(app: Sphinx, failure: Exception | None) -> None:
    """Cut the fonts for all pages that were written, and write the style sheet that names them."""
    if app.builder.format != "html" or failure:
        return
    static = Path(app.outdir, "_static")
    styles = "".join(path.read_text("utf-8") for path in sorted(static.rglob("*.css")))
    texts = [*Path(app.outdir).rglob("*.html"), *static.glob("scripts/*.js"), *static.glob("*.js")]
    used = {name for path in texts for name in USED.findall(path.read_text("utf-8"))}
    table = codes(styles)
    places = {table[name] for name in used & set(table)} | drawn(styles)
    faces = []
    for name, (family, weight) in FONTS.items():
        data, kept = cut(static / f"vendor/fontawesome/webfonts/{name}.ttf", places)
        (static / f"{name}.woff").write_bytes(data)
        span = ", ".join(f"U+{place:X}" for place in kept)
        faces.append(FACE.format(family=family, weight=weight, name=name, range=span))
    (static / "icons.css").write_text("".join(faces), "utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_css_file("icons.css", priority=900)
    app.connect("build-finished", write_icons)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
