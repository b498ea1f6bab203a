"""The films' ratio of width to height against labels, calls, AUCs and the fall of specificity."""

import math

from pneumo.pages import style
from pneumo.pages.drawing import Shown
from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import (
    count,
    estimate,
    interval,
    number,
    p_value,
    percent,
    plural,
    signed,
    stacked,
)
from pneumo.pages.pictures import model_charts
from pneumo.pages.shared import SPLITS, each, found, spread, title, value
from pneumo.record import Estimate, Record

_SEEDS = "means over seeds, 95 % intervals over patients and seeds"


def fig_framing_specificity(record: Record) -> Shown:
    """Each model's specificity by width to height, smoothed, at two thresholds."""
    numbers, about = record.figure("fig-framing-specificity"), record.about
    names = numbers.distinct("model")
    canvas, grid = model_charts(record, names, height=2.4)
    ends = {}
    for axes, (name, of_model) in zip(grid, numbers.by("model"), strict=False):
        colour = style.model_styles(record)[name]["color"]
        for rule, words, dash in (
            ("youden", "at Youden's threshold", "-"),
            ("half", "at 0.5", "--"),
        ):
            own = of_model.where(rule=rule)
            axes.plot(own["ratio"], own["value"], dash, color=colour, label=words, linewidth=1.4)
            if rule == "youden":
                axes.fill_between(own["ratio"], own["low"], own["high"], color=colour, alpha=0.2)
                ends[name] = own["value"][[0, -1]]
        axes.set_ylim(0, 1.02)
        axes.set_xlabel("width to height", fontsize=style.TEXT)
        axes.tick_params(labelsize=style.SMALL)
    grid[0].set_ylabel("specificity")
    canvas.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    changes = each(record, ends, lambda one: f"from {number(one[0], 2)} to {number(one[1], 2)}")
    lead = f"""From the narrowest {about.negative} test films to the widest, specificity at Youden's threshold
        goes: {changes}."""
    caption = f"""{lead} Share of {about.negative} films called {about.negative}, by the film's ratio of width
        to height: a smooth curve for every model, mean over its seeds. The band is the 95 % interval at each
        ratio at Youden's threshold, from a bootstrap by patient; the dashed line is at 0.5."""
    return Shown(canvas, caption, f"{plural(len(names), 'line chart')}. {lead}")


def fig_framing_dose(record: Record) -> Shown:
    """The effect of tighter crops of the same negative films on their scores and calls."""
    about, framing = record.about, record.framing
    numbers = record.figure("fig-framing-dose").where(**{"class": about.negative})
    canvas = style.figure(record, height=2.9)
    left, right = (style.plot(axes) for axes in canvas.subplots(1, 2))
    called, changes = {}, {}
    for name, look in style.model_styles(record).items():
        line = numbers.where(model=name)
        if not len(line):
            continue
        left.plot(line["factor"], line["change"], **look, label=record.title(name))
        right.plot(line["factor"], line["called"], **look)
        for axes, prefix in ((left, ""), (right, "called ")):
            low, high = line[f"{prefix}low"], line[f"{prefix}high"]
            axes.fill_between(line["factor"], low, high, color=look["color"], alpha=0.15)
        gentle = line.where(factor=framing.gentle)
        now, then = (percent(one["called"][0], 0) for one in (gentle, line))
        called[name] = f"from {then} to {now}"
        changes[name] = (
            f"""by {signed(gentle["change"][0], 2)}, with {now} called {about.positive} instead of {then}"""
        )
    left.axhline(0, color=style.GREY, linewidth=0.9)
    left.set_ylabel("change of the logit")
    right.set_ylabel(f"share called {about.positive}")
    for axes in (left, right):
        axes.axvline(framing.gentle, color=style.GREY, linewidth=0.9, linestyle=":")
        axes.set_xlabel("share of the side that is seen")
        axes.set_xlim(1.01, min(framing.factors, default=0.5) - 0.01)  # tighter to the right
    canvas.legend(loc="outside lower center", ncols=3)
    films = plural(framing.films.get(about.negative, 0), f"{about.negative} test film")
    cropped = f"Cropped to {number(framing.gentle, 1)} of the side"
    caption = f"""{cropped}, the share of {about.negative} films called {about.positive} goes:
        {each(record, called, str)}. The same {films} cropped tighter and tighter: mean change of the logit
        against the whole square (left), and that share at Youden's threshold (right). Means over seeds, with
        95 % intervals over patients and seeds. Crops beyond the dotted line change the framing more than
        films differ among themselves."""
    alt = f"""Two line charts, one line per model. {cropped}, logits change: {each(record, changes, str)}."""
    return Shown(canvas, caption, alt)


def tbl_framing_ratios(record: Record) -> Table:
    numbers, areas = record.table("tbl-framing-ratios"), record.framing.auc_intervals
    rows = []
    for split, words in SPLITS.items():
        if split in areas:
            means = map(Estimate.of, numbers.where(split=split).rows())
            rows.append([words, *(stacked(one, 3, 3) for one in (*means, areas[split]))])
    classes = " | ".join(f"mean, {name} >" for name in record.about.classes)
    return table(
        f"split | {classes} | AUC of the ratio alone >",
        rows,
        f"""Width to height of the films by split and class, and its AUC for {record.about.positive}. 95 %
        intervals by patient.""",
    )


