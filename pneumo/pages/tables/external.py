"""What the models make of images from elsewhere."""

from collections.abc import Mapping
from typing import Any

from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import DASH, count, estimate, number, plain
from pneumo.record import Estimate, Record

# The operating points that the page shows, of all in the CSV.
_SHOWN = {
    "youden": "Youden's J on validation",
    "sensitivity-99": "sensitivity ≥ 0.99 on validation",
    "local": "Youden's J there, cross-fitted",
}


def changes(record: Record) -> Table:
    """Each model's AUC on the test set and elsewhere, and what the view has to do with it."""
    numbers = record.table("tbl-external")
    rows = [
        [
            row["set"],
            record.models[row["model"]].title,
            *(_estimate(row, name) for name in ("here", "auc")),
            _estimate(row, "change", sign=True),
            *(_estimate(row, name) for name in ("within_view", "view_told")),
        ]
        for row in numbers.rows()
    ]
    return table(
        "set | model | AUC, test set > | AUC there > | change > | pairs of one view > | AP from PA >",
        rows,
        "AUC on the test set and on images from elsewhere, and the change; AUC over pairs of films of one "
        "view; and how well the same scores tell films taken from the front (AP) from films taken from "
        "behind (PA) within a class, where 0.5 is not at all. Means over the seeds with 95 % intervals; a "
        f"{DASH} where views are not known.",
        numbers.runs,
    )


def points(record: Record) -> Table:
    """Sensitivity and specificity at thresholds of the study, and at those chosen there."""
    numbers = record.table("tbl-external-points")
    rows = [
        [
            row["set"],
            record.models[row["model"]].title,
            _SHOWN[row["threshold"]],
            *(_estimate(row, name) for name in ("sensitivity", "specificity")),
            _estimate(row, "regained", sign=True),
        ]
        for row in numbers.rows()
        if row["threshold"] in _SHOWN
    ]
    return table(
        "set | model | threshold | sensitivity > | specificity > | regained >",
        rows,
        "Sensitivity and specificity elsewhere, at thresholds fixed on validation and at thresholds chosen "
        "there, where each patient is judged at one that other patients chose. Regained: the sum of both "
        "rates less that at Youden's threshold of validation. Means over the seeds with 95 % intervals.",
        numbers.runs,
    )


def calibration(record: Record) -> Table:
    """Whether probabilities mean elsewhere what they say."""
    numbers = record.table("tbl-external-calibration")
    rows = [
        [
            row["set"],
            record.models[row["model"]].title,
            number(row["predicted"]),
            number(row["observed"]),
            number(row["intercept"], 2),
            _estimate(row, "slope", 2),
        ]
        for row in numbers.rows()
    ]
    return table(
        "set | model | mean probability > | share observed > | intercept > | slope >",
        rows,
        f"Probabilities of {record.about.finding} elsewhere, as the networks give them: their mean beside "
        "the share observed, and the regression of the outcome on the logit. Right are an intercept of 0 and "
        "a slope of 1; at a slope of 0 the score tells nothing, below 0 it points the wrong way. Means over "
        "the seeds, the slope with its 95 % interval.",
        numbers.runs,
    )


def groups(record: Record) -> Table:
    """The best model's AUC and rates by age, sex and view."""
    numbers, about = record.table("tbl-external-groups"), record.about
    rows = [
        [
            row["set"], row["kind"], plain(row["group"]), count(row["negative"]), count(row["positive"]),
            *(_estimate(row, name) for name in ("auc", "sensitivity", "specificity")),
        ]
        for row in numbers.where(model=record.best.name).rows()
    ]  # fmt: skip
    return table(
        f"set | by | group | {about.negative} > | {about.positive} > | AUC > | sensitivity > | specificity >",
        rows,
        f"{record.best.title} on images from elsewhere by age in years, sex and view, where they are known: "
        "images of each class, AUC, and sensitivity and specificity at the threshold that Youden's J chose "
        f"on validation. Means over the seeds with 95 % intervals; a {DASH} where a class has too few images.",
        numbers.runs,
    )


TABLES = {
    "tbl-external": changes,
    "tbl-external-points": points,
    "tbl-external-calibration": calibration,
    "tbl-external-groups": groups,
}


def _estimate(row: Mapping[str, Any], name: str, digits: int = 3, sign: bool = False) -> str:
    found = Estimate(row[name], row[f"{name} low"], row[f"{name} high"])
    return estimate(found, digits, 2, sign=sign)
