"""What the networks look at: first-layer filters, Grad-CAM's maps, and checks of these maps.

The checks are cascading randomisation, removal of pixels, and the location of the evidence.
"""

import math
from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from pneumo.pages import pictures, style
from pneumo.pages.drawing import Shown
from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import DASH, estimate, number, p_value, percent, signed, stacked
from pneumo.pages.shared import each, several
from pneumo.record import Estimate, Frame, Record
from pneumo.record.answers import Model
from pneumo.record.summaries import GROUPS

_EACH = 2  # cases per group
_MAPS = {"Grad-CAM": style.VERMILION, "random map": style.GREY, "centre map": style.BLUE}
_ORDERS: dict[str, Any] = {"most relevant first": "-", "least relevant first": "--"}


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


def fig_cascade(record: Record) -> Shown:
    """Similarity to the trained maps as stage after stage is randomised; one panel per model."""
    numbers = record.figure("fig-cascade")
    checks = record.sanity_checks
    names = numbers.distinct("model")
    canvas, panels = pictures.model_charts(record, names, height=2.75)
    looks = style.model_styles(record)
    for axes, name in zip(panels, names, strict=True):
        own, colour = numbers.where(model=name), looks[name]["color"]
        ranks = own["rank correlation"]
        axes.plot(own["step"], ranks, "o-", color=colour, markersize=3.5, linewidth=1.4)
        axes.plot(own["step"], own["SSIM"], "s--", color=colour, markersize=3, linewidth=1.1)
        axes.axhline(checks.chance[name], color=style.INK, linestyle=":", linewidth=1)
        axes.set_xticks(own["step"], own["drawn anew"].tolist(), rotation=90, fontsize=style.TEXT)
    panels[0].set_ylim(min(0, numbers["SSIM"].min()) - 0.05, 1.05)
    panels[0].set_ylabel("similarity")
    grey, random = style.GREY, "rank correlation, random map"
    handles = [
        Line2D([], [], color=grey, marker="o", markersize=3.5, label="rank correlation"),
        Line2D([], [], color=grey, marker="s", markersize=3, linestyle="--", label="SSIM"),
        Line2D([], [], color=style.INK, linestyle=":", label=random),
    ]
    canvas.legend(handles=handles, loc="outside lower center", ncols=3)
    best = record.best
    caption = f"""With all weights drawn anew, maps of {best.title} correlate with the trained ones at
        {number(checks.left[best.name].value, 2)}, random ones at {number(checks.chance[best.name], 2)}.
        Similarity of Grad-CAM's maps to the trained network's as its weights are drawn anew from the head
        down to the stem, each step on top of those before: rank correlation (absolute value) and SSIM, mean
        over test images and {checks.draws} draws. The dotted line is the rank correlation of random maps."""
    left = {
        name: f"{number(found.value, 2)}, random maps {number(checks.chance[name], 2)}"
        for name, found in checks.left.items()
    }
    alt = f"""One chart per model: rank correlation and SSIM start at one for the trained network and change
        as weights are drawn anew. Rank correlation with all weights drawn anew: {each(record, left, str)}."""
    return Shown(canvas, caption, alt)


def fig_cascade_maps(record: Record) -> Shown:
    """One image's signed maps through the cascade of the best model."""
    numbers, about = record.figure("fig-cascade-maps"), record.about
    checks = record.sanity_checks
    stages = list(numbers.columns)[list(numbers.columns).index("column") + 1 :]
    canvas = style.figure(record, height=1.3)
    grid = canvas.subplots(1, 1 + len(stages))
    style.picture(grid[0]).set_title("image\n", fontsize=style.TEXT)
    if record.images is None:
        pictures.say(grid[0], "not at\nhand")
    else:
        pictures.show(grid[0], record.images.split("test")[int(numbers["index"][0])])
    for step, (axes, stage) in enumerate(zip(grid[1:], stages, strict=True)):
        map_ = pictures.pixels(numbers, stage)
        pictures.signed_map(axes, map_, np.abs(map_).max() or 1)
        title = f"{'+ ' if step else ''}{stage}".replace("blocks ", "blocks\n")
        axes.set_title(title if "\n" in title else f"{title}\n", fontsize=style.TEXT)
    caption = f"""The signed maps of one test image through the cascade of {record.best.title}, each scaled to
        its own range: red cells speak for {about.positive}, blue ones for {about.negative}. Of the cascade's
        images it is the {about.positive} case that the trained network is surest of."""
    alt = f"""One {about.image}, its coarse signed heat map in red and blue, and the same map after each of
        {len(stages) - 1} steps of the cascade. Over all images of the cascade, the rank correlation with the
        trained map ends at {number(checks.left[record.best.name].value, 2)}."""
    return Shown(canvas, caption, alt)


