"""The models' results on external images: curves, scores, and tables by model and by group."""

from collections.abc import Iterable

import numpy as np
from matplotlib.lines import Line2D

from pneumo.pages import style
from pneumo.pages.drawing import Shown
from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import DASH, count, number, percent, plain
from pneumo.pages.pictures import chance, intervals, roc, two_lines
from pneumo.pages.shared import Cell, each, found, several, title, value
from pneumo.pages.topics.shift import score_grid
from pneumo.record import Estimate, Record

_SHIFT = 0.14  # offset between the intervals of one model
# The operating points shown on the page; the CSV has more.
_SHOWN = {
    "youden": "Youden's J on validation",
    "sensitivity-99": "sensitivity ≥ 0.99 on validation",
    "local": "Youden's J there, cross-fitted",
}


def fig_external(record: Record) -> Shown:
    """Every model's AUC on the test set and each external set, and the ROC curves of each external set."""
    numbers, sets = record.figure("fig-external"), record.external
    first = next(iter(sets))
    models = list(sets[first].models)
    canvas = style.figure(record, height=3.6)
    areas, *charts = (style.plot(axes) for axes in canvas.subplots(1, 1 + len(sets)))
    shown = {"test set": (first, "here")} | {
        one.title: (name, "there") for name, one in sets.items()
    }
    colours = [style.INK, *style.MODELS[3:], *style.MODELS[1:3]]
    for place, (words, (name, where)) in enumerate(shown.items()):
        own = numbers.where(**{"kind": "auc", "set": name, "where": where}).rows()
        rows = np.arange(len(models)) + (place - len(sets) / 2) * _SHIFT
        look = {"fmt": "o", "color": colours[place % len(colours)], "label": words}
        intervals(areas, (Estimate.of(row, "auc") for row in own), rows, **look)
    titles = [two_lines(record.title(name)) for name in models]
    areas.set_yticks(range(len(models)), titles, fontsize=style.SMALL)
    areas.axvline(0.5, color=style.PALE, linewidth=1, zorder=0)
    areas.invert_yaxis()
    areas.set(xlabel="AUC")
    areas.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, fontsize=style.SMALL)
    looks = style.model_styles(record)
    curves = numbers.where(kind="roc")
    for axes, name in zip(charts, sets, strict=True):
        for model, both in curves.where(set=name).by("model"):
            for where, faded in (("here", 0.35), ("there", 1)):
                roc(axes, both.where(where=where), **looks[model], linewidth=1.4, alpha=faded)
        chance(axes, 0, 1)
        axes.set(xlabel="1 − specificity", ylabel="sensitivity", aspect="equal")
        axes.set_title(sets[name].title)
    handles = [
        Line2D([], [], **looks[model], label=record.title(model))
        for model in curves.distinct("model")
    ]
    canvas.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=style.SMALL)
    there = "; ".join(
        f"on {one.title} {_range(model.auc.value for model in one.models.values())}"
        for one in sets.values()
    )
    here = _range(model.here.value for model in sets[first].models.values())
    caption = f"""AUC is {here} on the test set, {there}. Left, AUC of every model on the test set and on
        images from elsewhere, mean over the seeds with 95 % intervals; the pale line is a model that knows
        nothing. Right, ROC curves of images from elsewhere, and pale those of the test
        set{several(record, ", first seed")}."""
    alt = f"Points with intervals, and ROC curves. AUC on the test set is {here}; {there}."
    return Shown(canvas, caption, alt)


def fig_external_scores(record: Record) -> Shown:
    """Each model's scores by class on the test set and on the first external set."""
    about = record.about
    name, there = next(iter(record.external.items()))
    numbers = record.figure("fig-external-scores").where(set=name)
    canvas = score_grid(record, numbers, {"here": "test set", "there": there.title})
    alarms = each(record, there.models, lambda one: percent(1 - one.specificity.value, 0))
    lead = f"""Share of {about.negative} images of {there.title} that are called {about.positive}, mean over
        the seeds: {alarms}."""
    caption = f"""{lead} Scores (logits) of {about.negative} images, above, and of {about.positive} images,
        below, for every model{several(record, ", first seed")}: the test set as an outline, {there.title}
        filled, each with the same area. The dotted line is the threshold that Youden's J chose on validation;
        what lies to its right is called {about.positive}."""
    return Shown(canvas, caption, f"A grid of histograms, one column per model. {lead}")


def tbl_external(record: Record) -> Table:
    return table(
        {
            "model": _with_set(record, title(record)),
            "AUC, test set >": found("here"),
            "AUC there >": found("auc"),
            "change >": found("change", sign=True),
            "pairs of one view >": found("within_view"),
            "AP from PA >": found("view_told"),
        },
        record.table("tbl-external").rows(),
        f"""AUC on the test set and on images from elsewhere, and the change; AUC over pairs of films of one
        view; and how well the same scores tell films taken from the front (AP) from films taken from behind
        (PA) within a class, where 0.5 is not at all. Means over the seeds with 95 % intervals; a {DASH} where
        views are not known.""",
    )


def tbl_external_points(record: Record) -> Table:
    rows = record.table("tbl-external-points").rows()
    return table(
        {
            "model": _with_set(record, title(record)),
            "threshold": lambda row: _SHOWN[row["threshold"]],
            "sensitivity >": found("sensitivity"),
            "specificity >": found("specificity"),
            "Youden's index >": found("index", sign=True),
        },
        (row for row in rows if row["threshold"] in _SHOWN),
        """Sensitivity and specificity elsewhere, at thresholds fixed on validation and at thresholds chosen
        there, where each patient is judged at one that other patients chose; and Youden's index, the sum of
        both less one, which is 0 for calls by chance. Means over the seeds with 95 % intervals.""",
        once=1,
    )


def tbl_external_calibration(record: Record) -> Table:
    return table(
        {
            "model": _with_set(record, title(record)),
            "mean probability >": value("predicted", number),
            "share observed >": value("observed", number),
            "intercept >": value("intercept", number, 2),
            "slope >": found("slope", 2, sign=True),
        },
        record.table("tbl-external-calibration").rows(),
        f"""Probabilities of {record.about.finding} elsewhere, as the networks give them: their mean beside
        the share observed, and the regression of the outcome on the logit. Right are an intercept of 0 and a
        slope of 1; at a slope of 0 the score tells nothing, below 0 it points the wrong way. Means over the
        seeds, the slope with its 95 % interval.""",
    )


def tbl_external_groups(record: Record) -> Table:
    about, best = record.about, record.best
    return table(
        {
            "by": value("kind"),
            "group": _with_set(record, lambda row: plain(row["group"])),
            f"{about.negative} >": value("negative", count),
            f"{about.positive} >": value("positive", count),
            "AUC >": found("auc"),
            "sensitivity >": found("sensitivity"),
            "specificity >": found("specificity"),
        },
        record.table("tbl-external-groups").where(model=best.name).rows(),
        f"""{best.title} on images from elsewhere by age in years, sex and view, where they are known: images
        of each class, AUC, and sensitivity and specificity at the threshold that Youden's J chose on
        validation. Means over the seeds with 95 % intervals; a {DASH} where a class has few images.""",
    )


def _with_set(record: Record, cell: Cell) -> Cell:
    """A cell, and the set of its row, if there are several."""
    sets = record.external
    return lambda row: cell(row) + (f", {sets[row['set']].title}" if len(sets) > 1 else "")


def _range(values: Iterable[float]) -> str:
    known = sorted(values)
    return f"{number(known[0], 2)} to {number(known[-1], 2)}"
