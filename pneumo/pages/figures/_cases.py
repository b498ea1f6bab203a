"""Test cases by group, the evidence in a map, and how an image is shown: what several figures share."""

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from scipy.ndimage import zoom

from pneumo.analysis import mistakes
from pneumo.pages import style
from pneumo.record.mistakes import GROUPS as GROUPS
from pneumo.study.study import YOUDEN, Model, threshold

cases, mean_image = mistakes.groups, mistakes.mean_image


def evidence(signed: NDArray[np.float32], called_positive: bool) -> NDArray[np.float32]:
    """Grad-CAM's map for the call that was made: its ReLU, scaled to [0, 1]; else zero."""
    map_ = np.maximum(signed if called_positive else -signed, 0)
    highest = map_.max()
    return map_ / highest if highest > 0 else map_


def empty_maps(model: Model) -> int:
    """How many test images of the first seed have a map in which nothing speaks for the call."""
    called = model.run.predictions["test"].probabilities >= threshold(model.run, YOUDEN)
    maps = model.run.explanation.maps
    return sum(
        not evidence(map_, bool(positive)).any()
        for map_, positive in zip(maps, called, strict=True)
    )


def show(axes: Axes, image: NDArray[np.uint8]) -> None:
    """An image (H, W) as it is: three equal channels pass no colour map, which would round them."""
    style.picture(axes).imshow(np.repeat(image[..., None], 3, axis=-1))


def overlay(
    axes: Axes, image: NDArray[np.uint8], heat: NDArray[np.float32], smooth: bool = True
) -> None:
    """The evidence in a map over its image, smoothed or cell by cell."""
    show(axes, image)
    if smooth:
        heat = zoom(heat, image.shape[0] / heat.shape[0], order=1, grid_mode=True, mode="nearest")
    axes.imshow(
        heat, cmap=style.HEAT, vmin=0, vmax=1, alpha=0.5,
        interpolation="bilinear" if smooth else None,
        extent=(-0.5, image.shape[1] - 0.5, image.shape[0] - 0.5, -0.5),
    )  # fmt: skip


def say_none(axes: Axes) -> None:
    """An empty row is a result, and says so."""
    axes.text(
        0.5, 0.5, "none", ha="center", va="center", transform=axes.transAxes, color=style.GREY
    )


def group_colour(group: str) -> str:
    return style.INK if group.startswith("true") else style.VERMILION
