"""Figures that answer: each module holds one scene as a function of its controls, and the explorer made of it.

The scenes import NumPy alone; :mod:`mamlkit.explorers.explorer`, which makes a widget of one, needs anywidget.
"""

from mamlkit.explorers.page import still

__all__ = ["still"]
