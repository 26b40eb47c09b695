"""A small explorer with everything that one can have: panels, a handle, play, prompts, an arc, a dial without axes."""

import numpy as np

from mamlkit.explorers.controls import Choice, Prompt, Slider
from mamlkit.explorers.explorer import Explorer
from mamlkit.scene import Axes, Mark, Panels, Readout, Scene, arc

HEADINGS = np.arange(-180.0, 181.0, 10.0)
RATES = np.arange(6) / 5


def loss(heading, alpha=0.0):
    return 1 - np.cos(np.radians(heading) + alpha)


def scene(theta, alpha, kind):
    turn, circle = np.radians(90 - theta), np.linspace(0, 2 * np.pi, 61)
    here = [np.cos(turn), np.sin(turn)]
    dial = [
        Mark("line", "rim", "guide", np.column_stack([np.cos(circle), np.sin(circle)])),
        Mark("arc", "step", "maml", arc(1.1, turn, turn - alpha), label="one step"),
        Mark("points", "theta", "initial", [here], label="heading θ", tag="θ"),
    ]
    curves = [
        Mark("line", "plain", "joint", np.column_stack([HEADINGS, loss(HEADINGS)]), label="plain loss"),
        Mark("line", "after", "maml", np.column_stack([HEADINGS, loss(HEADINGS, alpha)]), label="loss after"),
        Mark("points", "here", "initial", [[theta, loss(theta, alpha)]], label="heading θ"),
    ]
    square = Axes("east", "north", (-1.3, 1.3), (-1.3, 1.3), equal=True, frame=False)
    plane = Axes("heading in degrees", "loss", (-180, 180), (-0.05, 2.05))
    value = loss(theta, alpha) if kind == "loss" else np.radians(theta)
    return Panels(
        {
            "dial": Scene(square, dial, [], "A dial."),
            "curves": Scene(plane, curves, [Readout("value", "value", value)], "Two curves over the headings."),
        },
        widths=(0.6, 1),
    )


PROMPTS = [
    Prompt("Turn to the south. Is the loss high there?", {"theta": 180.0, "alpha": 0.0}, "It is highest: 2."),
    Prompt("Set α to 1. What moves?", {"alpha": 1.0}, "The curve of the loss after a step."),
    Prompt("Look at both."),
]


def dial_explorer():
    return Explorer(
        scene,
        title="A dial",
        name="dial",
        prompts=PROMPTS,
        theta=Slider(HEADINGS, 30.0, "heading θ", unit="°", digits=0, handle="theta", panel="dial"),
        alpha=Slider(RATES, RATES[1], "inner learning rate α", play=True),
        kind=Choice(("loss", "angle"), "loss", "what to read", names=("the loss", "the angle")),
    )
