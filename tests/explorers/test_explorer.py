import gzip
import json
import re
import subprocess
import sys
import urllib.parse

import pytest
import traitlets

from mamlkit.explorers import still
from mamlkit.explorers.controls import Prompt, Slider
from mamlkit.explorers.explorer import Explorer
from mamlkit.explorers.web import HERE
from mamlkit.scene import Axes, Mark, Panels, Readout, Scene


def parabola(x):
    point = Mark("points", "point", "maml", [[x, x * x]])
    return Scene(Axes("x", "y", (0, 2), (0, 4)), [point], [Readout("y", "y", x * x)], "A </script> point.")


def parabola_explorer():
    return Explorer(parabola, title='Para"bola', x=Slider([0.0, 1.0, 2.0], 1.0, "x"))


def data_of(html):
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', html, re.S)[1])


def test_controls_are_synced_traits(landscape):
    assert landscape.alpha == 0.5
    heard = []
    landscape.observe(lambda change: heard.append(change["new"]), "alpha")
    landscape.alpha = 0.26
    assert landscape.alpha == heard[0] == 0.25
    landscape.num_steps, landscape.theta = 5, [1, 1]
    assert landscape.theta == (1.0, 1.0)
    assert {"alpha", "curvature", "num_steps", "theta", "spec"} <= set(landscape.get_state())
    direct = landscape.scene()
    assert next(m for m in direct.scenes["plane"].marks if m.name == "path_a").xy.shape == (6, 2)
    landscape.alpha, landscape.num_steps, landscape.theta = 0.5, 1, (0.3, 1.5)


def test_traits_link_to_other_widgets():
    import ipywidgets

    explorer, slider = parabola_explorer(), ipywidgets.FloatSlider(min=0, max=2)
    traitlets.link((explorer, "x"), (slider, "value"))
    slider.value = 2.0
    assert explorer.x == 2.0


@pytest.mark.parametrize("bad", [7, "fast", None, float("nan")])
def test_a_control_refuses_bad_values(bad):
    explorer = parabola_explorer()
    with pytest.raises(traitlets.TraitError, match="x: value must"):
        explorer.x = bad
    assert explorer.x == 1.0


def test_control_names_must_be_free():
    with pytest.raises(ValueError, match=r"names that widgets do not use already, got \['layout'\]"):
        Explorer(lambda layout: parabola(layout), title="t", layout=Slider([0.0, 1.0], 0.0, "x"))


def test_html_stands_alone(landscape):
    html = landscape.html()
    assert not re.search(r"""(?:src|href)=(?!["'](?:data:|#))""", urllib.parse.unquote(html))
    assert not re.search(
        r"\bimport\b\s*[({'\"]|\brequire\(|https?://(?!www\.w3\.org|matplotlib|purl|creativecommons)", html
    )
    assert "<noscript>" in html
    assert data_of(html)["state"]["alpha"] == landscape.alpha


def test_html_survives_what_texts_contain():
    data = data_of(parabola_explorer().html())
    assert data["spec"]["panels"][0]["alt"] == "A </script> point."


def test_html_shows_the_present_state_and_keeps_the_defaults():
    explorer = parabola_explorer()
    explorer.x = 2.0
    data = data_of(explorer.html())
    assert data["state"] == {"x": 2.0}
    assert data["spec"]["controls"][0]["default"] == 1.0


def test_an_output_has_every_form(landscape):
    data, _ = landscape._repr_mimebundle_()
    assert {"text/html", "image/png", "application/pdf", "text/plain"} <= set(data)
    assert data["image/png"].startswith(b"\x89PNG")
    assert "outer loss J(θ)" in data["text/plain"]


def test_budgets(landscape):
    assert len(gzip.compress(landscape.html().encode())) < 250_000
    for file in HERE.iterdir():
        assert len(file.read_text("utf-8").splitlines()) < 400, file.name


def test_the_same_explorer_gives_the_same_html():
    assert parabola_explorer().html() == parabola_explorer().html()


def test_imports_stay_within_their_boundary():
    """Neither the package nor a scene needs a drawing library, a widget or PyTorch; explorers need no engine."""
    code = (
        "import sys, mamlkit, mamlkit.scene, mamlkit.text, mamlkit.explorers.quadratic, mamlkit.figures; "
        "assert not {'torch', 'matplotlib', 'anywidget', 'ipywidgets'} & set(sys.modules), 'heavy'; "
        "import mamlkit.explorers.explorer; "
        "assert not {'torch', 'mamlkit.engine'} & set(sys.modules), 'engine'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_prompts_travel_with_their_states_and_answers():
    prompts = [Prompt("Set x to 2.", {"x": 2.0}, "y is 4."), Prompt("Look.")]
    explorer = Explorer(parabola, title="t", prompts=prompts, x=Slider([0.0, 1.0, 2.0], 1.0, "x"))
    assert data_of(explorer.html())["spec"]["prompts"] == [
        {"text": "Set x to 2.", "state": {"x": 2.0}, "answer": "y is 4."},
        {"text": "Look.", "state": {}, "answer": ""},
    ]
    without_scripts = re.search(r"<noscript>(.*?)</noscript>", explorer.html(), re.S)[1]
    assert "Set x to 2." in without_scripts
    assert "y is 4." in without_scripts


@pytest.mark.parametrize("scene", [parabola(1.0), Panels([parabola(1.0)])], ids=["scene", "panels"])
def test_a_still_is_an_explorer_without_controls(scene):
    bundle = still(scene)._repr_mimebundle_()
    assert bundle["image/png"].startswith(b"\x89PNG")
    assert bundle["text/plain"] == "A </script> point. y: 1.000."
    data = data_of(bundle["text/html"])
    assert (data["state"], data["spec"]["controls"], data["spec"]["prompts"]) == ({}, [], [])
    assert "<noscript><img " in bundle["text/html"]
    with pytest.raises(TypeError, match="scene must be a Scene or Panels, got None"):
        still(None)
