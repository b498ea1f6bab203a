"""What the models get right and wrong on the test set."""

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from pneumo.pages import style
from pneumo.pages.figures.pictures import group_title, say_none, show, two_lines
from pneumo.pages.numbers import number, plural, rate, signed
from pneumo.pages.shared import first_seed
from pneumo.pages.showing import Shown
from pneumo.record import Frame, Record
from pneumo.record.images import Images
from pneumo.record.summaries import GROUPS

_COLUMNS = 8  # images in a row


def confusion(record: Record) -> Shown:
    """Every model's confusion matrix on the test set, at 0.5 and at the threshold of validation."""
    numbers = record.figure("fig-confusion")
    rules = {"half": "at 0.5", "youden": "at validation's threshold"}
    models, about = numbers.distinct("model"), record.about
    canvas = style.figure(record, height=1.95 * len(rules) + 0.3)
    grid = canvas.subplots(len(rules), len(models), squeeze=False)
    for column, name in enumerate(models):
        for row, rule in enumerate(rules):
            found = numbers.where(model=name, rule=rule)
            _matrix(grid[row, column], found, about.classes, named=column == 0)
        grid[0, column].set_title(two_lines(record.title(name)), fontsize=style.HEAD)
    for row, title in enumerate(rules.values()):
        grid[row, 0].set_ylabel(f"{title}\ntruth")
    canvas.supxlabel("call", fontsize=style.HEAD)
    sentence = f"{record.best.title} {_errors(record, record.best.name)}"
    caption = (
        f"At a threshold of 0.5 {sentence}. Test cases by truth (rows) and call (columns), with the share "
        f"of the true class, at 0.5 and at the threshold chosen on validation{first_seed(record, '; ')}. "
        "The upper right cell of each table holds the false alarms, the lower left the missed "
        f"{about.words['cases']}."
    )
    half = (f"{record.title(name)} {_errors(record, name)}" for name in models)
    alt = f"Two-by-two tables of test cases by truth and call. At 0.5, {'; '.join(half)}."
    return Shown(canvas, caption, alt)


def roc(record: Record) -> Shown:
    """Small ROC curves for the front page; a diamond marks the threshold chosen on validation."""
    numbers = record.figure("fig-summary")
    canvas = style.figure(record, height=3.3, width=3.1)
    axes = style.plot(canvas.subplots())
    corner = ", their corner enlarged" if _roc(axes, record, numbers, ("youden",), False) else ""
    axes.set_aspect("equal")
    canvas.legend(
        *axes.get_legend_handles_labels(), loc="outside lower left", handlelength=2.6,
        labelspacing=0.25, fontsize=style.SMALL,
    )  # fmt: skip
    caption = (
        f"{_areas(record, numbers)} ROC curves on the test set{first_seed(record)}{corner}; a diamond at the "
        "threshold that validation chose."
    )
    point = record.best.point("youden").counts
    alt = (
        f"ROC curves of {plural(len(numbers.distinct('model')), 'model')}. {_areas(record, numbers)} At the "
        f"threshold of validation {record.best.title} has a sensitivity of {number(point.sensitivity, 2)} "
        f"and a specificity of {number(point.specificity, 2)}."
    )
    return Shown(canvas, caption, alt)


