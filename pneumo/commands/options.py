"""Options that several commands share."""

import argparse
import os
from pathlib import Path


def add_data(parser: argparse.ArgumentParser) -> None:
    """Where the data come from, and what set they are of."""
    parser.add_argument(
        "--data",
        default="auto",
        metavar="PATH",
        help="a .npz file, the folder that holds it, or 'phantom'; without it: PNEUMO_DATA, "
        "MedMNIST's cache, a download",
    )
    add_set(parser)


def add_set(parser: argparse.ArgumentParser) -> None:
    """The data set and the size of its images."""
    parser.add_argument(
        "--dataset",
        metavar="NAME",
        help="pneumoniamnist or breastmnist; without it: PNEUMO_DATASET, or pneumoniamnist",
    )
    parser.add_argument(
        "--size",
        type=int,
        metavar="N",
        help="side of the images, in pixels: 28, 64, 128 or 224; without it: PNEUMO_SIZE, or 28",
    )


def add_asking(parser: argparse.ArgumentParser) -> None:
    """What commands take that ask a finished study's networks."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--data",
        metavar="PATH",
        help="what the study must be of; without it: PNEUMO_DATA, or whatever it was made from",
    )
    add_set(parser)
    add_profile(parser)
    add_device(parser)


def add_training(parser: argparse.ArgumentParser) -> None:
    """What every training takes."""
    add_data(parser)
    add_profile(parser)
    add_weights(parser)
    add_device(parser)


def add_weights(parser: argparse.ArgumentParser) -> None:
    """Pretrained weights."""
    parser.add_argument(
        "--weights", type=Path, help="ImageNet weights of ResNet18, as torchvision publishes them"
    )


def add_profile(parser: argparse.ArgumentParser) -> None:
    """The profile."""
    profile = os.environ.get("PNEUMO_PROFILE", "standard")
    parser.add_argument("--profile", default=profile, help="smoke, standard (default) or paper")


def add_device(parser: argparse.ArgumentParser) -> None:
    """What to compute on."""
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda, …")
