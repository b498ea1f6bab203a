"""The models' results on the test set, and comparisons of models."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from pneumo.pages import pictures, style
from pneumo.pages.drawing import Shown
from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import (
    DASH,
    count,
    estimate,
    interval,
    number,
    p_value,
    plain,
    plural,
    rate,
    signed,
)
from pneumo.pages.shared import Cell, found, over_seeds, several, spread, title, value
from pneumo.record import Estimate, Frame, Record
from pneumo.record.answers import Model

METRICS = {
    "accuracy": "accuracy", "auc": "AUC", "precision": "precision", "recall": "recall",
    "specificity": "specificity", "f1": "F1", "brier": "Brier",
}  # fmt: skip
_MARKS = {"auc": "†", "accuracy": "‡"}


def fig_confusion(record: Record) -> Shown:
    """Every model's confusion matrix on the test set, at 0.5 and at the threshold of validation."""
    numbers = record.figure("fig-confusion")
    rules = {"half": "at 0.5", "youden": "at validation's threshold"}
    models, about = numbers.distinct("model"), record.about
    canvas = style.figure(record, height=1.95 * len(rules) + 0.3)
    grid = canvas.subplots(len(rules), len(models), squeeze=False)
    for column, (name, own) in enumerate(numbers.by("model")):
        for axes, rule in zip(grid[:, column], rules, strict=True):
            _matrix(axes, own.where(rule=rule), about.classes, named=column == 0)
        grid[0, column].set_title(pictures.two_lines(record.title(name)), fontsize=style.HEAD)
    for axes, rule_title in zip(grid[:, 0], rules.values(), strict=True):
        axes.set_ylabel(f"{rule_title}\ntruth")
    canvas.supxlabel("call", fontsize=style.HEAD)
    caption = f"""At a threshold of 0.5 {_errors(record, record.best.name)}. Test cases by truth (rows) and
        call (columns), with the share of the true class, at 0.5 and at the threshold chosen on
        validation{several(record, "; first seed")}. The upper right cell of each table holds the false
        alarms, the lower left the missed {about.words["cases"]}."""
    half = "; ".join(_errors(record, name) for name in models)
    return Shown(
        canvas, caption, f"Two-by-two tables of test cases by truth and call. At 0.5, {half}."
    )


def fig_summary(record: Record) -> Shown:
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
    caption = f"""{_areas(record, numbers)} ROC curves on the test
        set{several(record, ", first seed")}{corner}; a diamond at the threshold that validation chose."""
    point = record.best.point("youden").counts
    alt = f"""ROC curves of {plural(len(numbers.distinct("model")), "model")}. {_areas(record, numbers)} At
        the threshold of validation {record.best.title} has a sensitivity of {number(point.sensitivity, 2)}
        and a specificity of {number(point.specificity, 2)}."""
    return Shown(canvas, caption, alt)


def fig_roc_pr(record: Record) -> Shown:
    """ROC and precision–recall curves on the test set, each with its operating points."""
    numbers = record.figure("fig-roc-pr")
    canvas = style.figure(record, height=4.2)
    left, right = (style.plot(axes) for axes in canvas.subplots(1, 2))
    corner = (
        ", with their corner enlarged," if _roc(left, record, numbers, tuple(style.MARKERS)) else ""
    )
    looks = style.model_styles(record)
    for name, own in numbers.by("model"):
        curve, look = own.where(kind="precision-recall"), looks[name]
        right.plot(curve["sensitivity"], curve["precision"], **look, linewidth=1.5)
        for rule in style.MARKERS:
            point = own.where(kind=rule)
            right.plot(point["sensitivity"], point["precision"], **_mark(rule, look["color"]))
    counts = record.best.point("half").counts
    share = counts.positives / (counts.positives + counts.negatives)
    right.axhline(share, color=style.PALE, linewidth=1, zorder=0)
    right.set(xlabel="recall (sensitivity)", ylabel="precision (PPV)", xlim=(-0.02, 1.02))
    right.set_ylim(share - 0.04, 1.02)
    canvas.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    caption = f"""{_areas(record, numbers)} ROC curves{corner} and precision–recall curves on the test
        set{several(record, ", first seed")}. Round marks: threshold of 0.5; diamonds: the one that Youden's J
        chose on validation; triangles: those with a sensitivity of at least 0.95 (upright) and 0.99 (upside
        down) there. Pale lines: a model that knows nothing."""
    alt = f"""ROC curves on the left, precision–recall curves on the right. {_areas(record, numbers)}
        Precision without any skill is {number(share, 2)}; at 0.5 {record.best.title} has a precision of
        {number(counts.precision, 2)} at a recall of {number(counts.sensitivity, 2)}."""
    return Shown(canvas, caption, alt)


