"""Small fonts hold the icons that are used, and only these."""

from io import BytesIO
from pathlib import Path

import pydata_sphinx_theme
import pytest
from fontTools.ttLib import TTFont
from icons import codes, cut, drawn

STATIC = Path(pydata_sphinx_theme.__file__).parent / "theme/pydata_sphinx_theme/static"
FONT = STATIC / "vendor/fontawesome/webfonts/fa-solid-900.ttf"
STYLES = (STATIC / "styles/pydata-sphinx-theme.css").read_text("utf-8")


def test_names_of_icons_have_places_in_the_font():
    table = codes(STYLES)
    assert len(table) > 1000
    assert table["fa-arrow-up"] == 0xF062
    assert table["fa-xmark"] == table["fa-times"] == 0xF00D


def test_icons_that_a_style_sheet_draws_are_found():
    assert 0xF0EB in drawn(STYLES)  # the lamp of a hint
    assert drawn('.a{content:"\\f107"} .fa-rocket:before{content:"\\f135"} .b{--c:"\uf058"}') == {0xF107, 0xF058}


def test_a_cut_font_holds_what_was_asked_for():
    data, kept = cut(FONT, {0xF062, 0xF00D, 0x10FFFF})
    assert kept == [0xF00D, 0xF062]
    assert len(data) < 2000 < FONT.stat().st_size / 100
    small, whole = TTFont(BytesIO(data)), TTFont(FONT)
    assert set(small.getBestCmap()) == set(kept)
    name = whole.getBestCmap()[0xF062]
    assert small["hmtx"][small.getBestCmap()[0xF062]][0] == whole["hmtx"][name][0]


def test_nothing_is_cut_from_a_font_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        cut(tmp_path / "none.ttf", {0xF062})
