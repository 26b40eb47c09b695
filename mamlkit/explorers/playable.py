"""The playable wave: the reader's own task, and networks that take real gradient steps on it in the page (R1).

The networks come in as arrays, so nothing here needs PyTorch. They are the one thing in the book that a page computes
by itself: ``web/network.js`` is held against :func:`mamlkit.engine.adapt`.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from itertools import product
from typing import Any

import anywidget
import numpy as np
import traitlets

from mamlkit.explorers import web
from mamlkit.explorers.controls import Choice
from mamlkit.explorers.sinusoid import wave_scene
from mamlkit.explorers.trained import Trained
from mamlkit.explorers.wave_spec import wave_spec
from mamlkit.explorers.wave_state import INPUTS, MAX_STEPS, as_guess, as_points
from mamlkit.tasks.sinusoid import AMPLITUDE_RANGE, PHASE_RANGE
from mamlkit.text import gettext as _

SCRIPTS = ("numbers", "page", "controls", "cut", "draw", "state", "network", "race", "board", "standings", "wave")
STYLES = ("explorer", "wave")
POINTS = ([-4.6], [-3.9], [-2.7], [-1.8], [-0.9], [0.2], [1.1], [2.4], [3.3], [4.5])  # all on the wave
RUNNERS = ("maml", "joint", "scratch")  # the networks that can run, and their roles


Runner = Trained | Mapping[tuple[Any, ...], Trained]


class PlayableWave(anywidget.AnyWidget):
    """The figure that :func:`playable_wave` returns; each part of its state is a synced trait.

    `height` and `shift` make the wave. `points` holds ``[x]`` for a support point on the wave, ``[x, y]`` for one that
    was dragged off it. `steps` is how many gradient steps each network has taken, `guess` the reader's curve at 41
    inputs (empty: none), `secret` whether the wave itself is hidden. Each switch is a trait of its own name.
    """

    _esm = web.script(*SCRIPTS)
    _css = web.style(*STYLES)
    spec = traitlets.Dict().tag(sync=True)
    height = traitlets.Float(3.0).tag(sync=True)
    shift = traitlets.Float(1.0).tag(sync=True)
    points = traitlets.List(default_value=[list(point) for point in POINTS]).tag(sync=True)
    steps = traitlets.Int(0, min=0, max=MAX_STEPS).tag(sync=True)
    guess: traitlets.List[float] = traitlets.List(default_value=[]).tag(sync=True)
    secret = traitlets.Bool(False).tag(sync=True)

    def __init__(
        self, networks: Mapping[str, Runner], switches: Mapping[str, Choice], *, name: str, compact: bool
    ) -> None:
        taken = [switch for switch in switches if hasattr(type(self), switch)]
        if taken:
            raise ValueError(f"switches must have names that widgets do not use already, got {taken!r}")
        self._networks, self._switches = _every_variant(networks, switches), switches
        self.add_traits(
            **{key: traitlets.Enum(choice.values, choice.default).tag(sync=True) for key, choice in switches.items()}
        )
        super().__init__(spec=wave_spec(self._networks, switches, name=name, compact=compact))

    @traitlets.validate("height", "shift")
    def _in_range(self, proposal: Any) -> float:
        low, high = {"height": AMPLITUDE_RANGE, "shift": PHASE_RANGE}[proposal.trait.name]
        if not low <= proposal.value <= high:
            raise traitlets.TraitError(f"{proposal.trait.name} must lie in [{low:g}, {high:g}], got {proposal.value!r}")
        return proposal.value

    @traitlets.validate("points")
    def _points_on_the_plot(self, proposal: Any) -> list[list[float]]:
        return as_points(proposal.value)

    @traitlets.validate("guess")
    def _a_whole_guess(self, proposal: Any) -> list[float]:
        return as_guess(proposal.value)

    def state(self) -> dict[str, Any]:
        """Return the value of every trait that makes the figure what it is."""
        names = ("height", "shift", "points", "steps", "guess", "secret", *self._switches)
        return {name: getattr(self, name) for name in names}

    def still(self) -> Any:
        """Return a picture of the wave, the support points and the networks before any step."""
        from mamlkit.figures import picture

        x = np.linspace(*INPUTS, 101)
        key = tuple(getattr(self, name) for name in self._switches)
        curves = {name: variants[key](x) for name, variants in self._networks.items()}
        truth = {} if self.secret else {"truth": self._wave(x)}
        support = [[point[0], point[-1] if len(point) > 1 else float(self._wave(point[0]))] for point in self.points]
        return picture(wave_scene(x, truth | curves, support))

    def _wave(self, x: Any) -> Any:
        return self.height * np.sin(np.asarray(x) - self.shift)

    def html(self) -> str:
        """Return the figure as self-contained HTML: weights, style, script, and a still picture without scripts."""
        data = json.dumps({"spec": self.spec, "state": self.state()}, ensure_ascii=False).replace("</", "<\\/")
        message = _("You could play with this wave where scripts are allowed. Without them, here are the starts:")
        css, js = web.tags("wave", scripts=SCRIPTS, styles=STYLES)
        return (
            f'<div class="mk-explorer mk-wave" data-asleep data-name="{self.spec["name"]}" role="group" '
            f'aria-label="{html.escape(self.spec["title"])}">{css}'
            f"<noscript><p>{html.escape(message)}</p>{self.still().tag('svg')}</noscript>"
            f'<script type="application/json">{data}</script></div>{js}'
        )

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return {**data, **self.still().beside(self.html())}, metadata


def playable_wave(
    networks: Mapping[str, Runner], *, name: str = "playable-wave", compact: bool = False, **switches: Choice
) -> PlayableWave:
    """Return a wave to play with: the reader makes the task, the networks adapt to it, step by step, in the page.

    Parameters
    ----------
    networks : mapping of str to Trained
        "maml", "joint" and "scratch", or some of them. Instead of one :class:`Trained` a mapping may be given, from
        a tuple with a value for each switch to the network that this setting shows.
    name : str
        Key of the figure in links to its state; unique on a page.
    compact : bool
        For small places: wave, points and steps, without guess, error plot and table.
    **switches : Choice
        Choices between variants of the networks, such as the number of steps at training.

    Raises
    ------
    TypeError, ValueError
        If a name is unknown, a variant is missing, or a switch has the name of something that widgets have already.

    Examples
    --------
    >>> flat = Trained({"1.weight": [[0.0]], "1.bias": [0.5]}, 0.01)
    >>> wave = playable_wave({"maml": flat})
    >>> wave.height = 2.0
    >>> wave.state()["height"], wave.points[0]
    (2.0, [-4.6])
    >>> wave.points = [[0.0], [7.0]]
    Traceback (most recent call last):
    ...
    traitlets.traitlets.TraitError: points[1] must have x in [-5, 5], got [7.0]
    """
    return PlayableWave(networks, switches, name=name, compact=compact)


def _every_variant(
    networks: Mapping[str, Runner], switches: Mapping[str, Choice]
) -> dict[str, dict[tuple[Any, ...], Trained]]:
    """Return each network under every setting of the switches."""
    if not networks or set(networks) - set(RUNNERS):
        raise ValueError(f"networks must be named {', '.join(RUNNERS)}; got {list(networks)!r}")
    keys = list(product(*(choice.values for choice in switches.values())))
    found = {}
    for name, given in networks.items():
        variants = dict.fromkeys(keys, given) if isinstance(given, Trained) else dict(given)
        if set(variants) != set(keys):
            raise ValueError(f"networks[{name!r}] must have one network for each of {keys!r}, got {list(variants)!r}")
        for key, network in variants.items():
            if not isinstance(network, Trained):
                raise TypeError(f"networks[{name!r}][{key!r}] must be Trained, got {network!r}")
        found[name] = variants
    return found
