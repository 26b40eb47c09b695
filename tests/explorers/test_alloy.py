"""The explorer of an alloy's curve: frames, what its prompts answer, its weight."""

import gzip

import numpy as np
import pytest
from unpack import Unpacked

from mamlkit import experiments
from mamlkit.applications.materials import QUERY, powers
from mamlkit.applications.materials_curves import SHOWN, alloy_cases
from mamlkit.applications.materials_data import ELEMENTS, alloys
from mamlkit.applications.materials_tasks import hold_out
from mamlkit.explorers.alloy import STRAINS, alloy_explorer, alloy_scene, errors_scene


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


@pytest.mark.parametrize(("noise", "column"), [("clean", 0), ("noisy", 3)])
def test_the_curve_is_the_one_that_gradient_steps_by_hand_end_at(curves, cases, noise, column):
    start = {name: np.array(part)[column] for name, part in experiments.load("materials")["starts"]["MAML"].items()}
    unit = 1000 * curves.unit[curves.names.index("Cu3Pt")]
    shown = cases["Cu3Pt"][noise]["both"]
    x, y = shown["points"][:4].T
    phi = powers(x / 100) - powers(x / 100).mean(axis=0)
    m, u = start["M"] * np.exp(start["s"]), start["u"]
    for _ in range(3):
        left = (y - y.mean()) / unit - phi @ (start["c0"] + m @ u)
        u = u + 0.1 * m.T @ (2 / 4 * phi.T @ left)
    curve = unit * powers(STRAINS / 100) @ (start["c0"] + m @ u)
    drawn = shown["maml"]["curves"][4]
    assert drawn - drawn.mean() == pytest.approx(curve - curve.mean(), abs=1e-6)


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


def test_the_errors_are_drawn_where_they_are():
    panels = errors_scene({"clean": {"baseline": {3: 0.5, 6: 0.4}}, "noisy": {"maml": {2: 6.0}}})
    assert panels.scenes["clean"].marks[0].xy.tolist() == [[3.0, 0.5], [6.0, 0.4]]
    assert panels.scenes["noisy"].axes.ylim[1] == pytest.approx(6.6)
