"""A still picture that carries its alternative text with it."""

from __future__ import annotations

import base64
import html
import io
import urllib.parse
from typing import TYPE_CHECKING, Any

from mamlkit.figures.draw import draw, new_row
from mamlkit.scene import Panels, Scene, as_panels

if TYPE_CHECKING:
    import matplotlib.figure

_UNDATED = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}  # the same bytes at every build


class Picture:
    """A matplotlib figure with alternative text, as the last line of a notebook cell.

    The page gets an image with an `alt` attribute, print gets the same image. The figure is closed, so that the
    notebook does not show it twice. What prints a notebook finds the same drawing as a vector picture.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    alt : str
        What is to be seen, in one or two sentences.

    Raises
    ------
    ValueError
        If `alt` is empty.
    """

    def __init__(self, figure: matplotlib.figure.Figure, alt: str) -> None:
        import matplotlib.pyplot as plt

        if not alt.strip():
            raise ValueError(f"alt must say what is to be seen, got {alt!r}")
        self.figure, self.alt = figure, alt
        plt.close(figure)

    def save(self, kind: str) -> bytes:
        """Return the picture as a file of `kind` "png", "svg" or "pdf"."""
        import matplotlib

        file = io.BytesIO()
        stable: Any = {"svg.fonttype": "none", "svg.hashsalt": "mamlkit"}
        with matplotlib.rc_context(stable):
            self.figure.savefig(file, format=kind, dpi=150, metadata=_UNDATED.get(kind))
        return file.getvalue()

    def tag(self, kind: str) -> str:
        """Return an HTML `img` element that holds the picture and its alternative text."""
        data = {
            "png": lambda: "image/png;base64," + base64.b64encode(self.save("png")).decode(),
            "svg": lambda: "image/svg+xml," + urllib.parse.quote(self.save("svg"), safe=" /:;=,"),  # compresses better
        }[kind]()
        return f'<img src="data:{data}" alt="{html.escape(self.alt)}" style="max-width:100%">'

    def beside(self, html: str) -> dict[str, Any]:
        """Return what a cell shows: `html` on pages, this picture elsewhere, its lines in print, and its words."""
        pictures = {"image/png": self.save("png"), "application/pdf": self.save("pdf")}
        return {"text/html": html, **pictures, "text/plain": self.alt}

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        return self.beside(self.tag("png"))


def picture(scene: Scene | Panels, *, show: tuple[str, ...] = ()) -> Picture:
    """Draw `scene`, panels side by side, and return the picture with its summary as its alternative text.

    Examples
    --------
    >>> from mamlkit.scene import Axes, Mark, Scene
    >>> line = Mark("line", "diagonal", "maml", [[0, 0], [1, 1]])
    >>> picture(Scene(Axes("x", "y", (0, 1), (0, 1)), [line], [], "A rising line.")).alt
    'A rising line.'
    """
    panels = as_panels(scene)
    figure, row = new_row([each.axes for each in panels.scenes.values()], panels.widths)
    for ax, each in zip(row, panels.scenes.values(), strict=True):
        draw(each, ax, show=tuple(name for name in show if name in {mark.name for mark in each.marks}))
    unknown = set(show) - {mark.name for each in panels.scenes.values() for mark in each.marks}
    if unknown:
        raise ValueError(f"show must name marks of the scene, got {sorted(unknown)!r}")
    return Picture(figure, scene.summary())
