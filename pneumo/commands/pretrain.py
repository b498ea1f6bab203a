"""`pneumo pretrain`: trains ResNet18 on a folder of images by class, and writes its weights."""

import argparse
from pathlib import Path
from typing import Any

from pneumo.base.errors import printable
from pneumo.commands import options


def add(commands: Any) -> None:
    parser = options.add_command(
        commands,
        run,
        "train ResNet18 on any folder of images by class, and write its weights",
        "pretrain FOLDER --output weights/",
        "study --weights weights/FILE      # then fine-tune from it",
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="with a folder for each class")
    parser.add_argument("--seed", type=int, default=0, help="of the training; default: 0")
    parser.add_argument("--epochs", type=int, metavar="N", help="default: the recipe's")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(),
        metavar="FOLDER",
        help="where to write the weights; default: the current folder",
    )
    options.add_options(parser, options.DEVICE)


def run(chosen: argparse.Namespace) -> int:
    from dataclasses import replace

    from pneumo.commands.progress import Display
    from pneumo.training import pretrain

    recipe = replace(pretrain.RECIPE, epochs=chosen.epochs or pretrain.RECIPE.epochs)
    folder = pretrain.read(chosen.folder, recipe.input_size)
    with Display() as display:
        display.say(
            f"{chosen.folder}: {len(folder.classes)} classes, {len(folder.train.labels):,} training and "
            f"{len(folder.val.labels):,} validation images"
        )
        for line in folder.warnings:
            display.say(line)
        listener = display.listener(recipe, chosen.seed, len(folder.train.labels))
        path = pretrain.pretrain(
            folder, chosen.output, recipe, chosen.seed, None, listener, chosen.device
        )
    print(f"{printable(path)}: top-1 {pretrain.manifest(path)['metrics']['val_accuracy']:.1%}")
    print(f"fine-tune from it: pneumo study --weights {printable(path)}")
    return 0
