"""Duplicate images, the sensitivity of their search, and their effect on results."""

from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import count, number, percent
from pneumo.pages.shared import first_seed, per_model
from pneumo.record import Record

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
    return table(
        "what was done to the copy | bits moved > | correlation > | found >",
        rows,
        f"Changed copies of {record.duplicates.planted} test images: how many bits of the hash moved and how "
        "well the copy correlates with its original, both as medians, and how many the search would find.",
    )


def without_copies(record: Record) -> Table:
    """Each model's results with and without images that repeat an earlier one, first seeds.

    A split without duplicates has no columns.
    """
    numbers = record.table("tbl-without-copies")
    heads = dict.fromkeys((row["metric"], row["split"]) for row in numbers.rows())
    return table(
        "model"
        + "".join(f" | {_METRICS[one]}, {_SPLITS[split]} > | without >" for one, split in heads),
        per_model(record, numbers, lambda row: (number(row["all"]), number(row["without"]))),
        "Results at Youden's threshold with all images, and without those that repeat an earlier one"
        f"{first_seed(record)}.",
    )
