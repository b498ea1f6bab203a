"""`pneumo train`: trains one recipe with one seed."""

from argparse import Namespace

from pneumo.commands import options
from pneumo.commands.options import option

COMMAND = options.Command(
    "train one recipe with one seed",
    ("train simple-cnn", "train resnet18-scratch --seed 3 --device cuda"),
    {
        "recipe": option("simple-cnn, resnet18-scratch, …", "RECIPE"),
        **options.ONE_RUN,
        **options.TRAINING,
    },
    more="Several GPUs: torchrun --nproc-per-node 2 -m pneumo train resnet18-scratch",
)


def run(chosen: Namespace) -> int:
    from contextlib import nullcontext
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
    wanted = (recipe, chosen.seed, dataset)
    joined = distributed.group(chosen.device) if distributed.is_wanted() else nullcontext()
    with joined as group:
        if group and not group.is_first:
            distributed.train(*wanted, group, weights)
            return 0
        with Display() as display:
            listener = display.listener(recipe, chosen.seed, images_an_epoch(recipe, dataset))
            if group:
                done = distributed.train(*wanted, group, weights, listener=listener)
            else:
                done = train(*wanted, weights, listener=listener, device=chosen.device)
    best = done.manifest["metrics"]
    print(
        f"{done.label}: epoch {best['epoch']} kept, validation loss {best['val_loss']:.3f}, "
        f"AUC {best['val_auc']:.3f}"
    )
    return 0