def fig_road(record: Record) -> Shown:
    """The call's probability as pixels are removed in the order of three maps; one panel per model."""
    numbers = record.figure("fig-road")
    checks = record.sanity_checks
    names = numbers.distinct("model")
    canvas, panels = pictures.model_charts(record, names, height=2.6)
    for axes, name in zip(panels, names, strict=True):
        for map_, colour in reversed(_MAPS.items()):
            for order, dashes in _ORDERS.items():
                own = numbers.where(model=name, map=map_, order=order)
                axes.plot(
                    100 * own["removed"], own["probability"],
                    color=colour, linestyle=dashes, linewidth=1.3,
                )  # fmt: skip
        axes.set_xticks((0, 40, 80))
        axes.set_xlabel("pixels removed (%)", fontsize=style.TEXT)
    panels[0].set_ylabel("probability of the call")
    handles = [Line2D([], [], color=colour, label=map_) for map_, colour in _MAPS.items()]
    handles += [
        Line2D([], [], color=style.INK, linestyle=dashes, label=order)
        for order, dashes in _ORDERS.items()
    ]
    canvas.legend(
        handles=handles, loc="outside lower center", ncols=5, fontsize=style.TEXT, columnspacing=1.2
    )
    gap = checks.gaps[record.best.name]
    caption = f"""For {record.best.title} the two curves lie {signed(gap["Grad-CAM"].value)} apart on average,
        and {signed(gap["random map"].value)} for a random map. The probability of each network's own call,
        mean over test images, as pixels are removed in the order of a map and imputed from their neighbours
        (ROAD): most relevant first (solid) and least relevant first (dashed)."""
    gaps = {
        name: f"{signed(one['Grad-CAM'].value)}, random map {signed(one['random map'].value)}"
        for name, one in checks.gaps.items()
    }
    alt = f"""One chart per model: the probability of the call against the share of pixels removed, for three
        maps and two orders. Mean gap between the two curves of Grad-CAM: {each(record, gaps, str)}."""
    return Shown(canvas, caption, alt)


def fig_regions(record: Record) -> Shown:
    """The regions on the mean training image, and each model's mean evidence beside it."""
    numbers = record.figure("fig-regions")
    found = record.evidence
    layers = {name: pictures.pixels(own, "value") for name, own in numbers.by("layer")}
    mean, first = layers["mean training image"], next(iter(found.regions))
    side, asked = len(mean), layers[found.asked]
    canvas = style.figure(record, height=1.75)
    grid = canvas.subplots(1, 1 + len(found.shares))
    style.picture(grid[0]).imshow(mean, cmap="gray")
    grid[0].contour(layers[first], [0.5], colors=[style.ORANGE], linewidths=1.2)
    low, high = found.border - 0.5, side - 0.5 - found.border
    grid[0].plot(
        (low, high, high, low, low), (low, low, high, high, low),
        color=style.VERMILION, linewidth=1, linestyle="--",
    )  # fmt: skip
    grid[0].set_title("mean image\nand regions", fontsize=style.TEXT)
    for axes, name in zip(grid[1:], found.shares, strict=True):
        style.picture(axes).imshow(
            layers[name], cmap=style.HEAT, vmin=0, extent=(-0.5, side - 0.5, side - 0.5, -0.5)
        )
        axes.set_title(pictures.two_lines(record.title(name)), fontsize=style.TEXT)
    for axes in grid if found.asked != first else grid[1:]:
        if asked.any():
            axes.contour(asked, [0.5], colors=[style.OVER_PICTURE], linewidths=1.2)
    title, disc = found.regions[found.asked], found.regions[first]
    outlined = f"the {disc} (orange)" + (f", the {title} (blue)" if found.asked != first else "")
    even = percent(float(asked.mean()))
    share = percent(found.shares[record.best.name][found.asked].mean)
    caption = f"""Of the evidence of {record.best.title}, {share} lies in the {title}; of an even map, {even}.
        Left, the mean training image with {outlined} and the border (outside the dashed square). Then, for
        each model, its mean evidence for the call over the test images, cell by cell, each scaled to its own
        range, with the {title} outlined in blue."""
    own = each(record, found.shares, lambda shares: percent(shares[found.asked].mean))
    alt = f"""The mean training image with outlines of its regions, and for each model a coarse heat map of
        its mean evidence. Share of the evidence in the {title}, of which an even map has {even}: {own}."""
    return Shown(canvas, caption, alt)


