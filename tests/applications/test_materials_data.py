"""Where curves come from: EMT, published DFT, the reader's file; and what is held out."""

import sys

import numpy as np
import pytest

from mamlkit import experiments
from mamlkit.applications import materials_data as data
from mamlkit.applications import materials_tasks as tasks
from mamlkit.applications.csv_table import TableError
from mamlkit.applications.materials import GPA, NEAR, QUERY, STRAINS, cubic, equilibrium


@pytest.fixture(scope="module")
def alloys():
    return data.alloys(experiments.load("alloys"))


def test_there_are_210_alloys_and_what_is_kept_is_what_ase_says(alloys):
    assert len(set(alloys.names)) == 210
    assert alloys.fractions.sum(axis=1) == pytest.approx(np.ones(210))
    for i in (0, 41, 100, 209):
        volumes = alloys.volume[i] * (1 + STRAINS[[0, 12, 26]])
        fresh = [data.emt_energy(data.CELLS[i], volume) for volume in volumes]
        assert alloys.energies[i, [0, 12, 26]] == pytest.approx(fresh, abs=1e-5)


def test_pure_metals_sit_where_they_are_guessed(alloys):
    for i, cell in enumerate(data.CELLS):
        if len(set(cell)) == 1:
            at = equilibrium(cubic(alloys.energies[i, QUERY] / alloys.unit[i]))
            assert float(at.volume) == pytest.approx(1, abs=1e-3)
            assert float(at.modulus) == pytest.approx(1, abs=2e-2)


def test_all_alloys_have_a_minimum_in_range(alloys):
    found = equilibrium(cubic(alloys.energies[:, QUERY] / alloys.unit[:, None]))
    assert (found.modulus > 0.3).all()


@pytest.mark.parametrize("order", [("Al", "Al", "Cu", "Ni"), ("Ni", "Al", "Cu", "Al")])
def test_the_order_of_the_sites_does_not_matter(order):
    assert data.emt_energy(order, 13.0) == pytest.approx(data.emt_energy(("Cu", "Al", "Al", "Ni"), 13.0), abs=1e-9)


def test_metals_are_the_published_ones():
    curves, blocks = data.metals()
    at = equilibrium(cubic(curves.energies[:, QUERY] / curves.unit[:, None]), clip=True)
    i = curves.names.index("Al")
    assert curves.volume[i] * at.volume[i] == pytest.approx(16.4796, rel=1e-6)
    assert GPA * curves.modulus[i] * at.modulus[i] == pytest.approx(78.077, rel=1e-6)
    assert len(blocks) == len(curves.names) == 42
    assert set(blocks) == {"s", "3d", "4d", "5d", "p"}


def test_without_ase_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ase", None)
    with pytest.raises(ImportError, match=r"pip install mamlkit\[materials\]"):
        data.metals()
    with pytest.raises(ImportError, match=r"pip install mamlkit\[materials\]"):
        data.emt_energy(("Al",) * 4, 16.0)


def test_unknown_elements_are_named():
    with pytest.raises(ValueError, match=r"cell must be of Al, .*; got Fe"):
        data.emt_energy(("Fe", "Al", "Al", "Al"), 12.0)


HEAD = "material,volume,volume_unit,energy,energy_unit\n"
GOOD = "X,10,A^3,-1.0,eV\nX,12,A^3,-1.1,eV\nX,11,A^3,-1.2,eV\n"


def test_a_file_is_sorted_and_in_one_unit():
    (one,) = data.read_curves(HEAD + GOOD.replace("A^3", "bohr^3").replace("eV", "Ry"))
    assert one.volume == pytest.approx(np.array([10, 11, 12]) * 0.529177210903**3)
    assert one.energy == pytest.approx(np.array([-1.0, -1.2, -1.1]) * 13.605693123)