def tbl_framing_specificity(record: Record) -> Table:
    numbers = record.table("tbl-framing-specificity")
    edges = [number(edge, 2) for edge in record.framing.edges]
    names = [f"below {edges[0]}", *(f"to {edge}" for edge in edges[1:]), "above"] if edges else []
    heads = [
        f"{name} ({count(row['films'])}) >"
        for name, row in zip(names, numbers.rows(), strict=False)
    ]
    rules = {"half": "0.5", "youden": "Youden's J"}
    rows = [
        [record.title(name), *row]
        for name, own in numbers.by("model")
        for row in spread(own, "rule", lambda rule: rules[rule], found("value", 2, 2))
    ]
    return table(
        " | ".join(["model", "threshold", *heads]),
        rows,
        f"""Specificity by the film's width to height, with the number of {record.about.negative} test films.
        Over the calls of all seeds; 95 % intervals by patient.""",
        once=1,
    )


def tbl_framing_auc(record: Record) -> Table:
    numbers = record.table("tbl-framing-auc")
    rows = [
        [record.title(name)]
        + [
            stacked(Estimate.of(row), 3, 3, sign="less" in row["auc"])
            for row in own.rows()
            if row["auc"] != "like ratio less raw"
        ]
        for name, own in numbers.by("model")
    ]
    return table(
        "model | AUC > | of pairs of like ratio > | adjusted > | adjusted minus AUC >",
        rows,
        f"""Test AUC; that of only the pairs whose ratios differ by {number(record.framing.caliper, 2)} or
        less; and that adjusted for the ratio [@janes2009]: {_SEEDS}.""",
    )


def tbl_framing_fall(record: Record) -> Table:
    """The fall of specificity, and the share of it that framing explains."""
    rows = [
        [
            record.title(name),
            *map(number, (fall.promised, fall.kept, fall.standardised)),
            f"{percent(fall.explained.value, 0)} ({interval(fall.explained, 0, 100)})",
        ]
        for name, fall in record.framing.falls.items()
    ]
    return table(
        "model | validation > | test > | test, framed as validation > | share explained >",
        rows,
        f"""Specificity at Youden's threshold on validation, on test, and on test weighted until its films
        have the ratios of validation's; and the share of the fall that this gives back, {_SEEDS}
        [@fieller1954]. A dash: there may be no fall to explain.""",
    )


def tbl_framing_apart(record: Record) -> Table:
    rows = [
        [name, f"{one.first:,} and {one.second:,}", estimate(Estimate.of(vars(one), "auc"), 3, 3),
         p_value(one.p_value)]
        for name, one in record.framing.apart.items()
    ]  # fmt: skip
    return table(
        "films | development and test > | AUC (95 % interval) > | p >",
        rows,
        f"""How well a classifier tells {record.about.negative} test films from those of development: all of
        them, those of development whose ratio is like a test film's, and as many drawn at random.""",
    )


def tbl_framing_dose(record: Record) -> Table:
    return table(
        {
            "model": title(record),
            "class": value("class"),
            "films >": value("films", count),
            "logits per 10 % >": found("slope", 2, sign=True),
            "points more called >": found("called", 1, 1, scale=100, sign=True),
        },
        record.table("tbl-framing-dose").rows(),
        f"""Test films cropped tighter: change of the logit per 10 % of the side, down to
        {number(record.framing.gentle, 1)} of it, and how many percentage points more are called
        {record.about.positive} there, at Youden's threshold: {_SEEDS}.""",
        once=1,
    )


def tbl_framing_mend(record: Record) -> Table:
    rows = [
        {"model": model, "change": change} | {row["name"]: Estimate.of(row) for row in own.rows()}
        for model, of_model in record.table("tbl-framing-mend").by("model")
        for change, own in of_model.by("change")
    ]
    edges = record.framing.edges or [math.nan]
    return table(
        {
            "model": value("model"),
            "change": lambda row: row["change"] or "unchanged",
            "AUC, validation >": lambda row: stacked(row["val auc"], 3, 3, sign=True),
            "AUC, held-out >": lambda row: stacked(row["held auc"], 3, 3, sign=True),
            "narrow >": lambda row: stacked(row["narrow"], 2),
            "wide >": lambda row: stacked(row["wide"], 2),
            "narrow minus wide >": lambda row: stacked(row["gap"], 2, sign=True),
        },
        rows,
        f"""Changes of framing in training: difference in AUC from the model's own recipe, on validation and
        on the held-out images; and specificity on test at Youden's threshold in narrow films (ratio below
        {number(edges[0], 2)}), in wide ones ({number(edges[-1], 2)} or more), and the difference, with 95 %
        intervals.""",
        once=1,
    )
