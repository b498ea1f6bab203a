"""A short training of each architecture gives the same numbers as when its version was last raised.

If you change them on purpose, raise ``TRAINING_VERSION`` in ``pneumo/training/runs.py`` and keep the new
numbers with ``python tests/test_golden.py``.
"""

import hashlib
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pneumo.data import Split, datasets
from pneumo.data.held_out import divide
from pneumo.training.grad_cam import explain
from pneumo.training.loop import Loop, predict
from pneumo.training.recipes import RECIPES
from pneumo.training.runs import TRAINING_VERSION
from pneumo.training.train import fill
from pneumo.training.weights import find_weights

KEPT = Path(__file__).with_name("golden.json")
IMAGES, BATCH, SHOWN = 16, 8, 12  # to learn from, a step, and to predict
# Relative to the largest of a list of numbers. Another count of threads, and AVX2 for AVX-512, move logits by
# 1e-11; a learning rate that is larger by a thousandth by 4e-4 and more.
TOLERANCE = 1e-6
NAMES = (
    "simple-cnn",
    "resnet18-scratch",
    "resnet18-tiny-imagenet",
    "efficientnet-lite0-imagenet",
)
# Without AVX2 torch draws dropout and initial weights by other code, and then they differ.
drawn_alike = pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"),
    reason="torch draws other random numbers on a processor without AVX2",
)
MOVED = (
    "the numbers of a training have changed: raise TRAINING_VERSION in pneumo/training/runs.py, and keep "
    "the new ones with `python tests/test_golden.py`"
)


class Precise(Loop):
    """The loop with a network in 64 bits: rounding is another on each processor, and must not grow."""

    def __init__(self, recipe, seed, model, *arguments):
        model.double().register_forward_pre_hook(lambda _, inputs: (inputs[0].double(),))
        super().__init__(recipe, seed, model, *arguments)


def numbers(name, folder, **changes):
    """Losses and validation logits of two epochs, and Grad-CAM's cells for a test image."""
    recipe = RECIPES[name]
    tiny = {"epochs": 2, "batch_size": BATCH, "train_images": IMAGES, "half_precision": False}
    if name == "efficientnet-lite0-imagenet":
        # Its weights are out of reach, so it starts from random ones.
        tiny |= {"pretraining": None, "frozen_epochs": 0, "input_size": 64}
    else:
        tiny |= {"frozen_epochs": min(1, recipe.frozen_epochs), "input_size": 28}
    recipe = replace(recipe, **(tiny | changes))
    phantom = datasets.phantom()
    shown = Split(phantom.val.images[:SHOWN], phantom.val.labels[:SHOWN])
    device, dataset = torch.device("cpu"), replace(phantom, val=shown)
    loop = fill(recipe, 0, dataset, find_weights(recipe), folder, device, None, Precise)
    maps = explain(loop.model, recipe, phantom.test.images[:1], phantom.train.images[:2]).maps
    return {
        "losses": [row["train_loss"] for row in loop.history],
        "logits": predict(loop.model, recipe, shown.images).tolist(),
        "map": maps.ravel()[:SHOWN].tolist(),
    }


def held_out():
    """A digest of which training images are held out."""
    return hashlib.sha256(divide(datasets.phantom().train)[1].tobytes()).hexdigest()


def differs(found, expected):
    """Whether a list of numbers is further from another than rounding explains."""
    return not np.allclose(found, expected, rtol=0, atol=TOLERANCE * np.abs(expected).max())


@pytest.fixture(scope="module")
def kept():
    return json.loads(KEPT.read_text(encoding="utf-8"))


@drawn_alike
@pytest.mark.parametrize("name", NAMES)
def test_a_training_gives_the_numbers_of_its_version(name, kept, tmp_path):
    found = numbers(name, tmp_path)
    moved = [what for what in found if differs(found[what], kept[name][what])]
    assert not moved, f"{name}, {', '.join(moved)}: {MOVED}"


def test_the_same_images_are_held_out_as_in_this_version(kept):
    assert held_out() == kept["held_out"], MOVED
    assert kept["version"] == TRAINING_VERSION, MOVED


@drawn_alike
@pytest.mark.parametrize("what", ["learning_rate", "augmentation"])
def test_a_small_change_of_a_training_is_seen(what, kept, tmp_path):
    recipe = RECIPES["simple-cnn"]
    steeper = replace(recipe.augmentation, rotation=1.01 * recipe.augmentation.rotation)
    changes = {"learning_rate": 1.001 * recipe.learning_rate, "augmentation": steeper}
    found = numbers("simple-cnn", tmp_path, **{what: changes[what]})
    assert differs(found["logits"], kept["simple-cnn"]["logits"])


if __name__ == "__main__":
    content = {"version": TRAINING_VERSION, "held_out": held_out()}
    for architecture in NAMES:
        with tempfile.TemporaryDirectory() as place:
            content[architecture] = numbers(architecture, Path(place))
    KEPT.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