@pytest.mark.parametrize(
    ("rows", "row", "column", "words"),
    [
        (GOOD + "X,13,A^3,-1.3,eV\n", 5, "energy", "no minimum in range"),
        ("X,10,A^3,-1.0,eV\nX,11,A^3,-0.9,eV\n", 2, "energy", "no minimum in range"),
        (GOOD + "X,13,A^3,low,eV\n", 5, "energy", "must be a number, got 'low'"),
        (GOOD + "X,13,bohr^3,-1,eV\n", 5, "volume_unit", "must be A\\^3 as in row 2, got bohr\\^3"),
        (GOOD + "X,13,A^3,-1,meV\n", 5, "energy_unit", "must be eV as in row 2, got meV"),
        (GOOD + "X,13,litre,-1,eV\n", 5, "volume_unit", "must be one of A\\^3, bohr\\^3; got 'litre'"),
        (GOOD + "X,-3,A^3,-1,eV\n", 5, "volume", "must be a number above 0, got -3"),
        (GOOD + "X,12,A^3,-1,eV\n", 5, "volume", "is the same as in row 3"),
    ],
)
def test_what_is_wrong_with_a_file_is_named_with_its_place(rows, row, column, words):
    with pytest.raises(TableError, match=words) as caught:
        data.read_curves(HEAD + rows)
    assert (caught.value.row, caught.value.column) == (row, column)


def test_a_missing_column_is_named():
    with pytest.raises(TableError, match="column 'energy_unit': is missing"):
        data.read_curves("material,volume,volume_unit,energy\nX,10,A^3,1\n")


def test_nothing_that_is_held_out_is_learned_from(alloys):
    split = tasks.hold_out(alloys.fractions, np.random.default_rng(1))
    groups = [set(part.tolist()) for part in (split.train, split.validation, split.test)]
    assert set.union(*groups) == set(range(210))
    assert sum(map(len, groups)) == 210
    assert len(set(split.pairs)) == 3
    for i, j in split.pairs:
        both = (alloys.fractions[:, i] > 0) & (alloys.fractions[:, j] > 0)
        assert both.any()
        assert set(np.flatnonzero(both)) <= groups[2]


def test_the_seed_decides_and_columns_have_their_own_noise(alloys):
    who = np.tile(np.arange(200)[:, None], 2)
    first, again = (
        tasks.sample(np.random.default_rng(3), alloys, who, noise=[0.0, 0.003], counts=(6,)) for _ in range(2)
    )
    assert all((a == b).all() for a, b in zip(first.support, again.support, strict=True))
    places = np.rint(100 * first.support.strain).astype(int) + 10
    assert set(np.unique(places)) == set(NEAR)
    assert (np.diff(np.sort(places, axis=-1), axis=-1) > 0).all()  # six different strains
    truth = np.take_along_axis(alloys.energies[who], places, axis=-1)
    off = alloys.unit[who][..., None] * first.support.energy - (truth - truth.mean(axis=-1, keepdims=True))
    assert np.abs(off[:, 0]).max() < 1e-12
    assert off[:, 1].std() == pytest.approx(0.003 * np.sqrt(5 / 6), rel=0.06)  # 1,200 draws, less their mean


def test_points_are_spread_and_weighed_evenly(alloys):
    batch = tasks.sample(np.random.default_rng(0), alloys, np.arange(90)[:, None], noise=[0.0], counts=(2,))
    x, weight = batch.support.strain[:, 0], batch.support.weight[:, 0]
    assert (weight == [0.5, 0.5, 0, 0, 0, 0]).all()
    assert (x[:, 0] < 0).all()
    assert (x[:, 1] >= 0).all()
    assert batch.query.energy.mean(axis=-1) == pytest.approx(np.zeros((90, 1)), abs=1e-9)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"counts": (7,)}, ValueError, "counts must be at most 6, got 7"),
        ({"counts": (0,)}, ValueError, "counts must be at least 1"),
        ({"noise": [-1.0]}, ValueError, "noise must not be negative"),
        ({"rng": 3}, TypeError, "rng must be a numpy.random.Generator, got 3"),
    ],
)
def test_the_sampler_names_what_is_wrong(alloys, change, error, words):
    given = {"rng": np.random.default_rng(0), "noise": [0.0], "counts": (2,), **change}
    with pytest.raises(error, match=words):
        tasks.sample(given.pop("rng"), alloys, np.zeros((1, 1), int), **given)


def test_too_many_pairs_are_refused(alloys):
    with pytest.raises(ValueError, match="at most 21 pairs, got 22"):
        tasks.hold_out(alloys.fractions, np.random.default_rng(0), test=20)
