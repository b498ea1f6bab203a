"""Words that captions share, and cells that tables share."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pneumo.pages.numbers import stacked
from pneumo.record import Estimate, Frame, Record

SPLITS = {"train": "training", "val": "validation", "held": "held out", "test": "test"}
T = TypeVar("T")
Cell = Callable[[Mapping[str, Any]], str]


def several(record: Record, words: str) -> str:
    """Words for a study of several seeds, with their number for ``{}``; none for a study of one."""
    seeds = len(record.profile.seeds)
    return words.format(seeds) if seeds > 1 else ""


def over_seeds(record: Record) -> str:
    """Words for numbers that are means over the seeds."""
    return several(record, "means over {} seeds") or "one seed"


def each(record: Record, found: Mapping[str, T], words: Callable[[T], str]) -> str:
    """A list of models with what is found of each: ``SimpleCNN 0.96; ResNet18 (scratch) 0.97``."""
    return "; ".join(f"{record.title(name)} {words(one)}" for name, one in found.items())


def title(record: Record) -> Cell:
    """The title of a row's model."""
    return lambda row: record.title(row["model"])


def value(name: str, write: Callable[..., str] = str, *digits: int) -> Cell:
    """A row's value with this name, as a formatter writes it."""
    return lambda row: write(row[name], *digits)


def found(
    name: str = "value", digits: int = 3, ends: int = 2, scale: float = 1, sign: bool = False
) -> Cell:
    """A row's number with this name, and its interval below."""
    return lambda row: stacked(Estimate.of(row, name), digits, ends, scale, sign)


def spread(numbers: Frame, name: str, head: Callable[[Any], str], *cells: Cell) -> list[list[str]]:
    """A row for each value of a column: the value as `head` writes it, then cells of each of its rows."""
    return [
        [head(one), *(cell(row) for row in own.rows() for cell in cells)]
        for one, own in numbers.by(name)
    ]