def roc_pr(record: Record) -> Shown:
    """ROC and precision–recall curves on the test set, each with its operating points."""
    numbers = record.figure("fig-roc-pr")
    canvas = style.figure(record, height=4.2)
    left, right = (style.plot(axes) for axes in canvas.subplots(1, 2))
    corner = (
        ", with their corner enlarged," if _roc(left, record, numbers, tuple(style.MARKERS)) else ""
    )
    looks = style.model_styles(record)
    for name in numbers.distinct("model"):
        curve, look = numbers.where(model=name, kind="precision-recall"), looks[name]
        right.plot(curve["sensitivity"], curve["precision"], **look, linewidth=1.5)
        for rule in style.MARKERS:
            point = numbers.where(model=name, kind=rule)
            right.plot(point["sensitivity"], point["precision"], **_mark(rule, look["color"]))
    counts = record.best.point("half").counts
    share = counts.positives / (counts.positives + counts.negatives)
    right.axhline(share, color=style.PALE, linewidth=1, zorder=0)
    right.set(xlabel="recall (sensitivity)", ylabel="precision (PPV)", xlim=(-0.02, 1.02))
    right.set_ylim(share - 0.04, 1.02)
    canvas.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    caption = (
        f"{_areas(record, numbers)} ROC curves{corner} and precision–recall curves on the test "
        f"set{first_seed(record)}. Round marks: threshold of 0.5; diamonds: the one that Youden's J "
        "chose on validation; triangles: those with a sensitivity of at least 0.95 (upright) and 0.99 "
        "(upside down) there. Pale lines: a model that knows nothing."
    )
    alt = (
        f"ROC curves on the left, precision–recall curves on the right. {_areas(record, numbers)} "
        f"Precision without any skill is {number(share, 2)}; at 0.5 {record.best.title} has a precision of "
        f"{number(counts.precision, 2)} at a recall of {number(counts.sensitivity, 2)}."
    )
    return Shown(canvas, caption, alt)


def errors(record: Record) -> Shown:
    """The most confident cases of each group of calls of the best model."""
    numbers = record.figure("fig-errors")
    best, about = record.best, record.about
    caption = (
        f"The test cases of which {best.title} is surest at the threshold that validation chose, by group, "
        f"with its probability of {about.finding} above each. The two lower rows are its worst mistakes."
    )
    sure = [
        f"{number(numbers.where(group=group)['probability'][0], 2)} to the surest {group}"
        for group in GROUPS
        if group in numbers.distinct("group")
    ]
    alt = (
        f"Four rows of {about.picture}s, one for each group of calls. {best.title} gives a probability of "
        f"{', '.join(sure)}."
    )
    if record.images is None:
        return Shown(style.no_images(record), caption, alt)
    canvas = style.figure(record, height=4.7)
    grid = canvas.subplots(len(GROUPS), _COLUMNS)
    for row, group in zip(grid, GROUPS, strict=True):
        found = numbers.where(group=group)
        titles = [number(probability, 2) for probability in found["probability"]]
        _pictures(row, record.images, found, titles, repeat(style.INK))
        row[0].set_ylabel(group_title(group))
    return Shown(canvas, caption, alt)


def missed_by_all(record: Record) -> Shown:
    """Test cases that every model gets wrong, with their labels."""
    numbers = record.figure("fig-missed-by-all")
    about, found = record.about, record.mistakes
    titles = [about.classes[int(label)] for label in numbers["label"]]
    positive = sum(title == about.positive for title in titles)
    alt = (
        f"All {found.models} models call {plural(found.missed_by_all, 'test case')} wrongly; of the "
        f"{len(titles)} shown {positive} are {about.positive} and {len(titles) - positive} {about.negative}."
        if titles
        else "No test case is called wrongly by every model."
    )
    caption = (
        f"{alt} Calls are at each model's Youden threshold{first_seed(record, after='s')}; above each case "
        "its label; the most confident mistakes first."
    )
    return _gallery(record, numbers, titles, caption, alt)


def contested(record: Record) -> Shown:
    """Test cases on which the runs are most evenly split, with the number of positive calls."""
    numbers = record.figure("fig-contested")
    about, found = record.about, record.mistakes
    titles = [f"{called:.0f} of {found.runs}" for called in numbers["called positive"]]
    lead = f"The calls of {plural(found.runs, 'run')} differ on {plural(found.contested, 'test case')}. "
    caption = (
        f"{lead}Those that the runs are most evenly split over, at most sixteen: above each, how many runs "
        f"call it {about.positive}, in the colour of its label (blue {about.negative}, red "
        f"{about.positive})."
    )
    alt = lead + (
        f"Of the first one shown {titles[0]} runs say {about.positive}." if titles else ""
    )
    return _gallery(record, numbers, titles, caption, alt)


