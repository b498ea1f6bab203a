"""Draws figures as SVG, once in the colours of a light page and once in those of a dark one.

Lines and letters stay sharp at any size, and an X-ray is embedded with its own pixels. Both renderings come
from one figure: only the colours of :mod:`pneumo.pages.style` change, never those of a picture.
"""

import io
import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from PIL import Image

from pneumo.pages import style

RESOLUTION = 72  # dots per inch, for smoothed pictures
_COLOUR = re.compile(r"(?<=[ \"])#[0-9a-f]{6}(?=[;\"])")
_PICTURE = re.compile(r'(?<=data:image/png;base64,)[^"]+')
_INDENT = re.compile(r">\s+<")
# Coordinates in points need only two decimals; a scale may need more.
_PLACES = re.compile(r'(?<= d=")[^"]+|(?<= [xy]=")[^"]+')
_LONG = re.compile(r"-?\d+\.\d{3,}")


@dataclass(frozen=True)
class Shown:
    """A figure with its caption and alternative text."""

    canvas: Figure
    caption: str  # Markdown, in one paragraph: what the figure shows
    alt: str  # plain text: what the figure shows, for a reader who can't see it
    runs: Sequence[str] | None = None  # labels of the runs behind it; None: those of its numbers

    def __post_init__(self) -> None:
        # Both are written over several lines.
        object.__setattr__(self, "caption", " ".join(self.caption.split()))
        object.__setattr__(self, "alt", " ".join(self.alt.split()))


def draw(figure: Figure) -> str:
    """A figure as SVG with a transparent background."""
    for patch in (figure.patch, *(axes.patch for axes in figure.axes)):
        patch.set(facecolor="none", edgecolor="none")
    figure.dpi = RESOLUTION
    file = io.StringIO()
    # Figure.savefig would draw everything twice, first for the layout.
    FigureCanvasSVG(figure).print_svg(file, metadata={"Date": None})  # type: ignore[no-untyped-call]
    svg = _PLACES.sub(lambda places: _LONG.sub(_shorter, places[0]), file.getvalue())
    svg = _PICTURE.sub(lambda picture: _lighter(picture[0]), svg)
    return " ".join(_INDENT.sub("><", svg).split())


def darken(svg: str) -> str:
    """The same drawing in the colours of a dark page."""
    return _COLOUR.sub(lambda found: style.DARK.get(found[0], found[0]), svg)


def colours(svg: str) -> frozenset[str]:
    """The colours of a drawing's lines, areas and letters, as ``#rrggbb``."""
    return frozenset(_COLOUR.findall(svg))


def _lighter(picture: str) -> str:
    """The same PNG in Base64, without colour if all pixels are grey, without alpha if all are opaque."""
    with Image.open(io.BytesIO(b64decode(picture))) as drawn:
        pixels = np.asarray(drawn.convert("RGBA"))
    colours, opaque = pixels[..., :3], (pixels[..., 3] == 255).all()
    grey = opaque and (np.ptp(colours, axis=-1) == 0).all()
    file = io.BytesIO()
    least = np.ascontiguousarray(colours[..., 0] if grey else colours if opaque else pixels)
    Image.fromarray(least).save(file, "PNG", optimize=True)
    return b64encode(file.getvalue()).decode()


def _shorter(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")
