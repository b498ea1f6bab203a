"""Makes the pictures of a built site light: a palette holds what colours an eye tells apart in them."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# A palette's 256 places: greys stay grey, since an X-ray with a tint would look wrong.
GREYS, COLOURS = 64, 192
# How far apart a grey's three parts may lie, of 255.
TINT = 4
# How far a colour may move, of 255, before a picture rather stays as it was drawn.
TOLERANCE = 16


def lighten(site: Path) -> None:
    """Give every coloured picture that a cell drew a palette, where that can't be seen and saves bytes.

    Args:
        site: a built site's folder; pictures lie in it as ``<page>_files/figure-html/*.png``.
    """
    with ThreadPoolExecutor() as pool:
        # As a list, so that what fails in a thread is raised here.
        list(pool.map(_lighten, site.glob("*_files/figure-html/*.png")))


def _lighten(path: Path) -> None:
    with Image.open(path) as picture:
        opaque = picture.mode == "RGB" or (picture.mode == "RGBA" and _is_opaque(picture))
        if not opaque:  # greys and palettes are light already
            return
        drawn = np.asarray(picture.convert("RGB"))
    palette, places = _reduced(drawn)
    if np.abs(palette[places] - drawn.astype(np.int16)).max() > TOLERANCE:
        return
    fewer = Image.fromarray(places)
    fewer.putpalette(palette.astype(np.uint8).tobytes())
    lighter = path.with_suffix(".new")
    fewer.save(lighter, "PNG")
    if lighter.stat().st_size < path.stat().st_size:
        lighter.replace(path)
    else:
        lighter.unlink()


def _reduced(drawn: NDArray[np.uint8]) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """A palette (P, 3), evenly spaced greys first, and the place in it of each pixel of (H, W, 3)."""
    greys = np.round(np.linspace(0, 255, GREYS)).astype(np.int16)
    palette = np.repeat(greys[:, None], 3, axis=1)
    places = np.round(drawn.mean(axis=-1) * ((GREYS - 1) / 255)).astype(np.uint8)
    coloured = np.ptp(drawn, axis=-1) > TINT
    if coloured.any():
        # The colours alone, as a picture of one row.
        row = Image.fromarray(drawn[coloured][None])
        few = row.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        colours = np.array(few.getpalette(), dtype=np.int16).reshape(-1, 3)
        palette = np.concatenate([palette, colours[:COLOURS]])
        places[coloured] = GREYS + np.asarray(few)[0]
    return palette, places


def _is_opaque(picture: Image.Image) -> bool:
    return picture.getchannel("A").getextrema() == (255, 255)
