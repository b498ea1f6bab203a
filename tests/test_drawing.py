"""Drawings: SVG for light pages and dark ones, in which pictures stay what they are."""

import io
import re
from base64 import b64decode

import numpy as np
import pytest
from PIL import Image
from test_figures import FIGURES, name_of

from pneumo.pages import drawing, figures, style
from pneumo.pages.figures import networks

# What a dark page may show as a light one does: it lies over a picture.
UPON_PICTURES = {style.OVER_BRIGHT, style.OVER_DARK, style.OVER_PICTURE}


@pytest.fixture(scope="module")
def drawings(study):
    """Every figure of the study as SVG."""
    return {draw: drawing.draw(draw(study)) for draw in FIGURES}


@pytest.mark.parametrize("draw", FIGURES, ids=name_of)
def test_every_colour_of_a_figure_has_one_for_dark_pages(draw, drawings):
    assert drawing.colours(drawings[draw]) <= style.DARK.keys() | UPON_PICTURES


@pytest.mark.parametrize("draw", FIGURES, ids=name_of)
def test_a_dark_drawing_has_no_colour_of_a_light_page(draw, drawings):
    shown = drawing.colours(drawing.darken(drawings[draw]))
    assert shown <= set(style.DARK.values()) | UPON_PICTURES


@pytest.mark.parametrize("draw", FIGURES, ids=name_of)
def test_pictures_are_the_same_on_a_dark_page(draw, drawings):
    pictures = re.compile(r'data:image/png;base64,[^"]+')
    dark = drawing.darken(drawings[draw])
    assert pictures.findall(dark) == pictures.findall(drawings[draw])


@pytest.mark.parametrize("draw", FIGURES, ids=name_of)
def test_no_drawing_is_heavy(draw, drawings):
    assert len(drawings[draw]) < 300_000


def test_the_same_figure_is_drawn_to_the_same_bytes(record):
    one, other = (drawing.draw(figures.FIGURES["fig-errors"](record).canvas) for _ in range(2))
    assert one == other


def pictures(svg):
    """A drawing's pictures as arrays."""
    found = re.findall(r'data:image/png;base64,([^"]+)', svg)
    return [np.asarray(Image.open(io.BytesIO(b64decode(one, validate=True)))) for one in found]


def test_a_map_over_an_x_ray_is_see_through_and_its_colours_are_kept(record):
    drawn = drawing.draw(networks.grad_cam(record).canvas)
    kinds = {picture.shape[-1] for picture in pictures(drawn) if picture.ndim == 3}
    assert kinds == {3, 4}


def test_a_drawing_has_no_ground_of_its_own(drawings):
    first = drawings[figures.cnn_curves].partition('id="axes_1"')[0]
    assert not re.search(r"fill: #", first)
