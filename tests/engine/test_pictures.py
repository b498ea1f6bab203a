"""A site's pictures: lighter, and the same to the eye."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from report.engine.pictures import TOLERANCE, lighten


@pytest.fixture
def folder(tmp_path):
    """Where a page's pictures lie in a site."""
    path = tmp_path / "page_files" / "figure-html"
    path.mkdir(parents=True)
    return path


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGBA")).astype(int)


def test_a_chart_loses_bytes_and_nothing_that_one_sees(folder, tmp_path):
    canvas = Figure(figsize=(4, 3))
    axes = canvas.subplots()
    for shift in range(6):
        axes.plot(np.sin(np.linspace(0, 9, 99) + shift))
    canvas.savefig(folder / "chart.png", dpi=150)
    drawn, size = pixels(folder / "chart.png"), (folder / "chart.png").stat().st_size
    lighten(tmp_path)
    assert (folder / "chart.png").stat().st_size < 0.6 * size
    assert np.abs(pixels(folder / "chart.png") - drawn).max() <= TOLERANCE
    assert [path.name for path in folder.iterdir()] == ["chart.png"]


def test_greys_stay_grey_among_colours(folder, tmp_path):
    colours = np.random.default_rng(0).integers(0, 40, (256, 256, 3), np.uint8)
    colours[:, :128] = np.arange(256, dtype=np.uint8)[:, None, None]
    Image.fromarray(colours).save(folder / "picture.png")
    lighten(tmp_path)
    with Image.open(folder / "picture.png") as picture:
        assert picture.mode == "P"
    greys = pixels(folder / "picture.png")[:, :128, :3]
    assert (greys == greys[..., :1]).all()
    assert np.abs(greys - colours[:, :128]).max() <= 3
    assert (greys[0] == 0).all()
    assert (greys[255] == 255).all()


@pytest.mark.parametrize(
    "colours",
    [
        pytest.param(np.arange(64 * 64, dtype=np.uint8).reshape(64, 64), id="grey"),
        pytest.param(
            np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8), id="many colours"
        ),
        pytest.param(np.full((64, 64, 4), 127, np.uint8), id="translucent"),
    ],
)
def test_a_picture_that_a_palette_would_harm_stays_as_it_was_drawn(colours, folder, tmp_path):
    path = folder / "picture.png"
    Image.fromarray(colours).save(path, optimize=True)
    before = path.read_bytes()
    lighten(tmp_path)
    assert path.read_bytes() == before
    assert len(list(folder.iterdir())) == 1


def test_pictures_that_no_cell_drew_are_let_be(tmp_path):
    Image.new("RGB", (64, 64), "red").save(tmp_path / "own.png")
    before = (tmp_path / "own.png").read_bytes()
    lighten(tmp_path)
    assert (tmp_path / "own.png").read_bytes() == before
