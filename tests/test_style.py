"""Colours: any two in a figure differ for colour-blind readers, too, and stand out from the page."""

import itertools

import numpy as np
import pytest

from pneumo.pages import style

# Machado, Oliveira & Fernandes (2009), full severity, for linear RGB.
EYES = {
    "all cones": np.eye(3),
    "protanopia": [(0.15228, 1.05258, -0.20486), (0.11450, 0.78628, 0.09921), (-0.00388, -0.04811, 1.05199)],
    "deuteranopia": [(0.36732, 0.86064, -0.22796), (0.28008, 0.67250, 0.04741), (-0.01182, 0.04294, 0.96888)],
    "tritanopia": [(1.25552, -0.07674, -0.17877), (-0.07841, 0.93080, 0.14760), (0.00473, 0.69136, 0.3039)],
}  # fmt: skip
# Ottosson's OKLab: linear RGB to cones, and the cones' cube roots to lightness and two opponents.
CONES = [(0.4122214708, 0.5363325363, 0.0514459929), (0.2119034982, 0.6806995451, 0.1073969566),
         (0.0883024619, 0.2817188376, 0.6299787005)]  # fmt: skip
OPPONENTS = [(0.2104542553, 0.793617785, -0.0040720468), (1.9779984951, -2.428592205, 0.4505937099),
             (0.0259040371, 0.7827717662, -0.808675766)]  # fmt: skip
CLASS_COLOURS = (style.BLUE, style.VERMILION)
# About five just noticeable differences, of which OKLab counts some 0.02 each.
APART = 0.09
# Background colours of the portable engine's pages and of Quarto's dark theme.
PAGES = {"light": ("#ffffff",), "dark": ("#12181b", "#222222")}


def linear(colour):
    parts = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def distance(one, other, eye):
    seen = (np.clip(np.array(EYES[eye]) @ linear(colour), 0, 1) for colour in (one, other))
    first, second = (np.array(OPPONENTS) @ np.cbrt(np.array(CONES) @ parts) for parts in seen)
    return np.linalg.norm(first - second)


def contrast(one, other):
    """WCAG's ratio."""
    lower, higher = sorted(linear(colour) @ (0.2126, 0.7152, 0.0722) for colour in (one, other))
    return (higher + 0.05) / (lower + 0.05)


def on(page, colour):
    return style.DARK[colour] if page == "dark" else colour


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("eye", EYES)
def test_models_classes_and_maps_differ_in_colour_to_any_eye(eye, page):
    pairs = [CLASS_COLOURS, (style.VERMILION, style.GREY)]
    for one, other in (*itertools.combinations(style.MODELS, 2), *pairs):
        assert distance(on(page, one), on(page, other), eye) > APART, (one, other)


def test_in_print_without_colour_models_differ_by_their_dashes_or_in_lightness():
    looks = style.looks([f"model {number}" for number in range(len(style.LINE_STYLES))])
    assert len({str(look["linestyle"]) for look in looks.values()}) == len(looks)
    assert len(style.MARKERS) <= len(style.LINE_STYLES)
    for one, other in zip(style.MODELS, style.MODELS[len(looks) :], strict=False):
        lightness = [np.cbrt(linear(colour) @ (0.2126, 0.7152, 0.0722)) for colour in (one, other)]
        assert abs(np.subtract(*lightness)) > 0.2


@pytest.mark.parametrize(
    ("least", "colours"),
    [(3, style.MODELS), (4.5, (style.INK, style.GREY, style.BLUE, style.VERMILION))],
    ids=["lines", "words"],
)
def test_lines_stand_out_from_the_page_and_words_can_be_read(least, colours):
    for page, grounds in PAGES.items():
        for ground, colour in itertools.product(grounds, colours):
            assert contrast(on(page, colour), ground) >= least, colour


def test_words_upon_bars_and_pictures_can_be_read():
    for colour in CLASS_COLOURS:
        assert contrast(style.PAGE, colour) >= 4.5
        assert contrast(style.DARK[style.PAGE], style.DARK[colour]) >= 4.5
    assert contrast(style.OVER_DARK, style.OVER_BRIGHT) > 12
