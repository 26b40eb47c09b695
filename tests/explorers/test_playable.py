"""The playable wave as Python sees it: what it takes, what it refuses, what travels with the page."""

import base64
import gzip
import json
import re

import numpy as np
import pytest
import torch
import traitlets

from mamlkit import models
from mamlkit.explorers.controls import Choice
from mamlkit.explorers.playable import playable_wave
from mamlkit.explorers.trained import Trained

SIZES = [1, 40, 40, 1]


def network(seed, sizes=SIZES, rate=0.01):
    return Trained(models.mlp(sizes, torch.Generator().manual_seed(seed))[0], rate)


@pytest.fixture(scope="module")
def six():
    """Six networks of the chapter's size: four MAML variants behind two switches, and the two they run against."""
    maml = {(k, sets): network(10 * k + len(sets)) for k in (1, 5) for sets in ("apart", "same")}
    return playable_wave(
        {"maml": maml, "joint": network(2, rate=0.003), "scratch": network(3)},
        training=Choice((1, 5), 1, "inner steps at training"),
        sets=Choice(("apart", "same"), "apart", "query set"),
    )


def test_the_weights_travel_as_float32(six):
    variant = six.spec["runners"][0]["variants"][0]
    params, _net = models.mlp(SIZES, torch.Generator().manual_seed(15))
    numbers = np.frombuffer(base64.b64decode(six.spec["weights"][variant["weights"]]), "<f4")
    assert numbers.tolist() == torch.cat([value.ravel() for value in params.values()]).tolist()
    assert variant == {"when": [1, "apart"], "rate": 0.01, "sizes": SIZES, "weights": 0}


def test_equal_weights_travel_once():
    one = network(1)
    wave = playable_wave({"maml": {(1,): one, (2,): network(1, rate=0.02)}, "scratch": one}, k=Choice((1, 2), 1, "K"))
    assert len(wave.spec["weights"]) == 1
    assert [variant["rate"] for variant in wave.spec["runners"][0]["variants"]] == [0.01, 0.02]


def test_the_still_picture_draws_what_the_network_says():
    params, net = models.mlp([1, 5, 4, 1], torch.Generator().manual_seed(4), dtype=torch.float64)
    x = np.linspace(-5, 5, 7)
    assert Trained(params, 0.1)(x) == pytest.approx(net(params, torch.tensor(x[:, None]))[:, 0].numpy(), rel=1e-12)


def test_six_networks_stay_within_the_budget(six):
    size = len(gzip.compress(six.html().encode()))
    print(f"{size / 1000:.0f} kB gzipped with six networks")
    assert size < 120_000


def test_the_page_holds_the_present_state(six):
    six.height, six.points, six.steps, six.training = 2.5, [[-1], [2, 3.5]], 7, 5
    state = json.loads(re.search(r'<script type="application/json">(.*?)</script>', six.html(), re.S)[1])["state"]
    assert state == {
        "height": 2.5, "shift": 1.0, "points": [[-1.0], [2.0, 3.5]], "steps": 7, "guess": [], "secret": False,
        "training": 5, "sets": "apart",
    }  # fmt: skip


def test_without_scripts_there_is_a_picture_with_words(six):
    still = six.html().split("<noscript>")[1].split("</noscript>")[0]
    assert re.search(r'<img src="data:image/svg[^"]*" alt="[^"]{60,}"', still)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("height", 0.05), ("height", 5.1), ("shift", -0.1), ("shift", 4), ("height", "3"), ("steps", -1),
        ("steps", 3001), ("steps", 1.5), ("points", [[0]]), ("points", [[0]] * 21), ("points", [[0], [6]]),
        ("points", [[0], [1, -7]]), ("points", [[0], [np.nan]]), ("points", [[0], []]), ("points", [[0], "x"]),
        ("guess", [0.0] * 40), ("guess", [9.0] * 41), ("guess", ["a"] * 41), ("secret", "yes"), ("training", 2),
    ],
)  # fmt: skip
def test_a_state_out_of_range_is_refused_by_name(six, name, value):
    before = six.state()
    with pytest.raises(traitlets.TraitError, match=name):
        setattr(six, name, value)
    assert six.state() == before


def params_of(**changes):
    layers = {"1.weight": np.ones((1, 3)), "1.bias": np.zeros(3), "2.weight": np.ones((3, 1)), "2.bias": np.zeros(1)}
    return {name: value for name, value in (layers | changes).items() if value is not None}


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({}, "params must be named"),
        (params_of(**{"2.bias": None}), "params must be named"),
        (params_of(**{"3.weight": np.ones((1, 1)), "4.bias": np.ones(1)}), "params must be named"),
        (params_of(**{"1.weight": np.ones((2, 3))}), r"params\['1.weight'\] must be 1 x 3, got shape \(2, 3\)"),
        (params_of(**{"1.weight": np.ones(3)}), r"params\['1.weight'\] must have 2 axes"),
        (params_of(**{"2.weight": np.ones((3, 2)), "2.bias": np.ones(2)}), "params must end in one output, got 2"),
        (params_of(**{"2.bias": [np.inf]}), r"params\['2.bias'\] must be finite"),
    ],
)
def test_parameters_that_are_no_such_network_are_refused(params, said):
    with pytest.raises(ValueError, match=said):
        Trained(params, 0.01)


@pytest.mark.parametrize("rate", [0.0, -0.1, np.nan])
def test_a_rate_must_be_positive(rate):
    with pytest.raises(ValueError, match="inner_lr must be"):
        Trained(params_of(), rate)


def test_networks_must_be_known_and_whole():
    flat, switch = Trained(params_of(), 0.01), Choice((1, 5), 1, "K")
    with pytest.raises(ValueError, match="networks must be named maml, joint, scratch"):
        playable_wave({"reptile": flat})
    with pytest.raises(ValueError, match="networks must be named"):
        playable_wave({})
    with pytest.raises(ValueError, match=r"networks\['maml'\] must have one network for each of \[\(1,\), \(5,\)\]"):
        playable_wave({"maml": {(1,): flat}}, k=switch)
    with pytest.raises(TypeError, match=r"networks\['maml'\]\[\(5,\)\] must be Trained"):
        playable_wave({"maml": {(1,): flat, (5,): params_of()}}, k=switch)
    with pytest.raises(ValueError, match=r"names that widgets do not use already, got \['points'\]"):
        playable_wave({"maml": flat}, points=switch)
