"""`pneumo pretrain`: trains ResNet18 on a folder of images by class, and writes its weights."""

from argparse import Namespace
from pathlib import Path

from pneumo.base.errors import printable
from pneumo.commands import options
from pneumo.commands.options import option

COMMAND = options.Command(
    "train ResNet18 on any folder of images by class, and write its weights",
    (
        "pretrain FOLDER --output weights/",
        "study --weights weights/FILE      # then fine-tune from it",
    ),
    {
        "folder": option("with a folder for each class", "FOLDER", type=Path),
        **options.ONE_RUN,
        "--output": option(
            "where to write the weights; default: the current folder", "FOLDER", type=Path, default=Path()
        ),
        **options.DEVICE,
    },
)  # fmt: skip


def run(chosen: Namespace) -> int:
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
