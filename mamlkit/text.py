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
    "point_xy": "({x}, {y})",
    # the frame around every explorer
    "explorer.reset": "Reset",
    "explorer.link": "Copy link to this state",
    "explorer.copied": "Link copied",
    "explorer.in_address": "The address bar now holds the link",
    "explorer.table": "All numbers of this figure",
    "explorer.readouts": "Readouts",
    "explorer.mark": "mark",
    "explorer.x": "horizontal",
    "explorer.y": "vertical",
    "explorer.quantity": "quantity",
    "explorer.value": "value",
    "explorer.legend": "Legend: show or hide",
    "explorer.noscript": "This figure answers to sliders where scripts are allowed. Without them it shows one state:",
    # quadratic landscape
    "quadratic.title": "Two tasks, one initialisation",
    "quadratic.alpha": "inner learning rate α",
    "quadratic.curvature": "steep curvature h of task A",
    "quadratic.num_steps": "inner steps K",
    "quadratic.theta": "initialisation θ",
    "quadratic.task_a": "task A: support loss",
    "quadratic.task_b": "task B: support loss",
    "quadratic.path_a": "task A: inner loop θ → φ",
    "quadratic.path_b": "task B: inner loop θ → φ",
    "quadratic.query_a": "task A: lowest query loss",
    "quadratic.query_b": "task B: lowest query loss",
    "quadratic.maml": "−∇J: MAML",
    "quadratic.fomaml": "FOMAML: no Jacobians",
    "quadratic.naive": "the bug: one Jacobian for K steps",
    "quadratic.contours_j": "outer loss J",
    "quadratic.optimum": "θ*: lowest J",
    "quadratic.outer_loss": "outer loss J(θ)",
    "quadratic.optimum_at": "lowest J at θ*",
    "quadratic.no_optimum": "nowhere alone: J is flat along a line",
    "quadratic.norm_maml": "MAML: ‖∇J‖",
    "quadratic.norm_fomaml": "FOMAML: norm",
    "quadratic.angle_fomaml": "angle MAML to FOMAML",
    "quadratic.angle_naive": "angle MAML to the bug",
    "quadratic.alpha_h": "α × largest curvature",
    "quadratic.alpha_h_solved": "{product}: a step in the steepest direction lands on the minimum",
    "quadratic.alpha_h_over": "{product}: steps overshoot in the steepest direction",
    "quadratic.alpha_h_edge": "{product}: steps bounce for ever in the steepest direction",
    "quadratic.alpha_h_plain": "{product}",
    "quadratic.alt": (
        "The plane of two parameters with the elliptic contours of two quadratic tasks, A and B. From the "
        "initialisation θ one inner-loop path runs towards each task's minimum. Arrows at θ show the directions in "
        "which MAML and FOMAML would move it; a star marks the θ with the lowest outer loss."
    ),
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
