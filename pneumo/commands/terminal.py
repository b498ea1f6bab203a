"""Tables on a terminal: whole lines for other programs, and no cell that could steer it."""

import math
from collections.abc import Iterable

from pneumo.base.errors import printable

WIDE = 1000  # signs a line where no terminal says how many
DASH = "–"


def table(heading: str, rows: Iterable[Iterable[str]]) -> None:
    """Print a table, unless it has no rows.

    Args:
        heading: as ``"left | right >"``; a ``>`` behind a name aligns its column to the right.
        rows: their cells, as text.
    """
    from rich import box  # else the help of each command would wait for rich
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in map(str.strip, heading.split("|")):
        right = name.endswith(" >")
        title = Text(printable(name.removesuffix(" >")))
        shown.add_column(title, justify="right" if right else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(Text(printable(cell)) for cell in row))  # a Text is not read as markup
    out = Console(highlight=False)
    if not out.is_terminal:
        out.width = WIDE
    if shown.row_count:
        out.print(shown)


def number(value: float | None, digits: int = 4) -> str:
    """A number with fixed digits; a dash where there is none."""
    return DASH if value is None or math.isnan(value) else f"{value:.{digits}f}"
