"""The data: counts, the audit, augmentations, and the origin of images."""

from collections.abc import Callable

from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import count, percent
from pneumo.record import Record

# Each augmentation's title, and the format of its range.
_CHANGES: dict[str, tuple[str, Callable[[float], str]]] = {
    "flip": ("horizontal flip", lambda x: f"probability {x:g}" if x else "none"),
    "rotation": ("rotation", lambda x: f"±{x:g}°"),
    "translation": ("translation", lambda x: f"±{100 * x:g} % of the side"),
    "brightness": ("brightness", lambda x: f"±{x:g} of the grey scale"),
    "contrast": ("contrast", lambda x: f"±{100 * x:g} %"),
}
_FINDINGS = {
    "repeats": "{}: images that repeat an earlier one",
    "shared": "distinct images that are in both {}",
    "conflicts": "images that have copies with different labels",
}


def data_counts(record: Record) -> Table:
    """Cases by split and class."""
    about, numbers = record.about, record.table("tbl-data")
    rows = []
    for split in numbers.distinct("split"):
        own = {row["class"]: row for row in numbers.where(split=split).rows()}
        cells = [count(own[name]["images"]) for name in about.classes]
        total = count(record.data.total(split))
        rows.append([split, *cells, total, percent(own[about.positive]["share"])])
    return table(
        f"split | {about.negative} > | {about.positive} > | total > | share of {about.finding} >",
        rows,
        "Images by split and class.",
    )


def audit(record: Record) -> Table:
    """The audit's counts: duplicates within a split, and images in two splits."""
    rows = [
        [_FINDINGS[row["finding"]].format(row["where"]), count(row["images"])]
        for row in record.table("tbl-audit").rows()
    ]
    return table("finding | images >", rows, "What the audit finds.")


def augmentations(record: Record) -> Table:
    """Each augmentation, its range from the recipes, and why it is clinically safe or doubtful."""
    rows = []
    for row in record.table("tbl-augmentation").rows():
        title, written = _CHANGES[row["change"]]
        rows.append([title, written(row["range"]), record.about.words[row["change"]]])
    return table(
        "change | range | clinical reading",
        rows,
        "Augmentations, their ranges, and how a clinician would read them.",
    )


def origins(record: Record) -> Table:
    """Kinds and patients by split."""
    columns = ("normal", "bacteria", "virus", "unknown", "patients", "most of one patient")
    rows = [
        [row["split"], *(count(row[name]) for name in columns)]
        for row in record.table("tbl-origins").rows()
    ]
    return table(
        "split | normal > | bacterial > | viral > | unknown > | patients > | most of one patient >",
        rows,
        "Images by kind, as the names of the published files have it, and their patients.",
    )
