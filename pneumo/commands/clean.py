"""`pneumo clean`: removes runs and cached results that no record was made from."""

import argparse
from typing import Any


def add(commands: Any) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "clean", help="list what no finished study needs any more; with --yes, remove it"
    )
    parser.set_defaults(command=run)
    parser.add_argument("--yes", action="store_true", help="remove what is listed")


def run(chosen: argparse.Namespace) -> int:
    """Run it; the exit status."""
    from pneumo.study import leftovers

    found = leftovers.find()
    for path, size in found.items():
        print(f"{size / 1e6:9,.1f} MB  {path}")
    total = sum(found.values()) / 1e6
    if not found:
        print("nothing is left over")
    elif chosen.yes:
        leftovers.remove(found)
        print(f"removed {len(found)} folders and files, {total:,.1f} MB")
    else:
        print(f"{len(found)} folders and files, {total:,.1f} MB; `pneumo clean --yes` removes them")
    return 0
