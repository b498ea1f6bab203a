"""Tables on a terminal: lines are not cut in pipes, and markup in cells has no effect."""

import io

import pytest
from rich.console import Console

from pneumo.commands import terminal


def printed(heading, rows, **options):
    console = Console(file=io.StringIO(), highlight=False, color_system=None, **options)
    terminal.console(console).print(terminal.grid(heading, rows))
    return console.file.getvalue()


def test_a_line_is_whole_where_no_terminal_cuts_it():
    long = "word " * 60
    assert long.strip() in printed("what", [[long]])


def test_a_terminal_keeps_its_width():
    text = printed("what", [["word " * 60]], force_terminal=True, width=40)
    assert max(map(len, text.splitlines())) <= 40


@pytest.mark.parametrize("cell", ["[bold]x[/bold]", "[/]", "\x1b[31mx", "a\nb"])
def test_a_cell_is_neither_markup_nor_a_command(cell):
    text = printed("[red]what", [[cell]])
    assert "\x1b" not in text
    assert "[red]what" in text
    assert cell.replace("\x1b", "\\x1b").replace("\n", "\\n") in text


def test_numbers_stand_on_the_right():
    lines = printed("model | AUC >", [["a", "0.9"], ["b", "10.25"]]).splitlines()
    ends = [len(line.rstrip()) for line in lines if line.rstrip().endswith(("0.9", "10.25"))]
    assert len(ends) == 2
    assert len(set(ends)) == 1
