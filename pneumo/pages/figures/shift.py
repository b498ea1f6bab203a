"""Scores and mean images of the test set against those of development."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from pneumo.pages import style
from pneumo.pages.figures.pictures import pixels, signed_map, two_lines
from pneumo.pages.numbers import number, signed
from pneumo.pages.shared import first_seed
from pneumo.pages.showing import Shown
from pneumo.record import Frame, Record

_REACH = 0.15  # of the grey scale: full colour in a difference image


def shift_scores(record: Record) -> Shown:
    """Each model's scores by class on validation and test, with the threshold chosen on validation."""
    numbers, about = record.figure("fig-shift-scores"), record.about
    found = record.shift
    canvas = score_grid(record, numbers, {"val": "validation", "test": "test"})
    caption = (
        f"Scores (logits) of {about.negative} cases, above, and of {about.positive} cases, below, for every "
        f"model{first_seed(record)}: validation as an outline, test filled, each with the same area. The "
        "dotted line is the threshold that Youden's J chose on validation; what lies to its right is called "
        f"{about.positive}."
    )
    differ = " and ".join(f"{count} of {label} cases" for label, count in found.differ.items())
    of, these = (
        f"Of {found.pairs} pairs of distributions,",
        f"these differ beyond chance: {differ}.",
    )
    alt = f"A grid of histograms, one column per model. {of} validation against test, {these}"
    return Shown(canvas, f"{of} {these} {caption}", alt)


def score_grid(record: Record, numbers: Frame, sets: Mapping[str, str]) -> Figure:
    """Histograms of scores by model (column) and class (row): the first set outlined, the second filled.

    Args:
        record: names the models and classes.
        numbers: rows by model, class and split.
        sets: the legend's name of each of the two splits.
    """
    names = numbers.distinct("model")
    canvas = style.figure(record, height=3.5)
    grid = canvas.subplots(2, len(names), squeeze=False, sharex="col")
    for column, name in enumerate(names):
        for row, label in enumerate(record.about.classes):
            axes, colour = style.plot(grid[row, column]), style.class_colours(record)[label]
            own = numbers.where(**{"model": name, "class": label})
            first, second = (own.where(split=split) for split in sets)
            edges = np.append(first["low"], first["high"][-1])
            axes.stairs(second["share"], edges, fill=True, color=colour, alpha=0.45)
            axes.stairs(first["share"], edges, color=style.INK)
            axes.axvline(own["threshold"][0], color=style.INK, linewidth=1, linestyle=":")
            axes.set_yticks([])
            axes.grid(visible=False)
            axes.spines["left"].set_visible(False)
            axes.tick_params(labelsize=style.SMALL)
            if column == 0:
                axes.set_ylabel(label, color=colour)
        grid[0, column].set_title(two_lines(record.title(name)), fontsize=style.TEXT)
        grid[1, column].set_xlabel("logit", fontsize=style.TEXT)
    before, after = sets.values()
    handles = [
        Line2D([], [], color=style.INK, label=before),
        Patch(color=style.GREY, alpha=0.45, label=after),
        Line2D([], [], color=style.INK, linestyle=":", label="threshold chosen on validation"),
    ]
    canvas.legend(handles=handles, loc="outside lower center", ncols=3)
    return canvas


def shift_images(record: Record) -> Shown:
    """Mean images of development and test by class, and their difference."""
    numbers, about = record.figure("fig-shift-images"), record.about
    canvas = style.figure(record, height=1.68 if record.data.is_phantom else 1.46)
    grid = canvas.subplots(1, 6)
    largest = []
    for axes, name in zip(grid, list(numbers.columns)[2:], strict=True):
        label, _, title = name.rpartition(", ")
        picture = pixels(numbers, name)
        if title == "difference":
            signed_map(axes, picture, _REACH)
            axes.set_title(f"difference\n±{_REACH}", fontsize=style.TEXT)
            low, high = signed(picture.min(), 2), signed(picture.max(), 2)
            largest.append(f"{low} to {high} in {label} cases")
        else:
            style.picture(axes).imshow(picture, cmap="gray", vmin=0, vmax=1)
            axes.set_title(
                f"{label}\n{title}", color=style.class_colours(record)[label], fontsize=style.TEXT
            )
    lead = f"Test minus development, in shares of the grey scale: {' and '.join(largest)}."
    caption = (
        f"{lead} Mean image of development (training and validation) and of the test set in each class, and "
        "their difference. Red is brighter on the test set, blue darker, full colour "
        f"{number(_REACH, 2)} of the grey scale."
    )
    alt = f"Mean {about.picture}s of development and test in each class, and where they differ. {lead}"
    return Shown(canvas, caption, alt)
