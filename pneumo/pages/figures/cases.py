"""The test cases that the models disagree on most, with each model's map."""

from matplotlib.axes import Axes

from pneumo.pages import style
from pneumo.pages.figures.pictures import evidence, overlay, show, two_lines
from pneumo.pages.numbers import number, plural
from pneumo.pages.shared import first_seed
from pneumo.pages.showing import Shown
from pneumo.record import Record

MOST = 8


def divided(record: Record) -> Shown:
    """One column per case: the image, and below it each model's map for its call."""
    numbers = record.figure("fig-divided")
    about, images, models = record.about, record.images, numbers.distinct("model")
    indices = numbers.distinct("index")[:MOST]
    caption = (
        f"The test cases that the models are most divided over{first_seed(record, after='s')}: on top the "
        f"image under its label (blue {about.negative}, red {about.positive}), below each model's Grad-CAM "
        f"map over it, cell by cell, under its probability of {about.finding} and a mark for a right call "
        "(✓) or a wrong one (✗, in bold). Bright cells speak most for the call that was made."
    )
    wrong = record.cases.wrong_on_first
    probabilities = numbers.where(index=indices[0])["probability"]
    alt = (
        f"{len(indices)} test cases, a column each, with the map of each of {plural(len(models), 'model')}. "
        f"On the first, {wrong} of {len(models)} {'is' if wrong == 1 else 'are'} wrong, and probabilities "
        f"range from {number(probabilities.min(), 2)} to {number(probabilities.max(), 2)}."
    )
    if images is None:
        return Shown(style.no_images(record), caption, f"No images are at hand. {alt}")
    rows = 1 + len(models)
    canvas = style.figure(record, height=0.82 * rows + (0.3 if record.data.is_phantom else 0.1))
    grid = canvas.subplots(rows, MOST, squeeze=False)
    for axes in grid.flat:
        style.picture(axes)
    _name(grid[0, 0], "image")
    for row, model in zip(grid[1:], models, strict=True):
        _name(row[0], two_lines(record.title(model)))
    for column, index in zip(grid.T, map(int, indices), strict=False):
        image = images.split("test")[index]
        for axes, row in zip(column[1:], numbers.where(index=index).rows(), strict=True):
            heat = record.maps[f"maps/{row['model']}"][index]
            overlay(axes, image, evidence(heat, bool(row["called"])), smooth=False)
            axes.set_title(
                f"{number(row['probability'], 2)} {'✗' if row['wrong'] else '✓'}",
                fontsize=style.SMALL, pad=2, fontweight="bold" if row["wrong"] else "normal",
            )  # fmt: skip
        show(column[0], image)
        label = about.classes[int(row["label"])]
        column[0].set_title(
            label, fontsize=style.SMALL, pad=2, color=style.class_colours(record)[label]
        )
    return Shown(canvas, caption, alt)


def _name(axes: Axes, text: str) -> None:
    """A row's name, to its left."""
    axes.set_ylabel(text, fontsize=style.SMALL, rotation="horizontal", ha="right", va="center")
