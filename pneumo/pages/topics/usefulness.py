"""Calibration, net benefit and predictive values."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter

from pneumo.pages import style
from pneumo.pages.drawing import Shown
from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import count, estimate, number, percent, plural, stretch
from pneumo.pages.shared import SPLITS, each, over_seeds, several, title, value
from pneumo.record import Estimate, Frame, Record

COLUMNS = 3


def fig_reliability(record: Record) -> Shown:
    """Each model's reliability on the test set, before and after temperature scaling, and its scores."""
    numbers = record.figure("fig-reliability")
    about, looks = record.about, style.model_styles(record)
    models = numbers.distinct("model")
    rows = -(-len(models) // COLUMNS)
    canvas = style.figure(record, height=2.75 * rows + 0.55)
    grid = canvas.subplots(
        2 * rows, COLUMNS, squeeze=False, sharex=True, sharey="row", height_ratios=[4.2, 1] * rows
    )
    for axes in grid.flat:
        axes.set_visible(False)
    for place, name in enumerate(models):
        row, column = divmod(place, COLUMNS)
        upper, lower = grid[2 * row : 2 * row + 2, column]
        for axes, draw in ((upper, _bins), (lower, _histogram)):
            axes.set_visible(True)
            draw(axes, numbers.where(model=name), looks[name]["color"])
        upper.set_title(record.title(name), fontsize=style.HEAD)
        if column == 0:
            upper.set_ylabel("observed share")
            lower.set_ylabel("cases")
        # Only the lowest panel of a column labels the axis.
        if place + COLUMNS >= len(models):
            lower.set_xlabel(f"probability of {about.finding}")
            lower.tick_params(labelbottom=True)
    handles = [
        grid[0, 0].errorbar([], [], yerr=[], **_points(style.INK, filled=filled))
        for filled in (False, True)
    ]
    titles = ["as the network gives it", "after temperature scaling on validation"]
    canvas.legend(handles, titles, loc="outside lower center", ncols=2)
    answer = record.calibration
    found = f"""{percent(answer.as_given.predicted)} {about.finding} where {percent(answer.observed)} is
        observed"""
    others = several(
        record, "The first seed is drawn with marks, the others, scaled, as faint lines."
    )
    caption = f"""{record.best.title}, as the network gives it, expects {found}. Reliability on the test set,
        one panel per model: the observed share of {about.finding} against the mean probability in
        {answer.bins} bins of equally many cases, hollow as the network gives it, filled after temperature
        scaling on validation, with Wilson's 95 % intervals over {record.units}. Probabilities of points below
        the diagonal are too high. {others} Below: how many cases get each probability, outlined before and
        filled after scaling."""
    test = record.table("tbl-calibration").where(split="test")
    errors = {name: " and ".join(map(number, own["ece"])) for name, own in test.by("model")}
    alt = f"""One panel per model of observed share against probability. {record.best.title} expects {found}.
        Calibration error before and after temperature scaling: {each(record, errors, str)}."""
    return Shown(canvas, caption, alt)


def fig_decision_curve(record: Record) -> Shown:
    """Net benefit by threshold probability, at the test set's prevalence and at lower ones."""
    numbers = record.figure("fig-decision-curve")
    looks = style.model_styles(record)
    kinds = numbers.distinct("probabilities")
    populations = list(
        dict.fromkeys(zip(numbers["population"], numbers["prevalence"], strict=True))
    )
    banded = "low" in numbers.columns
    canvas = style.figure(record, height=4.8)
    grid = canvas.subplots(len(kinds), len(populations), sharex="col", sharey="col", squeeze=False)
    for line_of_charts, kind in zip(grid, kinds, strict=True):
        for axes, (population, share) in zip(line_of_charts, populations, strict=True):
            chart = numbers.where(probabilities=kind, population=population, prevalence=share)
            style.plot(axes).axhline(
                0, color=style.INK, linewidth=1, linestyle=":", label="treat none"
            )
            for strategy, line in chart.by("strategy"):
                model = record.models.get(strategy)
                look = looks[strategy] if model else {"color": style.INK}
                axes.plot(
                    line["threshold"], line["net benefit"], **look,
                    linewidth=1.4 if model else 1, label=model.title if model else strategy,
                )  # fmt: skip
                if banded and strategy == record.best.name:
                    axes.fill_between(
                        line["threshold"], line["low"], line["high"], color=look["color"], alpha=0.15,
                        linewidth=0, label=f"95 % band of {record.best.title}",
                    )  # fmt: skip
            # For a rare finding, nobody would require near certainty before acting.
            axes.set(xlim=(0, min(1, 10 * share)), ylim=(-0.12 * share, 1.06 * share))
        line_of_charts[0].set_ylabel(f"{kind}\nnet benefit")
    for axes, (population, share) in zip(grid[0], populations, strict=True):
        of = "the test set's" if population == "test set" else "shifted to"
        axes.set_title(f"{of} {100 * share:.3g} %", fontsize=style.HEAD)
    for axes in grid[-1]:
        axes.set_xlabel("threshold probability")
    canvas.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    answer = record.decisions
    band = f"The band is pointwise, over {record.units}{several(record, ' and seeds')}."
    caption = f"""After temperature scaling, the curve of {record.best.title} on the test set lies above both
        defaults {stretch(answer.scaled)}. Net benefit by threshold
        probability{several(record, ", means over {} seeds")}: above with the probabilities as the networks
        give them, below temperature-scaled. Left: the test set as it is. Beside it: the same sensitivities
        and specificities at lower prevalences, with every probability moved by the difference in log odds.
        {band if banded else ""} A model is useful where its curve lies above both black lines."""
    wards = "; ".join(
        f"at a prevalence of {percent(ward.prevalence, 0)} {stretch(ward.better)}"
        for ward in answer.wards
    )
    alt = f"""{grid.size} charts of net benefit against threshold probability. On the test set
        {record.best.title} is better than treating everyone and than treating no one
        {stretch(answer.as_given)} with probabilities as given and {stretch(answer.scaled)} after temperature
        scaling; then {wards}."""
    return Shown(canvas, caption, alt)


def fig_predictive_values(record: Record) -> Shown:
    """PPV and NPV by prevalence at the operating points of the best model."""
    numbers = record.figure("fig-predictive-values")
    about, best = record.about, record.best
    ticks = record.table("tbl-prevalence").distinct("prevalence")
    canvas = style.figure(record, height=3.4)
    left, right = (style.plot(axes) for axes in canvas.subplots(1, 2))
    looks = style.looks(numbers.distinct("rule"))
    for axes, metric in ((left, "PPV"), (right, "NPV")):
        for rule, look in looks.items():
            line = numbers.where(metric=metric, rule=rule)
            shares, rule_title = line["prevalence"], best.point(rule).rule
            axes.plot(shares, line["value"], **look, linewidth=1.5, label=rule_title)
            axes.fill_between(
                shares, line["low"], line["high"], color=look["color"], alpha=0.15, lw=0
            )
        axes.axvline(record.decisions.prevalence, color=style.GREY, linewidth=0.9, linestyle=":")
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(ticks))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=""))
        axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=""))
        axes.set_xlabel(f"prevalence of {about.finding}, %")
    left.set(ylabel=f"{about.positive} calls that are right (PPV), %", ylim=(0, 1.02))
    right.set_ylabel(f"{about.negative} calls that are right (NPV), %")
    canvas.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    common, rare = (
        next(record.table("tbl-prevalence").where(rule="youden", prevalence=share).rows())
        for share in (ticks[-1], ticks[0])
    )
    lead = f"""At the threshold that Youden's J chose, {percent(common["ppv"])} of the {about.positive} calls
        are right at a prevalence of {percent(common["prevalence"], 0)} and {percent(rare["ppv"])} at
        {percent(rare["prevalence"], 0)}"""
    caption = f"""{lead}. Predictive values of {best.title} by prevalence (logarithmic), for each operating
        point, with 95 % intervals{several(record, "; first seed")}. The dotted line marks the test set's
        prevalence. The scale on the right does not begin at zero."""
    alt = f"""Two charts with a curve for each of {plural(len(looks), "operating point")}. {lead}; of the
        {about.negative} calls {percent(common["npv"])} and {percent(rare["npv"])} are right."""
    return Shown(canvas, caption, alt)


