"""The look of every figure: type, colours for any eye, print and dark pages, the phantom's mark."""

from collections.abc import Iterable
from itertools import cycle
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pneumo.record import Record

# Near Okabe & Ito's hues, moved until any two differ to a colour-blind eye, too, and stand out from the page.
BLUE, VERMILION, GREEN, PURPLE, ORANGE = "#0b62cf", "#c23e08", "#14a579", "#9d5395", "#e07800"
SLATE, INK, GREY, PALE = "#454f54", "#1f2a30", "#5d696f", "#d9dfe2"
WASH, SHADE = "#eef4f7", "#dcebf3"  # a box's ground, and a stretch of an axis that is set apart
PAGE = "#ffffff"
# What lies over a picture stays as it is, whatever the page: on its bright parts, on its dark ones, on both.
OVER_BRIGHT, OVER_DARK, OVER_PICTURE = "#1f2a31", "#fefefe", "#56b4e9"
# The same on a dark page.
DARK = {
    BLUE: "#4a8cff", VERMILION: "#ff6a4a", GREEN: "#25c9a5", PURPLE: "#c276b6", ORANGE: "#ebc43e",
    SLATE: "#d3dce0", INK: "#dfe6e9", GREY: "#a3b1b8", PALE: "#39464c",
    WASH: "#1f2b31", SHADE: "#1d3442", PAGE: "#12181b",
}  # fmt: skip
MODELS = (SLATE, BLUE, GREEN, VERMILION, PURPLE, ORANGE)
# Of operating points, by the rule's id.
MARKERS = {"half": "o", "youden": "D", "sensitivity-95": "^", "sensitivity-99": "v"}
LINE_STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
HEAT = "magma"  # rises evenly in lightness, so it reads in grey too
SMALL, TEXT, HEAD, LARGE = 7.5, 8.5, 9, 11  # points: marks, all else, titles and axes, counts
WIDTH = 6.6  # inches: the text's width, with Quarto as with the portable engine
# matplotlib's own defaults, for all that a figure leaves unsaid.
_UNSAID: dict[Any, Any] = dict.fromkeys(
    ("text.color", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color"), INK
) | {
    "font.size": TEXT,
    "axes.edgecolor": GREY,
    "axes.facecolor": "none",
    "legend.fontsize": TEXT,
    "legend.frameon": False,
    # Pixels stay pixels: a drawing holds each picture as it is stored, and lays nothing together.
    "image.interpolation": "none",
    "image.composite_image": False,
    # The same figure gives the same bytes.
    "svg.hashsalt": "pneumo",
}
matplotlib.rcParams.update(_UNSAID)
PHANTOM = "synthetic phantom, not medical data"


def placeholder(record: Record, height: float = 0.7) -> Figure:
    """What stands where images would be: one line that says how to get them."""
    canvas = unmarked(height)
    missing = "A study makes these images" if record.images else "The images are not at hand"
    words = (
        f"{missing}. To see them: nox -s report -- --data PATH"
        if not record.data.is_phantom
        else "The phantom's images are not at hand. To draw them: nox -s report -- --data phantom"
    )
    canvas.text(0.5, 0.5, words, ha="center", va="center", color=GREY, fontsize=HEAD)
    return canvas


def figure(record: Record, height: float, width: float = WIDTH) -> Figure:
    """An empty figure in the project's style, marked where the data are the phantom's."""
    canvas = unmarked(height, width)
    if record.data.is_phantom:
        canvas.suptitle(PHANTOM, color=VERMILION, fontsize=HEAD, fontweight="bold")
    return canvas


def unmarked(height: float, width: float = WIDTH) -> Figure:
    """An empty figure in the project's style for what is of real data whatever the study's are."""
    return Figure(figsize=(width, height), layout="constrained", facecolor=PAGE)


def class_colours(record: Record) -> dict[str, str]:
    """The colour of each class, by its name."""
    return dict(zip(record.about.classes, (BLUE, VERMILION), strict=True))


def model_styles(record: Record) -> dict[str, dict[str, Any]]:
    """A colour and a dash pattern for each model, the same in every figure."""
    return looks(name for name in record.models if name != "ensemble")


def looks(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """A colour and a dash pattern for each name, by its place."""
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
