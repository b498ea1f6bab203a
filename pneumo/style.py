"""The look of every figure: colours that survive colour blindness and print, type, and the phantom's mark."""

from collections.abc import Iterable
from itertools import cycle
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pneumo.study import Study

# Okabe & Ito's palette.
BLUE, VERMILION, GREEN, PURPLE, SKY, ORANGE = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#A65B8B",
    "#56B4E9",
    "#E69F00",
)
INK, GREY, PALE = "#1f2a30", "#6b777d", "#d9dfe2"
CLASS_COLOURS = {"normal": BLUE, "pneumonia": VERMILION}
LINE_STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
HEAT = "magma"  # rises evenly in lightness, so it reads in grey too
WIDTH = 6.6  # inches: the text's width, with Quarto as with the portable engine
PHANTOM = "synthetic phantom, not medical data"


def figure(study: Study, height: float, width: float = WIDTH) -> Figure:
    """An empty figure in the project's style, marked where the data are the phantom's."""
    canvas = unmarked(height, width)
    if study.data.is_phantom:
        canvas.suptitle(PHANTOM, color=VERMILION, fontsize=9, fontweight="bold")
    return canvas


def unmarked(height: float, width: float = WIDTH) -> Figure:
    """An empty figure in the project's style for what is of real data whatever the study's are."""
    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def model_styles(study: Study) -> dict[str, dict[str, Any]]:
    """A colour and a dash pattern for each model, the same in every figure."""
    return looks(model.name for model in study.models)


def looks(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """A colour and a dash pattern for each name, by its place."""
    colours = cycle((GREY, BLUE, GREEN, VERMILION, PURPLE, ORANGE))
    dashes = cycle(LINE_STYLES)
    return {name: {"color": next(colours), "linestyle": next(dashes)} for name in names}


def plot(axes: Axes) -> Axes:
    """Axes for lines and bars: no box, quiet ticks, a faint grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(colors=INK, labelsize=8.5, length=3)
    axes.grid(color=PALE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.xaxis.label.set_fontsize(9)
    axes.yaxis.label.set_fontsize(9)
    axes.title.set_fontsize(9.5)
    return axes


def picture(axes: Axes) -> Axes:
    """Axes for an image: no ticks, no frame."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.title.set_fontsize(8.5)
    axes.yaxis.label.set_fontsize(9)
    return axes
