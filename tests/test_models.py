"""The networks: sizes, parts, inputs and outputs."""

from dataclasses import replace

import pytest
import torch

from pneumo.training import models
from pneumo.training.models import build, standardise
from pneumo.training.recipes import RECIPES

TINY = RECIPES["resnet18-tiny-imagenet"]


def test_an_image_is_normalised_with_the_mean_that_the_network_knows():
    model = build(replace(TINY, dropout=0)).eval()
    images = torch.rand(2, 1, 56, 56)
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    deviation = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    by_hand = model.network((images.expand(-1, 3, -1, -1) - mean) / deviation).squeeze(1)
    torch.testing.assert_close(model(images), by_hand, atol=1e-5, rtol=1e-4)


def test_layers_are_listed_as_an_image_passes_them():
    model = build(RECIPES["simple-cnn"])
    rows = models.layers(model, 28)
    assert sum(row["parameters"] for row in rows) == 93_249
    assert [row["output"] for row in rows if row["kind"] == "Conv2d"] == [
        [32, 28, 28], [64, 14, 14], [128, 7, 7]
    ]  # fmt: skip
    assert rows[-1]["output"] == [1]
    assert not any(layer._forward_hooks for layer in model.modules())


def test_standardised_images_and_their_logits_have_lost_their_exposure():
    images = torch.rand(4, 1, 28, 28)
    found = standardise(images)
    torch.testing.assert_close(found.mean(dim=(1, 2, 3)), torch.full((4,), 0.5))
    torch.testing.assert_close(found.std(dim=(1, 2, 3)), torch.full((4,), 0.2))
    torch.testing.assert_close(standardise(0.4 * images + 0.3), found, atol=1e-4, rtol=1e-4)
    empty = torch.full((1, 1, 28, 28), 0.7)
    torch.testing.assert_close(standardise(empty), torch.full_like(empty, 0.5))
    model = build(replace(RECIPES["simple-cnn"], standardised=True)).eval()
    torch.testing.assert_close(model(0.5 * images + 0.2), model(images), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", RECIPES)
def test_a_network_has_the_outputs_asked_for_and_depths_that_hold_every_parameter_once(name):
    recipe = RECIPES[name]
    model = build(recipe, outputs=7).eval()
    assert model(torch.rand(2, 1, recipe.input_size, recipe.input_size)).shape == (2, 7)
    found = [p for group in model.depths() for module in group for p in module.parameters()]
    assert len(found) == len(list(model.parameters()))
    assert model.depths()[-1] == [model.head]