def tbl_saliency_agreement(record: Record) -> Table:
    return table(
        "SimpleCNN's maps against those of | rank correlation > | SSIM >",
        (
            [name, signed(one.rank, 2), signed(one.structure, 2)]
            for name, one in record.sanity_checks.agreements.items()
        ),
        f"""Similarity of SimpleCNN's signed Grad-CAM maps to other maps of the same test images, mean over
        images{several(record, " and seeds")}: rank correlation with its sign, and SSIM.""",
    )


def tbl_road(record: Record) -> Table:
    rows = [
        [record.title(name), *(stacked(gap, 3, 3, sign=True) for gap in by_map.values())]
        for name, by_map in record.sanity_checks.gaps.items()
    ]
    return table(
        "model | Grad-CAM > | random map > | centre map >",
        rows,
        f"""Mean height between the curves of @fig-road, least relevant first minus most relevant first, with
        95 % intervals (bootstrap over {record.units}). Above zero the map's order is worth something.""",
    )


def tbl_evidence(record: Record) -> Table:
    found = record.evidence
    names, asked = found.regions, found.asked
    rows = [
        [
            record.title(name),
            *(stacked(Estimate.of(vars(shares[one]), "mean"), 1, 1, scale=100) for one in names),
            p_value(shares[asked].p_value),
            str(shares[asked].blank),
        ]
        for name, shares in found.shares.items()
    ]
    for shares in list(found.shares.values())[:1]:
        even = (number(100 * shares[region].uniform, 1) for region in names)
        rows.insert(0, ["even map", *even, DASH, "0"])
    regions = " | ".join(f"{name} (%) >" for name in names.values())
    return table(
        f"model | {regions} | p, {names[asked]} > | blank maps >",
        rows,
        f"""Share of Grad-CAM's evidence for the call in each region, mean over test images with its 95 %
        interval (bootstrap over {record.units}){several(record, ", averaged over seeds")}; p of Wilcoxon's
        signed-rank test against the even map, which compares the middle of the {record.units}' shares, not
        their mean. Blank maps, which show no evidence for the call, have no share.""",
    )


def tbl_lungs(record: Record) -> Table:
    found, classes = record.evidence, record.about.classes
    rows = [
        [
            record.title(name),
            *(estimate(calls.get(call, Estimate(math.nan)), 1, 1, scale=100) for call in classes),
        ]
        for name, calls in found.in_lungs.items()
    ]
    return table(
        f"model | {' | '.join(f'calls of {call} (%) >' for call in classes)}",
        rows,
        f"""Of Grad-CAM's evidence in the thorax, the share that lies in the lung fields, by the network's
        call: mean over test images and seeds, with 95 % intervals over {record.units} and seeds. An even map
        has {number(100 * found.even_in_lungs, 1)} % there.""",
    )


def _contact_sheet(kernels: NDArray[np.floating], columns: int = 16) -> NDArray[np.float32]:
    """Kernels (F, h, w) side by side in one picture, each scaled to [-1, 1], separated by NaN."""
    reach = np.abs(kernels).max(axis=(1, 2), keepdims=True)
    scaled = kernels / np.where(reach > 0, reach, 1)
    gap = max(1, round(kernels.shape[1] / 4))
    padded = np.pad(scaled, ((0, 0), (gap, gap), (gap, gap)), constant_values=np.nan)
    return pictures.sheet(padded, columns, np.nan).astype(np.float32)
