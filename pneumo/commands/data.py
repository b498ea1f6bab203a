"""`pneumo data`: shows which data are found, and audits them."""

import argparse
from typing import Any

from pneumo.commands import options


def add(commands: Any) -> None:
    """Add the command and its options."""
    parser = options.add_command(
        commands,
        "data",
        "show which data are found, and audit them",
        "data",
        "data --data path/to/pneumoniamnist.npz",
    )
    parser.set_defaults(command=run)
    options.add_data(parser)


def run(chosen: argparse.Namespace) -> int:
    """Run it; the exit status."""
    from pneumo import data
    from pneumo.data import audit

    print("\n".join(audit.report_lines(data.load(chosen.size, chosen.data, chosen.dataset))))
    return 0
