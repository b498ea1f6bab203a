"""ROC curves and scores of the models on external images."""

from collections.abc import Iterable

import numpy as np
from matplotlib.lines import Line2D

from pneumo.pages import style
from pneumo.pages.figures.pictures import two_lines
from pneumo.pages.figures.shift import score_grid
from pneumo.pages.numbers import number, percent
from pneumo.pages.shared import first_seed
from pneumo.pages.showing import Shown
from pneumo.record import Record

_SHIFT = 0.14  # offset between the intervals of one model


def curves(record: Record) -> Shown:
    """Every model's AUC on the test set and each external set, and the ROC curves of each external set."""
    numbers, sets = record.figure("fig-external"), record.external
    canvas = style.figure(record, height=3.6)
    areas, *charts = (style.plot(axes) for axes in canvas.subplots(1, 1 + len(sets)))
    models = list(next(iter(sets.values())).models)
    colours = [style.INK, *style.MODELS[3:], *style.MODELS[1:3]]
    for place, (name, colour) in enumerate(zip(("test set", *sets), colours, strict=False)):
        own = numbers.where(kind="auc", set=name if place else next(iter(sets)))
        own = own.where(where="there" if place else "here")
        rows = np.arange(len(models)) + (place - len(sets) / 2) * _SHIFT
        ends = np.abs(np.stack([own["auc low"], own["auc high"]]) - own["auc"])
        title = sets[name].title if place else name
        areas.errorbar(
            own["auc"], rows, xerr=ends, fmt="o", color=colour, markersize=4, label=title
        )
    titles = [two_lines(record.title(name)) for name in models]
    areas.set_yticks(range(len(models)), titles, fontsize=style.SMALL)
    areas.axvline(0.5, color=style.PALE, linewidth=1, zorder=0)
    areas.invert_yaxis()
    areas.set(xlabel="AUC")
    areas.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, fontsize=style.SMALL)
    looks = style.model_styles(record)
    for axes, name in zip(charts, sets, strict=True):
        for model in numbers.where(kind="roc").distinct("model"):
            for where, faded in (("here", 0.35), ("there", 1)):
                curve = numbers.where(kind="roc", set=name, model=model, where=where)
                axes.plot(
                    curve["false positive rate"], curve["sensitivity"],
                    **looks[model], linewidth=1.4, alpha=faded,
                )  # fmt: skip
        axes.plot([0, 1], [0, 1], color=style.PALE, linewidth=1, zorder=0)
        axes.set(xlabel="1 − specificity", ylabel="sensitivity", aspect="equal")
        axes.set_title(sets[name].title)
    handles = [
        Line2D([], [], **looks[model], label=record.title(model))
        for model in numbers.where(kind="roc").distinct("model")
    ]
    canvas.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=style.SMALL)
    caption = (
        "Left, AUC of every model on the test set and on images from elsewhere, mean over the seeds with "
        "95 % intervals; the pale line is a model that knows nothing. Right, ROC curves of images from "
        f"elsewhere, and pale those of the test set{first_seed(record)}."
    )
    there = "; ".join(
        f"on {found.title} {_stretch(one.auc.value for one in found.models.values())}"
        for name, found in sets.items()
    )
    here = _stretch(one.here.value for one in next(iter(sets.values())).models.values())
    alt = f"Points with intervals, and ROC curves. AUC on the test set is {here}; {there}."
    found = f"AUC is {here} on the test set, {there}."
    return Shown(canvas, f"{found} {caption}", alt)


def scores(record: Record) -> Shown:
    """Each model's scores by class on the test set and on the first external set."""
    sets, about = record.external, record.about
    name = next(iter(sets))
    shown = record.figure("fig-external-scores").where(set=name)
    title = sets[name].title
    canvas = score_grid(record, shown, {"here": "test set", "there": title})
    caption = (
        f"Scores (logits) of {about.negative} images, above, and of {about.positive} images, below, for "
        f"every model{first_seed(record)}: the test set as an outline, {title} filled, each with the same "
        "area. The dotted line is the threshold that Youden's J chose on validation; what lies to its right "
        f"is called {about.positive}."
    )
    alarms = "; ".join(
        f"{record.title(model)} {percent(1 - found.specificity.value, 0)}"
        for model, found in sets[name].models.items()
    )
    lead = (
        f"Share of {about.negative} images of {title} that are called {about.positive}, mean over the seeds: "
        f"{alarms}."
    )
    alt = f"A grid of histograms, one column per model. {lead}"
    return Shown(canvas, f"{lead} {caption}", alt)


def _stretch(values: Iterable[float]) -> str:
    known = sorted(values)
    return f"{number(known[0], 2)} to {number(known[-1], 2)}"