def tbl_comparison(record: Record) -> Table:
    """Every model and baseline at a threshold of 0.5, intervals below; models that differ are marked."""
    numbers, baselines = record.table("tbl-comparison"), record.baselines
    rows = []
    for name in [*record.models, *baselines]:
        model = record.models.get(name)
        head = [model.title, count(model.parameters)] if model else [baselines[name].title, DASH]
        own = list(numbers.where(model=name).rows())
        if not own:
            rows.append([*head, "not run", *[DASH] * (len(METRICS) - 1)])
            continue
        marks = [_MARKS[row["metric"]] if row["differs"] == 1 else "" for row in own]
        values = [number(row["value"]) + mark for row, mark in zip(own, marks, strict=True)]
        rows.append([*head, *values])
        # Without the zero before the point, seven intervals fit on one line.
        rows.append(["", "", *(interval(Estimate.of(row)).replace("0.", ".") for row in own)])
    seeds = len(record.profile.seeds)
    over = (
        f"means over {seeds} seeds, 95 % intervals over test {record.units} and seeds below."
        if seeds > 1
        else f"""one seed, 95 % intervals over test {record.units} below; they do not hold the change that
        another seed would bring."""
    )
    together = record.models.get("ensemble")
    ensemble = (
        f"""The ensemble joins {plural(together.members, "run")} of
            {plural(len(record.ran), "model")}{several(record, ", {} seeds each")}."""
        if together
        else ""
    )
    return table(
        f"model | parameters > | {' | '.join(f'{metric} >' for metric in METRICS.values())}",
        rows,
        f"""All models on the test set at a threshold of 0.5; {over} For Brier less is better, for all others
        more. {ensemble} A dash stands where a number cannot vary. † AUC and ‡ accuracy differ from
        {record.best.title}’s beyond chance (p < 0.05 after Holm's correction over the table).
        {_not_run(record.not_run)}""",
    )


def tbl_summary(record: Record) -> Table:
    """The front page's table: every model's AUC, and accuracy at two thresholds, with intervals."""
    rows = spread(record.table("tbl-summary"), "model", record.title, found())
    rows += [[model.title, "not run", DASH, DASH] for model in record.not_run]
    names = ", ".join(model.title for model in record.not_run)
    return table(
        "model | AUC > | accuracy at validation's threshold > | accuracy at 0.5 >",
        rows,
        f"""All models on the {count(record.data.total("test"))} test images: {over_seeds(record)}, with 95 %
        intervals. Validation's threshold is the one with the largest Youden's J there.
        {f"Not run, as @sec-runs explains: {names}." if names else ""}""",
    )


def tbl_pairs(record: Record) -> Table:
    return table(
        {
            "first": lambda row: record.title(row["first"]),
            "second": lambda row: record.title(row["second"]),
            "difference of AUC >": value("difference", signed),
            "95 % interval >": lambda row: interval(Estimate.of(row, "difference"), 3, sign=True),
            "DeLong >": value("p delong", p_value),
            "exact at 0.5 >": value("p mcnemar at half", p_value),
            "exact at Youden >": value("p mcnemar at youden", p_value),
        },
        record.table("tbl-pairs").rows(),
        f"""Every pair of models on the test set. Difference: first minus second,
        {several(record, "mean over {} seeds, ")}95 % interval over
        {record.units}{several(record, " and seeds")}. P-values of DeLong's test and of the exact test of
        paired calls: {several(record, "first seeds, ")}over {record.units}, corrected over all pairs.""",
    )


def tbl_source(record: Record) -> Table:
    """The models of the source write-up: its numbers and ours for each metric, at 0.5."""
    numbers = record.table("tbl-source")
    rows, missing = [], []
    for name, own in numbers.by("model"):
        model = record.models[name]
        measured = "measured here" if model.ran else "not run here"
        rows.append([model.title, "reported", *map(number, own["reported"])])
        rows.append([model.title, measured, *map(number, own["measured"])])
        missing += [] if model.ran else [model]
    metrics = " | ".join(f"{METRICS[name]} >" for name in numbers.distinct("metric"))
    return table(
        f"model | numbers | {metrics}",
        rows,
        f"""Reported by the source write-up, and measured here ({over_seeds(record)}). {_not_run(missing)}""",
        once=1,
    )


