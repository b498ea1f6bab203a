"""The models' results on corrupted images."""

from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import interval, number, percent
from pneumo.record import Estimate, Record
from pneumo.record.robustness import Robustness


def means(record: Record) -> Table:
    """Each model's AUC and accuracy on clean images, and on average over all corruptions and severities."""
    numbers = record.table("tbl-robustness")
    rows = [
        [
            record.models[row["model"]].title,
            number(row["auc clean"]),
            number(row["auc corrupted"]),
            f"{percent(row['fall'])} ({interval(_fall(row), 1, scale=100)})",
            number(row["accuracy clean"]),
            number(row["accuracy corrupted"]),
            row["worst corruption"],
        ]
        for row in numbers.rows()
    ]
    answer = record.answer("robustness", Robustness)
    seeds = ", and over seeds" if len(record.profile.seeds) > 1 else ""
    return table(
        "model | AUC, clean > | AUC, corrupted > | relative fall > | accuracy, clean > "
        "| accuracy, corrupted > | worst corruption",
        rows,
        f"AUC and accuracy at 0.5 as images are and under corruptions; {answer.images} test images, mean "
        f"over thirteen corruptions and five severities{seeds}. Relative fall of AUC with its 95 % interval "
        f"over {record.units}{' and seeds' if seeds else ''}; corruption with the lowest mean AUC.",
        numbers.runs,
    )


def by_corruption(record: Record) -> Table:
    """Each model's mean AUC and accuracy over the severities of each corruption."""
    numbers = record.table("tbl-corruptions")
    models = numbers.distinct("model")
    rows = []
    for name in numbers.distinct("corruption"):
        cells = [
            f"{number(row['auc'])} / {number(row['accuracy'], 2)}"
            for row in numbers.where(corruption=name).rows()
        ]
        rows.append([name, *cells])
    titles = " | ".join(f"{record.models[name].title} >" for name in models)
    return table(
        f"corruption | {titles}",
        rows,
        "Mean AUC / mean accuracy at 0.5 over five severities of each corruption.",
        numbers.runs,
    )


TABLES = {"tbl-robustness": means, "tbl-corruptions": by_corruption}


def _fall(row: dict[str, float]) -> Estimate:
    return Estimate(row["fall"], row["fall low"], row["fall high"])