def mean_images(record: Record) -> Shown:
    """The mean image of each group of calls, and the differences between wrong and right calls."""
    numbers = record.figure("fig-mean-images")
    best, about = record.best, record.about
    counts = best.point("youden").counts
    size = (record.data.size, record.data.size)
    canvas = style.figure(record, height=1.95)
    grid = canvas.subplots(1, 6)
    differences = {"FP − TN": "false positive - true negative",
                   "FN − TP": "false negative - true positive"}  # fmt: skip
    for axes, group in zip(grid, GROUPS, strict=False):
        _grey_levels(axes, numbers[group].reshape(size), cmap="gray", vmin=0, vmax=255)
        cases = getattr(counts, group.replace(" ", "_"))
        axes.set_title(f"{group_title(group)}\n{cases}", fontsize=style.TEXT)
    quarter = 255 / 4
    for axes, (short, name) in zip(grid[4:], differences.items(), strict=True):
        difference = numbers[name].reshape(size)
        _grey_levels(axes, difference, cmap="RdBu_r", vmin=-quarter, vmax=quarter)
        axes.set_title(f"difference\n{short}\n±0.25", fontsize=style.TEXT)
    lead = " ".join(_largest(name, numbers[name]) for name in differences.values())
    caption = (
        f"{lead} Mean test image of each group of {best.title}’s calls at Youden's threshold, with the "
        f"number of cases, and the two differences, between groups that are both {about.negative} or both "
        f"{about.positive}. Red is brighter, blue darker, full colour a quarter of the grey scale."
    )
    alt = f"Mean images of four groups of calls, and two maps of differences. {lead}"
    return Shown(canvas, caption, alt)


def _errors(record: Record, name: str) -> str:
    """A model's errors at 0.5 by class, in words."""
    counts = record.models[name].point("half").counts
    return (
        f"misses {counts.false_negative} of {counts.positives} {record.about.positive} cases and raises "
        f"{plural(counts.false_positive, 'false alarm')} in {counts.negatives} {record.about.negative} cases"
    )


def _areas(record: Record, numbers: Frame) -> str:
    """A sentence with the highest and the lowest AUC of a figure's curves."""
    areas = {name: numbers.where(model=name)["auc"][0] for name in numbers.distinct("model")}
    first, last = max(areas, key=areas.__getitem__), min(areas, key=areas.__getitem__)
    of = " of the first seeds" if len(record.profile.seeds) > 1 else ""
    text = f"{record.title(first)} has the highest AUC{of}, {number(areas[first])}"
    if first != last:
        text += f", {record.title(last)} the lowest, {number(areas[last])}"
    return f"{text}."


def _largest(name: str, difference: NDArray[np.float64]) -> str:
    """A sentence on the range of a map of differences."""
    odd, even = name.split(" - ")
    if np.isnan(difference).all():
        return f"There is no difference to show without both {odd}s and {even}s."
    low, high = signed(difference.min() / 255, 2), signed(difference.max() / 255, 2)
    return f"{odd.capitalize()}s minus {even}s: from {low} to {high} of the grey scale."


