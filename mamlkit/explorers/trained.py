"""A trained network as it travels with a page: its parameters and the rate of its steps."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mamlkit._check import Array, as_array, as_positive


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
            as_array(f"params[{name!r}]", np.asarray(self.params[name]), ndim=2 if name.endswith("weight") else 1)
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
