"""Measurements of `nox -s bench`, and the outcomes of the faults with which tests try to break guarantees."""

from collections.abc import Mapping
from typing import Any

from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import DASH, count, number
from pneumo.record import Record, bench, promises


def with_goal(_: Record) -> Table:
    """Measurements with a goal, and whether it is met."""
    met = {True: "yes", False: "**no**", None: DASH}
    rows = [
        [row["what"], _measured(row), f"{row['goal']} {row['unit']}", met[row["ok"]]]
        for row in _rows()
        if row["goal"] is not None
    ]
    return table(
        "what | measured > | goal > | met",
        rows,
        "Speed and memory, against goals set beforehand. The bare loop knows forward, backward and step "
        "alone; the usual way loads images one at a time with torch's `DataLoader`, Pillow and torchvision's "
        "transforms.",
    )


def without_goal(_: Record) -> Table:
    """Measurements without a goal."""
    return table(
        "what | measured >",
        [[row["what"], _measured(row)] for row in _rows() if row["goal"] is None],
        "Measured without a goal; a ratio (×) says how many times faster it makes things, and less than one "
        "is slower.",
    )


def guarantees(_: Record) -> Table:
    """Faults tried, survived, and found and reported; the description comes last, for narrow screens."""
    rows = [
        [one.title, count(one.tried), count(one.survived), count(one.found), one.text]
        for one in promises.read()
    ]
    return table(
        "guarantee | tried > | survived > | found > | what it says",
        rows,
        "What the software guarantees, and the scenarios in which its tests tried to break that.",
    )


def planted(record: Record) -> Table:
    """The result of `pneumo verify` for each ablation if its baseline were the reference."""
    words = {1: "found", 0: "**not found**"}
    rows = [
        [
            str(row["model"]),
            str(row["change"]),
            f"{row['seeds']:.0f}",
            f"× {number(row['factor'], 2)}",
            f"{number(row['low'], 2)} to {number(row['high'], 2)}",
            words.get(row["found"], DASH),
        ]
        for row in record.table("tbl-planted").rows()
    ]
    return table(
        "model | change | seeds > | distance > | expected > | verdict",
        rows,
        "Changes of a training, each an ablation, as `pneumo verify` would judge them were the unchanged "
        "training the reference: how far the runs lie from the unchanged ones case by case, as a multiple of "
        "how far those lie from one another, and where further seeds would lie.",
    )


def _rows() -> list[Mapping[str, Any]]:
    found = bench.read()
    return found["rows"] if found else []


def _measured(row: Mapping[str, Any]) -> str:
    # Memory just above its goal must not be rounded to it; from a hundred on, decimals carry no information.
    digits = 3 if row["unit"] == "GiB" else 2
    value = count(row["value"]) if row["value"] >= 100 else number(row["value"], digits)
    return f"{value} {row['unit']}"
