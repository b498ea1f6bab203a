"""Two values of each model side by side: for kinds of pneumonia, and for sizes."""

from pneumo.pages.figures.paired import SIZES
from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import DASH, estimate, number, plural, stacked
from pneumo.record import Estimate, Record
from pneumo.record.kinds import PNEUMONIAS, Kinds
from pneumo.record.sizes import Sizes


def kinds(record: Record) -> Table:
    """Each model's AUC and, at every operating point, sensitivity and missed films by kind."""
    numbers, found = record.table("tbl-kinds"), record.answer("kinds", Kinds)
    shorts = {point.id: point.short for point in record.best.operating_points}
    rows = []
    for name in numbers.distinct("model"):
        own = numbers.where(model=name)
        for rule in own.distinct("rule"):
            cells = []
            for kind in PNEUMONIAS:
                (row,) = own.where(kind=kind, rule=rule).rows()
                missed = DASH if rule == "auc" else number(row["missed"], 1)
                cells += [_estimate(row), missed]
            first = rule == "auc"
            change = DASH if first else stacked(found.differences[name][rule], 3, 3, sign=True)
            title = record.models[name].title if first else ""
            rows.append([title, "AUC" if first else shorts[rule], *cells, change])
    seeds = plural(len(record.profile.seeds), "seed")
    return table(
        "model | threshold | bacterial > | missed > | viral > | missed > | difference >",
        rows,
        f"AUC against the normal films, and sensitivity and missed films at every threshold, for "
        f"{found.images['bacteria']} bacterial films of {found.patients['bacteria']} patients and "
        f"{found.images['virus']} viral ones of {found.patients['virus']}: means over {seeds} (the ensemble "
        "is one score of them all), with 95 % intervals by patient. The difference is bacterial minus viral; "
        "no interval where no call differs.",
        numbers.runs,
    )


def sizes(record: Record) -> Table:
    """Each metric of each model at both sizes, and the difference."""
    numbers, size = record.table("tbl-size"), record.answer("sizes", Sizes).size
    rows = []
    for name in numbers.distinct("model"):
        for place, row in enumerate(numbers.where(model=name).rows()):
            change = Estimate(row["difference"], row["low"], row["high"])
            rows.append(
                [
                    "" if place else record.models[name].title,
                    SIZES[row["metric"], row["rule"]],
                    number(row["smaller"]),
                    number(row["larger"]),
                    estimate(change, 3, 3, sign=True),
                ]
            )
    return table(
        f"model | metric | {record.data.size} pixels > | {size} pixels > | difference >",
        rows,
        "Every model on the same test films at both sizes: means over the seeds of each, and larger minus "
        "smaller with its 95 % interval over patients, the same for both, and over seeds; no "
        "interval where no case tells them apart. Unless it says otherwise, a rate is at the threshold of "
        "Youden's J on validation.",
        numbers.runs,
    )


TABLES = {
    "tbl-kinds": kinds,
    "tbl-size": sizes,
}


def _estimate(row: dict[str, float]) -> str:
    return stacked(Estimate(row["value"], row["low"], row["high"]), 3, 3)
