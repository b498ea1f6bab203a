"""`pneumo train`: trains one recipe with one seed."""

import argparse
from typing import Any

from pneumo.commands import options


def add(commands: Any) -> None:
    parser = options.add_command(
        commands,
        run,
        "train one recipe with one seed",
        "train simple-cnn",
        "train resnet18-scratch --seed 3 --device cuda",
        more="Several GPUs: torchrun --nproc-per-node 2 -m pneumo train resnet18-scratch",
    )
    parser.add_argument("recipe", metavar="RECIPE", help="simple-cnn, resnet18-scratch, …")
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    parser.add_argument(
        "--epochs", type=int, metavar="N", help="with all layers trained; default: the recipe's"
    )
    options.add_options(parser, options.TRAINING)


def run(chosen: argparse.Namespace) -> int:
    from dataclasses import replace

    from pneumo import data
    from pneumo.commands.progress import Display
    from pneumo.data import descriptions
    from pneumo.training import distributed
    from pneumo.training.recipes import find_profile, images_an_epoch
    from pneumo.training.train import train
    from pneumo.training.weights import find_weights

    about, size = descriptions.choose(chosen.dataset, chosen.size)
    recipe = find_profile(chosen.profile).at(size).recipe(chosen.recipe)
    if chosen.epochs is not None:
        recipe = replace(recipe, epochs=chosen.epochs)
    dataset = data.load(size, chosen.data, about.name)
    weights = find_weights(recipe, chosen.weights)
    images = images_an_epoch(recipe, dataset)
    if distributed.is_wanted():
        with distributed.group(chosen.device) as group:
            if not group.is_first:
                distributed.train(recipe, chosen.seed, dataset, group, weights)
                return 0
            with Display() as display:
                listener = display.listener(recipe, chosen.seed, images)
                run = distributed.train(
                    recipe, chosen.seed, dataset, group, weights, None, listener
                )
    else:
        with Display() as display:
            listener = display.listener(recipe, chosen.seed, images)
            run = train(recipe, chosen.seed, dataset, weights, None, listener, chosen.device)
    best = run.manifest["metrics"]
    print(
        f"{run.label}: epoch {best['epoch']} kept, validation loss {best['val_loss']:.3f}, "
        f"AUC {best['val_auc']:.3f}"
    )
    return 0
