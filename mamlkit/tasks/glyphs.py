"""Glyphs, images of letters that need no download: a class is a letter, a task tells a few of them apart.

The letters are drawn from the DejaVu fonts that matplotlib ships, in 14 scripts. Whole scripts are held out: a network
that trains on Latin and Cyrillic is validated on Hebrew and tested on Georgian. Letters that look like one that is
already there are left out, so that no class is in two scripts under two names. scikit-learn's handwritten digits give
tasks of the same form from ten classes.

Source: the idea of many letters of many alphabets with whole alphabets held out is that of Omniglot (Lake,
Salakhutdinov and Tenenbaum, 2015); the N-way K-shot episode is that of Vinyals et al. (2016). The images are our own.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mamlkit._check import Array, as_count

SCRIPTS = {
    "train": ("LATIN", "GREEK", "CYRILLIC", "CANADIAN", "ARABIC", "OLD ITALIC", "COPTIC", "LISU"),
    "validation": ("HEBREW", "NKO", "LAO"),
    "test": ("GEORGIAN", "ARMENIAN", "TIFINAGH"),
}
DRAWINGS = 20  # of a letter
SIZE = 20  # pixels a side, of letters
FIELD = 48  # pixels a side of the picture that a letter is first drawn in
LONGEST = 36  # the longest side of the letter in it
ALIKE = 0.35  # two letters nearer than this, of at most the square root of 2, count as one


class Images(NamedTuple):
    """Pictures sorted by class: `pixels` (classes, drawings, side, side) from 0 to 1, a `label` and a `script` each."""

    pixels: NDArray[np.float32]
    labels: tuple[str, ...]
    scripts: tuple[str, ...]


class Examples(NamedTuple):
    """Images `x` (num_tasks, num_examples, side, side) and classes `y` (num_tasks, num_examples), 0 to N - 1."""

    x: NDArray[np.float32]
    y: NDArray[np.int64]


class Episodes(NamedTuple):
    """N-way K-shot tasks: support and query examples, and the rows `classes` (num_tasks, N) of the images behind them.

    Examples are ordered by class: the support set is K of class 0, K of class 1, and so on.
    """

    support: Examples
    query: Examples
    classes: NDArray[np.int64]


def letters(split: str) -> Images:
    """Return the letters of the scripts of a split, 20 drawings each, 20 x 20 pixels; drawn once and kept in memory.

    Parameters
    ----------
    split : {"train", "validation", "test"}
        Which of `SCRIPTS`.

    Raises
    ------
    ValueError
        If there is no such split.

    Examples
    --------
    >>> hebrew = letters("validation")
    >>> hebrew.pixels.shape[1:], hebrew.labels[0], hebrew.scripts[0]
    ((20, 20, 20), 'א', 'HEBREW')
    """
    if split not in SCRIPTS:
        raise ValueError(f"split must be one of {', '.join(SCRIPTS)}, got {split!r}")
    drawn = _draw_all()
    rows = [row for row, script in enumerate(drawn.scripts) if script in SCRIPTS[split]]
    labels = tuple(drawn.labels[row] for row in rows)
    return Images(drawn.pixels[rows], labels, tuple(drawn.scripts[row] for row in rows))


@lru_cache(maxsize=1)
def digits() -> Images:
    """Return scikit-learn's handwritten digits: ten classes, 170 drawings each, 8 x 8 pixels.

    Small enough for an exercise. With ten classes there is little to learn across tasks: compare the pixels
    themselves before anything is said for a learner.

    Examples
    --------
    >>> digits().pixels.shape
    (10, 170, 8, 8)
    """
    from sklearn.datasets import load_digits

    data = load_digits()
    pixels = np.stack([data.images[data.target == digit][:170] for digit in range(10)]) / 16
    return Images(pixels.astype(np.float32), tuple("0123456789"), ("DIGITS",) * 10)


def sample(
    rng: np.random.Generator, images: Images, *, num_tasks: int, num_ways: int, num_shots: int, num_query: int
) -> Episodes:
    """Draw N-way K-shot episodes: N classes without replacement, and K + `num_query` drawings of each.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of randomness.
    images : Images
        As `letters` and `digits` return them.
    num_tasks, num_ways, num_shots, num_query : int
        Tasks; classes N of a task, at least two; support and query examples of each class, at least one.

    Raises
    ------
    TypeError, ValueError
        If `rng` is no generator, a count is not a whole number or too small, or `images` has too few classes or
        drawings.

    Examples
    --------
    >>> episodes = sample(np.random.default_rng(0), digits(), num_tasks=3, num_ways=5, num_shots=1, num_query=4)
    >>> episodes.support.x.shape, episodes.query.y[0, :9]
    ((3, 5, 8, 8), array([0, 0, 0, 0, 1, 1, 1, 1, 2]))
    """
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, got {rng!r}")
    num_tasks, num_ways = as_count("num_tasks", num_tasks, minimum=1), as_count("num_ways", num_ways, minimum=2)
    num_shots, num_query = as_count("num_shots", num_shots, minimum=1), as_count("num_query", num_query, minimum=1)
    count, drawings = images.pixels.shape[:2]
    if num_ways > count:
        raise ValueError(f"num_ways must be at most the {count} classes of images, got {num_ways!r}")
    if num_shots + num_query > drawings:
        raise ValueError(
            f"num_shots + num_query must be at most the {drawings} drawings of a class, got {num_shots + num_query!r}"
        )
    classes = rng.random((num_tasks, count)).argsort(axis=1)[:, :num_ways]
    chosen = rng.random((num_tasks, num_ways, drawings)).argsort(axis=2)[..., : num_shots + num_query]
    pixels = images.pixels[classes[..., None], chosen]
    labels = np.zeros_like(chosen) + np.arange(num_ways)[:, None]
    return Episodes(
        support=_examples(pixels[:, :, :num_shots], labels[:, :, :num_shots]),
        query=_examples(pixels[:, :, num_shots:], labels[:, :, num_shots:]),
        classes=classes,
    )


def _examples(pixels: NDArray[np.float32], labels: NDArray[np.int64]) -> Examples:
    tasks = len(pixels)
    return Examples(pixels.reshape(tasks, -1, *pixels.shape[-2:]), labels.reshape(tasks, -1))


@lru_cache(maxsize=1)
def _draw_all() -> Images:
    """Draw all letters of all scripts, 20 drawings each, in the order of their code points; seed 0."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(0)
    found = _distinct([(letter, script, *_pictures(letter)) for letter, script in _known_letters()])
    pixels = np.empty((len(found), DRAWINGS, SIZE, SIZE), dtype=np.float32)
    for row, (_letter, _script, *faces) in enumerate(found):
        for turn, face in enumerate(faces):  # the fonts take turns
            count = len(pixels[row, turn :: len(faces)])
            pixels[row, turn :: len(faces)] = _warped(gaussian_filter(face, 1.6), count, rng)
    return Images(pixels, tuple(entry[0] for entry in found), tuple(entry[1] for entry in found))


