"""Shows images, alone or under a heat map, and titles the groups of calls."""

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from pneumo.pages import style


def show(axes: Axes, image: NDArray[np.uint8]) -> None:
    """Show an image (H, W) unchanged: as three equal channels, since a colour map would round its values."""
    style.picture(axes).imshow(np.repeat(image[..., None], 3, axis=-1))


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


def say_none(axes: Axes) -> None:
    """Say in an empty row that there are no cases."""
    axes.text(
        0.5, 0.5, "none", ha="center", va="center", transform=axes.transAxes, color=style.GREY
    )


def group_title(group: str) -> str:
    """A group's name with a sign for right or wrong; there is no colour, since colours stand for classes."""
    sign = "✓" if group.startswith("true") else "✗"
    return f"{sign} {group.replace(' ', chr(10))}"


def two_lines(title: str) -> str:
    """A model's title for a narrow chart: words in brackets go on a line of their own."""
    return title.replace(" (", "\n(")
