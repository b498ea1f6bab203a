"""`pneumo diff`: shows what changed between two records."""

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from pneumo.commands import options, terminal
from pneumo.commands.options import option

if TYPE_CHECKING:
    from pneumo.record.difference import Difference

_THRESHOLDS = {"half": "0.5", "youden": "Youden's J"}


def _tolerance(text: str) -> float:
    value = float(text)
    if not value >= 0:
        raise argparse.ArgumentTypeError(f"expected a number of at least 0, found {text}")
    return value


COMMAND = options.Command(
    "show what changed between two records",
    ("diff report/reference _site/record",),
    {
        "before": option("the folder of a record, or its results.json", "BEFORE", type=Path),
        "after": option("the same, of the other record", "AFTER", type=Path),
        "--tolerance": option(
            "ignore changes of a metric up to X; default: rounding errors", "X", type=_tolerance
        ),
        "--html": option("also write a page; of two sites with figures", "FILE", type=Path),
        **options.JSON,
    },
    more="Exit status: 0 if nothing changed, 1 if something did, 2 for an error.",
    compares=True,
)


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


def show(found: "Difference") -> None:
    """Print a difference as tables, or the one line that there is none."""
    from pneumo.record import difference

    if found.is_empty:
        print("nothing changed")
    for what, names, changes in (
        ("made from", {}, found.made_from),
        ("claim", found.texts, found.claims),
        ("model", {}, found.models),
    ):
        terminal.table(
            f"{what} | before | after",
            (
                [
                    names.get(one.name, one.name),
                    *("not there" if text is None else text for text in (one.before, one.after)),
                ]
                for one in changes
            ),
        )
    terminal.table(
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