def _fonts() -> list[str]:
    from matplotlib import get_data_path

    return [f"{get_data_path()}/fonts/ttf/DejaVu{name}.ttf" for name in ("Sans", "Serif")]


@lru_cache(maxsize=2)
def _face(path: str) -> tuple[Any, frozenset[int]]:
    """Return a font at 64 pixels, and the code points that it has."""
    from fontTools.ttLib import TTFont
    from PIL import ImageFont

    return ImageFont.truetype(path, 64), frozenset(TTFont(path, lazy=True).getBestCmap())


def _known_letters() -> list[tuple[str, str]]:
    """Return the letters of the scripts that the font has, each with its script, but for accented ones."""
    scripts = [script for split in SCRIPTS.values() for script in split]
    letters = []
    for point in sorted(_face(_fonts()[0])[1]):
        letter = chr(point)
        plain = unicodedata.category(letter) in ("Lu", "Ll", "Lo") and unicodedata.normalize("NFKD", letter) == letter
        name = unicodedata.name(letter, "")
        script = next((script for script in scripts if name.startswith(script + " ")), "")
        if plain and script:
            letters.append((letter, script))
    return letters


def _pictures(letter: str) -> list[Array]:
    """Return the letter in each font that has it, (48, 48) from 0 to 1, its longest side 36 pixels, in the middle."""
    return [_picture(letter, path) for path in _fonts() if ord(letter) in _face(path)[1]]


