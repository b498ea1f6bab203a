"""`pneumo verify`: trains the reference study anew, or a part of it, and compares."""

import argparse
from pathlib import Path
from typing import Any

from pneumo.commands import options


def add(commands: Any) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "verify",
        help="train the reference study anew, or a part, and hold it against the numbers that were kept; "
        "exits with 1 where one lies outside its tolerance",
    )
    parser.set_defaults(command=run, compares=True)
    parser.add_argument(
        "--only", nargs="+", default=(), metavar="RECIPE", help="these recipes alone"
    )
    parser.add_argument(
        "--seeds", nargs="+", type=int, default=(), metavar="SEED", help="these seeds alone"
    )
    parser.add_argument(
        "--fresh",
        action="store_true",
        help="train even what the run store has, in a store that is gone afterwards",
    )
    parser.add_argument(
        "--reference",
        type=Path,
        metavar="FOLDER",
        help="where the reference study lies; without it: report/reference",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    options.add_data(parser)
    options.add_weights(parser)
    options.add_device(parser)


def run(chosen: argparse.Namespace) -> int:
    """Run it; the exit status."""
    from pneumo.analysis import verification
    from pneumo.base import paths
    from pneumo.commands.progress import Display
    from pneumo.data import descriptions

    label = descriptions.label(*descriptions.choose(chosen.dataset, chosen.size))
    with Display() as display:
        found = verification.verify(
            chosen.reference or paths.reference(label),
            only=chosen.only,
            seeds=chosen.seeds,
            source=chosen.data,
            weights=chosen.weights,
            device=chosen.device,
            fresh=chosen.fresh,
            listener=display.listener,
        )
    if chosen.json:
        print(verification.to_json(found))
    else:
        verification.show(found)
    return 0 if found.holds else 1
