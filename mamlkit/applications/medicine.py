"""Personalised medicine: how a drug's concentration in blood rises and falls, and how that differs between people.

Times are hours,
doses mg/kg of body weight, concentrations mg/L, so that clearance is L/h/kg and volume L/kg. For study only: nothing
here may be used to treat anyone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mamlkit._check import Array, as_array, as_positive

NAMES = ("absorption rate", "clearance", "volume")
UNITS = ("1/h", "L/h/kg", "L/kg")


class Noise(NamedTuple):
    """Standard deviation of a measured concentration c: the root of additive^2 + (proportional c)^2, in mg/L."""

    additive: float
    proportional: float

    def std(self, concentration: Any) -> Any:
        """Return the standard deviation at each concentration, in mg/L."""
        return (self.additive**2 + (self.proportional * concentration) ** 2) ** 0.5


class Population(NamedTuple):
    """How the logarithms of the parameters spread over people: normal, with `mean` (p,) and `std` (p,)."""

    mean: Array
    std: Array

    def sample(self, rng: np.random.Generator, *size: int) -> Array:
        """Return log-parameters of simulated people, shape (size, p)."""
        return self.mean + self.std * rng.normal(size=(*size, len(self.mean)))


def published(name: str) -> Population:
    r"""Return a population of adults on theophylline from the literature: log of (absorption rate, clearance, volume).

    Neither takes anything from the twelve people of the data set Theoph.

    "pooled" joins three sources: clearance 0.053 L/h/kg, the median over adult studies in the abstract of a review by
    Ma et al. (2016), whose printed range, 0.0493 to 0.0517, does not contain it; volume 0.484 L/kg of the six patients
    of Nielsen-Kudsk, Magnussen and Jakobsen (1978); and the variation between 55 patients, 38.5 % in clearance and
    12.5 % in volume (Yano et al., 1993), as log-standard deviations 0.36 and 0.15 (widened by that of the six).
    "clinic" is the study of 50 outpatients by Steinijans, Eicke and Ahrens (1982), which gives geometric means, 0.044
    L/h/kg and 0.451 L/kg, with 95 % limits of log-normal distributions, 0.018 to 0.109 and 0.258 to 0.789. Both take
    the absorption rate of the six, whose range is 0.57 to 2.17 per hour: its geometric mean, and the log-standard
    deviation at which six normal draws have that range on average. All four papers were read as abstracts.

    Parameters
    ----------
    name : {"pooled", "clinic"}

    Raises
    ------
    ValueError
        If there is no population of that name.

    Examples
    --------
    >>> np.exp(published("pooled").mean).round(3).tolist(), published("pooled").std.round(2).tolist()
    ([1.112, 0.053, 0.484], [0.53, 0.36, 0.15])
    """
    absorption, range_of_six = np.log([0.57, 2.17]), 2.534  # the mean range of six standard normal draws
    limits = np.log([[0.018, 0.109], [0.258, 0.789]])
    known = {
        "pooled": (np.log([0.053, 0.484]), np.array([0.36, 0.15])),
        "clinic": (np.log([0.044, 0.451]), np.ptp(limits, axis=1) / (2 * 1.96)),
    }
    if name not in known:
        raise ValueError(f"name must be one of {', '.join(known)}; got {name!r}")
    mean, std = known[name]
    return Population(np.r_[absorption.mean(), mean], np.r_[np.ptp(absorption) / range_of_six, std])


NOISE = Noise(0.3, 0.12)  # 10.6 % and 14.3 % are published (Yano; Ma); the additive part was chosen for this book


def oral(z: Any, time: Any, dose: Any, *, xp: Any = np) -> Any:
    r"""Return the concentration after a dose that is swallowed at time 0, in mg/L.

    .. math:: c(t) = \frac{D}{V} \frac{k_a}{k_a - k_e} \big(e^{-k_e t} - e^{-k_a t}\big), \qquad k_e = CL / V

    One compartment, first-order absorption, all of the dose absorbed. It is computed in a form that is stable where
    the two rates are close, in which :math:`k_a` and :math:`k_e` may change places but for the factor before it.

    Parameters
    ----------
    z : array or tensor, shape (..., 3)
        Logarithms of absorption rate k_a (1/h), clearance CL (L/h/kg) and volume V (L/kg).
    time : array or tensor, shape (..., n)
        Hours after the dose.
    dose : float, array or tensor, broadcast against time
        mg/kg.
    xp : module
        ``numpy``, or ``torch`` for tensors, which can then be differentiated.

    Returns
    -------
    array or tensor, shape (..., n)

    Examples
    --------
    >>> z = np.log([1.5, 0.04, 0.5])
    >>> oral(z, np.array([0.0, 1.0, 24.0]), 5.0).round(2).tolist()
    [0.0, 7.39, 1.55]
    """
    absorption, clearance, volume = (xp.exp(z[..., i : i + 1]) for i in range(3))
    elimination = clearance / volume
    slow = xp.minimum(absorption, elimination)
    x = xp.abs(absorption - elimination) * time
    safe = xp.where(x > 1e-6, x, xp.ones_like(x))
    share = xp.where(x > 1e-6, -xp.expm1(-safe) / safe, 1 - x / 2)  # (1 - e^-x) / x
    return dose * absorption / volume * time * xp.exp(-slow * time) * share


def bolus(z: Any, time: Any, dose_times: Any, doses: Any, *, xp: Any = np) -> Any:
    r"""Return the concentration under doses injected into a vein, in mg/L: the sum of what each has left.

    .. math:: c(t) = \sum_{t_j < t} \frac{D_j}{V} e^{-(CL/V)(t - t_j)}

    Parameters
    ----------
    z : array or tensor, shape (..., 2)
        Logarithms of clearance (L/h/kg) and volume (L/kg).
    time : array or tensor, shape (..., n)
        Hours; a sample at the very time of a dose is taken before it.
    dose_times, doses : array or tensor, shape (..., m)
        Hours and mg/kg; a dose of 0 does nothing.
    xp : module
        As for :func:`oral`.

    Examples
    --------
    >>> bolus(np.log([0.005, 1.0]), np.array([0.0, 1.0]), np.array([0.0]), np.array([20.0])).round(2).tolist()
    [0.0, 19.9]
    """
    volume = xp.exp(z[..., 1:2])
    rate = xp.exp(z[..., 0:1]) / volume
    since = time[..., :, None] - dose_times[..., None, :]
    left = xp.where(since > 0, xp.exp(-rate[..., None] * since * (since > 0)), xp.zeros_like(since))
    return (left * doses[..., None, :]).sum(-1) / volume


def dose_rate(clearance: Any, *, target: float) -> Any:
    r"""Return the dose per hour that holds the mean concentration at `target`, in mg/h/kg: target times clearance.

    In the long run as much must go in as is cleared, whatever the absorption rate and the volume are.

    Parameters
    ----------
    clearance : float or array_like
        L/h/kg, above zero.
    target : float
        mg/L, above zero.

    Examples
    --------
    >>> dose_rate(0.04, target=10.0)
    0.4
    """
    target = as_positive("target", target)
    if np.any(as_array("clearance", clearance, ndim=(0, 1, 2)) <= 0):
        raise ValueError(f"clearance must be positive, got {clearance!r}")
    return target * clearance
