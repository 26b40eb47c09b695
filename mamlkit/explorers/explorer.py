"""One interactive figure in two hosts: a widget in Jupyter, plain HTML on a page without a kernel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import anywidget
import traitlets

from mamlkit.explorers.controls import Control, Prompt
from mamlkit.explorers.grid import Grid
from mamlkit.explorers.pack import pack
from mamlkit.explorers.page import SCRIPTS, STYLES, figure_html, page_texts
from mamlkit.explorers.web import script, style
from mamlkit.scene import Panels, Scene
from mamlkit.text import gettext as _


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
        Returns a :class:`~mamlkit.scene.Scene`, or :class:`~mamlkit.scene.Panels`, for keyword arguments named as the
        controls.
    title : str
        Name of the figure, for screen readers.
    name : str, optional
        Key of the figure in links to its state (``#name:alpha=0.5``), different from others on the page; from the
        scene function's name if left out.
    prompts : sequence of Prompt
        Questions beside the plot, each with a state that it sets and an answer.
    **controls : Slider, Choice or Point
        One for each argument of `scene`; their order is the order on the page.

    Raises
    ------
    TypeError, ValueError
        If the scene function fails anywhere on the grid, if frames do not fit together, if it is not affine in a
        dragged point, if a control has the name of something that widgets have already, or if a prompt sets what the
        controls do not have.

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
        self,
        scene: Callable[..., Scene | Panels],
        *,
        title: str,
        name: str | None = None,
        prompts: Sequence[Prompt] = (),
        **controls: Control,
    ) -> None:
        taken = [control for control in controls if hasattr(type(self), control)]
        if taken:
            raise ValueError(f"controls must have names that widgets do not use already, got {taken!r}")
        self._grid = Grid(scene, controls)
        spec = {
            "name": name or scene.__name__.replace("_", "-"),
            "title": title,
            "texts": page_texts(),
            "prompts": [
                {"text": _(each.text), "state": each.accepted(controls), "answer": each.answer and _(each.answer)}
                for each in prompts
            ],
            **pack(self._grid),
        }
        self.add_traits(**{key: _ControlTrait(control).tag(sync=True) for key, control in controls.items()})
        super().__init__(spec=spec)

    def scene(self) -> Scene | Panels:
        """Return the figure at the present values of the controls, straight from the scene function."""
        return self._grid.evaluate(self._state())

    def html(self) -> str:
        """Return the figure as self-contained HTML: data, style, script, and a still picture where scripts are off."""
        return figure_html(self.spec, self._state(), self.scene())

    def _state(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._grid.controls}

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        from mamlkit.figures import picture

        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return {**data, **picture(self.scene()).beside(self.html())}, metadata
