"""Whether probabilities mean what they say, and what acting on them is worth."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter
from numpy.typing import NDArray

from pneumo.analysis import calibration, decisions
from pneumo.analysis.calibration import Bin
from pneumo.base.provenance import drawn
from pneumo.pages import style
from pneumo.statistics import metrics
from pneumo.study import selection
from pneumo.study.study import RULES, Model, Study
from pneumo.training.runs import Run

COLUMNS = 3


@drawn
def reliability(study: Study) -> Figure:
    """Each model's reliability on the test set, before and after temperature scaling, and its scores."""
    rows = -(-len(study.ran) // COLUMNS)
    canvas = style.figure(study, height=2.75 * rows + 0.55)
    grid = canvas.subplots(
        2 * rows, COLUMNS, squeeze=False, sharex=True, sharey="row", height_ratios=[4.2, 1] * rows
    )
    for axes in grid.flat[len(study.ran) :]:
        axes.set_visible(False)
    looks = style.model_styles(study)
    for place, model in enumerate(study.ran):
        row, column = divmod(place, COLUMNS)
        upper, lower = grid[2 * row, column], grid[2 * row + 1, column]
        for axes in (upper, lower):
            axes.set_visible(True)
        _reliability(upper, model, looks[model.name]["color"])
        _scores(lower, model.run, looks[model.name]["color"])
        if column == 0:
            upper.set_ylabel("observed share")
            lower.set_ylabel("cases")
        # The lowest of its column says what lies along it.
        if place + COLUMNS >= len(study.ran):
            lower.set_xlabel(f"probability of {study.about.finding}")
            lower.tick_params(labelbottom=True)
    first = grid[0, 0]
    handles = [
        first.errorbar([], [], yerr=[], **_points(style.INK, filled=False)),
        first.errorbar([], [], yerr=[], **_points(style.INK, filled=True)),
    ]
    canvas.legend(
        handles,
        ["as the network gives it", "after temperature scaling on validation"],
        loc="outside lower center", ncols=2,
    )  # fmt: skip
    return canvas


@drawn
def decision_curve(study: Study) -> Figure:
    """Net benefit by threshold probability, for the test set's prevalence and for lower ones."""
    canvas = style.figure(study, height=4.6)
    prevalences: tuple[float | None, ...] = (None, *decisions.WARDS)
    grid = canvas.subplots(2, len(prevalences), sharex="col", sharey="col")
    looks = style.model_styles(study)
    here = float(study.data.test.labels.mean())
    for row, scaled in enumerate((False, True)):
        for column, prevalence in enumerate(prevalences):
            axes = style.plot(grid[row, column])
            share = prevalence or here
            everybody = decisions.treat_all(share)
            axes.plot(
                decisions.THRESHOLDS, everybody, color=style.INK, linewidth=1, label="treat all"
            )
            axes.axhline(0, color=style.INK, linewidth=1, linestyle=":", label="treat none")
            for model in study.ran:
                benefit = decisions.decision_curve(study, model, prevalence, scaled)
                axes.plot(
                    decisions.THRESHOLDS, benefit,
                    **looks[model.name], linewidth=1.4, label=model.title,
                )  # fmt: skip
            # Where few are sick, nobody would ask for near certainty before acting.
            axes.set(xlim=(0, min(1, 10 * share)), ylim=(-0.12 * share, 1.06 * share))
            if row == 0:
                of = "the test set's" if prevalence is None else "shifted to"
                axes.set_title(f"{of} {100 * share:.3g} %", fontsize=style.HEAD)
            else:
                axes.set_xlabel("threshold probability")
        how = "temperature-scaled" if scaled else "as given"
        grid[row, 0].set_ylabel(f"{how}\nnet benefit")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    canvas.legend(handles, labels, loc="outside lower center", ncols=3)
    return canvas


@drawn
def predictive_values(study: Study) -> Figure:
    """PPV and NPV over prevalence at the operating points of the model that is best on validation."""
    model = selection.best(study)
    canvas = style.figure(study, height=3.4)
    left, right = (style.plot(axes) for axes in canvas.subplots(1, 2))
    prevalences = np.geomspace(decisions.PREVALENCES[0], decisions.PREVALENCES[-1], 61)
    looks = style.looks(rule.name for rule in RULES)
    here = float(study.data.test.labels.mean())
    for axes, place in ((left, 0), (right, 1)):
        for rule in RULES:
            counts = model.confusion(rule)
            found = [decisions.predictive_values(counts, one)[place] for one in prevalences]
            values, low, high = np.array([(one.value, one.low, one.high) for one in found]).T
            axes.plot(prevalences, values, **looks[rule.name], linewidth=1.5, label=rule.title)
            axes.fill_between(
                prevalences, low, high, color=looks[rule.name]["color"], alpha=0.15, lw=0
            )
        axes.axvline(here, color=style.GREY, linewidth=0.9, linestyle=":")
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(decisions.PREVALENCES))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=""))
        axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=""))
        axes.set_xlabel(f"prevalence of {study.about.finding}, %")
    left.set(ylabel=f"{study.about.positive} calls that are right (PPV), %", ylim=(0, 1.02))
    right.set_ylabel(f"{study.about.negative} calls that are right (NPV), %")
    handles, labels = left.get_legend_handles_labels()
    canvas.legend(handles, labels, loc="outside lower center", ncols=2)
    return canvas


def _reliability(axes: Axes, model: Model, colour: str) -> None:
    style.plot(axes).plot([0, 1], [0, 1], color=style.PALE, linewidth=1.2, zorder=0)
    for run in model.runs[1:]:
        bins = _bins(run, scaled=True)
        points = [one.predicted for one in bins], [one.observed for one in bins]
        axes.plot(*points, color=colour, alpha=0.3, linewidth=0.8)
    for scaled in (False, True):
        bins = _bins(model.run, scaled)
        observed = np.array([one.observed for one in bins])
        low, high = (np.array([getattr(one, end) for one in bins]) for end in ("low", "high"))
        axes.errorbar(
            [one.predicted for one in bins], observed, yerr=np.abs([observed - low, high - observed]),
            **_points(colour if scaled else style.INK, filled=scaled),
        )  # fmt: skip
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
    axes.set_title(model.title, fontsize=style.HEAD)


def _scores(axes: Axes, run: Run, colour: str) -> None:
    """How often each probability is given, before (outline) and after (filled)."""
    style.plot(axes).grid(False)
    edges = np.linspace(0, 1, 21).tolist()
    before, after = (_probabilities(run, scaled) for scaled in (False, True))
    axes.hist(after, edges, color=colour, alpha=0.55)
    axes.hist(before, edges, histtype="step", color=style.INK, linewidth=0.8)


def _bins(run: Run, scaled: bool) -> tuple[Bin, ...]:
    logits = calibration.logits_of(run, "test", scaled)
    return calibration.reliability(run.predictions["test"].labels, logits)


def _probabilities(run: Run, scaled: bool) -> NDArray[np.float64]:
    return metrics.probabilities(calibration.logits_of(run, "test", scaled))


def _points(colour: str, filled: bool) -> dict[str, Any]:
    """The look of bins: hollow before, filled after."""
    return {
        "color": colour,
        "marker": "o",
        "markersize": 4,
        "markerfacecolor": colour if filled else style.PAGE,
        "linewidth": 1.2 if filled else 0.9,
        "elinewidth": 0.9,
        "zorder": 3 if filled else 2,
    }
