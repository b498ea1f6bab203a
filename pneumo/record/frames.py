"""The numbers behind a figure or a table: named columns of equal length, as a CSV in long form."""

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pneumo.base.errors import PneumoError

_NUMBER = re.compile(r"-?(\d+(\.\d+)?(e[-+]\d+)?|inf)|")
# In a header: cells are text even if they look like numbers, as some keys do.
_TEXT = "text"
_HEADER = re.compile(r"(?P<name>.*?)(?: \[(?P<unit>.*)\])?")


class FrameError(PneumoError):
    """Columns have different lengths, or a CSV is not a frame."""


@dataclass(frozen=True)
class Frame:
    """Columns of text or numbers, with one observation per row.

    A missing number is NaN, and an empty cell in the file. A column whose cells all parse as numbers is
    numeric, unless its unit is "text".

    Args:
        columns: each (N,), by name.
        units: of the columns that have one, such as ``"pixels"`` or ``"%"``; in the header of the CSV.
        runs: labels of the runs that the numbers were made from.
    """

    columns: Mapping[str, Sequence[Any] | NDArray[Any]]
    units: Mapping[str, str] = field(default_factory=dict)
    runs: tuple[str, ...] = ()
    _read: bool = False  # from a file, where all cells are text

    def __post_init__(self) -> None:
        lengths = {name: len(column) for name, column in self.columns.items()}
        if len(set(lengths.values())) > 1:
            raise FrameError(f"the columns of a frame are of one length; found {lengths}")

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def __getitem__(self, name: str) -> NDArray[Any]:
        """A column, (N,): float64 if every cell is a number, else text; empty in a frame without rows."""
        return self._typed[name] if len(self) else np.empty(0)

    @cached_property
    def _typed(self) -> dict[str, NDArray[Any]]:
        return {
            name: _column(column, self._unit(name) == _TEXT)
            for name, column in self.columns.items()
        }

    def _unit(self, name: str) -> str | None:
        """The unit of a column; "text" for text that looks like numbers, also if every cell is empty."""
        if name not in self.units and not self._read:
            cells = [cell for cell in self.columns[name] if isinstance(cell, str)]
            if (any(cells) or len(cells) == len(self) > 0) and all(map(_NUMBER.fullmatch, cells)):
                return _TEXT
        return self.units.get(name)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Each row by column name; numbers are floats."""
        columns = {name: column.tolist() for name, column in self._typed.items()}
        for cells in zip(*columns.values(), strict=True):
            yield dict(zip(columns, cells, strict=True))

    def where(self, **wanted: object) -> "Frame":
        """Select the rows in which every named column has the given value."""
        chosen = np.ones(len(self), dtype=bool)
        for name, value in wanted.items():
            chosen &= self[name] == value
        return replace(self, columns={name: self[name][chosen] for name in self.columns})

    def distinct(self, name: str) -> list[Any]:
        """The distinct values of a column, in order of first appearance."""
        return list(dict.fromkeys(self[name].tolist()))

    def by(self, name: str) -> Iterator[tuple[Any, "Frame"]]:
        """Each distinct value of a column with its rows."""
        return ((value, self.where(**{name: value})) for value in self.distinct(name))


def frame(
    rows: Iterable[Mapping[str, Any]],
    units: Mapping[str, str] | None = None,
    runs: Sequence[str] = (),
) -> Frame:
    """Make a frame from rows that all have the same names."""
    found = list(rows)
    columns = {name: [row[name] for row in found] for name in (found[0] if found else ())}
    return Frame(columns, units or {}, tuple(runs))


def to_csv(content: Frame) -> str:
    """Write a frame as CSV: a header with units in brackets, then the rows, with all digits."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    units = {name: content._unit(name) for name in content.columns}
    writer.writerow(f"{name} [{unit}]" if unit else name for name, unit in units.items())
    for row in zip(*content.columns.values(), strict=True):
        writer.writerow(map(_cell, row))
    return file.getvalue()


def from_csv(text: str, runs: Sequence[str] = ()) -> Frame:
    """Read a frame that :func:`to_csv` wrote.

    Raises:
        FrameError: the text has no header, or a line of another length.
    """
    header, *lines = list(csv.reader(io.StringIO(text, newline=""))) or [[]]
    if any(len(line) != len(header) for line in lines):
        raise FrameError("a line has another number of cells than the header")
    found = [_HEADER.fullmatch(cell) for cell in header]
    names = [match["name"] for match in found if match]
    units = {match["name"]: match["unit"] for match in found if match and match["unit"]}
    cells = list(zip(*lines, strict=True)) if lines else [()] * len(names)
    return Frame(dict(zip(names, cells, strict=True)), units, tuple(runs), _read=True)


def _cell(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return str(int(value))
    if isinstance(value, float | np.floating):
        number = float(value)
        if math.isnan(number):
            return ""
        return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)
    return "" if value is None else str(value)


def _column(cells: Sequence[Any] | NDArray[Any], text: bool) -> NDArray[Any]:
    texts = [_cell(cell) for cell in cells]
    if text or not all(map(_NUMBER.fullmatch, texts)):
        return np.array(texts, dtype=np.str_)
    return np.array([float(cell) if cell else math.nan for cell in texts], dtype=np.float64)
