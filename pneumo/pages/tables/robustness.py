"""The models' results on corrupted images."""

from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import interval, number, percent
from pneumo.pages.shared import under_models
from pneumo.record import Estimate, Record


def means(record: Record) -> Table:
    """Each model's AUC and accuracy on clean images, and on average over all corruptions and severities."""
    several = len(record.profile.seeds) > 1
    return table(
        "model | AUC, clean > | AUC, corrupted > | relative fall > | accuracy, clean > "
        "| accuracy, corrupted > | worst corruption",
        under_models(
            record,
            record.table("tbl-robustness"),
            lambda row: [
                number(row["auc clean"]),
                number(row["auc corrupted"]),
                f"{percent(row['fall'])} ({interval(Estimate.of(row, 'fall'), 1, scale=100)})",
                number(row["accuracy clean"]),
                number(row["accuracy corrupted"]),
                row["worst corruption"],
            ],
        ),
        f"AUC and accuracy at 0.5 as images are and under corruptions; {record.robustness.images} test "
        f"images, mean over thirteen corruptions and five severities{', and over seeds' if several else ''}. "
        f"Relative fall of AUC with its 95 % interval over {record.units}{' and seeds' if several else ''}; "
        "corruption with the lowest mean AUC.",
    )


def by_corruption(record: Record) -> Table:
    """Each model's mean AUC and accuracy over the severities of each corruption."""
    numbers = record.table("tbl-corruptions")
    rows = [
        [
            name,
            *(
                f"{number(row['auc'])} / {number(row['accuracy'], 2)}"
                for row in numbers.where(corruption=name).rows()
            ),
        ]
        for name in numbers.distinct("corruption")
    ]
    titles = " | ".join(f"{record.title(name)} >" for name in numbers.distinct("model"))
    return table(
        f"corruption | {titles}",
        rows,
        "Mean AUC / mean accuracy at 0.5 over five severities of each corruption.",
    )
