"""Changes between development and test: scores, mean images, and whether they exceed chance."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from pneumo.pages import style
from pneumo.pages.drawing import Shown
from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import count, estimate, number, p_value, points, signed
from pneumo.pages.pictures import pixels, signed_map, two_lines
from pneumo.pages.shared import found, several, spread, title, value
from pneumo.record import Estimate, Frame, Record

_REACH = 0.15  # of the grey scale: full colour in a difference image


def fig_shift_scores(record: Record) -> Shown:
    """Each model's scores by class on validation and test, with the threshold chosen on validation."""
    about, shift = record.about, record.shift
    numbers = record.figure("fig-shift-scores")
    canvas = score_grid(record, numbers, {"val": "validation", "test": "test"})
    differ = " and ".join(f"{cases} of {label} cases" for label, cases in shift.differ.items())
    of = f"Of {shift.pairs} pairs of distributions,"
    these = f"these differ beyond chance: {differ}."
    caption = f"""{of} {these} Scores (logits) of {about.negative} cases, above, and of {about.positive}
        cases, below, for every model{several(record, ", first seed")}: validation as an outline, test filled,
        each with the same area. The dotted line is the threshold that Youden's J chose on validation; what
        lies to its right is called {about.positive}."""
    alt = f"A grid of histograms, one column per model. {of} validation against test, {these}"
    return Shown(canvas, caption, alt)


def score_grid(record: Record, numbers: Frame, sets: Mapping[str, str]) -> Figure:
    """Histograms of scores by model (column) and class (row): the first set outlined, the second filled.

    Args:
        record: names the models and classes.
        numbers: rows by model, class and split.
        sets: the legend's name of each of the two splits.
    """
    canvas = style.figure(record, height=3.5)
    grid = canvas.subplots(2, len(numbers.distinct("model")), squeeze=False, sharex="col")
    for column, (name, of_model) in zip(grid.T, numbers.by("model"), strict=True):
        for axes, label in zip(column, record.about.classes, strict=True):
            own, colour = of_model.where(**{"class": label}), style.class_colours(record)[label]
            first, second = (own.where(split=split) for split in sets)
            edges = np.append(first["low"], first["high"][-1])
            style.plot(axes).stairs(second["share"], edges, fill=True, color=colour, alpha=0.45)
            axes.stairs(first["share"], edges, color=style.INK)
            axes.axvline(own["threshold"][0], color=style.INK, linewidth=1, linestyle=":")
            axes.set_yticks([])
            axes.grid(visible=False)
            axes.spines["left"].set_visible(False)
            axes.tick_params(labelsize=style.SMALL)
        column[0].set_title(two_lines(record.title(name)), fontsize=style.TEXT)
        column[1].set_xlabel("logit", fontsize=style.TEXT)
    for axes, label in zip(grid[:, 0], record.about.classes, strict=True):
        axes.set_ylabel(label, color=style.class_colours(record)[label])
    before, after = sets.values()
    handles = [
        Line2D([], [], color=style.INK, label=before),
        Patch(color=style.GREY, alpha=0.45, label=after),
        Line2D([], [], color=style.INK, linestyle=":", label="threshold chosen on validation"),
    ]
    canvas.legend(handles=handles, loc="outside lower center", ncols=3)
    return canvas


def fig_shift_images(record: Record) -> Shown:
    """Mean images of development and test by class, and their difference."""
    numbers = record.figure("fig-shift-images")
    canvas = style.figure(record, height=1.68 if record.data.is_phantom else 1.46)
    grid = canvas.subplots(1, 6)
    largest = []
    for axes, name in zip(grid, list(numbers.columns)[2:], strict=True):
        label, _, words = name.rpartition(", ")
        picture, look = pixels(numbers, name), {"fontsize": style.TEXT}
        if words == "difference":
            signed_map(axes, picture, _REACH)
            axes.set_title(f"difference\n±{_REACH}", **look)
            low, high = signed(picture.min(), 2), signed(picture.max(), 2)
            largest.append(f"{low} to {high} in {label} cases")
        else:
            style.picture(axes).imshow(picture, cmap="gray", vmin=0, vmax=1)
            colour = style.class_colours(record)[label]
            axes.set_title(f"{label}\n{words}", color=colour, **look)
    lead = f"Test minus development, in shares of the grey scale: {' and '.join(largest)}."
    caption = f"""{lead} Mean image of development (training and validation) and of the test set in each
        class, and their difference. Red is brighter on the test set, blue darker, full colour
        {number(_REACH, 2)} of the grey scale."""
    alt = f"""Mean {record.about.picture}s of development and test in each class, and where they differ.
        {lead}"""
    return Shown(canvas, caption, alt)


def tbl_shift_changes(record: Record) -> Table:
    changes = found("value", 3, 3, sign=True)
    return table(
        "model | change in AUC > | in sensitivity > | in specificity >",
        spread(record.table("tbl-shift-changes"), "model", record.title, changes),
        f"""Test minus validation, at the threshold that Youden's J chose on
        validation{several(record, ", first seed")}: change in AUC, sensitivity and specificity, each with its
        95 % interval.""",
    )


def tbl_shift(record: Record) -> Table:
    return table(
        {
            "told apart": lambda row: row["comparison"].replace(" and ", " from "),
            "class": value("class"),
            "images >": lambda row: f"{count(row['first'])} and {count(row['second'])}",
            "AUC (95 % interval) >": lambda row: estimate(Estimate.of(row, "auc"), 3, 3),
            "p >": value("p_value", p_value),
        },
        record.table("tbl-shift").rows(),
        f"""How well a classifier on the pixels tells two sets of images apart, class by class: AUC over five
        turns, its interval [@ledell2015], and the p-value of a permutation test with {record.shift.resamples}
        permutations of whole {record.units}. Development is training and validation together.""",
    )


def tbl_shift_scores(record: Record) -> Table:
    return table(
        {
            "model": title(record),
            "class": value("label"),
            "median logit, validation >": value("val", number, 2),
            "median logit, test >": value("test", number, 2),
            "distance >": value("distance", number, 2),
            "p, adjusted >": value("p_value", p_value),
        },
        record.table("tbl-shift-scores").rows(),
        f"""Scores on validation and on test{several(record, ", first seed")}: medians, the distance of
        Kolmogorov and Smirnov, and its p-value by exchange of {record.units}, after Holm's adjustment.""",
        once=1,
    )


def tbl_shift_threshold(record: Record) -> Table:
    rows = [
        [
            record.title(name),
            number(loss.promised.sensitivity),
            *(number(one.specificity) for one in (loss.promised, loss.kept, loss.rechosen)),
            *map(points, (loss.total, loss.of_threshold, loss.of_ranking)),
        ]
        for name, loss in record.shift.losses.items()
    ]
    return table(
        """model | sensitivity, validation > | specificity, validation > | test > | test, re-chosen >
        | points lost > | to the threshold > | to the ranking >""",
        rows,
        f"""Specificity promised on validation, kept on test at the same threshold, and at the threshold
        re-chosen on the test set for the sensitivity of validation (for reading only), with the loss in
        percentage points and its two parts{several(record, ", first seed")}. A negative part means that this
        would cost specificity instead of giving it back.""",
    )
