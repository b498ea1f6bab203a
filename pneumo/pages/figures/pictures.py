"""How an image is shown, alone or under a heat map, and how the groups of calls are marked."""

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from pneumo.pages import style


def show(axes: Axes, image: NDArray[np.uint8]) -> None:
    """An image (H, W) as it is: three equal channels pass no colour map, which would round them."""
    style.picture(axes).imshow(np.repeat(image[..., None], 3, axis=-1))


def evidence(signed: NDArray[np.floating], called_positive: bool) -> NDArray[np.float32]:
    """Grad-CAM's map (h, w) for the call that was made: its ReLU, scaled to [0, 1]; else zero."""
    map_ = np.maximum(signed if called_positive else -signed, 0).astype(np.float32)
    highest = map_.max()
    return np.asarray(map_ / highest if highest > 0 else map_, dtype=np.float32)


def overlay(
    axes: Axes, image: NDArray[np.uint8], heat: NDArray[np.float32], smooth: bool = True
) -> None:
    """The evidence in a map over its image, smoothed or cell by cell."""
    show(axes, image)
    axes.imshow(
        heat, cmap=style.HEAT, vmin=0, vmax=1, alpha=0.5, interpolation="bilinear" if smooth else "none",
        extent=(-0.5, image.shape[1] - 0.5, image.shape[0] - 0.5, -0.5),
    )  # fmt: skip


def say_none(axes: Axes) -> None:
    """An empty row is a result, and says so."""
    axes.text(
        0.5, 0.5, "none", ha="center", va="center", transform=axes.transAxes, color=style.GREY
    )


def group_title(group: str) -> str:
    """A group's name over or beside its pictures, with a sign for right or wrong; colours mean classes."""
    sign = "✓" if group.startswith("true") else "✗"
    return f"{sign} {group.replace(' ', chr(10))}"


def two_lines(title: str) -> str:
    """A model's title over a narrow chart: what is in brackets goes onto a line of its own."""
    return title.replace(" (", "\n(")
