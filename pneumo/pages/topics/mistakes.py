"""The test cases that models get wrong or disagree on: images, mean images, maps and counts."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from pneumo.pages import pictures, style
from pneumo.pages.drawing import Shown
from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import count, number, percent, plural, signed
from pneumo.pages.shared import several, spread, value
from pneumo.record import Frame, Record
from pneumo.record.images import Images
from pneumo.record.summaries import GROUPS

COLUMNS = 8  # images in a row


def fig_errors(record: Record) -> Shown:
    """The most confident cases of each group of calls of the best model."""
    numbers = record.figure("fig-errors")
    best, about = record.best, record.about
    caption = f"""The test cases of which {best.title} is surest at the threshold that validation chose, by
        group, with its probability of {about.finding} above each. The two lower rows are its worst
        mistakes."""
    groups = {group: numbers.where(group=group) for group in GROUPS}
    sure = ", ".join(
        f"{number(own['probability'][0], 2)} to the surest {group}"
        for group, own in groups.items()
        if len(own)
    )
    alt = f"""Four rows of {about.picture}s, one for each group of calls. {best.title} gives a probability of
        {sure}."""
    if record.images is None:
        return pictures.without_images(record, caption, alt)
    canvas = style.figure(record, height=4.7)
    grid = canvas.subplots(len(GROUPS), COLUMNS)
    for row, (group, own) in zip(grid, groups.items(), strict=True):
        titles = [number(probability, 2) for probability in own["probability"]]
        _show(row, record.images, own, titles, [style.INK] * len(own))
        row[0].set_ylabel(pictures.group_title(group))
    return Shown(canvas, caption, alt)


def fig_missed_by_all(record: Record) -> Shown:
    """Test cases that every model gets wrong, with their labels."""
    numbers = record.figure("fig-missed-by-all")
    about, found = record.about, record.mistakes
    titles = [about.classes[int(label)] for label in numbers["label"]]
    positive = titles.count(about.positive)
    alt = "No test case is called wrongly by every model."
    if titles:
        alt = f"""All {found.models} models call {plural(found.missed_by_all, "test case")} wrongly; of the
            {len(titles)} shown {positive} are {about.positive} and {len(titles) - positive}
            {about.negative}."""
    caption = f"""{alt} Calls are at each model's Youden threshold{several(record, ", first seeds")}; above
        each case its label; the most confident mistakes first."""
    return _gallery(record, numbers, titles, caption, alt)


def fig_contested(record: Record) -> Shown:
    """Test cases on which the runs are most evenly split, with the number of positive calls."""
    numbers = record.figure("fig-contested")
    about, found = record.about, record.mistakes
    titles = [f"{called:.0f} of {found.runs}" for called in numbers["called positive"]]
    lead = f"""The calls of {plural(found.runs, "run")} differ on {plural(found.contested, "test case")}."""
    caption = f"""{lead} Those that the runs are most evenly split over, at most sixteen: above each, how many
        runs call it {about.positive}, in the colour of its label (blue {about.negative}, red
        {about.positive})."""
    alt = (
        f"{lead} Of the first one shown {titles[0]} runs say {about.positive}." if titles else lead
    )
    return _gallery(record, numbers, titles, caption, alt)


def fig_mean_images(record: Record) -> Shown:
    """The mean image of each group of calls, and the differences between wrong and right calls."""
    numbers = record.figure("fig-mean-images")
    best, about = record.best, record.about
    counts = best.point("youden").counts
    size = (record.data.size, record.data.size)
    canvas = style.figure(record, height=1.95)
    grid = canvas.subplots(1, 6)
    differences = {
        "FP − TN": "false positive - true negative",
        "FN − TP": "false negative - true positive",
    }
    for axes, group in zip(grid, GROUPS, strict=False):
        _grey_levels(axes, numbers[group].reshape(size), cmap="gray", vmin=0, vmax=255)
        cases = getattr(counts, group.replace(" ", "_"))
        axes.set_title(f"{pictures.group_title(group)}\n{cases}", fontsize=style.TEXT)
    quarter = 255 / 4
    for axes, (short, name) in zip(grid[4:], differences.items(), strict=True):
        difference = numbers[name].reshape(size)
        _grey_levels(axes, difference, cmap="RdBu_r", vmin=-quarter, vmax=quarter)
        axes.set_title(f"difference\n{short}\n±0.25", fontsize=style.TEXT)
    lead = " ".join(_largest(name, numbers[name]) for name in differences.values())
    caption = f"""{lead} Mean test image of each group of {best.title}’s calls at Youden's threshold, with the
        number of cases, and the two differences, between groups that are both {about.negative} or both
        {about.positive}. Red is brighter, blue darker, full colour a quarter of the grey scale."""
    alt = f"Mean images of four groups of calls, and two maps of differences. {lead}"
    return Shown(canvas, caption, alt)


def fig_divided(record: Record) -> Shown:
    """One column per case: the image, and below it each model's map for its call."""
    numbers = record.figure("fig-divided")
    about, images, models = record.about, record.images, numbers.distinct("model")
    indices = numbers.distinct("index")[:COLUMNS]
    caption = f"""The test cases that the models are most divided over{several(record, ", first seeds")}: on
        top the image under its label (blue {about.negative}, red {about.positive}), below each model's
        Grad-CAM map over it, cell by cell, under its probability of {about.finding} and a mark for a right
        call (✓) or a wrong one (✗, in bold). Bright cells speak most for the call that was made."""
    wrong = record.cases.wrong_on_first
    probabilities = numbers.where(index=indices[0])["probability"]
    alt = f"""{len(indices)} test cases, a column each, with the map of each of
        {plural(len(models), "model")}. On the first, {wrong} of {len(models)} {"is" if wrong == 1 else "are"}
        wrong, and probabilities range from {number(probabilities.min(), 2)} to
        {number(probabilities.max(), 2)}."""
    if images is None:
        return pictures.without_images(record, caption, f"No images are at hand. {alt}")
    rows = 1 + len(models)
    canvas = style.figure(record, height=0.82 * rows + (0.3 if record.data.is_phantom else 0.1))
    grid = canvas.subplots(rows, COLUMNS, squeeze=False)
    for axes in grid.flat:
        style.picture(axes)
    _name(grid[0, 0], "image")
    for row, model in zip(grid[1:], models, strict=True):
        _name(row[0], pictures.two_lines(record.title(model)))
    for column, index in zip(grid.T, map(int, indices), strict=False):
        image = images.split("test")[index]
        for axes, row in zip(column[1:], numbers.where(index=index).rows(), strict=True):
            heat = record.maps[f"maps/{row['model']}"][index]
            pictures.overlay(
                axes, image, pictures.evidence(heat, bool(row["called"])), smooth=False
            )
            axes.set_title(
                f"{number(row['probability'], 2)} {'✗' if row['wrong'] else '✓'}",
                fontsize=style.SMALL, pad=2, fontweight="bold" if row["wrong"] else "normal",
            )  # fmt: skip
        label = about.classes[int(row["label"])]
        colour = style.class_colours(record)[label]
        pictures.show(column[0], image, label, fontsize=style.SMALL, pad=2, color=colour)
    return Shown(canvas, caption, alt)


