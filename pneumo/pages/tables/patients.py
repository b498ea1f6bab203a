"""The effect of several images per patient: wider intervals, and validation without shared patients."""

from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import estimate, number, plural
from pneumo.pages.shared import per_model
from pneumo.record import Record

_HALVES = {
    "shared": "validation, patient in training too",
    "unshared": "validation, other patients",
    "validation": "validation, all",
    "test": "test",
}


def clustering(record: Record) -> Table:
    """The widths of each model's intervals when resampled by image and by patient."""
    return table(
        "model | AUC, by image > | by patient > | sensitivity, by image > | by patient > "
        "| specificity, by image > | by patient >",
        per_model(
            record,
            record.table("tbl-clustering"),
            lambda row: (number(row["by image"]), number(row["by patient"])),
        ),
        "How wide 95 % intervals on the test set are, drawn image by image and patient by patient, at the "
        f"threshold of Youden's J{_seeds(record)}.",
    )


def shared(record: Record) -> Table:
    """Each model on validation images whose patient is in training, on the others, and on test."""
    rows = [
        [
            record.title(name) if half == "shared" else "",
            title,
            *(estimate(getattr(fall, half), 3, 3) for fall in by_metric.values()),
        ]
        for name, by_metric in record.patients.falls.items()
        for half, title in _HALVES.items()
    ]
    return table(
        "model | images | AUC > | sensitivity > | specificity >",
        rows,
        "Validation in two halves, by whether the patient has images in training, and test; at the threshold "
        f"of Youden's J, which validation chose, with 95 % intervals drawn by patient{_seeds(record)}.",
    )


def _seeds(record: Record) -> str:
    seeds = len(record.profile.seeds)
    return f"; means over {plural(seeds, 'seed')}" if seeds > 1 else ""
