"""The films' ratio of width to height against labels, calls, AUCs and the fall of specificity."""

import math

from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import estimate, interval, number, p_value, percent, stacked
from pneumo.pages.shared import per_model, under_models
from pneumo.record import Estimate, Record

_SPLITS = {"train": "training", "val": "validation", "test": "test"}
_SEEDS = "means over seeds, 95 % intervals over patients and seeds"


def ratios(record: Record) -> Table:
    """Mean width to height by split and class, and how well it alone predicts the label."""
    numbers, areas = record.table("tbl-framing-ratios"), record.framing.auc_intervals
    rows = []
    for split, title in _SPLITS.items():
        if split in areas:
            means = map(Estimate.of, numbers.where(split=split).rows())
            rows.append([title, *(stacked(one, 3, 3) for one in (*means, areas[split]))])
    classes = " | ".join(f"mean, {name} >" for name in record.about.classes)
    return table(
        f"split | {classes} | AUC of the ratio alone >",
        rows,
        "Width to height of the films by split and class, and its AUC for "
        f"{record.about.positive}. 95 % intervals by patient.",
    )


def specificity(record: Record) -> Table:
    """Specificity in films of four shapes, at two thresholds."""
    numbers = record.table("tbl-framing-specificity")
    edges = [number(edge, 2) for edge in record.framing.edges]
    names = [f"below {edges[0]}", *(f"to {edge}" for edge in edges[1:]), "above"] if edges else []
    rows = []
    for name in numbers.distinct("model"):
        for rule, title in (("half", "0.5"), ("youden", "Youden's J")):
            found = map(Estimate.of, numbers.where(model=name, rule=rule).rows())
            first = record.title(name) if rule == "half" else ""
            rows.append([first, title, *(stacked(one, 2, 2) for one in found)])
    films = [f"{row['films']:.0f}" for row in numbers.rows()]
    heads = [f"{name} ({count}) >" for name, count in zip(names, films, strict=False)]
    return table(
        " | ".join(["model", "threshold", *heads]),
        rows,
        f"Specificity by the film's width to height, with the number of {record.about.negative} test films. "
        "Over the calls of all seeds; 95 % intervals by patient.",
    )


def aucs(record: Record) -> Table:
    """AUC of all pairs, of pairs with similar framing, and adjusted for framing."""
    return table(
        "model | AUC > | of pairs of like ratio > | adjusted > | adjusted minus AUC >",
        per_model(
            record,
            record.table("tbl-framing-auc"),
            lambda row: (
                [stacked(Estimate.of(row), 3, 3, sign="less" in row["auc"])]
                if row["auc"] != "like ratio less raw"
                else []
            ),
        ),
        f"Test AUC; that of only the pairs whose ratios differ by {number(record.framing.caliper, 2)} or "
        f"less; and that adjusted for the ratio [@janes2009]: {_SEEDS}.",
    )


def fall(record: Record) -> Table:
    """The fall of specificity, and the share of it that framing explains."""
    rows = [
        [
            record.title(name),
            *(number(one) for one in (found.promised, found.kept, found.standardised)),
            f"{percent(found.explained.value, 0)} ({interval(found.explained, 0, 100)})",
        ]
        for name, found in record.framing.falls.items()
    ]
    return table(
        "model | validation > | test > | test, framed as validation > | share explained >",
        rows,
        "Specificity at Youden's threshold on validation, on test, and on test weighted until its films have "
        f"the ratios of validation's; and the share of the fall that this gives back, {_SEEDS} "
        "[@fieller1954]. A dash: there may be no fall to explain.",
    )


def apart(record: Record) -> Table:
    """Whether normal test films can be told from those of development once both have similar framing."""
    rows = [
        [name, f"{found.first:,} and {found.second:,}", estimate(Estimate.of(vars(found), "auc"), 3, 3),
         p_value(found.p_value)]
        for name, found in record.framing.apart.items()
    ]  # fmt: skip
    return table(
        "films | development and test > | AUC (95 % interval) > | p >",
        rows,
        f"How well a classifier tells {record.about.negative} test films from those of development: all of "
        "them, those of development whose ratio is like a test film's, and as many drawn at random.",
    )


def doses(record: Record) -> Table:
    """The effect of a crop on films of each class."""
    return table(
        "model | class | films > | logits per 10 % > | points more called >",
        under_models(
            record,
            record.table("tbl-framing-dose"),
            lambda row: [
                row["class"],
                f"{row['films']:.0f}",
                stacked(Estimate.of(row, "slope"), 2, 2, sign=True),
                stacked(Estimate.of(row, "called"), 1, 1, scale=100, sign=True),
            ],
        ),
        f"Test films cropped tighter: change of the logit per 10 % of the side, down to "
        f"{number(record.framing.gentle, 1)} of it, and how many percentage points more are called "
        f"{record.about.positive} there, at Youden's threshold: {_SEEDS}.",
    )


def mended(record: Record) -> Table:
    """The effect of framing augmentation in training on AUC and on specificity by framing."""
    numbers = record.table("tbl-framing-mend")
    rows = []
    for model in numbers.distinct("model"):
        for place, change in enumerate(numbers.where(model=model).distinct("change")):
            own = numbers.where(model=model, change=change)
            found = {row["name"]: Estimate.of(row) for row in own.rows()}
            rows.append(
                [
                    "" if place else model,
                    change or "unchanged",
                    *(stacked(found[f"{name} auc"], 3, 3, sign=True) for name in ("val", "held")),
                    *(stacked(found[name], 2) for name in ("narrow", "wide")),
                    stacked(found["gap"], 2, sign=True),
                ]
            )
    edges = record.framing.edges or [math.nan]
    return table(
        "model | change | AUC, validation > | AUC, held-out > | narrow > | wide > | narrow minus wide >",
        rows,
        "Changes of framing in training: difference in AUC from the model's own recipe, on validation and on "
        "the held-out images; and specificity on test at Youden's threshold in narrow films (ratio below "
        f"{number(edges[0], 2)}), in wide ones ({number(edges[-1], 2)} or more), and the difference, with "
        "95 % intervals.",
    )
