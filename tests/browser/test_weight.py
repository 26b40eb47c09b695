"""Every state of every explorer is light: few dashes to paint; little work for the processor, the mouse included."""

import gzip
import importlib
import inspect
import itertools
import pkgutil
from collections.abc import Callable

import numpy as np
import pytest

import mamlkit.explorers
from mamlkit.applications import fairness, school_study
from mamlkit.applications.materials_curves import alloy_cases
from mamlkit.applications.materials_data import alloys
from mamlkit.applications.medicine_curves import patient_cases
from mamlkit.experiments import load, navigation
from mamlkit.explorers import groups

MOST_DASHES = 10_000
MOST_SECONDS = 1.0
MOST_BYTES = 250_000  # gzipped, with script, style and the picture for pages without scripts


def trades():
    """What the chapter "Fairness" hands over, with fewer weights between."""
    weights, found = [0, 0.02, 0.25, 0.5, 0.75, 1], {}
    for features, num_support in itertools.product(groups.FEATURES, groups.PUPILS):
        rng, pupils = np.random.default_rng(0), fairness.math_achieve()
        chosen = {"features": features, "groups": pupils.minority, "num_support": num_support, "draws": 5}
        setting = school_study.Setting(pupils, rng=rng, **chosen)
        found[features, num_support] = groups.Trade(weights, **school_study.trade(setting, weights, rng=rng))
    return found


# Arguments of makers that need some, by name: what a chapter would hand over.
ARGUMENTS: dict[str, Callable[[], tuple]] = {
    "alloy_explorer": lambda: (alloy_cases(alloys(load("alloys")), load("materials")["starts"]["MAML"]),),
    "groups_explorer": lambda: (trades(),),
    "letters_explorer": lambda: (load("adapting"),),
    "navigator_explorer": lambda: (navigation.trajectories(load("navigation")), navigation.SHOWN),
    "patient_explorer": lambda: (patient_cases(load("medicine")["starts"]["pooled"]),),
}


def makers():
    """Every function of mamlkit.explorers that says it returns an Explorer."""
    for module in pkgutil.iter_modules(mamlkit.explorers.__path__, "mamlkit.explorers."):
        for name, function in inspect.getmembers(importlib.import_module(module.name), inspect.isfunction):
            if function.__module__ == module.name and function.__annotations__.get("return") == "Explorer":
                yield pytest.param(function, id=name)


# The dashes of all dashed lines that are drawn.
DASHES = """() => [...document.querySelectorAll("path[stroke-dasharray]")].reduce((sum, path) => {
  const dash = path.getAttribute("stroke-dasharray").split(" ").map(Number).filter(Boolean);
  return dash.length ? sum + path.getTotalLength() * dash.length / 2 / dash.reduce((a, b) => a + b) : sum;
}, 0)"""
# Set one state after the other and count the dashes of each; nothing is painted in between.
COUNT = f"""(states) => states.map((state) => {{
  Object.entries(state).forEach(([name, value]) => kernel.model.set(name, value));
  return ({DASHES})();
}})"""
SET = "(state) => Object.entries(state).forEach(([name, value]) => kernel.model.set(name, value))"
PAINTED = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"


def states(explorer):
    """All steps of all controls; a point stands in the corners of its box in turn."""
    corners = itertools.cycle([(0, 0), (1, 1), (1, 0), (0, 1)])
    steps = [control for control in explorer.spec["controls"] if control["kind"] != "point"]
    for values in itertools.product(*(control["values"] for control in steps)):
        state = dict(zip((control["name"] for control in steps), values, strict=True))
        for control in explorer.spec["controls"]:
            if control["kind"] == "point":
                ends = zip(control["low"], control["high"], strict=True)
                state[control["name"]] = [pair[i] for pair, i in zip(ends, next(corners), strict=True)]
        yield state


@pytest.fixture
def busy():
    """Seconds of processor time that the browser has taken so far, all its processes together."""
    psutil = pytest.importorskip("psutil")
    browsers = [p for p in psutil.Process().children(recursive=True) if "chrom" in p.name()]

    def seconds():
        alive = [process for process in browsers if process.is_running()]
        return sum(time for process in alive for time in process.cpu_times()[:2])

    return seconds


@pytest.mark.slow
@pytest.mark.parametrize("maker", list(makers()))
def test_every_state_is_light(maker, as_widget, request):
    needed = [p for p in inspect.signature(maker).parameters.values() if p.default is p.empty]
    assert not needed or maker.__name__ in ARGUMENTS, f"{maker.__name__} needs arguments: add them to ARGUMENTS"
    explorer = maker(*ARGUMENTS.get(maker.__name__, tuple)())
    assert len(gzip.compress(explorer.html().encode())) < MOST_BYTES
    page = as_widget(explorer)
    busy = request.getfixturevalue("busy")
    plots = [plot.bounding_box() for plot in page.locator(".mk-plot").all()]
    every = list(states(explorer))
    dashes = page.evaluate(COUNT, every)
    assert max(dashes) < MOST_DASHES, every[dashes.index(max(dashes))]
    # Painting takes time too, so the processor is watched where most is drawn, and at every fifteenth state.
    most = sorted(range(len(every)), key=dashes.__getitem__)[-10:]
    heaviest, before = 0.0, busy()
    for index in sorted({*most, *range(0, len(every), 15)}):
        page.evaluate(SET, every[index])
        for box in plots:
            page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.6 * box["height"])
            page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.4 * box["height"])
        page.evaluate(PAINTED)
        now = busy()
        assert now - before < MOST_SECONDS, (every[index], now - before)
        heaviest, before = max(heaviest, now - before), now
    print(f"{maker.__name__}: the heaviest state took {heaviest:.2f} s of processor time")