def tbl_shared_mistakes(record: Record) -> Table:
    numbers = record.table("tbl-shared-mistakes")
    heads = [f"{name} > | {name}, if independent >" for name in numbers.distinct("class")]
    return table(
        " | ".join(["models that err >", *heads]),
        spread(numbers, "models", count, value("cases", count), value("expected", number, 1)),
        f"""Test cases by the number of models that call them wrongly at Youden's
        threshold{several(record, ", first seeds")}, beside the counts that independent mistakes with the same
        error rates would give.""",
    )


def tbl_flips(record: Record) -> Table:
    numbers, about = record.table("tbl-flips"), record.about
    *classes, _ = numbers.distinct("class")
    rows = [
        [record.title(name), *map(count, own["cases"][:-1]), percent(own["share"][-1])]
        for name, own in numbers.by("model")
    ]
    return table(
        f"model | {' | '.join(f'{name} >' for name in classes)} | of all test cases >",
        rows,
        f"""Test cases that some seeds of a model call {about.positive} and others {about.negative}, each at
        its own Youden threshold.""",
    )


def _largest(name: str, difference: NDArray[np.float64]) -> str:
    """A sentence on the range of a map of differences."""
    odd, even = name.split(" - ")
    if np.isnan(difference).all():
        return f"There is no difference to show without both {odd}s and {even}s."
    low, high = signed(difference.min() / 255, 2), signed(difference.max() / 255, 2)
    return f"{odd.capitalize()}s minus {even}s: from {low} to {high} of the grey scale."


def _name(axes: Axes, text: str) -> None:
    """A row's name, to its left."""
    axes.set_ylabel(text, fontsize=style.SMALL, rotation="horizontal", ha="right", va="center")


def _grey_levels(axes: Axes, picture: NDArray[np.float64], **scale: Any) -> None:
    """A mean image or a difference; a note if a group has no cases."""
    style.picture(axes)
    if np.isnan(picture).all():
        pictures.say(axes)
    else:
        axes.imshow(picture, **scale)


def _show(
    places: Sequence[Axes],
    images: Images,
    found: Frame,
    titles: Sequence[str],
    colours: Sequence[str],
) -> None:
    """Images found by checksum, a short title above each."""
    for axes in places:
        style.picture(axes)
    for axes, digest, title, colour in zip(places, found["sha256"], titles, colours, strict=False):
        pictures.show(
            axes, images.find(str(digest)), title, fontsize=style.SMALL, pad=2, color=colour
        )
    if not len(found):
        pictures.say(places[0])


def _gallery(
    record: Record, numbers: Frame, titles: Sequence[str], caption: str, alt: str
) -> Shown:
    """Test images in rows, a title above each in the colour of the image's label."""
    if record.images is None:
        return pictures.without_images(record, caption, alt)
    rows = -(-max(1, len(numbers)) // COLUMNS)
    canvas = style.figure(record, height=1.05 * rows + (0.3 if record.data.is_phantom else 0.1))
    classes = list(style.class_colours(record).values())
    colours = [classes[int(label)] for label in numbers["label"]]
    grid = canvas.subplots(rows, COLUMNS, squeeze=False)
    _show(list(grid.flat), record.images, numbers, titles, colours)
    return Shown(canvas, caption, alt)
