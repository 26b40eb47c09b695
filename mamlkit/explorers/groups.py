"""Whom a start serves: errors and bias of two groups of pupils against the weight that training gives to one of them.

What a reader would not have guessed: with all features known, a third of the weights make no difference that one could
see; and the weight that protects the worse-off group is nearly zero for the other, which then is predicted a point
too high, though the first gains next to nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mamlkit._check import as_array, as_number, as_vector
from mamlkit.scene import Axes, Mark, Panels, Readout, Scene
from mamlkit.text import gettext as _

if TYPE_CHECKING:
    from mamlkit.explorers.explorer import Explorer

FEATURES, PUPILS = ("blind", "aware"), (5, 10)
ROLES = {"all": "truth", "majority": "task_a", "minority": "task_b"}


@dataclass(frozen=True, eq=False)
class Trade:
    """What was measured on held-out schools, for each weight of the minority.

    Parameters
    ----------
    weights : array_like, shape (W,)
        Increasing.
    rmse : array_like, shape (W, 3)
        Root mean squared errors of all pupils, the majority and the minority, in points.
    bias : array_like, shape (W, 2)
        Mean errors of majority and minority, prediction minus truth, in points.
    average, minimax, regret : float
        The weights that three rules choose: the share of the pupils, the lowest worst loss, the lowest worst regret.

    Raises
    ------
    TypeError, ValueError
        If the arrays do not fit one another.

    Examples
    --------
    >>> Trade([0, 1], [[6, 6, 7], [7, 7, 6]], [[0, 2], [-2, 0]], average=0.3, minimax=0.4, regret=0.5).rmse.shape
    (2, 3)
    """

    weights: Any
    rmse: Any
    bias: Any
    average: float
    minimax: float
    regret: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", as_vector("weights", self.weights))
        for name, columns in (("rmse", 3), ("bias", 2)):
            values = as_array(name, getattr(self, name), ndim=2)
            if values.shape != (len(self.weights), columns):
                raise ValueError(f"{name} must have shape ({len(self.weights)}, {columns}), got {values.shape}")
            object.__setattr__(self, name, values)
        for name in ("average", "minimax", "regret"):
            object.__setattr__(self, name, as_number(name, float(getattr(self, name))))


def groups_scene(trade: Trade, weight: float) -> Panels:
    """Return the groups' errors against the weight, and beside them their biases.

    Parameters
    ----------
    trade : Trade
    weight : float
        One of its weights.

    Examples
    --------
    >>> trade = Trade([0, 1], [[6, 6, 7], [7, 7, 6]], [[0, 2], [-2, 0]], average=0.3, minimax=0.4, regret=0.5)
    >>> [str(readout) for readout in groups_scene(trade, 1.0).readouts]
    ['7.00', '7.00', '6.00', '−2.00', '+0.00', '7.00']
    """
    place = int(np.abs(trade.weights - as_number("weight", weight)).argmin())
    return Panels({"error": _errors(trade, place), "bias": _biases(trade, place)})


def _curves(
    trade: Trade, columns: dict[str, np.ndarray], place: int, low: float, high: float, *, of: str = ""
) -> list[Mark]:
    labels = {"all": _("all pupils"), "majority": _("majority"), "minority": _("minority")}
    marks = [Mark("line", f"here{of}", "guide", [[trade.weights[place], low], [trade.weights[place], high]])]
    for name, values in columns.items():
        inside = np.column_stack([trade.weights, values.clip(low, high)])
        marks.append(Mark("line", name + of, ROLES[name], inside, label=labels[name]))
    for name, values in columns.items():
        point = [[trade.weights[place], values[place].clip(low, high)]]
        marks.append(Mark("points", f"{name}_here{of}", ROLES[name], point))
    return marks


def _errors(trade: Trade, place: int) -> Scene:
    low, high = 5.9, 7.0
    columns = dict(zip(ROLES, trade.rmse.T, strict=True))
    marks = _curves(trade, columns, place, low, high)
    rules = {
        "average": ("maml", _("weight of the plain mean")),
        "minimax": ("nearby", _("weight of minimax")),
        "regret": ("recomputed", _("weight of minimax regret")),
    }
    for name, (role, label) in rules.items():
        marks.append(Mark("points", name, role, [[getattr(trade, name), low + 0.04]], label=label))
    all_of_them, majority, minority = trade.rmse[place]
    readouts = [
        Readout("all", _("RMSE of all pupils, points"), all_of_them, digits=2),
        Readout("majority", _("RMSE of the majority"), majority, digits=2),
        Readout("minority", _("RMSE of the minority"), minority, digits=2),
        Readout("bias_majority", _("bias of the majority"), _signed(trade.bias[place, 0])),
        Readout("bias_minority", _("bias of the minority"), _signed(trade.bias[place, 1])),
        Readout("worst", _("RMSE of the worse group"), max(majority, minority), digits=2),
    ]
    alt = _(
        "Root mean squared errors on held-out schools against the weight of the minority, for all pupils and for each "
        "group: the minority's falls, the majority's rises. Three marks show the weights that three rules choose."
    )
    axes = Axes(_("weight of the minority in training"), _("RMSE, points"), (-0.03, 1.03), (low, high))
    return Scene(axes, marks, readouts, alt)


def _signed(value: float) -> str:
    return f"{value + 0.0:+.2f}".replace("-", "−")


def _biases(trade: Trade, place: int) -> Scene:
    low, high = -2.9, 3.1
    marks = [Mark("line", "level", "guide", [[0.0, 0.0], [1.0, 0.0]])]
    columns = dict(zip(("majority", "minority"), trade.bias.T, strict=True))
    marks += _curves(trade, columns, place, low, high, of="_bias")
    alt = _(
        "Mean error, prediction minus truth, of each group against the weight of the minority: with blind features the "
        "two keep their distance, with aware features both are near zero but at the ends."
    )
    axes = Axes(_("weight of the minority in training"), _("bias, points"), (-0.03, 1.03), (low, high))
    return Scene(axes, marks, [], alt)


def groups_explorer(trades: Mapping[tuple[str, int], Trade]) -> Explorer:
    """Return the explorer of :func:`groups_scene`: the weight to play, the features and the pupils to choose.

    Parameters
    ----------
    trades : mapping
        A Trade for each of blind and aware with 5 and 10 pupils, all with the same weights.
    """
    from mamlkit.explorers.controls import Choice, Slider
    from mamlkit.explorers.explorer import Explorer

    def scene(weight: float, features: str, num_support: int) -> Panels:
        return groups_scene(trades[features, num_support], weight)

    weights = next(iter(trades.values())).weights
    return Explorer(
        scene,
        title=_("Whom the start serves"),
        name="groups",
        prompts=_prompts(),
        weight=Slider(weights, 0.25, _("weight of the minority in training"), digits=2, play=True),
        features=Choice(FEATURES, "blind", _("features"), names=(_("blind"), _("aware"))),
        num_support=Choice(PUPILS, 5, _("pupils to adapt to")),
    )


def _prompts() -> list[Any]:
    from mamlkit.explorers.controls import Prompt

    return [
        Prompt(
            _("Blind, weight 0.25, about the minority's share. Who is predicted too high, and who too low?"),
            state={"weight": 0.25, "features": "blind", "num_support": 5},
            answer=_("The minority too high, by almost two points; the majority too low, by more than half a point."),
        ),
        Prompt(
            _("Move the weight to 0.5. Does the distance between the two biases shrink?"),
            state={"weight": 0.5, "features": "blind", "num_support": 5},
            answer=_("Hardly. Both sink together: the minority is nearer to zero, and the majority is farther away."),
        ),
        Prompt(
            _("Now the model may know who belongs to the minority. What does the weight decide?"),
            state={"weight": 0.5, "features": "aware", "num_support": 5},
            answer=_("Between 0.25 and 0.75 nearly nothing: each group has a coefficient of its own."),
        ),
        Prompt(
            _("Aware, weight 0.02, near the choice of minimax. What has the worse group gained, and who has paid?"),
            state={"weight": 0.02, "features": "aware", "num_support": 5},
            answer=_("The majority has gained less than a hundredth of a point. The minority is predicted too high."),
        ),
    ]
