"""`pneumo diff`: says what changed between two records."""

import argparse
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "diff",
        help="say what changed between two results.json; exits with 1 where something did",
    )
    parser.set_defaults(command=run, compares=True)
    parser.add_argument(
        "before", type=Path, metavar="BEFORE", help="a results.json, or the folder that holds it"
    )
    parser.add_argument("after", type=Path, metavar="AFTER", help="likewise")
    parser.add_argument(
        "--tolerance",
        type=_tolerance,
        metavar="X",
        help="how far a metric may go without having moved; without it: a rounding error",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")


def run(chosen: argparse.Namespace) -> int:
    """Run it; the exit status."""
    from pneumo.record import difference

    before, after = difference.load(chosen.before), difference.load(chosen.after)
    allowed = difference.ROUNDING if chosen.tolerance is None else chosen.tolerance
    found = difference.compare(before, after, allowed)
    if chosen.json:
        print(difference.to_json(found))
    else:
        difference.show(found)
    return 0 if found.is_empty else 1


def _tolerance(text: str) -> float:
    value = float(text)
    if not value >= 0:
        raise argparse.ArgumentTypeError(f"expected a number of at least 0, found {text}")
    return value
