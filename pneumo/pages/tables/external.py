"""The models' results on external images."""

from collections.abc import Mapping
from typing import Any

from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import DASH, count, number, plain, stacked
from pneumo.record import Estimate, Record

# The operating points shown on the page; the CSV has more.
_SHOWN = {
    "youden": "Youden's J on validation",
    "sensitivity-99": "sensitivity ≥ 0.99 on validation",
    "local": "Youden's J there, cross-fitted",
}


def changes(record: Record) -> Table:
    """Each model's AUC on the test set and elsewhere, and the influence of the view."""
    names = ("here", "auc", "change", "within_view", "view_told")
    return table(
        "model | AUC, test set > | AUC there > | change > | pairs of one view > | AP from PA >",
        [
            [_named(record, row), *(_estimate(row, name, sign=name == "change") for name in names)]
            for row in record.table("tbl-external").rows()
        ],
        "AUC on the test set and on images from elsewhere, and the change; AUC over pairs of films of one "
        "view; and how well the same scores tell films taken from the front (AP) from films taken from "
        "behind (PA) within a class, where 0.5 is not at all. Means over the seeds with 95 % intervals; a "
        f"{DASH} where views are not known.",
    )


def points(record: Record) -> Table:
    """Sensitivity and specificity elsewhere, at the study's thresholds and at thresholds chosen there."""
    first, names = next(iter(_SHOWN)), ("sensitivity", "specificity", "index")
    return table(
        "model | threshold | sensitivity > | specificity > | Youden's index >",
        [
            [
                _named(record, row) if row["threshold"] == first else "",
                _SHOWN[row["threshold"]],
                *(_estimate(row, name, sign=name == "index") for name in names),
            ]
            for row in record.table("tbl-external-points").rows()
            if row["threshold"] in _SHOWN
        ],
        "Sensitivity and specificity elsewhere, at thresholds fixed on validation and at thresholds chosen "
        "there, where each patient is judged at one that other patients chose; and Youden's index, the sum "
        "of both less one, which is 0 for calls by chance. Means over the seeds with 95 % intervals.",
    )


def calibration(record: Record) -> Table:
    """Calibration on external images."""
    rows = [
        [_named(record, row), number(row["predicted"]), number(row["observed"]),
         number(row["intercept"], 2), _estimate(row, "slope", 2, sign=True)]
        for row in record.table("tbl-external-calibration").rows()
    ]  # fmt: skip
    return table(
        "model | mean probability > | share observed > | intercept > | slope >",
        rows,
        f"Probabilities of {record.about.finding} elsewhere, as the networks give them: their mean beside "
        "the share observed, and the regression of the outcome on the logit. Right are an intercept of 0 and "
        "a slope of 1; at a slope of 0 the score tells nothing, below 0 it points the wrong way. Means over "
        "the seeds, the slope with its 95 % interval.",
    )


def groups(record: Record) -> Table:
    """The best model's AUC and rates by age, sex and view."""
    about, best = record.about, record.best
    rows = [
        [
            row["kind"], plain(row["group"]) + _of(record, row),
            count(row["negative"]), count(row["positive"]),
            *(_estimate(row, name) for name in ("auc", "sensitivity", "specificity")),
        ]
        for row in record.table("tbl-external-groups").where(model=best.name).rows()
    ]  # fmt: skip
    return table(
        f"by | group | {about.negative} > | {about.positive} > | AUC > | sensitivity > | specificity >",
        rows,
        f"{best.title} on images from elsewhere by age in years, sex and view, where they are known: "
        "images of each class, AUC, and sensitivity and specificity at the threshold that Youden's J chose "
        f"on validation. Means over the seeds with 95 % intervals; a {DASH} where a class has few images.",
    )


def _named(record: Record, row: Mapping[str, Any]) -> str:
    return record.title(row["model"]) + _of(record, row)


def _of(record: Record, row: Mapping[str, Any]) -> str:
    """The set of a row, if there are several."""
    sets = record.external
    return f", {sets[row['set']].title}" if len(sets) > 1 else ""


def _estimate(row: Mapping[str, Any], name: str, digits: int = 3, sign: bool = False) -> str:
    return stacked(Estimate.of(row, name), digits, sign=sign)
