"""The playable wave: the reader's own task, and networks that take real gradient steps on it in the page (claim R1).

The networks come in as arrays, so nothing here needs PyTorch. They are the one thing in the book that a page computes
by itself: ``web/network.js`` is held against :func:`mamlkit.engine.adapt`.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import anywidget
import numpy as np
import traitlets

from mamlkit._check import Array, as_array, as_positive
from mamlkit.explorers import web
from mamlkit.explorers.controls import Choice, Slider
from mamlkit.explorers.sinusoid import wave_scene
from mamlkit.explorers.wave_state import COUNTS, INPUTS, KNOTS, MAX_STEPS, OUTPUTS, as_guess, as_points
from mamlkit.reading import ticks
from mamlkit.roles import ROLES
from mamlkit.tasks.sinusoid import AMPLITUDE_RANGE, PHASE_RANGE
from mamlkit.text import gettext as _

SCRIPTS = ("numbers", "page", "controls", "draw", "network", "race", "board", "wave")
STYLES = ("explorer", "wave")
POINTS = ([-4.6], [-3.9], [-2.7], [-1.8], [-0.9], [0.2], [1.1], [2.4], [3.3], [4.5])  # all on the wave
RUNNERS = ("maml", "joint", "scratch")  # the networks that can run, and their roles


@dataclass(frozen=True, eq=False)
class Trained:
    """A start for adaptation, as it travels with the page.

    Parameters
    ----------
    params : mapping of str to array_like
        As :func:`mamlkit.models.mlp` names them: ``"1.weight"`` (in, out), ``"1.bias"`` (out,), ``"2.weight"`` ...;
        one input, one output.
    inner_lr : float
        The learning rate of its steps.

    Raises
    ------
    TypeError, ValueError
        If a layer is missing, has another name or does not fit the one before, or the rate is not positive.

    Examples
    --------
    >>> layers = {"1.weight": np.ones((1, 3)), "1.bias": np.zeros(3), "2.weight": np.ones((3, 1)), "2.bias": [0.5]}
    >>> Trained(layers, 0.01)([2.0, -2.0])
    array([6.5, 0.5])
    """

    params: Mapping[str, Any]
    inner_lr: float
    layers: list[tuple[Array, Array]] = field(init=False)

    def __post_init__(self) -> None:
        as_positive("inner_lr", self.inner_lr)
        expected = [f"{i // 2 + 1}.{('weight', 'bias')[i % 2]}" for i in range(len(self.params))]
        if list(self.params) != expected or len(expected) % 2 or not expected:
            raise ValueError(
                f"params must be named 1.weight, 1.bias, 2.weight, ... in this order, got {[*self.params]!r}"
            )
        arrays = [
            as_array(f"params[{name!r}]", np.asarray(self.params[name]), ndim=1 + (name[-1] == "t"))
            for name in expected
        ]
        layers = list(zip(arrays[::2], arrays[1::2], strict=True))
        width = 1
        for number, (weight, bias) in enumerate(layers, start=1):
            if weight.shape != (width, len(bias)):
                raise ValueError(f"params['{number}.weight'] must be {width} x {len(bias)}, got shape {weight.shape}")
            width = len(bias)
        if width != 1:
            raise ValueError(f"params must end in one output, got {width}")
        object.__setattr__(self, "layers", layers)

    def __call__(self, x: Any) -> Array:
        """Return the network's curve at the inputs `x` (n,) before any step, for the still picture."""
        values = np.asarray(x, dtype=float)[:, None]
        for weight, bias in self.layers[:-1]:
            values = np.maximum(values @ weight + bias, 0)
        weight, bias = self.layers[-1]
        return (values @ weight + bias)[:, 0]

    @property
    def sizes(self) -> list[int]:
        """Numbers of units, from the input to the output."""
        return [1, *(len(bias) for _weight, bias in self.layers)]

    def packed(self) -> str:
        """Return all parameters as float32 in base64."""
        flat = np.concatenate([part.ravel() for layer in self.layers for part in layer])
        return base64.b64encode(flat.astype("<f4").tobytes()).decode()


Runner = Trained | Mapping[tuple[Any, ...], Trained]


class PlayableWave(anywidget.AnyWidget):
    """The figure that :func:`playable_wave` returns; each part of its state is a synced trait.

    `height` and `shift` make the wave. `points` holds ``[x]`` for a support point on the wave, ``[x, y]`` for one that
    was dragged off it. `steps` is how many gradient steps each network has taken, `guess` the reader's curve at 41 inputs
    (empty: none), `secret` whether the wave itself is hidden. Each switch is a trait of its own name.
    """

    _esm = web.script(*SCRIPTS)
    _css = web.style(*STYLES)
    spec = traitlets.Dict().tag(sync=True)
    height = traitlets.Float(3.0).tag(sync=True)
    shift = traitlets.Float(1.0).tag(sync=True)
    points = traitlets.List(default_value=[list(point) for point in POINTS]).tag(sync=True)
    steps = traitlets.Int(0, min=0, max=MAX_STEPS).tag(sync=True)
    guess = traitlets.List(default_value=[]).tag(sync=True)
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
        super().__init__(spec=_spec(self._networks, switches, name=name, compact=compact))

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
        """Return the figure as self-contained HTML: weights, style, script, and a still where scripts are off."""
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
        still = self.still()
        return {**data, "text/html": self.html(), "image/png": still.save("png"), "text/plain": still.alt}, metadata


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


