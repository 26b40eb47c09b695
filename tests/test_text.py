"""Words that code draws, in a tiny language of two sentences; and the catalogue that a translator starts from."""

import importlib.util
import io
import json
from pathlib import Path

import pytest

from mamlkit import text
from mamlkit.explorers.compass import compass_explorer, compass_scene

ROOT = Path(__file__).parents[1]
CATALOGUE = {"best initialisation": "plej bona komenco", "{product}: steps fall short": "{product}: tro mallonge"}


@pytest.fixture
def esperanto(tmp_path, monkeypatch):
    """Two sentences of Esperanto in a temporary folder, compiled as `make words` does."""
    babel = pytest.importorskip("babel.messages")
    catalog = babel.Catalog(locale="eo")
    for sentence, translation in CATALOGUE.items():
        catalog.add(sentence, translation)
    place = tmp_path / "eo/LC_MESSAGES/mamlkit.mo"
    place.parent.mkdir(parents=True)
    from babel.messages.mofile import write_mo

    with place.open("wb") as file:
        write_mo(file, catalog)
    monkeypatch.setattr(text, "LOCALE", tmp_path)
    monkeypatch.setenv("MAMLKIT_LANGUAGE", "eo")


def test_a_figure_speaks_another_language_where_it_has_words(esperanto):
    labels = {readout.name: readout.label for readout in compass_scene(1.0, 110.0, 0.0).readouts}
    assert labels["best_adapted"] == "plej bona komenco"
    assert labels["best_fixed"] == "best fixed heading"  # not translated: English
    explorer = compass_explorer()
    assert "plej bona komenco" in json.dumps(explorer.spec, ensure_ascii=False)
    assert "plej bona komenco" in explorer.html()


def test_fields_stand_in_translated_sentences(esperanto):
    assert text.gettext("{product}: steps fall short", product="0.50") == "0.50: tro mallonge"


def test_an_unknown_language_is_english(monkeypatch):
    monkeypatch.setenv("MAMLKIT_LANGUAGE", "xx")
    assert text.gettext("best initialisation") == "best initialisation"


def test_a_sentence_with_other_fields_is_refused(esperanto):
    with pytest.raises(ValueError, match=r"'\{steps\} steps' must have the fields \['number'\] and no other"):
        text.gettext("{steps} steps", number="3")


@pytest.fixture(scope="module")
def words():
    spec = importlib.util.spec_from_file_location("words", ROOT / "_ext/words.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_translator_gets_the_sentences_of_notebooks(words):
    source = """%matplotlib inline
title = _("a title" " in two parts")
choice("which", "Which?", [Answer("this one", "No: it is longer."), Answer("that one", "Yes.", right=True)])
number("half", "Half of 3?", right=1.5, right_answer="One and a half.", wrong={6: "Twice."}, otherwise="Halve it.")
Prompt("Set α to 0.", state={"alpha": 0.0}, answer=f"{title}")
print("not a sentence that is drawn")"""
    cells = [
        {"cell_type": "markdown", "source": ["_('prose')"]},
        {"cell_type": "code", "source": ["%%bash\n", "_ 'no Python'"]},
        {"cell_type": "code", "source": source.splitlines(keepends=True)},
    ]
    found = words.extract_notebook(io.BytesIO(json.dumps({"cells": cells}).encode()), ("_",), (), {})
    assert {message[2] for message in found} == {
        "a title in two parts", "Which?", "this one", "No: it is longer.", "that one", "Yes.", "Half of 3?",
        "One and a half.", "Twice.", "Halve it.", "Set α to 0.",
    }  # fmt: skip


def test_a_translator_gets_the_sentences_of_every_chapter(words):
    for path in ROOT.glob("book/**/*.ipynb"):
        with path.open("rb") as file:
            list(words.extract_notebook(file, ("_",), (), {}))  # every cell can be read
