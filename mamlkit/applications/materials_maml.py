"""MAML on the coefficients of the equation of state, in any basis (claims R1, R2, R10, R11).

Several trainings run side by side: every tensor has an axis of columns, and a task holds a material for each. Their
losses are summed, so that none sees another's gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mamlkit._check import Array, as_count
from mamlkit.applications.materials import QUERY, STRAINS, powers
from mamlkit.applications.materials_tasks import Materials, Samples

if TYPE_CHECKING:
    from torch import Tensor

    Predict = Callable[[dict[str, Any], Any, Any], Tensor]


def cubic_start(basis: Array, centre: Array, columns: int, *, rates: int = 1) -> dict[str, Tensor]:
    """Return where meta-training of the coefficients starts: c = c0 + M (exp(s) u), u = 0, M the `basis` (3, 3).

    The inner loop moves `u` alone. A step of rate alpha on u moves c by alpha M exp(2 s) M^T times its gradient: the
    outer loop gives each direction a rate of its own. It learns where u starts; c0 stays at the `centre` (3,).

    Parameters
    ----------
    basis, centre : ndarray
    columns : int
        Trainings side by side.
    rates : {1, 3}
        Entries of s: one rate for all directions, or one for each.

    Examples
    --------
    >>> import numpy as np
    >>> {name: tuple(part.shape) for name, part in cubic_start(np.eye(3), np.ones(3), 2).items()}
    {'c0': (2, 3), 'M': (2, 3, 3), 's': (2, 1), 'u': (2, 3)}
    """
    import torch

    columns = as_count("columns", columns, minimum=1)
    c0, matrix = (torch.tensor(part, dtype=torch.float64) for part in (centre, basis))
    zeros = torch.zeros(columns, 3, dtype=torch.float64)
    return {"c0": c0.repeat(columns, 1), "M": matrix.repeat(columns, 1, 1), "s": zeros[:, :rates].clone(), "u": zeros}


def by_composition(start: dict[str, Tensor], elements: int) -> dict[str, Tensor]:
    """Return a `start` with weights W, all zero, by which the composition moves it: u + W f in the place of u.

    The features f are the fractions of the elements and four times the products of two of them.
    """
    import torch

    features = elements * (elements + 1) // 2
    return {**start, "W": torch.zeros(len(start["u"]), 3, features, dtype=torch.float64)}


def coefficients(params: dict[str, Any], fractions: Tensor) -> Tensor:
    """Return the coefficients (columns, 3) that `params` stand for; fractions (columns, 1, e) count if there is a W."""
    import torch

    u = params["u"]
    if "W" in params:
        shares = fractions[..., 0, :]
        first, second = torch.triu_indices(shares.shape[-1], shares.shape[-1], 1)
        features = torch.cat([shares, 4 * shares[..., first] * shares[..., second]], dim=-1)
        u = u + (params["W"] @ features[..., None])[..., 0]
    return params["c0"] + (params["M"] @ (params["s"].exp() * u)[..., None])[..., 0]


def cubic_curve(*held: str) -> Predict:
    """Return the function that gives cubics (columns, n) at strains (columns, n); no gradient reaches the `held`.

    Examples
    --------
    >>> import numpy as np, torch
    >>> start = cubic_start(np.eye(3), np.array([1.0, 0.0, 0.0]), 1)
    >>> cubic_curve("c0", "M")(start, torch.zeros(1, 2).double(), torch.ones(1, 1, 1)).tolist()
    [[0.0, 0.0]]
    """

    def predict(params: dict[str, Any], strain: Tensor, fractions: Tensor) -> Tensor:
        parts = {name: part.detach() if name in held else part for name, part in params.items()}
        return (powers(strain) @ coefficients(parts, fractions)[..., None])[..., 0]

    return predict


def loss_of(predict: Predict) -> Callable[..., Tensor]:
    """Return the loss of a prediction: the weighted variance of what it leaves, summed over columns (claim R1).

    A variance does not see the zero of energy.

    Examples
    --------
    >>> import torch
    >>> loss = loss_of(lambda params, strain, fractions: params["w"] * strain)
    >>> x, y = torch.tensor([[0.0, 1.0]]), torch.tensor([[7.0, 9.0]])
    >>> loss({"w": torch.tensor(2.0)}, x, x, y, torch.full((1, 2), 0.5)).item()
    0.0
    """

    def loss(params: dict[str, Any], strain: Tensor, fractions: Tensor, energy: Tensor, weight: Tensor) -> Tensor:
        left = energy - predict(params, strain, fractions)
        mean = (weight * left).sum(dim=-1, keepdim=True)
        return (weight * (left - mean) ** 2).sum()

    return loss


def adapted(params: dict[str, Any], tasks: Materials, *, columns: Any, inner_lr: float, num_steps: int) -> Array:
    """Return the predicted curves (n, 21) over the unit after the inner loop, for n tasks with one column each.

    Parameters
    ----------
    params : dict of tensors
        As meta-training left them, with an axis of columns.
    tasks : Materials
        One column: arrays of shape (n, 1, ...).
    columns : array_like of int, shape (n,)
        Whose start each task is given.
    inner_lr, num_steps
        Of the inner loop, which moves `u` alone.
    """
    import torch

    from mamlkit import engine

    own = {name: part[columns] for name, part in params.items()}
    support: Any = Samples(*(torch.tensor(part[:, 0]) for part in tasks.support))  # type: ignore[arg-type]
    predict = cubic_curve()
    phi = engine.adapt(loss_of(predict), own, support, inner_lr=only_u(own, inner_lr), num_steps=num_steps)
    strain = torch.tensor(STRAINS[QUERY]).expand(len(columns), -1)
    with torch.no_grad():
        return predict(phi, strain, support.fractions).numpy()


def only_u(params: dict[str, Any], inner_lr: float) -> dict[str, float]:
    """Return inner rates that move `u` and nothing else.

    Examples
    --------
    >>> only_u({"c0": 1.0, "u": 2.0}, 0.1)
    {'c0': 0.0, 'u': 0.1}
    """
    return {name: inner_lr if name == "u" else 0.0 for name in params}
