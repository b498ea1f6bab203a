"""Calibration of probabilities, and predictive values of calls by prevalence."""

from typing import Any

from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import count, estimate, number
from pneumo.record import Estimate, Record
from pneumo.record.calibration import Calibration
from pneumo.record.decisions import Decisions

SPLITS = {"val": "validation", "test": "test"}


def calibrations(record: Record) -> Table:
    """Each model on validation and test, before and after temperature scaling; means over the seeds."""
    numbers = record.table("tbl-calibration")
    rows, last = [], ("", "")
    for row in numbers.rows():
        place = (row["model"], row["split"])
        rows.append(
            [
                "" if row["model"] == last[0] else record.models[row["model"]].title,
                "" if place == last else SPLITS[row["split"]],
                number(row["temperature"], 2),
                *(number(row[key]) for key in ("brier", "reliability", "resolution", "ece")),
                number(row["intercept"], 2),
                number(row["slope"], 2),
            ]
        )
        last = place
    uncertainty = {split: numbers.where(split=split)["uncertainty"][0] for split in SPLITS}
    seeds = len(record.profile.seeds)
    bins = record.answer("calibration", Calibration).bins
    return table(
        "model | images | T > | Brier > | reliability > | resolution > | ECE > | intercept > | slope >",
        rows,
        "Calibration on validation and test, as given (T = 1) and after division of the logits by the "
        f"temperature T that validation chose; "
        f"{f'means over {seeds} seeds' if seeds > 1 else 'one seed'}. The Brier score is reliability "
        f"less resolution plus uncertainty [@murphy1973]. Uncertainty is {number(uncertainty['val'])} on "
        f"validation and {number(uncertainty['test'])} on test for every model; what varies within the "
        f"{bins} bins of equal count is part of resolution [@stephenson2008]. ECE: expected calibration "
        "error over the same bins [@naeini2015; @roelofs2022]. Intercept and slope are 0 and 1 where "
        "nothing needs correction; ∞ or a dash where they cannot be fitted.",
        numbers.runs,
    )


def prevalences(record: Record) -> Table:
    """Predictive values of the best model's operating points by prevalence, and calls per 1,000 people."""
    numbers, best, people = record.table("tbl-prevalence"), record.best, record.about.people
    rows, last = [], ""
    for row in numbers.rows():
        rows.append(
            [
                "" if row["rule"] == last else best.point(row["rule"]).short,
                f"{100 * row['prevalence']:g} %",
                _predictive(row, "ppv"),
                _predictive(row, "npv"),
                *(count(row[key]) for key in ("called", "alarms", "missed")),
            ]
        )
        last = row["rule"]
    among = count(record.answer("decisions", Decisions).example.among)
    return table(
        "chosen by | prevalence > | PPV, % > | NPV, % > | called > | alarms > | missed >",
        rows,
        f"Predictive values of {best.title} by prevalence, from its rates on the test set, with 95 % "
        f"intervals{', first seed' if len(record.profile.seeds) > 1 else ''}; and, of {among} {people}, how "
        f"many it calls {record.about.positive}, how many of these calls are false alarms, and how many with "
        f"{record.about.condition} it misses, rounded to whole {people}.",
        numbers.runs,
    )


TABLES = {"tbl-calibration": calibrations, "tbl-prevalence": prevalences}


def _predictive(row: dict[str, Any], name: str) -> str:
    found = Estimate(row[name], row[f"{name} low"], row[f"{name} high"])
    return estimate(found, 1, 1, scale=100)
