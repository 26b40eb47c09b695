"""Every word that code draws: axis labels, legends, readouts, controls, buttons.

A translation adds one table to :data:`TABLES`; the book of that language sets the environment variable
``MAMLKIT_LANGUAGE``. Nothing a reader sees is written anywhere else in the code.
"""

from __future__ import annotations

import os

ENGLISH: dict[str, str] = {
    # parameters and losses
    "theta_1": "first parameter θ₁",
    "theta_2": "second parameter θ₂",
    # the frame around every explorer
    "explorer.reset": "Reset",
    "explorer.link": "Copy link to this state",
    "explorer.copied": "Link copied",
    "explorer.in_address": "The address bar now holds the link",
    "explorer.table": "All numbers of this figure",
    "explorer.mark": "mark",
    "explorer.x": "across",
    "explorer.y": "up",
    "explorer.point": "point in the plane",
    "explorer.drag": "Drag the ring, or focus it and use the arrow keys.",
    "explorer.legend": "Legend: show or hide",
    "explorer.noscript": "This figure answers to sliders where scripts are allowed. Without them it shows one state:",
    # quadratic landscape
    "quadratic.title": "Two tasks, one initialisation",
    "quadratic.alpha": "inner learning rate α",
    "quadratic.curvature": "curvature h of task A, one axis",
    "quadratic.num_steps": "inner steps K",
    "quadratic.theta": "initialisation θ",
    "quadratic.task_a": "A: support loss, path",
    "quadratic.task_b": "B: support loss, path",
    "quadratic.query": "lowest query losses",
    "quadratic.maml": "MAML: −∇J",
    "quadratic.fomaml": "FOMAML: no Jacobians",
    "quadratic.naive": "bug: one Jacobian",
    "quadratic.contours_j": "outer loss J",
    "quadratic.optimum": "θ*: lowest J",
    "quadratic.outer_loss": "outer loss J(θ)",
    "quadratic.norm_maml": "norm, MAML gradient",
    "quadratic.norm_fomaml": "norm, FOMAML gradient",
    "quadratic.angle_fomaml": "angle, MAML to FOMAML",
    "quadratic.angle_naive": "angle, MAML to bug",
    "quadratic.optimum_at": "lowest J at θ*",
    "quadratic.flat": "everywhere on a line",
    "quadratic.product": "α × largest curvature",
    "quadratic.product_below": "{product}: steps fall short",
    "quadratic.product_solved": "{product}: solved in one step",
    "quadratic.product_over": "{product}: steps overshoot",
    "quadratic.product_edge": "{product}: steps never settle",
    "quadratic.alt": (
        "The plane of two parameters with the elliptic contours of two quadratic tasks, A and B. From the "
        "initialisation θ one inner-loop path runs towards each task's minimum. Arrows at θ show the directions in "
        "which MAML and FOMAML would move it; a star marks the θ with the lowest outer loss."
    ),
    # compass
    "compass.title": "Two headings on a compass",
    "compass.alpha": "inner learning rate α",
    "compass.delta": "angle δ from north to each task, in degrees",
    "compass.heading": "heading θ in degrees",
    "compass.loss": "mean loss of the two tasks",
    "compass.fixed": "fixed heading, no adaptation",
    "compass.adapted": "outer loss J: after one inner step",
    "compass.best_fixed": "best fixed heading",
    "compass.best_adapted": "best initialisation",
    "compass.north_fixed": "loss at north, fixed",
    "compass.north_adapted": "loss at north, after one step",
    "compass.targets": "the headings that the tasks want",
    "compass.alt": (
        "Two curves over all headings from south through north to south: the mean loss of a fixed heading, and the "
        "outer loss, which is taken after one inner step. A dot marks the lowest point of each."
    ),
    # sinusoid
    "sinusoid.title": "Ten points of a wave, and a few gradient steps",
    "sinusoid.x": "input x",
    "sinusoid.y": "output y",
    "sinusoid.truth": "the wave",
    "sinusoid.support": "support set",
    "sinusoid.scratch": "network trained from scratch",
    "sinusoid.joint": "start from joint training",
    "sinusoid.maml": "start from MAML",
    "sinusoid.error_scratch": "mean squared error, from scratch",
    "sinusoid.error_joint": "mean squared error, joint training",
    "sinusoid.error_maml": "mean squared error, MAML",
    "sinusoid.step": "inner steps taken",
    "sinusoid.wave": "wave",
    "sinusoid.error": "mean squared error on query sets",
    "sinusoid.alt": "A sine wave over inputs from −5 to 5, ten points on it, and curves that networks made of them.",
    "sinusoid.error_alt": "Mean squared error on the query sets of new tasks against the number of inner steps.",
    # probe
    "probe.x": "temperature, scaled",
    "probe.y": "answer of the probe, scaled",
    "probe.before": "MAML's start",
    "probe.after": "after three steps",
    "probe.query": "query readings",
    "probe.support": "support readings",
    "probe.alt": (
        "Two curves over temperature for one probe: MAML's start, and the curve after adaptation, which passes close "
        "to the six support readings and to the query readings that it has not seen."
    ),
    # cost
    "cost.num_steps": "inner steps K",
    "cost.width": "units in each hidden layer",
    "cost.num_tasks": "tasks in the batch",
    "cost.maml": "MAML",
    "cost.task_b": "MAML, recomputed",
    "cost.fomaml": "FOMAML",
    "cost.baseline": "plain gradient",
    "cost.flops": "arithmetic, in forward passes",
    "cost.seconds": "time, in plain gradients",
    "cost.memory": "peak memory in megabytes",
    "cost.flops_num_steps_alt": (
        "Arithmetic against inner steps: points counted by the machine lie on the three lines of theory."
    ),
    "cost.seconds_num_steps_alt": (
        "Time against inner steps for MAML, FOMAML and a plain gradient, as points beside the lines of theory; "
        "MAML's line is the steepest."
    ),
    "cost.seconds_width_alt": (
        "Time against the width of the network, in plain gradients: the lines of theory are level, MAML's the highest, "
        "and the measured points of wide networks lie near them."
    ),
    "cost.seconds_num_tasks_alt": (
        "Time against the number of tasks, in plain gradients: the lines of theory are level, MAML's the highest, "
        "with the measured points beside them."
    ),
    "cost.memory_num_steps_alt": (
        "Peak memory against inner steps: MAML's grows in a line, recomputed in a flatter one, and FOMAML's "
        "soon stays level."
    ),
    "cost.memory_width_alt": "Peak memory against the width of the network, MAML's far above FOMAML's at every width.",
    "cost.memory_num_tasks_alt": "Peak memory against the number of tasks: straight lines, MAML's the steepest.",
}

TABLES: dict[str, dict[str, str]] = {"en": ENGLISH}


def text(key: str, **fields: str) -> str:
    """Return the words for `key`, with the named `fields` filled in, in the language of ``MAMLKIT_LANGUAGE``.

    Raises
    ------
    KeyError
        If there is no such language, or no such key in it.

    Examples
    --------
    >>> text("quadratic.num_steps")
    'inner steps K'
    """
    language = os.environ.get("MAMLKIT_LANGUAGE", "en")
    if language not in TABLES:
        raise KeyError(f"MAMLKIT_LANGUAGE must be one of {', '.join(TABLES)}; got {language!r}")
    if key not in TABLES[language]:
        raise KeyError(f"no text {key!r} in the table {language!r}")
    return TABLES[language][key].format(**fields)
