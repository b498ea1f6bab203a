"""The command line: `pneumo COMMAND`. Each command is a module of this package."""

import argparse
from collections.abc import Sequence
from importlib import import_module

from pneumo import __version__
from pneumo.base import streams
from pneumo.base.errors import PneumoError
from pneumo.base.storage import reported

COMMANDS = (
    "data", "train", "study", "predict", "external", "pretrain", "reference", "diff", "verify", "clean",
)  # fmt: skip

EVERYDAY = """\
Turn PneumoniaMNIST into a reproducible report.

everyday use:
  python -m nox -s report      train what is missing and build the site, _site/
  pneumo data                  show which data are found
  pneumo study                 train what is missing, without building the site
  pneumo predict image.png     apply a model of the study to an image file"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns:
        0, 1 for an error that the user can fix, or 2 for wrong usage. A command that compares returns 1
        for a difference, as `diff` does, and 2 for any error.
    """
    streams.forgive()
    chosen = build_parser().parse_args(arguments)
    try:
        with reported():
            status: int = chosen.run(chosen)
            return status
    except PneumoError as error:
        streams.tell(str(error))
    except ModuleNotFoundError as error:
        if str(error.name).startswith("pneumo"):
            raise
        streams.tell(
            f"{error.name} is not installed; this command needs the extra `train`. In a checkout, run "
            "`python -m nox -s study` and use .nox/study/bin/pneumo; elsewhere, run "
            "`python -m pip install 'pneumo[train]'`"
        )
    except KeyboardInterrupt:
        streams.tell("stopped; run the same command to resume")
        return 130
    return 2 if chosen.compares else 1


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="pneumo",
        description=EVERYDAY,
        epilog="`pneumo COMMAND --help` shows examples and options. PNEUMO_HOME moves the folder .pneumo.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"pneumo {__version__}")
    commands = parser.add_subparsers(required=True, title="commands", metavar="COMMAND")
    for name in COMMANDS:
        module = import_module(f"pneumo.commands.{name}")
        module.COMMAND.add(commands, name, module.run)
    return parser
