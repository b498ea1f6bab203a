"""What a command is, and the options that several commands share."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Arguments of `add_argument`, by option.
Options = dict[str, dict[str, Any]]


def option(words: str, metavar: str | None = None, **more: Any) -> dict[str, Any]:
    """An option or an argument with a value; `words` is its help."""
    return {"help": words, "metavar": metavar, **more}


def flag(words: str) -> dict[str, Any]:
    """An option without a value."""
    return {"help": words, "action": "store_true"}


DATASET: Options = {
    "--dataset": option(
        "name of the set, such as breastmnist; default: PNEUMO_DATASET, or pneumoniamnist", "NAME"
    ),
    "--size": option(
        "side of the images in pixels: 28, 64, 128 or 224; default: PNEUMO_SIZE, or 28", "N", type=int
    ),
}  # fmt: skip
DATA: Options = {
    "--data": option(
        "a .npz file, its folder, or 'phantom' (drawn images); default: PNEUMO_DATA, then MedMNIST's "
        "cache, then a download", "PATH", default="auto",
    ),
    **DATASET,
}  # fmt: skip
PROFILE: Options = {
    "--profile": option("smoke, standard or paper; default: PNEUMO_PROFILE, or standard", "NAME")
}
WEIGHTS: Options = {
    "--weights": option(
        "ImageNet weights of ResNet18, as torchvision publishes them; default: PNEUMO_WEIGHTS, then "
        "torchvision's cache, then a download", "FILE", type=Path,
    )
}  # fmt: skip
DEVICE: Options = {"--device": option("auto (default), cpu, cuda, …", default="auto")}
TRAINING = DATA | PROFILE | WEIGHTS | DEVICE
ONE_RUN: Options = {
    "--seed": option("of the training; default: 0", type=int, default=0),
    "--epochs": option("with all layers trained; default: the recipe's", "N", type=int),
}
JSON: Options = {"--json": flag("print JSON instead of tables")}
# Of commands that run a finished study's models on images.
ASKING: Options = {
    **JSON,
    "--data": option(
        "the data that the study must be of; default: PNEUMO_DATA, or those that it was made from", "PATH"
    ),
    **DATASET,
    **PROFILE,
    **DEVICE,
}  # fmt: skip


@dataclass(frozen=True)
class Command:
    """How a command is called; its module has a function `run`, which gives the exit status.

    Args:
        summary: one line, without a full stop; also listed by ``pneumo --help``.
        examples: what is typed behind `pneumo`, the everyday use first; a comment follows two spaces.
        options: its options and arguments.
        more: what else a user must know, printed last.
        compares: whether its exit status is 1 for a difference, and 2 for any error.
    """

    summary: str
    examples: tuple[str, ...]
    options: Options = field(default_factory=dict)
    more: str = ""
    compares: bool = False

    def add(self, commands: Any, name: str, run: Callable[[argparse.Namespace], int]) -> None:
        """Add its parser to those of `pneumo`."""
        shown = "\n".join(f"  pneumo {example}" for example in self.examples)
        parser = commands.add_parser(
            name,
            help=self.summary,
            description=f"{self.summary[0].upper()}{self.summary[1:]}.\n\nexamples:\n{shown}",
            epilog=self.more,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        parser.set_defaults(run=run, compares=self.compares)
        for option, arguments in self.options.items():
            parser.add_argument(option, **arguments)