def _roc(
    axes: Axes, record: Record, numbers: Frame, rules: Sequence[str], with_areas: bool = True
) -> bool:
    """Every model's ROC curve, first seed, with its operating points, and an inset of the upper left corner.

    The inset contains the marks of 0.5 and Youden's J. It is left out where it would hardly enlarge anything.

    Returns:
        Whether there is an inset.
    """
    marked = [numbers.where(kind=rule) for rule in rules if rule in ("half", "youden")]
    sides = [max(*one["false positive rate"], *(1 - one["sensitivity"])) for one in marked]
    side = np.ceil(20 * max(0.2, *sides)) / 20  # of the corner that holds these marks
    is_enlarged, looks = bool(side <= 0.6), style.model_styles(record)
    corner = style.plot(axes.inset_axes((0.36, 0.1, 0.64, 0.68))) if is_enlarged else axes
    for name in numbers.distinct("model"):
        curve, look = numbers.where(model=name, kind="roc"), looks[name]
        area = f", AUC {number(curve['auc'][0])}" if with_areas else ""
        for place in dict.fromkeys((axes, corner)):
            place.plot(
                curve["false positive rate"], curve["sensitivity"],
                **look, linewidth=1.3, label=f"{record.title(name)}{area}",
            )  # fmt: skip
        for rule in rules:
            point = numbers.where(model=name, kind=rule)
            x, y = point["false positive rate"], point["sensitivity"]
            corner.plot(x, y, **_mark(rule, look["color"]))
    if is_enlarged:
        corner.set(xlim=(-0.02 * side, 1.02 * side), ylim=(1 - 1.02 * side, 1 + 0.03 * side))
        corner.tick_params(labelsize=style.SMALL, length=2)
        for axis in (corner.xaxis, corner.yaxis):
            axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5]))
        axes.indicate_inset(
            (0, 1 - side, side, side), edgecolor=style.GREY, linewidth=0.8, linestyle=":", alpha=1
        )
        axes.grid(visible=False)
    # The line of chance stops at the inset.
    for ends in ([0, 0.28], [0.82, 1]) if is_enlarged else ([0, 1],):
        axes.plot(ends, ends, color=style.PALE, linewidth=1, zorder=0)
    axes.set(xlabel="1 − specificity", ylabel="sensitivity", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    for rule in rules:
        axes.plot([], [], **_mark(rule, style.INK), label=record.best.point(rule).rule)
    return is_enlarged


def _mark(rule: str, colour: str) -> dict[str, Any]:
    """The look of an operating point."""
    return {
        "marker": style.MARKERS[rule], "color": colour, "markersize": 6, "zorder": 3,
        "markeredgecolor": style.PAGE, "linestyle": "none",
    }  # fmt: skip


def _matrix(axes: Axes, found: Frame, classes: tuple[str, str], named: bool) -> None:
    """Counts above the share of the true class, from rows sorted by truth, then call.

    The fills are pale, so that text in one colour is legible on all of them.
    """
    cases = found["cases"].reshape(2, 2)
    style.picture(axes).imshow(found["share"].reshape(2, 2), cmap="Blues", vmin=0, vmax=3)
    for (row, column), count in np.ndenumerate(cases):
        look: dict[str, Any] = {"color": style.OVER_BRIGHT, "ha": "center", "va": "center"}
        weight = "normal" if row == column else "bold"
        axes.text(column, row - 0.1, f"{count:.0f}", fontsize=style.LARGE, weight=weight, **look)
        axes.text(column, row + 0.24, rate(count, cases[row].sum()), fontsize=style.SMALL, **look)
    titles = [name.replace(" ", "\n", 1) for name in classes]
    axes.set_xticks([0, 1], titles, fontsize=style.SMALL)
    if named:
        axes.set_yticks([0, 1], titles, fontsize=style.SMALL, rotation=90, va="center")
    axes.tick_params(length=0)


def _grey_levels(axes: Axes, picture: NDArray[np.float64], **scale: Any) -> None:
    """A mean image or a difference; a note if a group has no cases."""
    style.picture(axes)
    if np.isnan(picture).all():
        say_none(axes)
    else:
        axes.imshow(picture, **scale)


def _pictures(
    places: Sequence[Axes],
    images: Images,
    found: Frame,
    titles: Sequence[str],
    colours: Iterable[str],
) -> None:
    """Images found by checksum, a short title above each."""
    for axes in places:
        style.picture(axes)
    shown = zip(places, found["sha256"], titles, colours, strict=False)
    for axes, digest, title, colour in shown:
        image = images.find(str(digest))
        if image is not None:
            show(axes, image)
        axes.set_title(title, fontsize=style.SMALL, pad=2, color=colour)
    if not len(found):
        say_none(places[0])


def _gallery(
    record: Record, numbers: Frame, titles: Sequence[str], caption: str, alt: str
) -> Shown:
    """Test images in rows, a title above each in the colour of the image's label."""
    if record.images is None:
        return Shown(style.no_images(record), caption, alt)
    rows = -(-max(1, len(numbers)) // _COLUMNS)
    canvas = style.figure(record, height=1.05 * rows + (0.3 if record.data.is_phantom else 0.1))
    classes = list(style.class_colours(record).values())
    colours = [classes[int(label)] for label in numbers["label"]]
    grid = canvas.subplots(rows, _COLUMNS, squeeze=False)
    _pictures(list(grid.flat), record.images, numbers, titles, colours)
    return Shown(canvas, caption, alt)
