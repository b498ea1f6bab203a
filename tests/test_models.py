"""The networks: their sizes, their parts, and what goes through them."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from torchvision.models import resnet18

from pneumo.training import models
from pneumo.training.models import (
    build,
    count_parameters,
    layers,
    standardise,
)
from pneumo.training.recipes import RECIPES
from pneumo.training.weights import find_weights

IMAGENET = RECIPES["resnet18-imagenet"]
TINY = RECIPES["resnet18-tiny-imagenet"]
LITE = RECIPES["efficientnet-lite0-imagenet"]


def test_simple_cnn_has_93249_parameters():
    assert models.count_parameters(build(RECIPES["simple-cnn"])) == 93_249


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_every_network_gives_one_logit_an_image(recipe):
    images = torch.rand(3, 1, recipe.input_size, recipe.input_size)
    assert build(recipe).eval()(images).shape == (3,)


def test_resnet18_has_torchvisions_parameters_but_for_its_head():
    reference = sum(p.numel() for p in resnet18(num_classes=1).parameters())
    for name in ("resnet18-imagenet", "resnet18-tiny-imagenet"):
        assert models.count_parameters(build(RECIPES[name])) == reference
    smaller_kernels = 64 * 3 * (7 * 7 - 3 * 3)
    scratch = models.count_parameters(build(RECIPES["resnet18-scratch"]))
    assert scratch == reference - smaller_kernels


def test_an_image_is_normalised_with_the_mean_that_the_network_knows():
    model = build(replace(TINY, dropout=0)).eval()
    images = torch.rand(2, 1, 56, 56)
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    deviation = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    by_hand = model.network((images.expand(-1, 3, -1, -1) - mean) / deviation).squeeze(1)
    torch.testing.assert_close(model(images), by_hand, atol=1e-5, rtol=1e-4)


def test_the_same_seed_builds_the_same_network():
    def first_weights(seed):
        torch.manual_seed(seed)
        return next(build(RECIPES["simple-cnn"]).parameters())

    assert torch.equal(first_weights(1), first_weights(1))
    assert not torch.equal(first_weights(1), first_weights(2))


def test_layers_are_listed_as_an_image_passes_them():
    model = build(RECIPES["simple-cnn"])
    rows = models.layers(model, 28)
    assert sum(row["parameters"] for row in rows) == 93_249
    assert [row["output"] for row in rows if row["kind"] == "Conv2d"] == [
        [32, 28, 28], [64, 14, 14], [128, 7, 7]
    ]  # fmt: skip
    assert rows[-1]["output"] == [1]
    assert not any(layer._forward_hooks for layer in model.modules())


@pytest.mark.parametrize(
    ("changes", "side", "parameters"),
    [
        ({}, 14, 11_177_025),
        ({"stem_stride": 1}, 28, 11_177_025),
        ({"stem_pooling": False}, 28, 11_177_025),
        ({"stem_kernel": 3, "stem_stride": 1, "stem_pooling": False}, 56, 11_177_025 - 3 * 64 * 40),
    ],
)
def test_the_stem_decides_how_large_the_first_maps_are(changes, side, parameters):
    torchvisions = {"stem_kernel": 7, "stem_stride": 2, "stem_pooling": True}
    model = build(replace(RECIPES["resnet18-scratch"], **torchvisions | changes))
    assert count_parameters(model) == parameters
    rows = {row["name"]: row["output"] for row in layers(model, 56)}
    assert rows["layer1.0.conv1"] == [64, side, side]


def test_another_stem_keeps_the_pretrained_kernels():
    recipe = replace(RECIPES["resnet18-tiny-imagenet"], stem_stride=1, stem_pooling=False)
    weights = find_weights(recipe)
    kernels = load_file(weights.path)["conv1.weight"].float()
    torch.testing.assert_close(build(recipe, weights).network.conv1.weight.detach(), kernels)


def test_a_standardised_image_has_lost_its_exposure():
    images = torch.rand(4, 1, 28, 28)
    found = standardise(images)
    torch.testing.assert_close(found.mean(dim=(1, 2, 3)), torch.full((4,), 0.5))
    torch.testing.assert_close(found.std(dim=(1, 2, 3)), torch.full((4,), 0.2))
    torch.testing.assert_close(standardise(0.4 * images + 0.3), found, atol=1e-4, rtol=1e-4)
    empty = torch.full((1, 1, 28, 28), 0.7)
    torch.testing.assert_close(standardise(empty), torch.full_like(empty, 0.5))


def test_a_standardised_networks_logits_do_not_hang_on_exposure():
    model = build(replace(RECIPES["simple-cnn"], standardised=True)).eval()
    images = torch.rand(4, 1, 28, 28)
    torch.testing.assert_close(model(0.5 * images + 0.2), model(images), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", RECIPES)
def test_the_depths_hold_every_parameter_once_and_end_at_the_head(name):
    model = build(RECIPES[name])
    found = [p for group in model.depths() for module in group for p in module.parameters()]
    assert len(found) == len(list(model.parameters()))
    assert model.depths()[-1] == [model.head]


@pytest.mark.parametrize("name", RECIPES)
def test_a_network_has_as_many_outputs_as_there_are_classes(name):
    recipe = RECIPES[name]
    model = build(recipe, outputs=7).eval()
    assert model(torch.rand(2, 1, recipe.input_size, recipe.input_size)).shape == (2, 7)
