"""Words that captions share, and rows that tables share."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pneumo.record import Frame, Record

Cells = Callable[[Mapping[str, Any]], Iterable[str]]


def first_seed(record: Record, before: str = ", ", after: str = "") -> str:
    """Words for numbers that are the first seed's; none if the study has one seed alone."""
    return f"{before}first seed{after}" if len(record.profile.seeds) > 1 else ""


def over_seeds(record: Record) -> str:
    """Words for numbers that are means over the seeds."""
    seeds = len(record.profile.seeds)
    return f"means over {seeds} seeds" if seeds > 1 else "one seed"


def per_model(record: Record, numbers: Frame, cells: Cells) -> list[list[str]]:
    """A row for each model: its title, then the cells of each of its rows in a frame."""
    return [
        [
            record.title(name),
            *(cell for row in numbers.where(model=name).rows() for cell in cells(row)),
        ]
        for name in numbers.distinct("model")
    ]


def under_models(record: Record, numbers: Frame, cells: Cells) -> list[list[str]]:
    """A row for each row of a frame; the first one of each model begins with its title."""
    return [
        ["" if place else record.title(name), *cells(row)]
        for name in numbers.distinct("model")
        for place, row in enumerate(numbers.where(model=name).rows())
    ]
