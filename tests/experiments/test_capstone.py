"""The count of the capstone's misses in reduced size."""

import numpy as np
import pytest

from mamlkit.experiments import capstone, load

from .test_glyphs import keys


def test_the_committed_result_has_the_form_of_a_fresh_one(tmp_path, monkeypatch):
    monkeypatch.setattr(capstone, "beside", lambda name, seeds: [1.0] * seeds)  # the rivals train for longer
    found = capstone.run(tmp_path, runs=2, seeds=1)
    assert keys(load("capstone")) == keys(found)
    assert found["quantiles"]["1.0"] == found["largest"] == pytest.approx(max(capstone.one(s)[0] for s in (0, 1)), 1e-3)


def test_a_rival_is_the_solution_with_its_edits():
    inputs, accepted = capstone._drawn(0)
    brief = np.asarray(capstone.rival("MAML, 25 iterations")(**inputs))
    assert brief.shape == accepted.target.shape
    assert capstone.beside("MAML, 25 iterations", 1) == pytest.approx(
        load("capstone")["rivals"]["MAML, 25 iterations"][:1], 0.05
    )


def test_an_edit_that_no_longer_fits_the_solution_is_named(monkeypatch):
    monkeypatch.setitem(capstone.RIVALS, "other", (("nothing of this", ""),))
    with pytest.raises(ValueError, match="'nothing of this' is no longer in the solution"):
        capstone.rival("other")
