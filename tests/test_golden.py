"""A short training of each architecture gives the same numbers as when its version was last raised.

If you change them on purpose, raise ``TRAINING_VERSION`` in ``pneumo/training/runs.py`` and keep the new
numbers with ``python tests/test_golden.py``. Below it: augmentation on pictures whose right answer is known.
"""

import hashlib
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pneumo.data import Split, datasets
from pneumo.data.held_out import divide
from pneumo.training.augmentation import Draw, apply, augment, draw, resize
from pneumo.training.grad_cam import explain
from pneumo.training.loop import Loop, predict
from pneumo.training.recipes import RECIPES, Augmentation
from pneumo.training.runs import TRAINING_VERSION
from pneumo.training.train import fill
from pneumo.training.weights import find_weights

KEPT = Path(__file__).with_name("golden.json")
IMAGES, BATCH, SHOWN = 16, 8, 12  # to learn from, a step, and to predict
# Relative to the largest of a list of numbers. Another count of threads, and AVX2 for AVX-512, move logits by
# 1e-11; a learning rate that is larger by a thousandth by 4e-4 and more.
TOLERANCE = 1e-6
NAMES = ("simple-cnn", "resnet18-scratch", "resnet18-tiny-imagenet", "efficientnet-lite0-imagenet")
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


def numbers(name, folder):
    """Losses and validation logits of two epochs, and Grad-CAM's cells for a test image."""
    recipe = RECIPES[name]
    tiny = {"epochs": 2, "batch_size": BATCH, "train_images": IMAGES, "half_precision": False}
    if name == "efficientnet-lite0-imagenet":
        # Its weights are out of reach, so it starts from random ones.
        tiny |= {"pretraining": None, "frozen_epochs": 0, "input_size": 64}
    else:
        tiny |= {"frozen_epochs": min(1, recipe.frozen_epochs), "input_size": 28}
    recipe = replace(recipe, **tiny)
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


SIDE = 29  # odd, so there is a middle pixel


def change(count=1, **fields):
    """A draw that changes nothing but `fields`."""
    nothing = {name: torch.zeros(count) for name in Draw.__dataclass_fields__}
    nothing |= {"mirrored": torch.zeros(count, dtype=torch.bool), "contrast": torch.ones(count)}
    given_ = {name: torch.full((count,), value) for name, value in fields.items()}
    return Draw(**(nothing | given_))


def dot(row, column):
    """A bright square of 3×3 pixels on black."""
    image = torch.zeros(1, 1, SIDE, SIDE)
    image[..., row - 1 : row + 2, column - 1 : column + 2] = 1
    return image


def centre(image):
    """Where an image's brightness lies on average: row, column."""
    rows, columns = torch.meshgrid(*2 * [torch.arange(image.shape[-1]).float()], indexing="ij")
    light = image[0, 0] / image.sum()
    return float((rows * light).sum()), float((columns * light).sum())


@pytest.fixture
def scene():
    generator = torch.Generator().manual_seed(3)
    return torch.rand(4, 1, 28, 28, generator=generator)


@pytest.mark.parametrize("size", [28, 56, 64])
def test_a_draw_that_changes_nothing_is_a_resize(scene, size):
    found = apply(scene, size, change(4))
    torch.testing.assert_close(found, resize(scene, size), atol=1e-5, rtol=0)


def test_flips_turns_and_brightness_do_what_their_names_say(scene):
    for fields, expected in (
        ({"mirrored": True}, scene.flip(-1)),
        ({"rotation": 90.0}, torch.rot90(scene, 1, (-2, -1))),  # counter-clockwise
        ({"brightness": -0.15}, (scene - 0.15).clamp(0, 1)),
    ):
        found = apply(scene, 28, change(4, **fields))
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("field", "share", "column", "expected"),
    [
        ("right", 3 / SIDE, 14, (14, 17)),
        ("down", -3 / SIDE, 14, (11, 14)),
        ("zoom", -0.5, 19, (14, 24)),
        ("zoom", 0.25, 19, (14, 18)),
    ],
)
def test_a_shift_moves_by_its_share_of_the_side_and_a_zoom_shows_more_or_less_of_it(
    field, share, column, expected
):
    moved = apply(dot(14, column), SIDE, change(**{field: share}))
    assert centre(moved) == pytest.approx(expected, abs=0.2)


def test_what_a_shift_uncovers_repeats_the_edge(scene):
    shifted = apply(scene, 28, change(4, right=4 / 28))
    edge = scene[..., :1].expand(-1, -1, -1, 4)
    torch.testing.assert_close(shifted[..., :4], edge, atol=1e-5, rtol=0)


def test_contrast_scales_the_distance_from_the_images_own_mean():
    image = torch.tensor([0.3, 0.5]).repeat(2, 1).view(1, 1, 2, 2)  # mean 0.4
    changed = apply(image, 2, change(contrast=1.5))
    torch.testing.assert_close(changed, torch.tensor([0.25, 0.55]).repeat(2, 1).view(1, 1, 2, 2))


@given(seed=st.integers(0, 2**31), strength=st.floats(0, 1), size=st.sampled_from([28, 40]))
def test_results_stay_between_0_and_1(seed, strength, size):
    ranges = Augmentation(0.5, 180 * strength, strength, strength, strength)
    generator = torch.Generator().manual_seed(seed)
    changed = augment(torch.rand(3, 1, 28, 28, generator=generator), size, ranges, generator)
    assert changed.shape == (3, 1, size, size)
    assert changed.min() >= 0
    assert changed.max() <= 1


def test_draws_fill_their_ranges_and_stay_inside():
    ranges = Augmentation(0.3, rotation=12, translation=0.1, zoom=0.3, brightness=0.2, contrast=0.4)
    drawn = draw(4000, ranges, torch.Generator().manual_seed(0))
    assert drawn.mirrored.float().mean().item() == pytest.approx(0.3, abs=0.03)
    reaches = {
        "rotation": 12,
        "zoom": 0.3,
        "right": 0.1,
        "down": 0.1,
        "brightness": 0.2,
        "contrast": 0.4,
    }
    for name, reach in reaches.items():
        values, middle = getattr(drawn, name), float(name == "contrast")
        assert values.min().item() == pytest.approx(middle - reach, abs=0.01 * reach)
        assert values.max().item() == pytest.approx(middle + reach, abs=0.01 * reach)
        assert values.mean().item() == pytest.approx(middle, abs=0.05 * reach)


if __name__ == "__main__":
    content = {"version": TRAINING_VERSION, "held_out": held_out()}
    for architecture in NAMES:
        with tempfile.TemporaryDirectory() as place:
            content[architecture] = numbers(architecture, Path(place))
    KEPT.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
