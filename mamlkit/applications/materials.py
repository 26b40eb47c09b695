r"""Energy-volume curves of crystals: the equation of state, a guess and its units, errors in mÅ, GPa and meV.

A task is one material. Its curve is E(V), energy in eV and volume in Å\ :sup:`3`, both for one atom. What is wanted is
where the curve is lowest (the volume, hence the lattice constant) and how sharply it bends there (the bulk modulus).

Every material comes with a *guess* of its volume and its modulus, made without any energy. In units of the guess all
materials look alike: strain x = V / Vg - 1, energy over U = Bg Vg / 200. The energy's zero is of no interest.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mamlkit._check import Array, as_array

GPA = 160.21766208  # one eV/Å^3 in GPa
PERCENT = np.arange(-10, 17)
STRAINS = PERCENT / 100  # where energies are computed: volumes from 10 % below the guess to 16 % above it
NEAR = np.flatnonzero(np.abs(PERCENT) <= 6)  # where support points may lie
FAR = np.flatnonzero(PERCENT >= 8)  # or, to make it hard
QUERY = np.flatnonzero(np.abs(PERCENT) <= 10)
STEP = 0.05  # unit of the finite strain t


class Curves(NamedTuple):
    """Energy-volume curves of n materials at the volumes ``volume * (1 + STRAINS)``.

    `fractions` (n, e) are the shares of the elements, `volume` (n,) and `modulus` (n,) the guess in Å^3 and eV/Å^3,
    `energies` (n, 27) in eV for one atom.
    """

    names: tuple[str, ...]
    fractions: Array
    volume: Array
    modulus: Array
    energies: Array

    @property
    def unit(self) -> Array:
        """The unit of energy of each material, U = Bg Vg / 200, in eV; shape (n,)."""
        return self.modulus * self.volume / 200

    def take(self, who: ArrayLike) -> Curves:
        """Return some of the materials, by a mask or by their places."""
        places = np.arange(len(self.names))[np.asarray(who)]
        return Curves(tuple(self.names[i] for i in places), *(part[places] for part in self[1:]))


class Equilibrium(NamedTuple):
    """Volume over its guess, modulus over its guess, and the pressure derivative B' (no unit), at the lowest energy."""

    volume: Array
    modulus: Array
    derivative: Array


def powers(strain: Any) -> Any:
    r"""Return t, t^2 and t^3 of the finite strain :math:`t = ((1 + x)^{-2/3} - 1) / 0.05`, shape (..., 3).

    The Birch-Murnaghan curve is exactly cubic in t. Source: Birch (1947).

    Examples
    --------
    >>> powers(np.array([0.0, -0.1])).round(3).tolist()
    [[0.0, 0.0, 0.0], [1.455, 2.118, 3.082]]
    """
    t = ((1 + strain) ** (-2 / 3) - 1) / STEP
    return t[..., None] ** np.arange(1, 4) if isinstance(t, np.ndarray) else _stacked(t)


def _stacked(t: Any) -> Any:
    import torch

    return torch.stack([t, t**2, t**3], dim=-1)


def orthonormal() -> Array:
    r"""Return the 3 x 3 matrix that makes the powers orthonormal on the support strains.

    The centred columns of :math:`\Phi`, which is ``powers(x) @ orthonormal()``, have :math:`\Phi^\top \Phi / n = I`
    over the strains within 6 %: the Hessian of the squared error is then twice the identity, on average over
    support sets.

    Examples
    --------
    >>> phi = powers(STRAINS[NEAR]) @ orthonormal()
    >>> np.cov(phi.T, bias=True).round(9).tolist() == np.eye(3).tolist()
    True
    """
    phi = powers(STRAINS[NEAR])
    triangle = np.linalg.qr(phi - phi.mean(axis=0))[1]
    return np.linalg.inv(triangle) * np.sqrt(len(NEAR))


def birch_murnaghan(volume: ArrayLike, modulus: ArrayLike, derivative: ArrayLike) -> Array:
    r"""Return the coefficients (..., 3) of t, t^2, t^3 of a Birch-Murnaghan curve in units of the guess.

    .. math:: E - E_0 = \tfrac{9}{16} V_0 B \big(2 z^2 + (B' - 4)\, z^3\big), \qquad z = (V_0 / V)^{2/3} - 1

    Parameters
    ----------
    volume, modulus : array_like
        V0 and B over their guesses.
    derivative : array_like
        B', no unit.

    Notes
    -----
    Source: Birch (1947), the energy of the third-order equation, here with a common factor pulled out.

    Examples
    --------
    >>> birch_murnaghan(1.0, 1.0, 4.0).round(9).tolist()
    [0.0, 0.5625, 0.0]
    """
    v, b, slope = np.broadcast_arrays(*(np.asarray(part, float) for part in (volume, modulus, derivative)))
    if (v <= 0).any():
        raise ValueError(f"volume must be positive, got {volume!r}")
    first, step = v ** (2 / 3) - 1, STEP * v ** (2 / 3)  # z = first + step t
    square = np.stack([2 * first * step, step**2, 0 * v], axis=-1)
    cube = np.stack([3 * first**2 * step, 3 * first * step**2, step**3], axis=-1)
    return (112.5 * v * b)[..., None] * (2 * square + (slope - 4)[..., None] * cube)


