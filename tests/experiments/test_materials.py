"""The kept results of the chapter on materials: retrained in reduced size, and what they must say."""

import numpy as np
import pytest

from mamlkit import experiments
from mamlkit.applications import materials_data
from mamlkit.experiments import alloys as energies
from mamlkit.experiments import materials as study


def test_a_small_run_has_the_form_of_what_is_kept(monkeypatch):
    few = {key: study.CONDITIONS[key] for key in ("2 clean", "3 noisy")}
    monkeypatch.setattr(study, "CONDITIONS", few)
    monkeypatch.setattr(study, "GRIDS", {name: choices[:1] for name, choices in study.GRIDS.items()})
    small, kept = study.run(iterations=2), experiments.load("materials")
    assert small.keys() == kept.keys()
    assert small["starts"].keys() == kept["starts"].keys()
    assert np.shape(small["starts"]["MAML"]["M"]) == np.shape(kept["starts"]["MAML"]["M"]) == (6, 3, 3)
    for part in ("alloys", "metals"):
        for key in few:
            assert small[part][key].keys() == kept[part][key].keys()
            for name in ("guess", "MAP"):  # what is not trained is the same, to the digit
                assert small[part][key][name]["curve"] == pytest.approx(kept[part][key][name]["curve"], abs=2e-3)


def test_training_gains_on_the_start():
    curves, splits, columns = study.setting()
    few = study.train(curves, columns, learn="basis", iterations=60)
    none = study.train(curves, columns, learn="basis", iterations=0)
    for level in study.LEVELS:
        scores = [study.validate(curves, splits, start, level) for start in (few, none)]
        assert scores[0] < 0.8 * scores[1]


def test_energies_are_computed_as_they_are_kept(monkeypatch):
    cells = materials_data.CELLS[::80]
    monkeypatch.setattr(materials_data, "CELLS", cells)
    found, kept = energies.run(), experiments.load("alloys")
    for name, (volume, modulus) in found["metals"].items():
        assert [volume, modulus] == pytest.approx(kept["metals"][name], rel=1e-5)
    for name, row in found["energies"].items():
        mine, theirs = ([float(word) for word in text.split()] for text in (row, kept["energies"][name]))
        assert mine == pytest.approx(theirs, abs=3e-5)
    assert len(found["energies"]) == len(cells)


def test_the_blocks_of_the_metals_are_held_out():
    curves, inside, columns = study.held_blocks()
    assert np.sum(inside, axis=0).tolist() == [1] * len(curves.names)
    for index, (_, learned) in enumerate(columns[: study.SEEDS * len(inside)]):
        assert not inside[index // study.SEEDS][learned].any()
