"""What the checks of the heat maps find: the cascade, the removal of pixels, and where evidence lies."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pneumo.analysis import evidence, sanity_checks
from pneumo.base.provenance import drawn
from pneumo.pages import style
from pneumo.pages.figures._cases import show
from pneumo.study import questions, selection
from pneumo.study.study import Study


@drawn
def cascade(study: Study) -> Figure:
    """Similarity to the trained maps as stage after stage is drawn anew; a panel a model."""
    canvas = style.figure(study, height=2.75)
    panels = canvas.subplots(1, len(study.ran), squeeze=False, sharey=True)[0]
    looks = style.model_styles(study)
    lowest = 0.0
    for axes, model in zip(panels, study.ran, strict=True):
        found = sanity_checks.cascade(study, model)
        places = range(len(found.stages))
        colour = looks[model.name]["color"]
        style.plot(axes).set_title(model.title.replace(" (", "\n("), fontsize=style.TEXT)
        axes.plot(places, found.rank, "o-", color=colour, markersize=3.5, linewidth=1.4)
        axes.plot(places, found.structure, "s--", color=colour, markersize=3, linewidth=1.1)
        axes.axhline(found.chance, color=style.INK, linestyle=":", linewidth=1)
        axes.set_xticks(places, found.stages, rotation=90, fontsize=style.TEXT)
        lowest = min(lowest, found.structure.min())
    panels[0].set_ylim(lowest - 0.05, 1.05)
    panels[0].set_ylabel("similarity")
    canvas.legend(
        handles=[
            Line2D([], [], color=style.GREY, marker="o", markersize=3.5, label="rank correlation"),
            Line2D(
                [], [], color=style.GREY, marker="s", markersize=3, linestyle="--", label="SSIM"
            ),
            Line2D([], [], color=style.INK, linestyle=":", label="rank correlation, random map"),
        ],
        loc="outside lower center", ncols=3,
    )  # fmt: skip
    return canvas


@drawn
def cascade_maps(study: Study) -> Figure:
    """One image's signed maps through the cascade of the model best on validation.

    The image is the one of the cascade's pneumonia cases that the trained network is surest of.
    """
    model = selection.best(study)
    found = questions.read(model.run, "saliency", study.profile)
    predictions = model.run.predictions["test"]
    images = found["images"]
    ranked = np.where(predictions.labels[images] == 1, predictions.logits[images], -np.inf)
    place = int(np.argmax(ranked))
    stages, maps = found["stages"].tolist(), found["maps"][:, place]
    canvas = style.figure(study, height=1.3)
    grid = canvas.subplots(1, 1 + len(stages))
    show(grid[0], study.data.test.images[images[place]])
    grid[0].set_title("image\n", fontsize=style.TEXT)
    for number, (axes, stage, map_) in enumerate(zip(grid[1:], stages, maps, strict=True)):
        reach = np.abs(map_).max() or 1.0
        style.picture(axes).imshow(map_ / reach, cmap="RdBu_r", vmin=-1, vmax=1)
        lead = "" if number == 0 else "+ "
        axes.set_title(f"{lead}{stage}".replace("blocks ", "blocks\n"), fontsize=style.TEXT)
        if "\n" not in axes.get_title():
            axes.set_title(f"{lead}{stage}\n", fontsize=style.TEXT)
    return canvas


@drawn
def removal(study: Study) -> Figure:
    """The call's probability as pixels go, in the order of three maps; a panel a model."""
    canvas = style.figure(study, height=2.6)
    panels = canvas.subplots(1, len(study.ran), squeeze=False, sharey=True)[0]
    colours = (style.VERMILION, style.GREY, style.BLUE)
    names = ("Grad-CAM", "random map", "centre map")
    for axes, model in zip(panels, study.ran, strict=True):
        found = sanity_checks.removal(study, model)
        style.plot(axes).set_title(model.title.replace(" (", "\n("), fontsize=style.TEXT)
        for curves, colour in reversed(list(zip(found.curves, colours, strict=True))):
            for curve, dashes in zip(curves, ("-", "--"), strict=True):
                axes.plot(100 * found.removed, curve, color=colour, linestyle=dashes, linewidth=1.3)
        axes.set_xticks((0, 40, 80))
        axes.set_xlabel("pixels removed (%)", fontsize=style.TEXT)
    panels[0].set_ylabel("probability of the call")
    canvas.legend(
        handles=[
            *(
                Line2D([], [], color=colour, label=name)
                for name, colour in zip(names, colours, strict=True)
            ),
            Line2D([], [], color=style.INK, label="most relevant first"),
            Line2D([], [], color=style.INK, linestyle="--", label="least relevant first"),
        ],
        loc="outside lower center", ncols=5, fontsize=style.TEXT, columnspacing=1.2,
    )  # fmt: skip
    return canvas


@drawn
def attention_masks(study: Study) -> Figure:
    """The regions drawn on the mean training image, and each model's mean evidence beside them."""
    canvas = style.figure(study, height=1.75)
    grid = canvas.subplots(1, 1 + len(study.ran))
    mean = study.data.train.images.mean(axis=0)
    masks = evidence.regions(study)
    disc, asked = next(iter(masks.values())), masks[evidence.asked(study)]
    side = mean.shape[0]
    for number, axes in enumerate(grid):
        style.picture(axes)
        colour = style.INK if number else style.OVER_PICTURE
        if number == 0:
            axes.imshow(mean, cmap="gray")
            axes.contour(disc, [0.5], colors=[style.ORANGE], linewidths=1.2)
            reach = evidence.BORDER - 0.5
            axes.plot(
                *zip(*_square(reach, side - 1 - reach), strict=True),
                color=style.VERMILION, linewidth=1, linestyle="--",
            )  # fmt: skip
            axes.set_title("mean image\nand regions", fontsize=style.TEXT)
        else:
            model = study.ran[number - 1]
            maps = np.concatenate(evidence.evidence(model)).astype(np.float64)
            total = maps.sum(axis=(1, 2), keepdims=True)
            known = total[:, 0, 0] > 0
            shown = (maps[known] / total[known]).mean(axis=0) if known.any() else maps[0]
            axes.imshow(
                shown, cmap=style.HEAT, vmin=0, extent=(-0.5, side - 0.5, side - 0.5, -0.5),
            )  # fmt: skip
            axes.set_title(model.title.replace(" (", "\n("), fontsize=style.TEXT)
            colour = style.OVER_PICTURE
        if asked.any() and (number or asked is not disc):
            axes.contour(asked, [0.5], colors=[colour], linewidths=1.2)
    return canvas


def _square(low: float, high: float) -> tuple[tuple[float, float], ...]:
    return ((low, low), (high, low), (high, high), (low, high), (low, low))
