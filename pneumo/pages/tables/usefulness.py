"""Calibration of probabilities, and predictive values of calls by prevalence."""

from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import count, estimate, number
from pneumo.pages.shared import first_seed, over_seeds
from pneumo.record import Estimate, Record

SPLITS = {"val": "validation", "test": "test"}


def calibrations(record: Record) -> Table:
    """Each model on validation and test, before and after temperature scaling; means over the seeds."""
    numbers = record.table("tbl-calibration")
    rows, last = [], ("", "")
    for row in numbers.rows():
        place = (row["model"], row["split"])
        rows.append(
            [
                "" if row["model"] == last[0] else record.title(row["model"]),
                "" if place == last else SPLITS[row["split"]],
                number(row["temperature"], 2),
                *(number(row[key]) for key in ("brier", "reliability", "resolution", "ece")),
                *(number(row[key], 2) for key in ("intercept", "slope")),
            ]
        )
        last = place
    uncertainty = {split: numbers.where(split=split)["uncertainty"][0] for split in SPLITS}
    return table(
        "model | images | T > | Brier > | reliability > | resolution > | ECE > | intercept > | slope >",
        rows,
        "Calibration on validation and test, as given (T = 1) and after division of the logits by the "
        f"temperature T that validation chose; {over_seeds(record)}. The Brier score is reliability "
        f"less resolution plus uncertainty [@murphy1973]. Uncertainty is {number(uncertainty['val'])} on "
        f"validation and {number(uncertainty['test'])} on test for every model; what varies within the "
        f"{record.calibration.bins} bins of equal count is part of resolution [@stephenson2008]. ECE: "
        "expected calibration error over the same bins [@naeini2015; @roelofs2022]. Intercept and slope are "
        "0 and 1 where nothing needs correction; ∞ or a dash where they cannot be fitted.",
    )


def prevalences(record: Record) -> Table:
    """Predictive values of the best model's operating points by prevalence, and calls per 1,000 people."""
    numbers, best, people = record.table("tbl-prevalence"), record.best, record.about.people
    rows = [
        [
            "" if place else best.point(rule).short,
            f"{100 * row['prevalence']:g} %",
            *(estimate(Estimate.of(row, name), 1, 1, scale=100) for name in ("ppv", "npv")),
            *(count(row[key]) for key in ("called", "alarms", "missed")),
        ]
        for rule in numbers.distinct("rule")
        for place, row in enumerate(numbers.where(rule=rule).rows())
    ]
    return table(
        "chosen by | prevalence > | PPV, % > | NPV, % > | called > | alarms > | missed >",
        rows,
        f"Predictive values of {best.title} by prevalence, from its rates on the test set, with 95 % "
        f"intervals{first_seed(record)}; and, of {count(record.decisions.example.among)} {people}, how "
        f"many it calls {record.about.positive}, how many of these calls are false alarms, and how many with "
        f"{record.about.condition} it misses, rounded to whole {people}.",
    )
