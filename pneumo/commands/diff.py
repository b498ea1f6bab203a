"""`pneumo diff`: shows what changed between two records."""

import argparse
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pneumo.commands import options, terminal

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from pneumo.record.difference import Difference

_THRESHOLDS = {"half": "0.5", "youden": "Youden's J"}


def add(commands: Any) -> None:
    parser = options.add_command(
        commands,
        run,
        "show what changed between two records",
        "diff report/reference _site/record",
        more="Exit status: 0 if nothing changed, 1 if something did, 2 for an error.",
        compares=True,
    )
    parser.add_argument(
        "before", type=Path, metavar="BEFORE", help="the folder of a record, or its results.json"
    )
    parser.add_argument("after", type=Path, metavar="AFTER", help="the same, of the other record")
    parser.add_argument(
        "--tolerance",
        type=_tolerance,
        metavar="X",
        help="ignore changes of a metric up to X; default: rounding errors",
    )
    parser.add_argument(
        "--html", type=Path, metavar="FILE", help="also write a page; of two sites with figures"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")


def run(chosen: argparse.Namespace) -> int:
    from pneumo.record import difference

    before, after = difference.load(chosen.before), difference.load(chosen.after)
    allowed = difference.ROUNDING if chosen.tolerance is None else chosen.tolerance
    found = difference.compare(before, after, allowed)
    if chosen.html:
        from pneumo.pages import difference as page

        page.write(found, chosen.before, chosen.after, chosen.html)
    if chosen.json:
        print(difference.to_json(found))
    else:
        show(found)
    return 0 if found.is_empty else 1


def show(found: "Difference", console: "Console | None" = None) -> None:
    """Print a difference as tables, or the one line that there is none."""
    out = terminal.console(console)
    if found.is_empty:
        out.print("nothing changed")
    for one in _tables(found):
        if one.row_count:
            out.print(one)


def _tables(found: "Difference") -> "Iterator[Table]":
    from pneumo.record import difference

    for what, names, changes in (
        ("made from", None, found.made_from),
        ("claim", found.texts, found.claims),
        ("model", None, found.models),
    ):
        rows = (
            [names[one.name] if names else one.name, *map(_word, (one.before, one.after))]
            for one in changes
        )
        yield terminal.grid(f"{what} | before | after", rows)
    yield terminal.grid(
        "model | threshold | metric | before > | after > | moved >",
        (
            [
                one.model,
                _THRESHOLDS[difference.BLOCKS[one.block]],
                one.metric,
                terminal.number(one.before),
                terminal.number(one.after),
                terminal.DASH if math.isnan(one.by) else f"{one.by:+.2g}",
            ]
            for one in found.metrics
        ),
    )


def _word(text: str | None) -> str:
    return "not there" if text is None else text


def _tolerance(text: str) -> float:
    value = float(text)
    if not value >= 0:
        raise argparse.ArgumentTypeError(f"expected a number of at least 0, found {text}")
    return value
