"""How a command is added, and the options that several commands share."""

import argparse
import os
from pathlib import Path
from typing import Any


def add_command(
    commands: Any, name: str, summary: str, *examples: str, more: str = ""
) -> argparse.ArgumentParser:
    """Add a command whose help begins with a summary and examples.

    Args:
        commands: the subparsers of `pneumo`.
        summary: one line, without a full stop; also listed by ``pneumo --help``.
        examples: what is typed behind `pneumo`, the everyday use first; a comment follows two spaces.
        more: what else a user must know, printed last.
    """
    shown = "\n".join(f"  pneumo {example}" for example in examples)
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.\n\nexamples:\n{shown}",
        epilog=more,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add where the data come from, and which set they are."""
    parser.add_argument(
        "--data",
        default="auto",
        metavar="PATH",
        help="a .npz file, its folder, or 'phantom' (drawn images); default: PNEUMO_DATA, then MedMNIST's "
        "cache, then a download",
    )
    add_set(parser)


def add_set(parser: argparse.ArgumentParser) -> None:
    """Add the data set and the size of its images."""
    parser.add_argument(
        "--dataset",
        metavar="NAME",
        help="pneumoniamnist or breastmnist; default: PNEUMO_DATASET, or pneumoniamnist",
    )
    parser.add_argument(
        "--size",
        type=int,
        metavar="N",
        help="side of the images in pixels: 28, 64, 128 or 224; default: PNEUMO_SIZE, or 28",
    )


def add_asking(parser: argparse.ArgumentParser) -> None:
    """Add the options of commands that run a finished study's models on images."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--data",
        metavar="PATH",
        help="the data that the study must be of; default: PNEUMO_DATA, or those that it was made from",
    )
    add_set(parser)
    add_profile(parser)
    add_device(parser)


def add_training(parser: argparse.ArgumentParser) -> None:
    """Add the options of every training."""
    add_data(parser)
    add_profile(parser)
    add_weights(parser)
    add_device(parser)


def add_weights(parser: argparse.ArgumentParser) -> None:
    """Add the pretrained weights."""
    parser.add_argument(
        "--weights",
        type=Path,
        metavar="FILE",
        help="ImageNet weights of ResNet18, as torchvision publishes them; default: PNEUMO_WEIGHTS, then "
        "torchvision's cache, then a download",
    )


def add_profile(parser: argparse.ArgumentParser) -> None:
    """Add the profile."""
    profile = os.environ.get("PNEUMO_PROFILE", "standard")
    parser.add_argument(
        "--profile",
        default=profile,
        metavar="NAME",
        help="smoke, standard or paper; default: PNEUMO_PROFILE, or standard",
    )


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add the device."""
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda, …")
