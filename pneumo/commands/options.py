"""How a command is added, and the options that several commands share."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Arguments of `add_argument`, by option.
Options = dict[str, dict[str, Any]]

DATASET: Options = {
    "--dataset": {
        "metavar": "NAME",
        "help": "name of the set, such as breastmnist; default: PNEUMO_DATASET, or pneumoniamnist",
    },
    "--size": {
        "type": int,
        "metavar": "N",
        "help": "side of the images in pixels: 28, 64, 128 or 224; default: PNEUMO_SIZE, or 28",
    },
}
DATA: Options = {
    "--data": {
        "default": "auto",
        "metavar": "PATH",
        "help": "a .npz file, its folder, or 'phantom' (drawn images); default: PNEUMO_DATA, then MedMNIST's "
        "cache, then a download",
    },
    **DATASET,
}
PROFILE: Options = {
    "--profile": {
        "metavar": "NAME",
        "help": "smoke, standard or paper; default: PNEUMO_PROFILE, or standard",
    }
}
WEIGHTS: Options = {
    "--weights": {
        "type": Path,
        "metavar": "FILE",
        "help": "ImageNet weights of ResNet18, as torchvision publishes them; default: PNEUMO_WEIGHTS, then "
        "torchvision's cache, then a download",
    }
}
DEVICE: Options = {"--device": {"default": "auto", "help": "auto (default), cpu, cuda, …"}}
TRAINING = DATA | PROFILE | WEIGHTS | DEVICE
# Of commands that run a finished study's models on images.
ASKING: Options = {
    "--json": {"action": "store_true", "help": "print JSON instead of a table"},
    "--data": {
        "metavar": "PATH",
        "help": "the data that the study must be of; default: PNEUMO_DATA, or those that it was made from",
    },
    **DATASET,
    **PROFILE,
    **DEVICE,
}


def add_command(
    commands: Any,
    run: Callable[[argparse.Namespace], int],
    summary: str,
    *examples: str,
    more: str = "",
    compares: bool = False,
) -> argparse.ArgumentParser:
    """Add a command whose help begins with a summary and examples.

    Args:
        commands: the subparsers of `pneumo`.
        run: runs the command, and returns its exit status; its module has the name of the command.
        summary: one line, without a full stop; also listed by ``pneumo --help``.
        examples: what is typed behind `pneumo`, the everyday use first; a comment follows two spaces.
        more: what else a user must know, printed last.
        compares: whether its exit status is 1 for a difference, and 2 for any error.
    """
    shown = "\n".join(f"  pneumo {example}" for example in examples)
    parser: argparse.ArgumentParser = commands.add_parser(
        run.__module__.rpartition(".")[2],
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.\n\nexamples:\n{shown}",
        epilog=more,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=run, compares=compares)
    return parser


def add_options(parser: argparse.ArgumentParser, shared: Options) -> None:
    """Add options that a command shares with others."""
    for option, arguments in shared.items():
        parser.add_argument(option, **arguments)
