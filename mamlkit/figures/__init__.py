"""Scenes drawn with matplotlib: for print, for previews, for readers without scripts.

>>> from mamlkit import figures
>>> from mamlkit.scene import Axes, Mark, Scene
>>> scene = Scene(Axes("x", "y", (0, 1), (0, 1)), [Mark("line", "diagonal", "maml", [[0, 0], [1, 1]])], [], "A line.")
>>> figures.draw(scene).get_xlabel()
'x'
"""

from mamlkit.figures.draw import draw
from mamlkit.figures.picture import Picture, picture

__all__ = ["Picture", "draw", "picture"]
