"""The energies of 210 ordered alloys by ASE's EMT, which the chapter "Materials" reads: a minute of computing."""

from __future__ import annotations

from typing import Any

from mamlkit.applications.materials_data import compute_alloys


def run() -> dict[str, Any]:
    """Return volume (Å^3) and modulus (eV/Å^3) of the metals, and the energies (eV an atom) of all alloys."""
    return compute_alloys()
