"""Measurements of `nox -s bench`, tries to break guarantees, planted changes, and reporting guidelines."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from pneumo.pages import fragments, guidelines
from pneumo.pages.guidelines import Item
from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import DASH, count, number
from pneumo.pages.shared import value
from pneumo.record import Record, bench, promises


def tbl_speed(_: Record) -> Table:
    """Measurements with a goal, and whether it is met."""
    met = {True: "yes", False: "**no**", None: DASH}
    return table(
        {
            "what": value("what"),
            "measured >": _measured,
            "goal >": lambda row: f"{row['goal']} {row['unit']}",
            "met": lambda row: met[row["ok"]],
        },
        (row for row in _rows() if row["goal"] is not None),
        """Speed and memory, against goals set beforehand. The bare loop knows forward, backward and step
        alone; the usual way loads images one at a time with torch's `DataLoader`, Pillow and torchvision's
        transforms.""",
    )


def tbl_speed_tried(_: Record) -> Table:
    """Measurements without a goal."""
    return table(
        {"what": value("what"), "measured >": _measured},
        (row for row in _rows() if row["goal"] is None),
        """Measured without a goal; a ratio (×) says how many times faster it makes things, and less than one
        is slower.""",
    )


def tbl_promises(_: Record) -> Table:
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


def tbl_planted(record: Record) -> Table:
    """The result of `pneumo verify` for each ablation if its baseline were the reference."""
    words = {1: "found", 0: "**not found**"}
    return table(
        {
            "model": value("model"),
            "change": value("change"),
            "seeds >": value("seeds", count),
            "distance >": lambda row: f"× {number(row['factor'], 2)}",
            "expected >": lambda row: f"{number(row['low'], 2)} to {number(row['high'], 2)}",
            "verdict": lambda row: words.get(row["found"], DASH),
        },
        record.table("tbl-planted").rows(),
        """Changes of a training, each an ablation, as `pneumo verify` would judge them were the unchanged
        training the reference: how far the runs lie from the unchanged ones case by case, as a multiple of
        how far those lie from one another, and where further seeds would lie.""",
    )


def guideline(record: Record, name: str) -> Table:
    """A guideline's items with what they ask for, and the reason if one is not reported or does not apply."""
    found = guidelines.load(name)
    return table(
        "item | asks for | here",
        [[f"{item.number} {item.topic}", item.asks, _here(record, item)] for item in found.items],
        f"The items of {found.name}, shortened, and where they are answered.",
    )


tbl_tripod = partial(guideline, name="tripod-ai")
tbl_tripod_abstract = partial(guideline, name="tripod-ai-abstracts")
tbl_stard = partial(guideline, name="stard-ai")
tbl_claim = partial(guideline, name="claim-2024")
tbl_probast = partial(guideline, name="probast-ai")


def _here(record: Record, item: Item) -> str:
    words = fragments.fill(record, item.words)
    if item.status in guidelines.JUDGEMENTS.values():
        return f"**{item.status.capitalize()}.** {words}"
    return words if item.status == "reported" else f"**{item.status.capitalize()}:** {words}."


def _rows() -> list[Mapping[str, Any]]:
    found = bench.read()
    return found["rows"] if found else []


def _measured(row: Mapping[str, Any]) -> str:
    # Memory just above its goal must not be rounded to it; from a hundred on, decimals carry no information.
    digits = 3 if row["unit"] == "GiB" else 2
    value = count(row["value"]) if row["value"] >= 100 else number(row["value"], digits)
    return f"{value} {row['unit']}"