def tbl_operating_points(record: Record) -> Table:
    return table(
        {
            "model": title(record),
            "chosen by": _rule(record),
            "threshold >": value("threshold", number),
            "TP >": value("true_positive", count),
            "FN >": value("false_negative", count),
            "FP >": value("false_positive", count),
            "TN >": value("true_negative", count),
            "sensitivity >": lambda row: estimate(Estimate.of(row, "sensitivity"), 3, 3),
            "specificity >": lambda row: estimate(Estimate.of(row, "specificity"), 3, 3),
        },
        record.table("tbl-operating-points").rows(),
        f"""Operating points on the test set{several(record, ", first seed")}: counts of true and false
        positives and negatives, sensitivity and specificity with Wilson's 95 % interval [@wilson1927] over
        {record.units}.""",
        once=1,
    )


def tbl_predictive_values(record: Record) -> Table:
    return table(
        {
            "model": title(record),
            "chosen by": _rule(record),
            "PPV >": found("ppv", 3, 3),
            "NPV >": found("npv", 3, 3),
            "LR+ >": found("lr_positive", 1, 1),
            "LR− >": found("lr_negative", 2, 2),
        },
        record.table("tbl-predictive-values").rows(),
        f"""Predictive values at the test set's prevalence, with Wilson's 95 % interval, and likelihood
        ratios, with the log method's, over {record.units}{several(record, "; first seed")}.""",
        once=1,
    )


def tbl_promise(record: Record) -> Table:
    cells = value("validation", number), value("test", number), value("difference", signed)
    rows = []
    for name, own in record.table("tbl-promise").by("model"):
        shorts = {point.id: point.short for point in record.models[name].operating_points}
        by_rule = spread(own, "rule", shorts.__getitem__, *cells)
        rows += [[record.title(name), *row] for row in by_rule]
    return table(
        """model | chosen by | sensitivity, validation > | test > | off by >
        | specificity, validation > | test > | off by >""",
        rows,
        f"""What validation promised at the thresholds chosen on it, what the test set kept, and the
        difference{several(record, ", first seed")}.""",
        once=1,
    )


def _rule(record: Record) -> Cell:
    """The rule that chose a row's operating point."""
    return lambda row: record.models[row["model"]].point(row["rule"]).short


def _not_run(models: Sequence[Model]) -> str:
    return " ".join(f"{model.title} was not run: {plain(model.reason)}." for model in models)


def _errors(record: Record, name: str) -> str:
    """A model's errors at 0.5 by class, in words."""
    counts = record.models[name].point("half").counts
    return f"""{record.title(name)} misses {counts.false_negative} of {counts.positives}
        {record.about.positive} cases and raises {plural(counts.false_positive, "false alarm")} in
        {counts.negatives} {record.about.negative} cases"""


def _areas(record: Record, numbers: Frame) -> str:
    """A sentence with the highest and the lowest AUC of a figure's curves."""
    areas = {name: own["auc"][0] for name, own in numbers.by("model")}
    first, last = max(areas, key=areas.__getitem__), min(areas, key=areas.__getitem__)
    of = several(record, " of the first seeds")
    text = f"{record.title(first)} has the highest AUC{of}, {number(areas[first])}"
    if first != last:
        text += f", {record.title(last)} the lowest, {number(areas[last])}"
    return f"{text}."


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
            pictures.roc(place, curve, **look, linewidth=1.3, label=f"{record.title(name)}{area}")
        for rule in rules:
            point = numbers.where(model=name, kind=rule)
            pictures.roc(corner, point, **_mark(rule, look["color"]))
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
        pictures.chance(axes, *ends)
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
    for (row, column), number_ in np.ndenumerate(cases):
        look: dict[str, Any] = {"color": style.OVER_BRIGHT, "ha": "center", "va": "center"}
        weight = "normal" if row == column else "bold"
        axes.text(column, row - 0.1, count(number_), fontsize=style.LARGE, weight=weight, **look)
        axes.text(column, row + 0.24, rate(number_, cases[row].sum()), fontsize=style.SMALL, **look)
    titles = [name.replace(" ", "\n", 1) for name in classes]
    axes.set_xticks([0, 1], titles, fontsize=style.SMALL)
    if named:
        axes.set_yticks([0, 1], titles, fontsize=style.SMALL, rotation=90, va="center")
    axes.tick_params(length=0)
