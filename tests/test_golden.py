"""A short training of each architecture gives the numbers that were kept for `TRAINING_VERSION`.

They move a little with the processor and its threads, and more with any change of what is trained. A change
that is meant raises `TRAINING_VERSION`, and `python tests/test_golden.py` keeps new numbers.
"""

import hashlib
from dataclasses import replace
from pathlib import Path

import torch

from pneumo.data import Split, datasets
from pneumo.data.held_out import divide
from pneumo.training.grad_cam import explain
from pneumo.training.loop import Loop, predict
from pneumo.training.recipes import RECIPES
from pneumo.training.train import fill
from pneumo.training.weights import find_weights

KEPT = Path(__file__).with_name("golden.json")
IMAGES, BATCH, SHOWN = 32, 4, 24  # to learn from, a step, and to predict
TOLERANCE = 2e-4
# EfficientNet's weights are out of reach: it starts from random ones.
NAMES = (
    "simple-cnn",
    "resnet18-scratch",
    "resnet18-tiny-imagenet",
    "efficientnet-lite0-imagenet",
)


class Precise(Loop):
    """The loop with a network in 64 bits, so that rounding does not grow."""

    def __init__(self, recipe, seed, model, *arguments):
        model.double().register_forward_pre_hook(lambda _, inputs: (inputs[0].double(),))
        super().__init__(recipe, seed, model, *arguments)


def numbers(name, folder, **changes):
    """Validation logits after two epochs in 32 bits, and Grad-CAM's cells for a test image."""
    recipe = replace(
        RECIPES[name],
        input_size=28,
        frozen_epochs=min(1, RECIPES[name].frozen_epochs),
        epochs=2,
        batch_size=BATCH,
        train_images=IMAGES,
        half_precision=False,
    )
    if name.startswith("efficientnet"):
        recipe = replace(recipe, pretraining=None)
    recipe = replace(recipe, **changes)
    phantom = datasets.phantom()
    shown = Split(phantom.val.images[:SHOWN], phantom.val.labels[:SHOWN])
    folder.mkdir(parents=True)
    device = torch.device("cpu")
    loop = fill(
        recipe, 0, replace(phantom, val=shown), find_weights(recipe), folder, device, None, Precise
    )
    maps = explain(loop.model, recipe, phantom.test.images[:1], phantom.train.images[:2]).maps
    return {
        "logits": predict(loop.model, recipe, shown.images).tolist(),
        "map": maps.ravel()[:SHOWN].tolist(),
    }


def held_out():
    """A digest of which training images are held out."""
    rest, held = divide(datasets.phantom().train)
    return hashlib.sha256(rest.images.places.tobytes() + held.images.places.tobytes()).hexdigest()
