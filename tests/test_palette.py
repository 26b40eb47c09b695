"""Roles can be told apart by readers with any colour vision: by colour, simulated here, or by dash and marker.

The simulation is that of Machado, Oliveira and Fernandes (2009, doi 10.1109/TVCG.2009.113) for cones of one kind that
are missing, on linear RGB. Distance is CIE76 in L*a*b* (D65): about 2.3 is the smallest that is seen side by side; thin
lines need several times as much.
"""

import itertools

import numpy as np
import pytest

from mamlkit.roles import ROLES

APART = 10.0  # between colours of roles that have one dash and one marker
CONTRAST = 3.0  # of a line with its page, as WCAG asks of graphics
PAGES = {"light": "#ffffff", "dark": "#14181e"}
VISION = {
    "all cones": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])  # of linear sRGB


def linear(colour):
    """Linear RGB of a colour such as #0067a8."""
    c = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def seen(colour, vision):
    """Linear RGB as somebody sees it."""
    return np.clip(np.asarray(VISION[vision]) @ linear(colour), 0, 1)


def lab(rgb):
    x, y, z = (XYZ @ rgb) / (XYZ @ np.ones(3))
    f = [np.cbrt(t) if t > (6 / 29) ** 3 else t / (3 * (6 / 29) ** 2) + 4 / 29 for t in (x, y, z)]
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(a, b):
    high, low = sorted((XYZ[1] @ a, XYZ[1] @ b), reverse=True)
    return (high + 0.05) / (low + 0.05)


def distance(a, b, vision):
    return float(np.linalg.norm(lab(seen(a, vision)) - lab(seen(b, vision))))


def test_the_simulation_does_what_is_known():
    """Greys stay; red and green of one lightness meet without the cones that part them, blue and green do not."""
    for vision in VISION:
        assert np.allclose(seen("#808080", vision), linear("#808080"), atol=1e-5)
        assert distance("#000000", "#ffffff", vision) == pytest.approx(100, abs=0.1)
    assert lab(linear("#ff0000")) == pytest.approx([53.24, 80.09, 67.20], abs=0.05)  # as tables have it
    red, green = "#a05a00", "#5a7a00"
    assert distance(red, green, "all cones") > 3 * distance(red, green, "deuteranopia")
    assert distance("#0067a8", "#c24e00", "deuteranopia") > 60


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("page", PAGES)
def test_every_role_stands_out_from_the_page(page, vision):
    back = seen(PAGES[page], vision)
    faint = {name: contrast(seen(getattr(style, page), vision), back) for name, style in ROLES.items()}
    assert {name: round(value, 2) for name, value in faint.items() if value < CONTRAST} == {}


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("page", PAGES)
def test_roles_of_one_dash_and_marker_differ_in_colour(page, vision):
    close = {}
    for (a, one), (b, other) in itertools.combinations(ROLES.items(), 2):
        if (one.dash, one.marker) == (other.dash, other.marker):
            apart = distance(getattr(one, page), getattr(other, page), vision)
            if apart < APART:
                close[a, b] = round(apart, 1)
    assert close == {}
