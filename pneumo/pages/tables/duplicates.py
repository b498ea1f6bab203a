"""Duplicate images, the sensitivity of their search, and their effect on results."""

from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import count, number, percent
from pneumo.record import Record
from pneumo.record.duplicates import Duplicates

_SPLITS = {"val": "validation", "test": "test"}
_METRICS = {"auc": "AUC", "recall": "sensitivity", "specificity": "specificity"}


def near_duplicates(record: Record) -> Table:
    """Counts of similar pairs of images, within a split and across splits."""
    rows = []
    for row in record.table("tbl-near-duplicates").rows():
        first, second = row["first"], row["second"]
        where = f"within {first}" if first == second else f"{first} and {second}"
        counts = [count(row[name]) for name in ("pairs", "identical", "alike_by_hash", "near")]
        rows.append([where, *counts])
    return table(
        "where | pairs > | identical > | alike by hash > | near duplicates >",
        rows,
        "Pairs of images by how alike they are: identical to the byte; alike by their hashes and not "
        "identical; and those of them that the grey values confirm as near duplicates.",
    )


def planted_copies(record: Record) -> Table:
    """How many changed copies of test images the search would find, by the change."""
    rows = [
        [row["change"], number(row["bits"], 0), number(row["correlation"]), percent(row["found"])]
        for row in record.table("tbl-planted-copies").rows()
    ]
    planted = record.answer("duplicates", Duplicates).planted
    return table(
        "what was done to the copy | bits moved > | correlation > | found >",
        rows,
        f"Changed copies of {planted} test images: how many bits of the hash moved and how well the copy "
        "correlates with its original, both as medians, and how many the search would find.",
    )


def without_copies(record: Record) -> Table:
    """Each model's results with and without images that repeat an earlier one, first seeds.

    A split without duplicates has no columns.
    """
    numbers = record.table("tbl-without-copies")
    models = numbers.distinct("model")
    heading, rows = "model", []
    for row in numbers.where(model=models[0]).rows() if models else ():
        heading += f" | {_METRICS[row['metric']]}, {_SPLITS[row['split']]} > | without >"
    for model in models:
        own = numbers.where(model=model).rows()
        cells = [number(row[name]) for row in own for name in ("all", "without")]
        rows.append([record.models[model].title, *cells])
    seeds = ", first seed" if len(record.profile.seeds) > 1 else ""
    return table(
        heading,
        rows,
        "Results at Youden's threshold with all images, and without those that repeat an earlier one"
        f"{seeds}.",
        numbers.runs,
    )


TABLES = {
    "tbl-near-duplicates": near_duplicates,
    "tbl-planted-copies": planted_copies,
    "tbl-without-copies": without_copies,
}
