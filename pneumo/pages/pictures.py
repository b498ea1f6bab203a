"""What figures share: images, alone or under a heat map, rows of charts, curves, and titles."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pneumo.pages import style
from pneumo.pages.drawing import Shown
from pneumo.record import Estimate, Frame, Record


def without_images(record: Record, caption: str, alt: str = "No images are at hand.") -> Shown:
    """A figure in place of one of images: a line that says how to get them."""
    missing = "A study makes these images" if record.images else "The images are not at hand"
    words = f"{missing}. To see them: nox -s report -- --data PATH"
    if record.data.is_phantom:
        words = (
            "The phantom's images are not at hand. To draw them: nox -s report -- --data phantom"
        )
    return Shown(style.placeholder(words), caption, alt)


def show(axes: Axes, image: NDArray[np.uint8] | None, title: str = "", **look: Any) -> None:
    """Show an image (H, W) unchanged, if there is one, under a title.

    It has three equal channels, since a colour map would round its values.
    """
    style.picture(axes)
    if image is not None:
        axes.imshow(np.repeat(image[..., None], 3, axis=-1))
    if title:
        axes.set_title(title, **look)


def evidence(signed: NDArray[np.floating], called_positive: bool) -> NDArray[np.float32]:
    """Grad-CAM's map (h, w) for the call: its ReLU scaled to [0, 1], or zeros if nothing is positive."""
    map_ = np.maximum(signed if called_positive else -signed, 0).astype(np.float32)
    highest = map_.max()
    return np.asarray(map_ / highest if highest > 0 else map_, dtype=np.float32)


def overlay(
    axes: Axes, image: NDArray[np.uint8], heat: NDArray[np.float32], smooth: bool = True
) -> None:
    """Show a map's evidence over its image, smoothed or cell by cell."""
    show(axes, image)
    axes.imshow(
        heat, cmap=style.HEAT, vmin=0, vmax=1, alpha=0.5, interpolation="bilinear" if smooth else "none",
        extent=(-0.5, image.shape[1] - 0.5, image.shape[0] - 0.5, -0.5),
    )  # fmt: skip


def model_charts(record: Record, names: Sequence[str], height: float) -> tuple[Figure, list[Axes]]:
    """A figure with one row of charts, a model each, with its title above; they share their vertical axis."""
    canvas = style.figure(record, height)
    charts = canvas.subplots(1, max(1, len(names)), squeeze=False, sharey=True)[0]
    for axes, name in zip(charts, names, strict=False):
        style.plot(axes).set_title(two_lines(record.title(name)), fontsize=style.TEXT)
    return canvas, list(charts)


def intervals(
    axes: Axes, found: Iterable[Estimate], places: NDArray[np.floating], **look: Any
) -> None:
    """Markers at values, each with its interval, from left to right, at vertical places."""
    values, *ends = zip(*((one.value, one.low, one.high) for one in found), strict=True)
    axes.errorbar(values, places, xerr=np.abs(np.subtract(ends, values)), markersize=4, **look)


def roc(axes: Axes, curve: Frame, **look: Any) -> None:
    """Sensitivity by false positive rate: a curve, or the mark of an operating point."""
    axes.plot(curve["false positive rate"], curve["sensitivity"], **look)


def chance(axes: Axes, *ends: float) -> None:
    """The diagonal of a ROC curve without skill, or a part of it."""
    axes.plot(ends, ends, color=style.PALE, linewidth=1, zorder=0)


def pixels(numbers: Frame, column: str) -> NDArray[np.float64]:
    """A column of values, one a pixel or cell in the order of rows, as a picture (H, W)."""
    return np.asarray(numbers[column].reshape(int(numbers["row"].max()) + 1, -1))


def signed_map(axes: Axes, values: NDArray[Any], reach: float) -> None:
    """Show values (H, W) from -reach, blue, over zero, white, to reach, red."""
    style.picture(axes).imshow(values, cmap="RdBu_r", vmin=-reach, vmax=reach)


def sheet(pictures: NDArray[Any], columns: int, empty: float = 0) -> NDArray[Any]:
    """Pictures (N, h, w) side by side in rows of `columns`, the last one filled up with `empty`."""
    more = ((0, -len(pictures) % columns), (0, 0), (0, 0))
    whole = np.pad(pictures, more, constant_values=empty)
    height, width = whole.shape[1:]
    rows = whole.reshape(-1, columns, height, width)  # (R, C, h, w)
    return np.asarray(rows.transpose(0, 2, 1, 3).reshape(-1, columns * width))


def say(axes: Axes, words: str = "none") -> None:
    """Say in an empty place why nothing is there."""
    axes.text(0.5, 0.5, words, ha="center", va="center", transform=axes.transAxes, color=style.GREY)


def group_title(group: str) -> str:
    """A group's name with a sign for right or wrong; there is no colour, since colours stand for classes."""
    sign = "✓" if group.startswith("true") else "✗"
    return f"{sign} {group.replace(' ', chr(10))}"


def two_lines(title: str) -> str:
    """A model's title for a narrow chart: words in brackets go on a line of their own."""
    return title.replace(" (", "\n(")
