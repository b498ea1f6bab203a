"""Tables on a terminal: whole lines for other programs, and no cell that could steer it."""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pneumo.base.errors import printable

if TYPE_CHECKING:  # else each command's help would wait for rich
    from rich.console import Console
    from rich.table import Table

WIDE = 1000  # signs a line where no terminal says how many
DASH = "–"


def console(given: "Console | None" = None) -> "Console":
    """Standard output, or the console given; no line is broken up on its way to another program."""
    from rich.console import Console

    found = given or Console(highlight=False)
    if not found.is_terminal:
        found.width = WIDE
    return found


def grid(heading: str, rows: Iterable[Iterable[str]]) -> "Table":
    """A table from its heading, ``"left | right >"``: a ``>`` behind a name aligns to the right."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    found = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in map(str.strip, heading.split("|")):
        right = name.endswith(" >")
        title = Text(printable(name.removesuffix(" >")))
        found.add_column(title, justify="right" if right else "left", overflow="fold")
    for row in rows:
        found.add_row(*(Text(printable(cell)) for cell in row))  # a Text is not read as markup
    return found


def number(value: float | None, digits: int = 4) -> str:
    """A number with fixed digits; a dash where there is none."""
    return DASH if value is None or math.isnan(value) else f"{value:.{digits}f}"
