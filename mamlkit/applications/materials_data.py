"""Where curves come from: ordered alloys by ASE's EMT, metals from published DFT, the reader's own file.

ASE (LGPL, 2.1 or later) is used as installed; nothing of it is copied. Its EMT is a model for teaching and testing.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from itertools import combinations_with_replacement, pairwise
from typing import Any, NamedTuple

import numpy as np

from mamlkit._check import Array
from mamlkit.applications.csv_table import number, one_of, read_table, text
from mamlkit.applications.materials import GPA, QUERY, STRAINS, Curves, birch_murnaghan, cubic, equilibrium, powers

ELEMENTS = ("Al", "Cu", "Ag", "Au", "Ni", "Pd", "Pt")
BLOCKS = {
    "s": "Li Na Mg K Ca Rb Sr Cs Ba",
    "3d": "Sc Ti V Cr Mn Fe Co Ni Cu Zn",
    "4d": "Y Zr Nb Mo Ru Rh Pd Ag Cd",
    "5d": "Hf Ta W Re Os Ir Pt Au",
    "p": "Al In Sn Tl Pb Bi",
}
CELLS = tuple(combinations_with_replacement(ELEMENTS, 4))  # every way to fill the four sites of a cubic fcc cell
VOLUME_UNITS = {"A^3": 1.0, "bohr^3": 0.529177210903**3}
ENERGY_UNITS = {"eV": 1.0, "meV": 1e-3, "Ry": 13.605693123, "Ha": 27.211386246}


def _ase() -> Any:
    try:
        import ase
    except ImportError as error:
        raise ImportError("the crystals come from ASE: pip install mamlkit[materials]") from error
    return ase


def emt_energy(cell: tuple[str, ...], volume: float) -> float:
    """Return the energy of a cubic fcc cell of four atoms at `volume` (Å^3) for an atom, in eV for an atom, by EMT.

    Raises
    ------
    ImportError
        If ASE is missing; says how to install it.
    ValueError
        If an element is not one of the seven metals.

    Examples
    --------
    >>> emt_energy(("Cu",) * 4, 11.6) < emt_energy(("Cu",) * 4, 13.0)
    True
    """
    if strangers := set(cell) - set(ELEMENTS):
        raise ValueError(f"cell must be of {', '.join(ELEMENTS)}; got {', '.join(sorted(strangers))}")
    ase = _ase()
    from ase.calculators.emt import EMT

    sites = [(0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)]
    atoms = ase.Atoms(list(cell), scaled_positions=sites, cell=[(4 * volume) ** (1 / 3)] * 3, pbc=True)
    atoms.calc = EMT()
    return float(atoms.get_potential_energy()) / 4


def name_of(cell: tuple[str, ...]) -> str:
    """Return a chemical formula for one cell.

    Examples
    --------
    >>> name_of(("Al", "Ni", "Ni", "Ni"))
    'AlNi3'
    """
    return "".join(f"{element}{count if count > 1 else ''}" for element, count in Counter(cell).items())


def pure_metals() -> dict[str, tuple[float, float]]:
    """Return volume (Å^3) and bulk modulus (eV/Å^3) of the seven metals by EMT, each from two rounds of a fit."""
    found = {}
    for element in ELEMENTS:
        volume, modulus = 14.0, 1.0
        for _ in range(4):
            curve = np.array([emt_energy((element,) * 4, volume * (1 + x)) for x in STRAINS[QUERY]])
            at = equilibrium(cubic(200 * curve / volume), clip=True)
            volume, modulus = volume * float(at.volume), float(at.modulus)
        found[element] = (volume, modulus)
    return found


def guess(cell: tuple[str, ...], metals: Mapping[str, Any]) -> tuple[float, float]:
    """Return volume and modulus of an alloy as mixed from its metals: volumes and compressibilities are averaged.

    Examples
    --------
    >>> guess(("A", "B", "B", "B"), {"A": (10.0, 1.0), "B": (14.0, 0.5)})
    (13.0, 0.5714285714285714)
    """
    volumes, moduli = np.array([metals[element] for element in cell]).T
    return float(volumes.mean()), float(1 / np.mean(1 / moduli))


def alloys(kept: Mapping[str, Any] | None = None) -> Curves:
    """Return all 210 fillings of a cubic fcc cell by seven metals, their atoms held in place.

    Parameters
    ----------
    kept : mapping, optional
        "metals" and "energies", as :func:`compute_alloys` returns them; computed if left out, which takes a minute.
    """
    kept = compute_alloys() if kept is None else kept
    fractions = np.array([[cell.count(element) / 4 for element in ELEMENTS] for cell in CELLS])
    volume, modulus = np.array([guess(cell, kept["metals"]) for cell in CELLS]).T
    energies = np.array([[float(word) for word in kept["energies"][name_of(cell)].split()] for cell in CELLS])
    return Curves(tuple(map(name_of, CELLS)), fractions, volume, modulus, energies)


def compute_alloys() -> dict[str, Any]:
    """Return what EMT says of all alloys, as plain data: energies in eV to a hundredth of a meV, in one line each."""
    metals = pure_metals()
    metals = {name: (round(v, 6), round(b, 6)) for name, (v, b) in metals.items()}
    energies = {}
    for cell in CELLS:
        volume = guess(cell, metals)[0]
        energies[name_of(cell)] = " ".join(f"{emt_energy(cell, volume * (1 + x)):.5f}" for x in STRAINS)
    return {"metals": {name: list(pair) for name, pair in metals.items()}, "energies": energies}


def metals() -> tuple[Curves, tuple[str, ...]]:
    """Return the curves of 42 metals as all-electron DFT has them, and the block of the periodic table of each.

    The guess is the experiment. Published are V0, B and B' alone; curves are rebuilt from them, so that four points
    without noise would give them back exactly.

    Notes
    -----
    Source: Lejaeghere et al. (2014), WIEN2k; in ASE as ``ase.collections.dcdft``.

    Examples
    --------
    >>> curves, blocks = metals()
    >>> len(curves.names), blocks.count("3d")
    (42, 10)
    """
    _ase()
    from ase.collections import dcdft

    names = [name for block in BLOCKS.values() for name in block.split()]
    rows = [dcdft.data[name] for name in names]
    volume = np.array([row["exp_volume"] for row in rows])
    modulus = np.array([row["exp_B"] for row in rows]) / GPA
    found = [np.array([row[f"wien2k_{what}"] for row in rows]) for what in ("volume", "B", "Bp")]
    coefficients = birch_murnaghan(found[0] / volume, found[1] / GPA / modulus, found[2])
    energies = (volume * modulus / 200)[:, None] * (coefficients @ powers(STRAINS).T)
    blocks = tuple(block for block, members in BLOCKS.items() for _ in members.split())
    return Curves(tuple(names), np.eye(len(names)), volume, modulus, energies), blocks


class Measured(NamedTuple):
    """One material of a reader's file: `volume` (n,) in Å^3 and `energy` (n,) in eV, for an atom."""

    name: str
    volume: Array
    energy: Array


