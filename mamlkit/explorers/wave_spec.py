"""What the page of a playable wave needs to know: networks, controls, limits, and every word that it writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mamlkit.explorers.controls import Choice, Slider
from mamlkit.explorers.page import page_texts
from mamlkit.explorers.trained import Trained
from mamlkit.explorers.wave_state import COUNTS, INPUTS, KNOTS, MAX_STEPS, OUTPUTS
from mamlkit.reading import ticks
from mamlkit.roles import ROLES
from mamlkit.text import gettext as _


def wave_spec(
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
        "texts": {**page_texts(), **_names(), **_texts()},
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
        "height": Slider(np.arange(1, 51) / 10, 3.0, _("height"), digits=1),
        "shift": Slider(np.arange(32) / 10, 1.0, _("shift"), digits=1),
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
    """Return every other word that the page writes, beside those around every figure."""
    return {
        "step": _("Step"),
        "ten": _("10 steps"),
        "thousand": _("1,000 steps"),
        "run": _("Play"),
        "halt": _("Pause"),
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
        "handle": _("support point {i} of {n}"),
        "on_wave": _("on the wave"),
        "hidden": _("hidden"),
        "said": _("Steps taken: {steps}. Mean squared error: {errors}."),
        "alt": _("A sine wave over inputs from −5 to 5, support points on or near it, and the curves of networks."),
        "errors_alt": _("Mean squared error of each curve against the number of steps."),
        "fewest": _("Two points are the fewest that a task can have here."),
        "most": _("Twenty points are the most that fit."),
        "longest": _("3,000 steps are the most that this page takes."),
        "diverged": _(
            "{name}: its steps ran away after {steps} steps, too long for these points. Move a point or start again."
        ),
    }