def _picture(letter: str, path: str) -> Array:
    from PIL import Image, ImageDraw

    canvas = Image.new("L", (256, 192), 0)
    ImageDraw.Draw(canvas).text((64, 48), letter, fill=255, font=_face(path)[0])
    ink = canvas.crop(canvas.getbbox() or (64, 48, 65, 49))
    scale = LONGEST / max(ink.size)
    ink = ink.resize((max(1, round(ink.width * scale)), max(1, round(ink.height * scale))), Image.Resampling.BILINEAR)
    field = Image.new("L", (FIELD, FIELD), 0)
    field.paste(ink, ((FIELD - ink.width) // 2, (FIELD - ink.height) // 2))
    return np.asarray(field, dtype=float) / 255


def _distinct(pictures: list[Any]) -> list[Any]:
    """Return the letters, in their order, that look like none that is kept already, shifts of a pixel allowed."""
    from scipy.ndimage import gaussian_filter

    faces = np.stack([entry[2] for entry in pictures])
    small = gaussian_filter(faces, (0, 1.5, 1.5)).reshape(-1, FIELD // 2, 2, FIELD // 2, 2).mean(axis=(2, 4))
    looks = (small / np.linalg.norm(small, axis=(1, 2), keepdims=True)).astype(np.float32)
    flat = looks.reshape(len(looks), -1)
    likeness = np.full((len(looks), len(looks)), -1.0, dtype=np.float32)
    for shift in [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]:
        moved = np.roll(looks, shift, axis=(1, 2)).reshape(flat.shape)
        np.maximum(likeness, moved @ flat.T, out=likeness)
    kept: list[int] = []
    for row in range(len(looks)):
        if 2 - 2 * likeness[row, kept].max(initial=-1.0) > ALIKE**2:  # the squared distance of vectors of norm 1
            kept.append(row)
    return [pictures[row] for row in kept]


def _warped(picture: Array, count: int, rng: np.random.Generator) -> Array:
    """Return drawings, (count, 20, 20): turned, sheared, scaled, shifted, bent, and thicker or thinner."""
    from scipy.ndimage import map_coordinates

    side = np.linspace(-1, 1, SIZE)
    grid = np.stack(np.meshgrid(side, side, indexing="ij"))
    moved = np.einsum("nij,jkl->nikl", _affine(count, rng), grid) + rng.normal(scale=0.08, size=(count, 2, 1, 1))
    spline = np.stack([np.interp(side, np.linspace(-1, 1, 5), knot) for knot in np.eye(5)], axis=1)
    at = moved + spline @ rng.normal(scale=0.08, size=(count, 2, 5, 5)) @ spline.T
    values = map_coordinates(picture, (at.swapaxes(0, 1) + 1) * (FIELD - 1) / 2, order=1)
    threshold = np.clip(0.35 + 0.07 * rng.normal(size=(count, 1, 1)), 0.2, 0.55)  # where ink begins: the pen's weight
    return 1 / (1 + np.exp((threshold - values) / 0.08))


def _affine(count: int, rng: np.random.Generator) -> Array:
    """Return random turns, shears and scales, (count, 2, 2)."""
    turn, shear, high, wide = rng.normal(size=(4, count)) * np.array([np.radians(12), 0.15, 0.12, 0.12])[:, None]
    one, zero = np.ones(count), np.zeros(count)
    rotate = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    stretch = np.array([[np.exp(high), zero], [zero, np.exp(wide)]])
    return np.einsum("ijn,jkn,kln->nil", rotate, np.array([[one, shear], [zero, one]]), stretch)
