"""Recipes and profiles: what a study may ask for."""

import pytest

from pneumo.training import recipes
from pneumo.training.recipes import ABLATIONS, RECIPES
from pneumo.training.runs import recipe_from


def test_the_pretrained_resnets_differ_from_each_other_in_their_weights_alone():
    names = "resnet18-imagenet", "resnet18-tiny-imagenet"
    imagenet, tiny = (RECIPES[name].to_dict() for name in names)
    differing = {name for name in imagenet if imagenet[name] != tiny[name]}
    assert differing == {"name", "title", "pretraining"}


def test_a_recipe_comes_back_from_plain_values():
    for recipe in RECIPES.values():
        assert recipe_from(recipe.to_dict()) == recipe


def test_an_ablation_changes_something_and_a_baseline_nothing_but_the_images():
    for name, ablation in ABLATIONS.items():
        assert ablation.recipe.name == name
        assert ablation.recipe.held_out, name
        base = ABLATIONS[ablation.baseline].recipe
        told = {"name", "title"}
        ours, theirs = ablation.recipe.to_dict(), base.to_dict()
        differing = {field for field in ours if ours[field] != theirs[field]} - told
        assert bool(differing) == bool(ablation.change), name
        assert base.architecture == RECIPES[ablation.model].architecture


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("size", [64, 128, 224])
def test_larger_images_are_never_shrunk_and_come_in_batches_that_memory_holds(name, size):
    own, larger = RECIPES[name], RECIPES[name].at(size)
    assert larger.input_size == max(size, own.input_size)
    assert larger.batch_size * larger.input_size**2 <= max(
        recipes.MOST_PIXELS[own.architecture], recipes.LEAST_BATCH * size**2
    )
    assert recipes.LEAST_BATCH <= larger.batch_size <= own.batch_size
    slower = (larger.batch_size / own.batch_size) ** 0.5
    assert larger.learning_rate == pytest.approx(slower * own.learning_rate)
    assert larger.epochs == own.epochs
