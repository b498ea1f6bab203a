"""Trained networks: first-layer filters and Grad-CAM maps."""

import numpy as np
from numpy.typing import NDArray

from pneumo.pages import pictures, style
from pneumo.pages.numbers import number
from pneumo.pages.shared import each
from pneumo.pages.showing import Shown
from pneumo.record import Frame, Record
from pneumo.record.answers import Model
from pneumo.record.summaries import GROUPS

_EACH = 2  # cases per group


def fig_filters(record: Record) -> Shown:
    """The first layer's kernels of every network, each scaled to its own range."""
    found = record.explained
    kernels = {name: record.maps[f"filters/{name}"] for name in found}
    sheets = {name: _contact_sheet(one) for name, one in kernels.items()}
    heights = [one.shape[0] / one.shape[1] for one in sheets.values()]
    canvas = style.figure(record, height=style.WIDTH * sum(heights) + 0.32 * len(sheets))
    grid = canvas.subplots(len(sheets), 1, squeeze=False, height_ratios=heights)
    for axes, (name, one) in zip(grid[:, 0], sheets.items(), strict=True):
        size = "×".join(map(str, kernels[name].shape[1:]))
        title = f"{record.title(name)}: {found[name].kernels} kernels of {size}"
        pictures.signed_map(axes, one, 1)
        axes.set_title(title, fontsize=style.TEXT)
    neighbours = each(record, found, lambda one: number(one.neighbours, 2))
    lead = f"Correlation of neighbouring weights, which is high where kernels are smooth: {neighbours}."
    caption = f"""{lead} First-layer kernels, each scaled to its own range: red adds, blue subtracts, white is
        zero."""
    alt = f"For each network a grid of small square kernels in red and blue. {lead}"
    return Shown(canvas, caption, alt, record.figure("fig-filters").runs)


def fig_gradcam(record: Record) -> Shown:
    """Grad-CAM of the best model."""
    return _grad_cam(record, record.best, record.figure("fig-gradcam"))


def fig_gradcam_second(record: Record) -> Shown:
    """Grad-CAM of the model shown beside the best one."""
    return _grad_cam(record, record.second, record.figure("fig-gradcam-second"))


def _grad_cam(record: Record, model: Model, numbers: Frame) -> Shown:
    """Cases of every group: the image, the map at its native size, the smooth overlay."""
    found = record.explained[model.name]
    size = "×".join(map(str, found.cells))
    caption = f"""Grad-CAM for {model.title}: the two cases of each group that it is surest of, called at the
        threshold that validation chose. Each is shown as the image, the map at its native {size} cells
        without smoothing, and the map smoothed over the image. Bright cells speak most for the call that was
        made. Rows with fewer cases have no more; a blank map has no cell that speaks for the call."""
    images = record.images
    if images is None:
        return pictures.without_images(record, caption)
    groups = {group: list(numbers.where(group=group).rows()) for group in GROUPS}
    surest = ", ".join(
        f"{group} {number(cases[0]['probability'], 2)}" for group, cases in groups.items() if cases
    )
    alt = f"""Rows of true and false positives and negatives of {model.title}, each case as
        {record.about.picture}, map of {size} cells and overlay. Probability of {record.about.finding} in the
        surest case of each group: {surest}. {found.blank} of all {found.images} maps are blank."""
    canvas = style.figure(record, height=4.35)
    grid = canvas.subplots(len(GROUPS), 3 * _EACH)
    for axes in grid.flat:
        style.picture(axes)
    for axes, title in zip(grid[0], ("image", f"map, {size}", "overlay") * _EACH, strict=True):
        axes.set_title(title, fontsize=style.TEXT)
    for row, (group, cases) in zip(grid, groups.items(), strict=True):
        row[0].set_ylabel(pictures.group_title(group))
        for place, case in enumerate(cases):
            image_axes, map_axes, overlay_axes = row[3 * place : 3 * place + 3]
            index = int(case["index"])
            image, signed = images.split("test")[index], record.maps[f"maps/{model.name}"][index]
            heat = pictures.evidence(signed, called_positive=group.endswith(" positive"))
            pictures.show(image_axes, image)
            map_axes.imshow(heat, cmap=style.HEAT, vmin=0, vmax=1)
            pictures.overlay(overlay_axes, image, heat)
        if not cases:
            pictures.say(row[0])
    return Shown(canvas, caption, alt)


def _contact_sheet(kernels: NDArray[np.floating], columns: int = 16) -> NDArray[np.float32]:
    """Kernels (F, h, w) side by side in one picture, each scaled to [-1, 1], separated by NaN."""
    reach = np.abs(kernels).max(axis=(1, 2), keepdims=True)
    scaled = kernels / np.where(reach > 0, reach, 1)
    gap = max(1, round(kernels.shape[1] / 4))
    padded = np.pad(scaled, ((0, 0), (gap, gap), (gap, gap)), constant_values=np.nan)
    return pictures.sheet(padded, columns, np.nan).astype(np.float32)
