"""The command line: `pneumo COMMAND`, a module of this package each."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from pneumo import __version__
from pneumo.base import streams
from pneumo.base.errors import PneumoError
from pneumo.base.storage import told

COMMANDS = (
    "data", "train", "study", "predict", "external", "pretrain", "reference", "diff", "verify", "clean",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit status is 0, 1 for an error the user can mend, 2 for wrong usage.

    A command that compares says 1 where there is a difference, as `diff` does, and so 2 for any error.
    """
    streams.forgive()
    chosen = build_parser().parse_args(arguments)
    try:
        with told():
            status: int = chosen.command(chosen)
    except PneumoError as error:
        print(f"pneumo: {error}", file=sys.stderr)
        return 2 if chosen.compares else 1
    except ModuleNotFoundError as error:
        if str(error.name).startswith("pneumo"):
            raise
        print(
            f"pneumo: {error.name} is not installed; this command needs the extra `train`: "
            "python -m pip install -e '.[train]'",
            file=sys.stderr,
        )
        return 2 if chosen.compares else 1
    except KeyboardInterrupt:
        print("pneumo: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    return status


def build_parser() -> argparse.ArgumentParser:
    """The parser of every command."""
    parser = argparse.ArgumentParser(
        prog="pneumo",
        description="From PneumoniaMNIST to a publishable, reproducible report.",
        epilog="Everyday use: `pneumo study` trains what is missing; `nox -s report` builds the site.",
    )
    parser.set_defaults(compares=False)
    parser.add_argument("--version", action="version", version=f"pneumo {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name in COMMANDS:
        import_module(f"pneumo.commands.{name}").add(commands)
    return parser
