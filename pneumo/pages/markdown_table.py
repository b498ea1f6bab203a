"""Tables as text: cells, a caption, and Markdown with a width for each column."""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Cells = tuple[str, ...]

LINE = 100  # characters on a line; a column's margins count as two
LONGEST = 60  # the most characters that a column asks for
# Markup, except for the words of a link or a span.
_UNSEEN = re.compile(r"\[(.*?)\](?:\{[^}]*\}|\([^)]*\))|\*\*|\^")
_ESCAPED = re.compile(r"""\\([\\`*_{}\[\]<>#|~^$@'"-])""")
_INTERVAL = re.compile(r"\[([^]]*)\]\{\.interval\}")  # is not broken
_CODE = 1.4  # the width of a character of code, in characters of text


@dataclass(frozen=True)
class Table:
    """Cells as Markdown; `numeric` says which columns are aligned to the right."""

    columns: Cells
    numeric: tuple[bool, ...]
    rows: tuple[Cells, ...]
    caption: str = ""  # Markdown
    runs: Sequence[str] | None = None  # labels of the runs behind it; None: those of its numbers

    def markdown(self) -> str:
        """A pipe table; if cells are long, its dashes set the widths of columns."""
        dashes = (
            f"{'-' * width}:" if numeric else f":{'-' * width}"
            for width, numeric in zip(self.widths, self.numeric, strict=True)
        )
        lines = (" | ".join(row) for row in (self.columns, *self.rows))
        head, *body = (f"| {line} |" for line in lines)
        return "\n".join([head, f"|{'|'.join(dashes)}|", *body])

    @property
    def widths(self) -> tuple[int, ...]:
        """Each column's width in characters.

        As in a browser's tables, every column fits its longest word, and columns whose cells need more share
        the remaining width.
        """
        columns = list(zip(self.columns, *self.rows, strict=True))
        least = [2 + max(map(_longest_word, column)) for column in columns]
        whole = [
            max(small, min(LONGEST, 2 + max(map(_room, column[1:]), default=0)))
            for small, column in zip(least, columns, strict=True)
        ]
        spare, wanted = LINE - sum(least), sum(whole) - sum(least)
        share = min(1, max(0, spare) / wanted) if wanted else 0
        return tuple(
            small + round((large - small) * share)
            for small, large in zip(least, whole, strict=True)
        )


def table(
    columns: str | Mapping[str, Callable[[Any], str]],
    rows: Iterable[Any],
    caption: str,
    runs: Sequence[str] | None = None,
    once: int = 0,
) -> Table:
    """Make a table from the headings of its columns; a ``>`` after a heading aligns to the right.

    Args:
        columns: headings, ``"left | right >"``, or by heading a function from a row to its cell.
        rows: each row's cells, or what those functions take.
        caption: Markdown; line breaks in it are spaces.
        runs: labels of the runs behind it, if not those of its numbers.
        once: in so many columns, from the left, a cell is left empty if it repeats the row above.
    """
    if isinstance(columns, str):
        heads, cells = columns.split("|"), [tuple(row) for row in rows]
    else:
        heads = list(columns)
        cells = [tuple(cell(row) for cell in columns.values()) for row in rows]
    names = [" ".join(head.split()) for head in heads]
    return Table(
        columns=tuple(name.removesuffix(">").strip() for name in names),
        numeric=tuple(name.endswith(">") for name in names),
        rows=tuple(_without_repeats(cells, once)),
        caption=" ".join(caption.split()),
        runs=runs,
    )


def _without_repeats(rows: Iterable[Cells], columns: int) -> Iterator[Cells]:
    above: Cells = ()
    for row in rows:
        same = 0
        while same < columns and row[: same + 1] == above[: same + 1]:
            same += 1
        yield ("",) * same + row[same:]
        above = row


def _room(cell: str) -> int:
    """The width of a cell, in characters of text."""
    cell = _ESCAPED.sub(r"\1", cell)
    code = len("".join(re.findall(r"`(.*?)`", cell)))
    shown = _UNSEEN.sub(r"\1", cell).replace("`", "")
    return math.ceil(len(shown) + (_CODE - 1) * code)


def _longest_word(cell: str) -> int:
    cell = _INTERVAL.sub(lambda found: found[1].replace(" ", "_").replace("-", "_"), cell)
    shown = _ESCAPED.sub(r"\1", _UNSEEN.sub(r"\1", cell))
    return max(map(_room, re.split(r"(?<=-)|\s", shown)))