def _spec(
    networks: dict[str, dict[tuple[Any, ...], Trained]], switches: Mapping[str, Choice], *, name: str, compact: bool
) -> dict[str, Any]:
    """Return what the page needs to know, as what JSON can hold; equal weights are stored once."""
    weights: dict[str, int] = {}
    runners = [
        {
            "name": role,
            "label": _names()[role],
            "variants": [
                {
                    "when": list(key),
                    "rate": network.inner_lr,
                    "sizes": network.sizes,
                    "weights": weights.setdefault(network.packed(), len(weights)),
                }
                for key, network in variants.items()
            ],
        }
        for role, variants in networks.items()
    ]
    roles = ("truth", "support", "guess", *networks)
    return {
        "name": name,
        "title": _("A wave to play with"),
        "compact": compact,
        "texts": {**_names(), **_texts()},
        "roles": {role: ROLES[role]._asdict() for role in roles},
        "controls": [{"name": key, "kind": "slider", **vars(slider)} for key, slider in _sliders().items()],
        "switches": [{"name": key, "kind": "choice", **vars(choice)} for key, choice in switches.items()],
        "runners": runners,
        "weights": list(weights),
        "limits": {"x": INPUTS, "y": OUTPUTS, "points": COUNTS, "steps": MAX_STEPS, "knots": KNOTS},
        "axes": {
            "xlim": INPUTS, "ylim": OUTPUTS, "xlabel": _("input x"), "ylabel": _("output y"),
            "xticks": ticks(*INPUTS), "yticks": ticks(*OUTPUTS),
        },
    }  # fmt: skip


def _sliders() -> dict[str, Slider]:
    return {
        "height": Slider(np.arange(1, 51) / 10, 3.0, _("height of the wave"), digits=1),
        "shift": Slider(np.arange(32) / 10, 1.0, _("shift of the wave"), digits=1),
    }


def _names() -> dict[str, str]:
    return {
        "truth": _("the wave"),
        "support": _("support points"),
        "guess": _("your guess"),
        "maml": _("MAML"),
        "joint": _("joint training"),
        "scratch": _("from scratch"),
    }


def _texts() -> dict[str, str]:
    """Return every other word that the page writes."""
    return {
        "step": _("Step"),
        "ten": _("10 steps"),
        "thousand": _("1,000 steps"),
        "play": _("Play"),
        "pause": _("Pause"),
        "restart": _("Start again"),
        "steps": _("steps taken"),
        "error": _("mean squared error"),
        "error_short": _("error"),
        "log_steps": _("steps taken, on a logarithmic scale"),
        "now": _("now"),
        "before": _("before"),
        "who": _("start"),
        "mode": _("on the plot, I"),
        "mode_points": _("move points"),
        "mode_guess": _("draw a guess"),
        "hint_points": _(
            "Drag a point; click an empty place for a new one, a point to remove it. Keys: arrows, Delete, Home."
        ),
        "hint_guess": _("Draw from left to right with finger or pointer, or use the two sliders."),
        "guess_height": _("height of my guess"),
        "guess_shift": _("shift of my guess"),
        "no_guess": _("No guess"),
        "add": _("Add a point"),
        "remove": _("Remove a point"),
        "settle": _("All on the wave"),
        "secret": _("A wave I do not know"),
        "reveal": _("Show the wave"),
        "reset": _("Reset"),
        "link": _("Copy link to this state"),
        "copied": _("Link copied"),
        "in_address": _("The address bar now holds the link"),
        "point": _("support point {i} of {n}"),
        "on_wave": _("on the wave"),
        "point_kind": _("point in the plane"),
        "hidden": _("hidden"),
        "said": _("After {steps} steps, mean squared error: {errors}."),
        "alt": _("A sine wave over inputs from −5 to 5, support points on or near it, and the curves of networks."),
        "errors_alt": _("Mean squared error of each curve against the number of steps."),
        "fewest": _("Two points are the fewest that a task can have here."),
        "most": _("Twenty points are the most that fit."),
        "longest": _("3,000 steps are the most that this page takes."),
        "diverged": _(
            "{name}: its steps ran away after {steps} steps, too long for these points. Move a point or start again."
        ),
        "bad_part": _("The link asks for {part}, which is not possible here; that part was left out."),
        "bad_points": _("Points of the link that lie off the plot or cannot be read were left out: {count}."),
        "few_points": _("The link holds fewer than two points that can be used, so the usual ones are shown."),
        "many_points": _("The link holds more than twenty points; the first twenty are shown."),
    }
