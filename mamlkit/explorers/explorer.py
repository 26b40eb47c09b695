"""One interactive figure in two hosts: a widget in Jupyter, plain HTML on a page without a kernel."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from typing import Any

import anywidget
import traitlets

from mamlkit.explorers.controls import Control
from mamlkit.explorers.grid import Grid
from mamlkit.explorers.pack import pack
from mamlkit.explorers.web import script, style, tags
from mamlkit.scene import Scene
from mamlkit.text import gettext as _

SCRIPTS = ("numbers", "page", "controls", "draw", "figure", "hosts")
STYLES = ("explorer",)


class _ControlTrait(traitlets.TraitType):
    """The synced value of one control, held to what the control accepts."""

    def __init__(self, control: Control) -> None:
        super().__init__(default_value=control.default)
        self._control = control

    def validate(self, obj: Any, value: Any) -> Any:
        try:
            return self._control.accept(value)
        except (TypeError, ValueError) as error:
            raise traitlets.TraitError(f"{self.name}: {error}") from error


class Explorer(anywidget.AnyWidget):
    """A scene that answers to its controls.

    The scene function is called on the whole grid of its controls, once, here; the browser only picks frames. In
    Jupyter each control is a synced trait: set it, observe it, link it to other widgets. Elsewhere the same figure is
    one piece of HTML that needs no kernel and no network.

    Parameters
    ----------
    scene : callable
        Returns a :class:`~mamlkit.scene.Scene` for keyword arguments named as the controls.
    title : str
        Name of the figure, for screen readers.
    name : str, optional
        Key of the figure in links to its state; from the scene function's name if left out.
    **controls : Slider, Choice or Point
        One for each argument of `scene`; their order is the order on the page.

    Raises
    ------
    TypeError, ValueError
        If the scene function fails anywhere on the grid, if frames do not fit together, if it is not affine in a
        dragged point, or if a control has the name of something that widgets have already.

    Examples
    --------
    >>> from mamlkit.explorers.controls import Slider
    >>> from mamlkit.scene import Axes, Mark, Readout, Scene
    >>> def parabola(x):
    ...     point = Mark("points", "point", "maml", [[x, x * x]])
    ...     return Scene(Axes("x", "y", (0, 2), (0, 4)), [point], [Readout("y", "y", x * x)], "A point.")
    >>> explorer = Explorer(parabola, title="A parabola", x=Slider([0.0, 1.0, 2.0], 1.0, "x"))
    >>> explorer.x = 2.0
    >>> explorer.scene().summary()
    'A point. y: 4.000.'
    """

    _esm = script(*SCRIPTS)
    _css = style(*STYLES)
    spec = traitlets.Dict().tag(sync=True)

    def __init__(
        self, scene: Callable[..., Scene], *, title: str, name: str | None = None, **controls: Control
    ) -> None:
        taken = [control for control in controls if hasattr(type(self), control)]
        if taken or not controls:
            raise ValueError(f"controls must have names that widgets do not use already, got {taken or controls!r}")
        self._grid = Grid(scene, controls)
        name = name or scene.__name__.replace("_", "-")
        self.add_traits(**{key: _ControlTrait(control).tag(sync=True) for key, control in controls.items()})
        super().__init__(spec={"name": name, "title": title, "texts": _texts(), **pack(self._grid)})

    def scene(self) -> Scene:
        """Return the scene at the present values of the controls, straight from the scene function."""
        return self._grid.evaluate({name: getattr(self, name) for name in self._grid.controls})

    def html(self) -> str:
        """Return the figure as self-contained HTML: data, style, script, and a still picture where scripts are off."""
        from mamlkit.figures import picture

        state = {name: getattr(self, name) for name in self._grid.controls}
        data = json.dumps({"spec": self.spec, "state": state}, ensure_ascii=False).replace("</", "<\\/")
        title = html.escape(self.spec["title"])
        message = _("This figure answers to sliders where scripts are allowed. Without them it shows one state:")
        look, life = tags("explorer", scripts=SCRIPTS, styles=STYLES)
        return (
            f'<div class="mk-explorer" data-static data-name="{self.spec["name"]}" role="group" aria-label="{title}">'
            f"{look}<noscript><p>{html.escape(message)}</p>{picture(self.scene()).tag('svg')}</noscript>"
            f'<script type="application/json">{data}</script></div>{life}'
        )

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        from mamlkit.figures import picture

        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        still = picture(self.scene())
        return {**data, "text/html": self.html(), "image/png": still.save("png"), "text/plain": still.alt}, metadata


def _texts() -> dict[str, str]:
    """Return the words of the frame around every explorer."""
    return {
        "reset": _("Reset"),
        "link": _("Copy link to this state"),
        "copied": _("Link copied"),
        "in_address": _("The address bar now holds the link"),
        "table": _("All numbers of this figure"),
        "mark": _("mark"),
        "x": _("across"),
        "y": _("up"),
        "point": _("point in the plane"),
        "drag": _("Drag the ring, or focus it and use the arrow keys."),
        "legend": _("Legend: show or hide"),
    }
