"""The project's tables on a terminal: whole lines for other programs, and no cell that could steer it."""

from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from pneumo.base.errors import printable
from pneumo.pages.tables import Table

WIDE = 1000  # signs a line where no terminal says how many


def console(given: Console | None = None) -> Console:
    """Standard output, or the console given; no line is broken up on its way to another program."""
    found = given or Console(highlight=False)
    if not found.is_terminal:
        found.width = WIDE
    return found


def grid(table: Table) -> Grid:
    """A table as rich sets it; numbers are aligned to the right."""
    found = Grid(box=box.SIMPLE_HEAD, pad_edge=False)
    for name, numeric in zip(table.columns, table.numeric, strict=True):
        found.add_column(Text(printable(name)), justify="right" if numeric else "left")
    for row in table.rows:
        found.add_row(*(Text(printable(cell)) for cell in row))  # a Text is not read as markup
    return found
