"""`pneumo data`: says what data there are, and audits them."""

import argparse
from typing import Any

from pneumo.commands import options


def add(commands: Any) -> None:
    """Add the command and its options."""
    parser = commands.add_parser("data", help="say what data there are, and audit them")
    parser.set_defaults(command=run)
    options.add_data(parser)


def run(chosen: argparse.Namespace) -> int:
    """Run it; the exit status."""
    from pneumo.data import descriptions

    print(
        "\n".join(
            descriptions.report_lines(descriptions.load(chosen.dataset, chosen.size, chosen.data))
        )
    )
    return 0
