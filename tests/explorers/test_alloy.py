"""The explorer of an alloy's curve: frames, what its prompts answer, its weight."""

import gzip

import numpy as np
import pytest
from unpack import Unpacked

from mamlkit import experiments
from mamlkit.applications.materials import QUERY
from mamlkit.applications.materials_curves import SHOWN, alloy_cases
from mamlkit.applications.materials_data import ELEMENTS, alloys
from mamlkit.applications.materials_tasks import hold_out
from mamlkit.explorers.alloy import STRAINS, alloy_explorer, alloy_scene


@pytest.fixture(scope="module")
def curves():
    return alloys(experiments.load("alloys"))


@pytest.fixture(scope="module")
def cases(curves):
    return alloy_cases(curves, experiments.load("materials")["starts"]["MAML"])


@pytest.fixture(scope="module")
def explorer(cases):
    return alloy_explorer(cases)


CORNERS = [
    (alloy, n, noise, order)
    for alloy in (SHOWN[0], SHOWN[-1])
    for n in (0, 6)
    for noise in ("clean", "noisy")
    for order in ("both", "wide")
]


@pytest.mark.parametrize(("alloy", "n", "noise", "order"), [*CORNERS, ("Cu3Pt", 3, "noisy", "both")])
def test_frames_are_the_alloys_numbers(explorer, cases, alloy, n, noise, order):
    spec = Unpacked(explorer.spec)
    frame, shown = spec.frame(alloy=alloy, points=n, noise=noise, order=order), cases[alloy][noise][order]
    for method in ("baseline", "maml"):
        rows = spec.rows(spec.part("marks", method), frame)
        assert rows[:, 0] == pytest.approx(STRAINS, abs=1e-2)
        assert rows[:, 1] == pytest.approx(shown[method]["curves"][n], abs=0.05)
        for what in ("lattice", "modulus"):
            readout = spec.rows(spec.part("readouts", f"{what}_{method}"), frame)
            assert readout[0, 0] == pytest.approx(shown[method][what][n], rel=1e-4, abs=1e-4)
    points = spec.rows(spec.part("marks", "support"), frame)
    assert (points is None) == (n == 0)
    if n:
        assert points == pytest.approx(shown["points"][:n], abs=0.05)


def test_none_of_the_alloys_was_learned_from(curves):
    split = hold_out(curves.fractions, np.random.default_rng(0))
    assert {curves.names.index(name) for name in SHOWN} <= set(split.test.tolist())
    assert len(ELEMENTS) == 7


def test_the_truth_is_the_energies_in_mev(curves, cases):
    energy = curves.energies[curves.names.index("Cu3Pt"), QUERY]
    assert cases["Cu3Pt"]["truth"] == pytest.approx(1000 * (energy - energy.min()))


def test_what_the_prompts_answer(cases):
    case = cases[SHOWN[0]]
    two, three = ({m: case["clean"]["both"][m]["lattice"][n] for m in ("baseline", "maml")} for n in (2, 3))
    assert two["maml"] < two["baseline"] / 4  # the guess is all there is beside it
    assert three["baseline"] < three["maml"]  # clean: the fit lies closer
    noisy = {m: case["noisy"]["both"][m]["modulus"] for m in ("baseline", "maml")}
    clean = {m: case["clean"]["both"][m]["modulus"] for m in ("baseline", "maml")}
    assert abs(noisy["baseline"][3] - clean["baseline"][3]) > 4 * abs(noisy["maml"][3] - clean["maml"][3])
    wide = case["noisy"]["wide"]["maml"]["lattice"]
    assert wide[6] > 0.6 * wide[0]  # hardly moved


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"alloy": "Fe4"}, "alloy must be one of AlNiPd2"),
        ({"points": 7}, "points must be at most 6, got 7"),
        ({"noise": "some"}, "noise must be one of clean, noisy; got 'some'"),
        ({"order": "left"}, "order must be one of both, wide; got 'left'"),
    ],
)
def test_what_there_is_not_is_named(cases, change, words):
    with pytest.raises(ValueError, match=words):
        alloy_scene(cases, **{"alloy": SHOWN[0], "points": 1, "noise": "clean", "order": "both", **change})


def test_an_unknown_alloy_is_named(curves):
    with pytest.raises(ValueError, match="names must be of alloys, got Fe4"):
        alloy_cases(curves, {}, ["Fe4"])


def test_the_explorer_is_light(explorer):
    assert len(gzip.compress(explorer.html().encode())) < 60_000
