"""The first-order gap: the gradients of MAML and FOMAML along one axis, and how far apart they are (claims R5, R5a).

What a reader would not have guessed: on steeper ground the two gradients may lie closer together, since both fade; at
α a = 1 nothing is left to differ; and with an odd number of steps they point in opposite directions beyond it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from mamlkit._check import Array, as_count, as_nonnegative, as_positive
from mamlkit.closed_form import first_order
from mamlkit.reading import format_number
from mamlkit.scene import Axes, Mark, Panels, Readout, Scene
from mamlkit.text import gettext as _

if TYPE_CHECKING:
    from mamlkit.explorers.explorer import Explorer

WIDEST = first_order.widest(2)
RATES = np.sort(np.append(np.arange(21) / 20, WIDEST))  # the widest gap of two steps stands on the grid
CURVATURES = np.arange(2, 9) / 4
PRODUCTS = np.linspace(0.0, 2.05, 83)


def gap_scene(alpha: float, curvature: float, num_steps: int) -> Panels:
    """Return both gradients over all products of rate and curvature, and beside them the gap, absolute and relative.

    Gradients are in units of the plain gradient, the one that is taken without an inner step.

    Parameters
    ----------
    alpha : float
        Inner learning rate, zero or more.
    curvature : float
        Curvature a of the support loss, above zero.
    num_steps : int
        Inner steps K, at least 1.

    Examples
    --------
    >>> [str(readout) for readout in gap_scene(0.5, 1.0, 2).readouts][1:]
    ['0.062', '0.250', '0.188', '75 %']
    """
    product = as_nonnegative("alpha", alpha) * as_positive("curvature", curvature)
    num_steps = as_count("num_steps", num_steps, minimum=1)
    return Panels({"gradients": _gradients(product, num_steps), "gap": _gap(product, num_steps)})


@lru_cache(maxsize=64)
def _curve(name: str, num_steps: int) -> Array:
    return np.column_stack([PRODUCTS, _value(name, PRODUCTS, num_steps)])


def _value(name: str, product: Array, num_steps: int) -> Array:
    if name in first_order.METHODS:
        return first_order.multiplier(name, product, num_steps=num_steps)
    gap = first_order.gap(product, num_steps=num_steps)
    return np.abs(gap.absolute) if name == "error" else gap.to_fomaml


def _lines(labels: dict[str, str], product: float, num_steps: int) -> list[Mark]:
    """Return a curve for each name, and on it the point at the present product."""
    marks = [Mark("line", name, name, _curve(name, num_steps), label=label) for name, label in labels.items()]
    for name in labels:
        marks.append(Mark("points", f"{name}_here", name, [[product, _value(name, np.array(product), num_steps)]]))
    return marks


def _gradients(product: float, num_steps: int) -> Scene:
    labels = {"maml": _("MAML: (1 − αa)²ᴷ"), "fomaml": _("FOMAML: (1 − αa)ᴷ")}
    here = [float(_value(name, np.array(product), num_steps)) for name in labels]
    marks = [
        Mark("line", "level", "guide", [[0.0, 0.0], [2.05, 0.0]]),
        Mark("line", "here", "axes", [[product, -1.12], [product, 1.12]]),
        *_lines(labels, product, num_steps),
    ]
    readouts = [
        Readout("product", "α a", _product(product, num_steps)),
        Readout("maml", _("MAML’s gradient"), here[0]),
        Readout("fomaml", _("FOMAML’s gradient"), here[1]),
    ]
    alt = _(
        "The gradients of MAML and FOMAML against α times the curvature, in units of the plain gradient. Both start at "
        "1 and are 0 where the product is 1; MAML’s falls faster. A point on each curve marks the present product."
    )
    return Scene(Axes(_("α a, rate times curvature"), _("gradient"), (0.0, 2.05), (-1.12, 1.12)), marks, readouts, alt)


def _gap(product: float, num_steps: int) -> Scene:
    labels = {"error": _("absolute gap"), "relative": _("gap as a share of FOMAML’s gradient")}
    here = [float(_value(name, np.array(product), num_steps)) for name in labels]
    special = np.array([first_order.widest(num_steps), 1.0, 2.0])
    stars = np.column_stack([special, _value("error", special, num_steps)])
    marks = [
        Mark("line", "here", "axes", [[product, 0.0], [product, 2.1]]),
        *_lines(labels, product, num_steps),
        Mark("points", "special", "optimum", stars, label=_("widest on (0, 1); α a = 1; α a = 2")),
    ]
    share = _("{percent} %", percent=format_number(100 * here[1], 0))
    readouts = [
        Readout("absolute", _("absolute gap"), here[0]),
        Readout("relative", _("relative gap"), share),
    ]
    alt = _(
        "The gap between the two gradients against α times the curvature: absolute, with stars where it is widest "
        "below 1, at 1 and at 2, and as a share of FOMAML’s gradient, which rises up to 1."
    )
    return Scene(Axes(_("α a, rate times curvature"), _("gap"), (0.0, 2.05), (0.0, 2.1)), marks, readouts, alt)


def _product(product: float, num_steps: int) -> str:
    """Say in words how the two gradients stand to one another."""
    number = format_number(product, 2)
    if product == 0:
        return _("{product}: the two are one", product=number)
    if abs(product - 1) < 1e-9:
        return _("{product}: both are zero", product=number)
    if product > 1 and num_steps % 2:
        return _("{product}: they point in opposite directions", product=number)
    if product > 2 - 1e-9:
        return _("{product}: the two are one again", product=number)
    return _("{product}: MAML’s is the shorter", product=number)


def gap_explorer() -> Explorer:
    """Return the explorer of :func:`gap_scene`: sliders for the rate and the curvature, and the number of steps."""
    from mamlkit.explorers.controls import Choice, Prompt, Slider
    from mamlkit.explorers.explorer import Explorer

    two = {"num_steps": 2, "curvature": 1.0}
    prompts = [
        Prompt(
            _("Where, between α a = 0 and 1, do two steps drive the gradients furthest apart?"),
            state={**two, "alpha": WIDEST},
            answer=_("At 0.293, that is 1 − 1/√2. There FOMAML’s is a half, MAML’s a quarter, the gap a quarter."),
        ),
        Prompt(
            _("From there make the ground steeper, up to a = 2. Does the gap grow?"),
            state={"num_steps": 2, "alpha": WIDEST, "curvature": 2.0},
            answer=_("It shrinks: both gradients fade. As a share of FOMAML’s gradient it does grow."),
        ),
        Prompt(
            _("At α a = 1, what does the shortcut cost?"),
            state={**two, "alpha": 1.0},
            answer=_("Nothing. One step solves the axis from anywhere, and both gradients are 0."),
        ),
        Prompt(
            _("And at α a = 2?"),
            state={"num_steps": 2, "alpha": 1.0, "curvature": 2.0},
            answer=_("Nothing either: two jumps across the bottom lead back to the start, and the factor is 1."),
        ),
        Prompt(
            _("Take one step or three, and α a = 1.5. What is FOMAML about to do?"),
            state={"num_steps": 1, "alpha": 1.0, "curvature": 1.5},
            answer=_(
                "To walk uphill. The step overshoots, so the slope at its end has the other sign. MAML’s factor turns "
                "it back; FOMAML has no factor."
            ),
        ),
    ]
    return Explorer(
        gap_scene,
        title=_("The first-order gap"),
        name="first-order-gap",
        prompts=prompts,
        alpha=Slider(RATES, 0.5, _("inner learning rate α"), digits=3, play=True),
        curvature=Slider(CURVATURES, 1.0, _("curvature a"), digits=2),
        num_steps=Choice((1, 2, 3), 2, _("inner steps K")),
    )
