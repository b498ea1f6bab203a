"""The films' ratio of width to height against labels, calls, AUCs and the fall of specificity."""

from collections.abc import Mapping
from typing import Any

from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import estimate, interval, number, p_value, percent, stacked
from pneumo.record import Estimate, Record
from pneumo.record.framing import Framing

_SPLITS = {"train": "training", "val": "validation", "test": "test"}
_SEEDS = "means over seeds, 95 % intervals over patients and seeds"


def ratios(record: Record) -> Table:
    """Mean width to height by split and class, and how well it alone predicts the label."""
    numbers = record.table("tbl-framing-ratios")
    areas = record.answer("framing", Framing).auc_intervals
    rows = [
        [
            title,
            *(stacked(_found(row), 3, 3) for row in numbers.where(split=split).rows()),
            stacked(areas[split], 3, 3),
        ]
        for split, title in _SPLITS.items()
        if split in areas
    ]
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
    edges = [number(edge, 2) for edge in record.answer("framing", Framing).edges]
    names = [f"below {edges[0]}", *(f"to {edge}" for edge in edges[1:]), "above"] if edges else []
    rows = []
    for name in numbers.distinct("model"):
        for place, (rule, title) in enumerate((("half", "0.5"), ("youden", "Youden's J"))):
            found = list(numbers.where(model=name, rule=rule).rows())
            cells = [stacked(_found(row), 2, 2) for row in found]
            rows.append(["" if place else record.models[name].title, title, *cells])
    films = [f"{row['films']:.0f}" for row in numbers.rows()][: len(names)]
    heads = " | ".join(f"{name} ({count}) >" for name, count in zip(names, films, strict=False))
    return table(
        f"model | threshold | {heads}" if heads else "model | threshold",
        rows,
        f"Specificity by the film's width to height, with the number of {record.about.negative} test films. "
        "Over the calls of all seeds; 95 % intervals by patient.",
        numbers.runs,
    )


def aucs(record: Record) -> Table:
    """AUC of all pairs, of pairs with similar framing, and adjusted for framing."""
    numbers = record.table("tbl-framing-auc")
    rows = [
        [
            record.models[name].title,
            *(
                stacked(_found(row), 3, 3, sign="less" in row["auc"])
                for row in numbers.where(model=name).rows()
                if row["auc"] != "like ratio less raw"
            ),
        ]
        for name in numbers.distinct("model")
    ]
    caliper = number(record.answer("framing", Framing).caliper, 2)
    return table(
        "model | AUC > | of pairs of like ratio > | adjusted > | adjusted minus AUC >",
        rows,
        f"Test AUC; that of only the pairs whose ratios differ by {caliper} or less; and that adjusted for "
        f"the ratio [@janes2009]: {_SEEDS}.",
        numbers.runs,
    )


def fall(record: Record) -> Table:
    """The fall of specificity, and the share of it that framing explains."""
    rows = [
        [
            record.models[name].title,
            *(number(one) for one in (found.promised, found.kept, found.standardised)),
            f"{percent(found.explained.value, 0)} ({interval(found.explained, 0, 100)})",
        ]
        for name, found in record.answer("framing", Framing).falls.items()
    ]
    return table(
        "model | validation > | test > | test, framed as validation > | share explained >",
        rows,
        "Specificity at Youden's threshold on validation, on test, and on test weighted until its films have "
        f"the ratios of validation's; and the share of the fall that this gives back, {_SEEDS} "
        "[@fieller1954]. A dash: there may be no fall to explain.",
        record.table("tbl-framing-fall").runs,
    )


def apart(record: Record) -> Table:
    """Whether normal test films can be told from those of development once both have similar framing."""
    rows = [
        [name, f"{found.first:,} and {found.second:,}", estimate(_ends(vars(found), "auc"), 3, 3),
         p_value(found.p_value)]
        for name, found in record.answer("framing", Framing).apart.items()
    ]  # fmt: skip
    return table(
        "films | development and test > | AUC (95 % interval) > | p >",
        rows,
        f"How well a classifier tells {record.about.negative} test films from those of development: all of "
        "them, those of development whose ratio is like a test film's, and as many drawn at random.",
    )


def doses(record: Record) -> Table:
    """The effect of a crop on films of each class."""
    numbers = record.table("tbl-framing-dose")
    gentle = record.answer("framing", Framing).gentle
    rows = [
        [
            "" if place else record.models[name].title,
            row["class"],
            f"{row['films']:.0f}",
            stacked(_ends(row, "slope"), 2, 2, sign=True),
            stacked(_ends(row, "called"), 1, 1, scale=100, sign=True),
        ]
        for name in numbers.distinct("model")
        for place, row in enumerate(numbers.where(model=name).rows())
    ]
    return table(
        "model | class | films > | logits per 10 % > | points more called >",
        rows,
        f"Test films cropped tighter: change of the logit per 10 % of the side, down to {number(gentle, 1)} "
        f"of it, and how many percentage points more are called {record.about.positive} there, "
        f"at Youden's threshold: {_SEEDS}.",
        numbers.runs,
    )


def mended(record: Record) -> Table:
    """The effect of framing augmentation in training on AUC and on specificity by framing."""
    numbers = record.table("tbl-framing-mend")
    rows: list[list[str]] = []
    shown = ""
    for model in numbers.distinct("model"):
        for change in numbers.where(model=model).distinct("change"):
            own = numbers.where(model=model, change=change)
            found = {row["name"]: _found(row) for row in own.rows()}
            rows.append(
                [
                    "" if model == shown else model,
                    change or "unchanged",
                    *(stacked(found[f"{name} auc"], 3, 3, sign=True) for name in ("val", "held")),
                    *(stacked(found[name], 2) for name in ("narrow", "wide")),
                    stacked(found["gap"], 2, sign=True),
                ]
            )
            shown = model
    edges = record.answer("framing", Framing).edges or [float("nan")]
    return table(
        "model | change | AUC, validation > | AUC, held-out > | narrow > | wide > | narrow minus wide >",
        rows,
        "Changes of framing in training: difference in AUC from the model's own recipe, on validation and on "
        "the held-out images; and specificity on test at Youden's threshold in narrow films (ratio below "
        f"{number(edges[0], 2)}), in wide ones ({number(edges[-1], 2)} or more), and the difference, with "
        "95 % intervals.",
        numbers.runs,
    )


TABLES = {
    "tbl-framing-ratios": ratios,
    "tbl-framing-specificity": specificity,
    "tbl-framing-auc": aucs,
    "tbl-framing-fall": fall,
    "tbl-framing-apart": apart,
    "tbl-framing-dose": doses,
    "tbl-framing-mend": mended,
}


def _found(row: Mapping[str, Any]) -> Estimate:
    return _ends(row, "value", "")


def _ends(row: Mapping[str, Any], name: str, prefix: str | None = None) -> Estimate:
    """The estimate in three cells of a row."""
    start = ("" if f"{name} low" not in row else f"{name} ") if prefix is None else prefix
    return Estimate(row[name], row[f"{start}low"], row[f"{start}high"])