def tbl_calibration(record: Record) -> Table:
    numbers = record.table("tbl-calibration")
    of_val, of_test = (
        number(numbers.where(split=split)["uncertainty"][0]) for split in ("val", "test")
    )
    return table(
        {
            "model": title(record),
            "images": lambda row: SPLITS[row["split"]],
            "T >": value("temperature", number, 2),
            "Brier >": value("brier", number),
            "reliability >": value("reliability", number),
            "resolution >": value("resolution", number),
            "ECE >": value("ece", number),
            "intercept >": value("intercept", number, 2),
            "slope >": value("slope", number, 2),
        },
        numbers.rows(),
        f"""Calibration on validation and test, as given (T = 1) and after division of the logits by the
        temperature T that validation chose; {over_seeds(record)}. The Brier score is reliability less
        resolution plus uncertainty [@murphy1973]. Uncertainty is {of_val} on validation and {of_test} on test
        for every model; what varies within the {record.calibration.bins} bins of equal count is part of
        resolution [@stephenson2008]. ECE: expected calibration error over the same bins [@naeini2015;
        @roelofs2022]. Intercept and slope are 0 and 1 where nothing needs correction; ∞ or a dash where they
        cannot be fitted.""",
        once=2,
    )


def tbl_prevalence(record: Record) -> Table:
    best, about = record.best, record.about
    return table(
        {
            "chosen by": lambda row: best.point(row["rule"]).short,
            "prevalence >": lambda row: f"{100 * row['prevalence']:g} %",
            "PPV, % >": lambda row: estimate(Estimate.of(row, "ppv"), 1, 1, scale=100),
            "NPV, % >": lambda row: estimate(Estimate.of(row, "npv"), 1, 1, scale=100),
            "called >": value("called", count),
            "alarms >": value("alarms", count),
            "missed >": value("missed", count),
        },
        record.table("tbl-prevalence").rows(),
        f"""Predictive values of {best.title} by prevalence, from its rates on the test set, with 95 %
        intervals{several(record, ", first seed")}; and, of {count(record.decisions.example.among)}
        {about.people}, how many it calls {about.positive}, how many of these calls are false alarms, and how
        many with {about.condition} it misses, rounded to whole {about.people}.""",
        once=1,
    )


