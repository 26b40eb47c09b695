"""Curves, their minimum, their units: against ASE's own fit, central differences, and planted curves."""

import numpy as np
import pytest
from ase.eos import EquationOfState
from hypothesis import given, settings
from hypothesis import strategies as st

from mamlkit.applications import materials
from mamlkit.applications.materials import GPA, QUERY, STRAINS, Curves


def energy_of(v0, b, slope, volume):
    """The third-order Birch-Murnaghan energy, as it is usually printed."""
    q = (v0 / volume) ** (2 / 3)
    return 9 * v0 * b / 16 * ((q - 1) ** 3 * slope + (q - 1) ** 2 * (6 - 4 * q))


@given(st.floats(0.95, 1.05), st.floats(0.3, 2.0), st.floats(2.0, 7.0))
@settings(max_examples=30, deadline=None)
def test_a_planted_curve_is_read_back(v, b, slope):
    guess_v, guess_b = 14.0, 0.9
    volume = guess_v * (1 + STRAINS[QUERY])
    curve = energy_of(v * guess_v, b * guess_b, slope, volume) / (guess_v * guess_b / 200)
    found = materials.equilibrium(materials.cubic(curve))
    assert np.allclose([float(part) for part in found], [v, b, slope], rtol=1e-7)
    c = materials.birch_murnaghan(v, b, slope)
    drawn = materials.powers(STRAINS[QUERY]) @ c
    assert np.allclose(drawn - drawn[0], curve - curve[0], atol=1e-9)


def test_the_minimum_is_the_one_that_ase_fits():
    volume = 12.0 * (1 + STRAINS[QUERY])
    energy = energy_of(12.3, 0.7, 5.1, volume) + 1e-3 * np.sin(40 * volume)  # no exact Birch-Murnaghan curve
    v0, _, modulus = EquationOfState(volume, energy, eos="birchmurnaghan").fit()
    found = materials.equilibrium(materials.cubic(energy / (12.0 * 0.7 / 200)))
    assert float(found.volume) * 12.0 == pytest.approx(v0, rel=1e-5)
    assert float(found.modulus) * 0.7 == pytest.approx(modulus, rel=1e-3)


def test_orthonormal_columns_have_a_round_hessian():
    phi = materials.powers(STRAINS[materials.NEAR]) @ materials.orthonormal()
    phi = phi - phi.mean(axis=0)
    assert phi.T @ phi / len(phi) == pytest.approx(np.eye(3), abs=1e-10)


def test_powers_are_the_same_in_torch():
    import torch

    assert materials.powers(torch.tensor(STRAINS)).numpy() == pytest.approx(materials.powers(STRAINS))


@pytest.mark.parametrize("c", [[1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [5.0, 0.5, 0.0], [0.0, 0.0, 0.0]])
def test_a_curve_without_a_minimum_in_range_is_refused(c):
    with pytest.raises(ValueError, match=r"coefficients\[1\] give no minimum within 10 % of the guess"):
        materials.equilibrium([[0.0, 1.0, 0.0], c])
    clipped = materials.equilibrium([c], clip=True)
    assert 0.9 - 1e-9 <= clipped.volume[0] <= 1.1 + 1e-9
    assert clipped.modulus[0] >= 0
    assert np.isfinite([*clipped]).all()


def test_errors_are_in_their_units():
    volume, modulus = np.array([16.0]), np.array([0.5])
    unit = volume * modulus / 200
    truth = unit[:, None] * (materials.powers(STRAINS) @ materials.birch_murnaghan(1.0, 1.0, 4.5))
    curves = Curves(("X",), np.ones((1, 1)), volume, modulus, truth)
    off = materials.powers(STRAINS[QUERY]) @ materials.birch_murnaghan(1.01, 1.1, 4.5)
    found = materials.errors(off[None] + 7.0, curves)  # an offset does not count
    assert found.lattice[0] == pytest.approx(1000 * ((64 * 1.01) ** (1 / 3) - 4), rel=1e-6)
    assert found.modulus[0] == pytest.approx(0.05 * GPA, rel=1e-6)
    assert found.curve[0] == pytest.approx(1000 * np.std(unit * off - truth[0, QUERY]), rel=1e-9)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="volume must be positive, got -1"):
        materials.birch_murnaghan(-1, 1, 4)
    with pytest.raises(ValueError, match="four points or more"):
        materials.cubic([1.0, 2.0, 3.0], [0.0, 0.01, 0.02])
