"""Two values of each model side by side: for kinds of pneumonia, and for sizes."""

from pneumo.pages.figures.paired import SIZES
from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import DASH, estimate, number, plural, stacked
from pneumo.pages.shared import under_models
from pneumo.record import Estimate, Record
from pneumo.record.summaries import PNEUMONIAS


def kinds(record: Record) -> Table:
    """Each model's AUC and, at every operating point, sensitivity and missed films by kind."""
    numbers, found = record.table("tbl-kinds"), record.kinds
    shorts = {point.id: point.short for point in record.best.operating_points}
    rows = []
    for name in numbers.distinct("model"):
        own = numbers.where(model=name)
        for rule in own.distinct("rule"):
            first, cells = rule == "auc", []
            for kind in PNEUMONIAS:
                (row,) = own.where(kind=kind, rule=rule).rows()
                cells.append(stacked(Estimate.of(row), 3, 3))
                cells.append(DASH if first else number(row["missed"], 1))
            change = DASH if first else stacked(found.differences[name][rule], 3, 3, sign=True)
            title = record.title(name) if first else ""
            rows.append([title, "AUC" if first else shorts[rule], *cells, change])
    return table(
        "model | threshold | bacterial > | missed > | viral > | missed > | difference >",
        rows,
        f"AUC against the normal films, and sensitivity and missed films at every threshold, for "
        f"{found.images['bacteria']} bacterial films of {found.patients['bacteria']} patients and "
        f"{found.images['virus']} viral ones of {found.patients['virus']}: means over "
        f"{plural(len(record.profile.seeds), 'seed')} (the ensemble is one score of them all), with 95 % "
        "intervals by patient. The difference is bacterial minus viral; no interval where no call differs.",
    )


def sizes(record: Record) -> Table:
    """Each metric of each model at both sizes, and the difference."""
    return table(
        f"model | metric | {record.data.size} pixels > | {record.sizes.size} pixels > | difference >",
        under_models(
            record,
            record.table("tbl-size"),
            lambda row: [
                SIZES[row["metric"], row["rule"]],
                number(row["smaller"]),
                number(row["larger"]),
                estimate(Estimate.of(row, "difference"), 3, 3, sign=True),
            ],
        ),
        "Every model on the same test films at both sizes: means over the seeds of each, and larger minus "
        "smaller with its 95 % interval over patients, the same for both, and over seeds; no "
        "interval where no case tells them apart. Unless it says otherwise, a rate is at the threshold of "
        "Youden's J on validation.",
    )