def cubic(energy: ArrayLike, strain: ArrayLike = STRAINS[QUERY]) -> Array:
    """Return the least-squares coefficients (..., 3) of curves (..., m), each with an offset of its own.

    Raises
    ------
    ValueError
        If there are fewer than four points.

    Examples
    --------
    >>> cubic(powers(STRAINS[QUERY]) @ [1.0, 2.0, 3.0]).round(9).tolist()
    [1.0, 2.0, 3.0]
    """
    curve, phi = np.asarray(energy, float), powers(np.asarray(strain, float))
    if phi.shape[0] < 4:
        raise ValueError(f"strain must have four points or more for a cubic with an offset, got {phi.shape[0]}")
    return (curve - curve.mean(axis=-1, keepdims=True)) @ np.linalg.pinv(phi - phi.mean(axis=0)).T


def equilibrium(coefficients: ArrayLike, *, clip: bool = False) -> Equilibrium:
    r"""Return where cubic curves are lowest, and their modulus and its derivative there, over the guesses.

    With :math:`s = (V/V_g)^{-2/3}`, at a point with :math:`E_s = 0` one has :math:`B = \tfrac49 E_{ss} s^2 / V` and
    :math:`B' = 4 + \tfrac23 s E_{sss} / E_{ss}`.

    Parameters
    ----------
    coefficients : array_like, shape (..., 3)
    clip : bool
        If true, a curve without a minimum within 10 % of the guess gives the lowest point there, and the modulus at
        it, which may be zero.

    Raises
    ------
    ValueError
        If a curve has no minimum within 10 %, and `clip` is false; names the first such curve.

    Examples
    --------
    >>> [round(float(part), 9) for part in equilibrium(birch_murnaghan(1.02, 0.9, 4.5))]
    [1.02, 0.9, 4.5]
    """
    c = as_array("coefficients", coefficients, ndim=(1, 2, 3))
    one, two, three = np.moveaxis(c, -1, 0)
    inside = np.sqrt(np.maximum(two**2 - 3 * one * three, 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(two + inside == 0, np.inf, -one / (two + inside))  # the root at which the second derivative is > 0
    limits = [float(((1 + STRAINS[end]) ** (-2 / 3) - 1) / STEP) for end in (QUERY[-1], QUERY[0])]
    lost = (two**2 < 3 * one * three) | ~((limits[0] <= t) & (t <= limits[1])) | (inside == 0)
    if lost.any() and not clip:
        raise ValueError(f"coefficients[{np.flatnonzero(lost)[0]}] give no minimum within 10 % of the guess")
    grid = np.linspace(limits[0], limits[1], 201)
    lowest = grid[(c @ grid ** np.arange(1, 4)[:, None]).argmin(axis=-1)]
    t = np.where(lost, lowest, t)
    s, bend = 1 + STEP * t, np.maximum(2 * two + 6 * three * t, 0) / STEP**2
    ratio = np.divide(6 * three / STEP**3, bend, out=np.zeros_like(bend), where=bend > 0)
    return Equilibrium(s**-1.5, 4 / 9 * bend * s**3.5 / 200, 4 + 2 / 3 * s * ratio)


class Errors(NamedTuple):
    """Errors (n,) of predicted curves: lattice constant in mÅ, bulk modulus in GPa, the curve itself in meV."""

    lattice: Array
    modulus: Array
    curve: Array


def errors(predicted: ArrayLike, curves: Curves) -> Errors:
    """Return how far predicted curves are off, in absolute values.

    The truth is the Birch-Murnaghan fit over all strains within 10 %, and so is what is read off a prediction.
    The lattice constant is that of a cubic cell with four atoms. The error of the curve is the standard deviation of
    the difference over the query strains: an offset does not count.

    Parameters
    ----------
    predicted : array_like, shape (n, 21)
        Over the unit of each material, at the query strains.
    curves : Curves

    Examples
    --------
    >>> flat = Curves(("X",), np.ones((1, 1)), np.ones(1), np.ones(1), birch_murnaghan(1, 1, 5) @ powers(STRAINS).T)
    >>> errors(flat.energies[None][..., QUERY] / flat.unit, flat._replace(energies=flat.energies[None])).curve
    array([0.])
    """
    guess = as_array("predicted", predicted, ndim=2)
    truth = curves.energies[:, QUERY] / curves.unit[:, None]
    found, real = (equilibrium(cubic(part), clip=True) for part in (guess, truth))
    sides = [1000 * (4 * curves.volume * at.volume) ** (1 / 3) for at in (found, real)]
    moduli = [GPA * curves.modulus * at.modulus for at in (found, real)]
    off = 1000 * curves.unit * (guess - truth).std(axis=1)
    return Errors(np.abs(sides[0] - sides[1]), np.abs(moduli[0] - moduli[1]), off)