def read_curves(path_or_text: str | os.PathLike[str]) -> list[Measured]:
    r"""Return the curves of a CSV file with columns material, volume, volume_unit, energy, energy_unit.

    Volumes and energies are for one atom. Units are A^3 or bohr^3, and eV, meV, Ry or Ha; one of each in a file.

    Raises
    ------
    TableError
        If a column is missing, a cell is no number, units are mixed, a volume stands twice, or the lowest energy of a
        material is at the end of its volumes, so that no minimum is in range; names row and column.

    Examples
    --------
    >>> head = "material,volume,volume_unit,energy,energy_unit\n"
    >>> rows = "X,10,A^3,-1.0,eV\nX,11,A^3,-1.2,eV\nX,12,A^3,-1.1,eV\n"
    >>> read_curves(head + rows)[0].energy.tolist()
    [-1.0, -1.2, -1.1]
    >>> read_curves(head + rows.replace("-1.1", "low"))
    Traceback (most recent call last):
        ...
    mamlkit.applications.csv_table.TableError: row 4, column 'energy': must be a number, got 'low'
    """
    columns = {"material": text, "volume": number(0, above=True), "volume_unit": one_of(*VOLUME_UNITS)}
    table = read_table(path_or_text, {**columns, "energy": number(), "energy_unit": one_of(*ENERGY_UNITS)})
    cubed = VOLUME_UNITS[table.check_same("volume_unit")]
    joule = ENERGY_UNITS[table.check_same("energy_unit")]
    found = []
    for name in dict.fromkeys(table["material"].tolist()):
        rows = np.flatnonzero(table["material"] == name)
        order = rows[np.argsort(table["volume"][rows], kind="stable")]
        for before, row in pairwise(order):
            if table["volume"][row] == table["volume"][before]:
                raise table.error(row, "volume", f"is the same as in row {table.rows[before]}")
        lowest = order[np.argmin(table["energy"][order])]
        if lowest in (order[0], order[-1]):
            raise table.error(
                lowest, "energy", f"is the lowest of {name}, at the end of its volumes: there is no minimum in range"
            )
        found.append(Measured(str(name), table["volume"][order] * cubed, table["energy"][order] * joule))
    return found
