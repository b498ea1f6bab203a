"""What can be seen of a trained network: its first filters and its Grad-CAM maps."""

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pneumo.base.provenance import drawn
from pneumo.pages import style
from pneumo.pages.figures._cases import (
    GROUPS,
    cases,
    evidence,
    group_colour,
    overlay,
    say_none,
    show,
)
from pneumo.study import selection
from pneumo.study.study import Model, Study


@drawn
def filters(study: Study) -> Figure:
    """The first layer's kernels of every network, each scaled to its own range."""
    sheets = [_contact_sheet(model.run.explanation.filters) for model in study.ran]
    heights = [sheet.shape[0] / sheet.shape[1] for sheet in sheets]
    canvas = style.figure(study, height=style.WIDTH * sum(heights) + 0.32 * len(sheets))
    grid = canvas.subplots(len(sheets), 1, squeeze=False, height_ratios=heights)
    for axes, sheet, model in zip(grid[:, 0], sheets, study.ran, strict=True):
        kernels = model.run.explanation.filters
        size = "×".join(map(str, kernels.shape[1:]))
        style.picture(axes).imshow(sheet, cmap="RdBu_r", vmin=-1, vmax=1)
        axes.set_title(f"{model.title}: {len(kernels)} kernels of {size}", fontsize=style.TEXT)
    return canvas


@drawn
def grad_cam(study: Study, model: Model | None = None, each: int = 2) -> Figure:
    """Grad-CAM for cases of every group: the image, the map at its native size, the smooth overlay.

    Args:
        study: the study.
        model: None for the one that is best on validation.
        each: cases a group, the most confident ones.
    """
    model = model or selection.best(study)
    found = cases(model)
    canvas = style.figure(study, height=4.35)
    grid = canvas.subplots(len(GROUPS), 3 * each)
    maps = model.run.explanation.maps
    for row, group in enumerate(GROUPS):
        for place in range(each):
            image_axes, map_axes, overlay_axes = grid[row, 3 * place : 3 * place + 3]
            for axes in (image_axes, map_axes, overlay_axes):
                style.picture(axes)
            if row == 0:
                for axes, title in (
                    (image_axes, "image"),
                    (map_axes, "map, {}×{}".format(*maps.shape[1:])),
                    (overlay_axes, "overlay"),
                ):
                    axes.set_title(title, fontsize=style.TEXT)
            if place >= len(found[group]):
                continue
            index = found[group][place]
            image = study.data.test.images[index]
            heat = evidence(maps[index], called_positive=group.endswith(" positive"))
            show(image_axes, image)
            map_axes.imshow(heat, cmap=style.HEAT, vmin=0, vmax=1)
            overlay(overlay_axes, image, heat)
        grid[row, 0].set_ylabel(group.replace(" ", "\n"), color=group_colour(group))
        if not len(found[group]):
            say_none(grid[row, 0])
    return canvas


def _contact_sheet(kernels: NDArray[np.float32], columns: int = 16) -> NDArray[np.float32]:
    """Kernels (F, h, w) side by side in one picture, a gap of NaN between them, each in [-1, 1]."""
    reach = np.abs(kernels).max(axis=(1, 2), keepdims=True)
    scaled = kernels / np.where(reach > 0, reach, 1)
    gap = max(1, round(kernels.shape[1] / 4))
    padded = np.pad(
        scaled, ((0, -len(kernels) % columns), (gap, gap), (gap, gap)), constant_values=np.nan
    )
    height, width = padded.shape[1:]
    rows = padded.reshape(-1, columns, height, width)  # (R, C, h, w)
    sheet = rows.transpose(0, 2, 1, 3).reshape(-1, columns * width)
    return np.asarray(sheet, dtype=np.float32)
