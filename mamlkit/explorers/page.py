"""A figure as one piece of HTML: what it holds, its style, its script, and a picture for pages without scripts."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from typing import Any

from mamlkit.explorers.grid import Grid
from mamlkit.explorers.pack import pack
from mamlkit.explorers.web import tags
from mamlkit.figures import picture
from mamlkit.scene import Panels, Scene
from mamlkit.text import gettext as _

SCRIPTS = (
    "numbers", "page", "controls", "cut", "draw", "hover", "panel", "prompts", "state", "figure", "hosts",
)  # fmt: skip
STYLES = ("explorer",)


def figure_html(spec: Mapping[str, Any], state: Mapping[str, Any], now: Scene | Panels) -> str:
    """Return the figure that `spec` describes, in `state`, as self-contained HTML; `now` is its scene there."""
    look, life = tags("explorer", scripts=SCRIPTS, styles=STYLES)
    data = json.dumps({"spec": spec, "state": state}, ensure_ascii=False).replace("</", "<\\/")
    return (
        f'<div class="mk-explorer" data-static data-name="{spec["name"]}" role="group"'
        f' aria-label="{html.escape(spec["title"])}">{look}'
        f"<noscript>{_without_scripts(spec)}{picture(now).tag('svg')}</noscript>"
        f'<script type="application/json">{data}</script></div>{life}'
    )


def _without_scripts(spec: Mapping[str, Any]) -> str:
    """Return what is said where scripts are off: that this is one state of many, and the prompts with their answers."""
    if not spec["controls"]:
        return ""
    message = _("This figure answers to sliders where scripts are allowed. Without them it shows one state:")
    questions = "".join(
        f"<p>{html.escape(prompt['text'])}</p>"
        + (f"<details><summary>{html.escape(spec['texts']['answer'])}</summary>" if prompt["answer"] else "")
        + (f"<p>{html.escape(prompt['answer'])}</p></details>" if prompt["answer"] else "")
        for prompt in spec["prompts"]
    )
    return f"<p>{html.escape(message)}</p>{questions}"


class Still:
    """A scene as a figure of the page without controls; made by :func:`still`.

    On a page the browser draws it (dark mode, legend, numbers under the pointer, data table), in print and without
    scripts matplotlib does.
    """

    def __init__(self, scene: Scene | Panels, title: str) -> None:
        self.scene, self.title = scene, title

    def html(self) -> str:
        """Return the figure as self-contained HTML."""
        spec = {"name": "", "title": self.title, "texts": page_texts(), "prompts": [], **pack(Grid(self._scene, {}))}
        return figure_html(spec, {}, self.scene)

    def _scene(self) -> Scene | Panels:
        return self.scene

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        return picture(self.scene).beside(self.html())


def still(scene: Scene | Panels, *, title: str = "") -> Still:
    """Return `scene` as the last line of a cell: drawn by the page like an explorer, without controls.

    Parameters
    ----------
    scene : Scene or Panels
    title : str, optional
        Name of the figure, for screen readers; the scene's alt text if left out.

    Raises
    ------
    TypeError
        If `scene` is neither.

    Examples
    --------
    >>> from mamlkit.scene import Axes, Mark
    >>> line = Mark("line", "diagonal", "maml", [[0, 0], [1, 1]])
    >>> "A rising line." in still(Scene(Axes("x", "y", (0, 1), (0, 1)), [line], [], "A rising line.")).html()
    True
    """
    if not isinstance(scene, Scene | Panels):
        raise TypeError(f"scene must be a Scene or Panels, got {scene!r}")
    return Still(scene, title or scene.alt)


def page_texts() -> dict[str, str]:
    """Return the words of the frame around every figure."""
    return {
        "answer": _("Answer"),
        "bad_state": _("The link asks for what this figure does not have: {parts}. The rest of it is set."),
        "centre": _("centre"),
        "copied": _("Link copied"),
        "drag": _("Drag the ring, or focus it and use the arrow keys."),
        "in_address": _("The address bar now holds the link"),
        "legend": _("Legend: show or hide"),
        "length": _("length"),
        "link": _("Copy link to this state"),
        "mark": _("mark"),
        "pause": _("Pause: {name}"),
        "play": _("Play: {name}"),
        "point": _("point in the plane"),
        "prompts": _("To try"),
        "reset": _("Reset"),
        "set": _("Set the figure so"),
        "table": _("All numbers of this figure"),
    }
