"""Figures and tables: made from a record alone, and drawn as SVG for light pages and dark ones."""

import re

import numpy as np
import pytest

from pneumo.pages import drawing, style
from pneumo.pages.topics import FIGURES, TABLES
from pneumo.record.images import digest

# What a dark page may show as a light one does: it lies over a picture.
UPON_PICTURES = {style.OVER_BRIGHT, style.OVER_DARK, style.OVER_PICTURE}
# What is of other images, a larger study, other framing or the reference is drawn where those are tested.
ELSEWHERE = re.compile("external|size|framing-mend|reference")
PICTURE = re.compile(r'data:image/png;base64,([^"]+)')


DRAWN = [one for one in FIGURES if not ELSEWHERE.search(one)]


@pytest.fixture(scope="module")
def figures(record):
    """Every figure of the record, by its anchor."""
    return {anchor: FIGURES[anchor](record) for anchor in DRAWN}


@pytest.fixture(scope="module")
def drawings(figures):
    """The same as SVG."""
    return {anchor: drawing.draw(shown.canvas) for anchor, shown in figures.items()}


@pytest.mark.parametrize("anchor", DRAWN)
def test_a_figure_needs_no_images_and_states_numbers(anchor, figures, record, unseen):
    shown, without = figures[anchor], FIGURES[anchor](unseen)
    without.canvas.draw_without_rendering()
    assert shown.caption == without.caption
    assert not {"nan", "None", "|"} & set(f"{shown.caption} {shown.alt}".split())
    assert set(shown.runs or ()) <= {run.run for run in record.provenance.runs}


@pytest.mark.parametrize("anchor", [one for one in TABLES if not ELSEWHERE.search(one)])
def test_a_table_is_made_from_a_record_alone(anchor, unseen):
    made = TABLES[anchor](unseen)
    cells = [cell for row in made.rows for cell in row]
    assert cells
    assert not [cell for cell in cells if cell in ("nan", "None") or "|" in cell or "\n" in cell]
    assert set(made.runs or ()) <= {run.run for run in unseen.provenance.runs}


def test_every_colour_of_a_figure_has_one_for_dark_pages_pictures_stay_and_none_is_heavy(drawings):
    for anchor, svg in drawings.items():
        assert drawing.colours(svg) <= style.DARK.keys() | UPON_PICTURES, anchor
        shown = drawing.colours(drawing.darken(svg))
        assert shown <= set(style.DARK.values()) | UPON_PICTURES, anchor

        assert PICTURE.findall(drawing.darken(svg)) == PICTURE.findall(svg), anchor
        assert len(svg) < 300_000, anchor


def test_the_examples_are_training_images_of_their_class(figures, record, phantom):
    rows = list(record.figure("fig-examples").rows())
    shown = [axes.images[0] for axes in figures["fig-examples"].canvas.axes if axes.images]
    for row, picture in zip(rows, shown, strict=True):
        image = phantom.train.images[int(row["index"])]
        assert phantom.train.labels[int(row["index"])] == row["label"]
        assert digest(image) == row["sha256"]
        np.testing.assert_array_equal(picture.get_array()[..., 0], image)
