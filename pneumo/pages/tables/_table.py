"""A table's cells as text, and how numbers are written in them."""

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec

from pneumo.base import provenance
from pneumo.base.errors import PneumoError

if TYPE_CHECKING:
    from pneumo.base.provenance import Source

P = ParamSpec("P")

DASH = "–"

LINE = 100  # signs on a line, a column's margins counted as two
LONGEST = 60  # signs that a column asks room for at the most
_UNSEEN = re.compile(
    r"\[(.*?)\](?:\{[^}]*\}|\([^)]*\))|\*\*|\^"
)  # markup, but for what a link or a span shows
_MARKUP = re.compile(r"""([\\`*_{}\[\]<>#|~^$@'"-])""")
_ESCAPED = re.compile(rf"\\{_MARKUP.pattern}")
_CODE = 1.4  # as wide as this many signs of text is one of code


class TableError(PneumoError):
    """A table whose rows do not fit its columns."""


@dataclass(frozen=True)
class Table:
    """Cells as text, ready to be set; `numeric` says which columns are aligned to the right."""

    columns: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    behind: "tuple[Source, ...]" = ()  # what was read for it

    @property
    def widths(self) -> tuple[int, ...]:
        """Each column's share of the line, as a count of signs: where cells are long, Markdown's dashes
        say how wide columns are.

        As in a browser's tables: every column has room for its longest word, and what is left goes to
        those whose cells need more.
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

    def __post_init__(self) -> None:
        widths = {len(self.columns), len(self.numeric), *(len(row) for row in self.rows)}
        if len(widths) != 1:
            raise TableError(f"a table of {len(self.columns)} columns has rows of {sorted(widths)}")


def table(columns: str, rows: Iterable[Iterable[str]]) -> Table:
    """A table from its heading, ``"left | right >"``: a ``>`` behind a name aligns to the right."""
    names = [name.strip() for name in columns.split("|")]
    return Table(
        columns=tuple(name.removesuffix(">").strip() for name in names),
        numeric=tuple(name.endswith(">") for name in names),
        rows=tuple(tuple(row) for row in rows),
    )


def plain(text: object) -> str:
    """Text from outside in one line, with Markdown's signs escaped."""
    return _MARKUP.sub(r"\\\1", " ".join(str(text).split()))


def code(text: object) -> str:
    """Text from outside in one line, as code: whatever stands in it, it ends where it should."""
    return f"`{' '.join(str(text).replace('`', '’').split()) or DASH}`"


def _room(cell: str) -> int:
    """How wide a cell is, in signs of text."""
    cell = _ESCAPED.sub(r"\1", cell)
    code = len("".join(re.findall(r"`(.*?)`", cell)))
    shown = _UNSEEN.sub(r"\1", cell).replace("`", "")
    return math.ceil(len(shown) + (_CODE - 1) * code)


def _longest_word(cell: str) -> int:
    shown = _ESCAPED.sub(r"\1", _UNSEEN.sub(r"\1", cell))
    return max(map(_room, re.split(r"(?<=-)|\s", shown)))


def sourced(make: Callable[P, Table]) -> Callable[P, Table]:
    """A function that makes a table, which then says what was read for it."""

    @wraps(make)
    def watched(*arguments: P.args, **options: P.kwargs) -> Table:
        with provenance.watch() as seen:
            made = make(*arguments, **options)
        return replace(made, behind=tuple(seen.values()))

    return watched


def number(value: float | None, digits: int = 3) -> str:
    """A number with fixed digits; a dash where there is none."""
    if value is None or value != value:
        return DASH
    return "∞" if value == float("inf") else f"{value:.{digits}f}"


def signed(value: float, digits: int = 3) -> str:
    """A difference with its sign; none where it rounds to nothing, a dash where there is none."""
    if value != value:
        return DASH
    text = f"{value:+.{digits}f}"
    return text if text.strip("+-0.") else number(0, digits)


def p_value(value: float) -> str:
    """A p-value as a table's cell."""
    return "< 0.001" if value < 0.001 else number(value)


def percent(share: float, digits: int = 1) -> str:
    """A share in [0, 1] as a percentage."""
    return f"{number(100 * share, digits)} %"


def duration(seconds: float) -> str:
    """Seconds as minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
