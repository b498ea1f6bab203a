"""The style of every figure: fonts, colour-blind-safe colours, print and dark pages, the phantom's mark."""

from collections.abc import Iterable
from itertools import cycle
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pneumo.record import Record

# Close to Okabe & Ito's hues, adjusted so that a colour-blind reader can tell any two apart, and so that each
# stands out from the page.
BLUE, VERMILION, GREEN, PURPLE, ORANGE = "#0b62cf", "#c23e08", "#14a579", "#9d5395", "#e07800"
SLATE, INK, GREY, PALE = "#454f54", "#1f2a30", "#5d696f", "#d9dfe2"
WASH, SHADE = "#eef4f7", "#dcebf3"  # the background of a box, and of a marked range of an axis
PAGE = "#ffffff"
# Marks over a picture, the same on light and dark pages: for its bright parts, its dark parts, and both.
OVER_BRIGHT, OVER_DARK, OVER_PICTURE = "#1f2a31", "#fefefe", "#56b4e9"
# The same on a dark page.
DARK = {
    BLUE: "#4a8cff", VERMILION: "#ff6a4a", GREEN: "#25c9a5", PURPLE: "#c276b6", ORANGE: "#ebc43e",
    SLATE: "#d3dce0", INK: "#dfe6e9", GREY: "#a3b1b8", PALE: "#39464c",
    WASH: "#1f2b31", SHADE: "#1d3442", PAGE: "#12181b",
}  # fmt: skip
MODELS = (SLATE, BLUE, GREEN, VERMILION, PURPLE, ORANGE)
# Markers of operating points, by the rule's id.
MARKERS = {"half": "o", "youden": "D", "sensitivity-95": "^", "sensitivity-99": "v"}
LINE_STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
HEAT = "magma"  # its lightness rises evenly, so it works in grey, too
SMALL, TEXT, HEAD, LARGE = 7.5, 8.5, 9, 11  # points: marks, other text, titles and axes, counts
WIDTH = 6.6  # inches: the text's width, with Quarto as with the portable engine
# matplotlib's defaults for everything that is not set here.
_DEFAULTS: dict[Any, Any] = dict.fromkeys(
    ("text.color", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color"), INK
) | {
    "font.size": TEXT,
    "axes.edgecolor": GREY,
    "axes.facecolor": "none",
    "legend.fontsize": TEXT,
    "legend.frameon": False,
    # Embed each picture with its own pixels, and do not merge pictures.
    "image.interpolation": "none",
    "image.composite_image": False,
    # Makes the bytes of a figure reproducible.
    "svg.hashsalt": "pneumo",
}
matplotlib.rcParams.update(_DEFAULTS)
PHANTOM = "synthetic phantom, not medical data"


def placeholder(words: str) -> Figure:
    """One line in place of a figure."""
    canvas = unmarked(height=0.7)
    canvas.text(0.5, 0.5, words, ha="center", va="center", color=GREY, fontsize=HEAD)
    return canvas


def figure(record: Record, height: float, width: float = WIDTH) -> Figure:
    """An empty figure in the project's style, marked if the data are the phantom's."""
    canvas = unmarked(height, width)
    if record.data.is_phantom:
        canvas.suptitle(PHANTOM, color=VERMILION, fontsize=HEAD, fontweight="bold")
    return canvas


def unmarked(height: float, width: float = WIDTH) -> Figure:
    """An empty figure in the project's style without the phantom's mark, for real data in any study."""
    return Figure(figsize=(width, height), layout="constrained", facecolor=PAGE)


def class_colours(record: Record) -> dict[str, str]:
    """The colour of each class, by its name."""
    return dict(zip(record.about.classes, (BLUE, VERMILION), strict=True))


def model_styles(record: Record) -> dict[str, dict[str, Any]]:
    """A colour and a dash pattern for each model, the same in every figure."""
    return looks(name for name in record.models if name != "ensemble")


def looks(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """A colour and a dash pattern for each name, by its position."""
    colours = cycle(MODELS)
    dashes = cycle(LINE_STYLES)
    return {name: {"color": next(colours), "linestyle": next(dashes)} for name in names}


def plot(axes: Axes) -> Axes:
    """Axes for lines and bars: no box, quiet ticks, a faint grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(colors=INK, labelsize=TEXT, length=3)
    axes.grid(color=PALE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.xaxis.label.set_fontsize(HEAD)
    axes.yaxis.label.set_fontsize(HEAD)
    axes.title.set_fontsize(HEAD)
    return axes


def picture(axes: Axes) -> Axes:
    """Axes for an image: no ticks, no frame."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.title.set_fontsize(TEXT)
    axes.yaxis.label.set_fontsize(HEAD)
    return axes