def _bins(axes: Axes, model: Frame, colour: str) -> None:
    """Observed share by probability: the first seed before and after scaling, the other seeds after it."""
    bins = model.where(chart="reliability")
    first, *others = bins.distinct("seed")
    style.plot(axes).plot([0, 1], [0, 1], color=style.PALE, linewidth=1.2, zorder=0)
    for seed in others:
        line = bins.where(seed=seed, probabilities="temperature-scaled")
        axes.plot(line["predicted"], line["observed"], color=colour, alpha=0.3, linewidth=0.8)
    for kind in bins.distinct("probabilities"):
        points = bins.where(seed=first, probabilities=kind)
        scaled = kind == "temperature-scaled"
        observed = points["observed"]
        reach = np.abs([observed - points["low"], points["high"] - observed])
        axes.errorbar(
            points["predicted"], observed, yerr=reach,
            **_points(colour if scaled else style.INK, filled=scaled),
        )  # fmt: skip
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))


def _histogram(axes: Axes, model: Frame, colour: str) -> None:
    """A histogram of the probabilities, before scaling (outline) and after (filled)."""
    style.plot(axes).grid(False)
    bars = model.where(chart="histogram")
    for kind in reversed(bars.distinct("probabilities")):
        own = bars.where(probabilities=kind)
        edges = [*own["from"], own["to"][-1]]
        filled = kind == "temperature-scaled"
        look: dict[str, Any] = (
            {"color": colour, "alpha": 0.55} if filled else {"color": style.INK, "linewidth": 0.8}
        )
        axes.stairs(own["count"], edges, fill=filled, **look)


def _points(colour: str, filled: bool) -> dict[str, Any]:
    """The style of bins: hollow before scaling, filled after."""
    return {
        "color": colour,
        "marker": "o",
        "markersize": 4,
        "markerfacecolor": colour if filled else style.PAGE,
        "linewidth": 1.2 if filled else 0.9,
        "elinewidth": 0.9,
        "zorder": 3 if filled else 2,
    }
