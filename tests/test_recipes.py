"""Recipes and profiles: what a study may ask for."""

from dataclasses import FrozenInstanceError, replace

import pytest

from pneumo.training.recipes import (
    ABLATIONS,
    LEAST_BATCH,
    MOST_PIXELS,
    PROFILES,
    RECIPES,
    RecipeError,
    find_profile,
    find_recipe,
)
from pneumo.training.runs import recipe_from

NAMES = {
    "simple-cnn",
    "resnet18-scratch",
    "resnet18-imagenet",
    "resnet18-tiny-imagenet",
    "efficientnet-lite0-imagenet",
}


def test_the_recipes_are_those_that_results_name():
    assert set(RECIPES) == NAMES
    assert all(recipe.name == name for name, recipe in RECIPES.items())


def test_no_two_recipes_share_a_title():
    assert len({recipe.title for recipe in RECIPES.values()}) == len(RECIPES)


def test_pretrained_recipes_have_two_stages_and_the_others_one():
    for recipe in RECIPES.values():
        assert (recipe.frozen_epochs > 0) == (recipe.pretraining is not None), recipe.name
        assert (recipe.frozen_learning_rate > 0) == (recipe.frozen_epochs > 0), recipe.name


def test_the_open_stage_learns_at_a_lower_rate_than_the_frozen_one():
    for recipe in RECIPES.values():
        if recipe.frozen_epochs:
            assert recipe.learning_rate < recipe.frozen_learning_rate, recipe.name


def test_the_pretrained_resnets_differ_from_each_other_in_their_weights_alone():
    imagenet, tiny = (
        RECIPES[name].to_dict() for name in ("resnet18-imagenet", "resnet18-tiny-imagenet")
    )
    differing = {name for name in imagenet if imagenet[name] != tiny[name]}
    assert differing == {"name", "title", "pretraining"}


def test_scratch_and_pretrained_see_the_same_images_at_the_same_stride():
    scratch, tuned = RECIPES["resnet18-scratch"], RECIPES["resnet18-tiny-imagenet"]
    for same in (
        "architecture",
        "input_size",
        "stem_stride",
        "stem_pooling",
        "batch_size",
        "augmentation",
        "dropout",
        "weight_decay",
    ):
        assert getattr(scratch, same) == getattr(tuned, same), same


def test_a_recipe_comes_back_from_plain_values():
    for recipe in RECIPES.values():
        assert recipe_from(recipe.to_dict()) == recipe


def test_a_recipe_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        RECIPES["simple-cnn"].epochs = 1


def test_the_profiles_differ_in_seeds_and_length():
    smoke, standard, paper = (find_profile(name) for name in ("smoke", "standard", "paper"))
    assert (len(smoke.seeds), len(standard.seeds), len(paper.seeds)) == (1, 1, 5)
    assert smoke.recipe("simple-cnn").epochs < standard.recipe("simple-cnn").epochs
    assert smoke.recipe("simple-cnn").train_images is not None


def test_the_paper_profile_leaves_the_recipes_as_they_are():
    chosen = find_profile("paper")
    assert {name: chosen.recipe(name) for name in chosen.recipes} == RECIPES


def test_the_standard_profile_changes_nothing_but_the_length():
    chosen = find_profile("standard")
    for name, full in RECIPES.items():
        short = chosen.recipe(name)
        assert replace(short, epochs=full.epochs, frozen_epochs=full.frozen_epochs) == full
        assert short.epochs == round(full.epochs / 2)


def test_a_shortened_recipe_keeps_both_its_stages():
    shortened = find_profile("smoke").recipe("resnet18-tiny-imagenet")
    assert (shortened.frozen_epochs, shortened.epochs) == (1, 1)


def test_shortening_never_lengthens():
    for name in PROFILES["smoke"].recipes:
        short, full = PROFILES["smoke"].recipe(name), RECIPES[name]
        assert short.epochs <= full.epochs
        assert short.frozen_epochs <= full.frozen_epochs


@pytest.mark.parametrize(("find", "known"), [(find_recipe, RECIPES), (find_profile, PROFILES)])
def test_an_unknown_name_is_answered_with_the_known_ones(find, known):
    with pytest.raises(RecipeError, match="'nonsense'") as raised:
        find("nonsense")
    assert all(name in str(raised.value) for name in known)


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


def test_no_two_ablations_are_the_same_training():
    trainings = [
        {field: value for field, value in ablation.recipe.to_dict().items() if field not in ("name", "title")}
        for ablation in ABLATIONS.values()
    ]  # fmt: skip
    assert all(one not in trainings[:place] for place, one in enumerate(trainings))


def test_every_model_with_ablations_has_its_baseline_first():
    for model in {ablation.model for ablation in ABLATIONS.values()}:
        names = [name for name, ablation in ABLATIONS.items() if ablation.model == model]
        assert names[0] == f"{model}-held-out"
        assert ABLATIONS[names[0]].change == ""


@pytest.mark.parametrize("name", RECIPES)
def test_at_28_pixels_a_recipe_is_itself(name):
    assert RECIPES[name].at(28) is RECIPES[name]


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("size", [64, 128, 224])
def test_larger_images_are_never_shrunk_and_come_in_batches_that_memory_holds(name, size):
    own, larger = RECIPES[name], RECIPES[name].at(size)
    assert larger.input_size == max(size, own.input_size)
    assert larger.batch_size * larger.input_size**2 <= max(
        MOST_PIXELS[own.architecture], LEAST_BATCH * size**2
    )
    assert LEAST_BATCH <= larger.batch_size <= own.batch_size
    slower = (larger.batch_size / own.batch_size) ** 0.5
    assert larger.learning_rate == pytest.approx(slower * own.learning_rate)
    assert larger.epochs == own.epochs


@pytest.mark.parametrize("size", [64, 128, 224])
def test_resnet18s_last_layer_has_no_fewer_cells_than_at_28(size):
    recipe = RECIPES["resnet18-scratch"]

    def cells(one):
        # The stem's stride, its pooling, and a half at each of three layers.
        return one.input_size / one.stem_stride / 2 / 8

    assert cells(recipe.at(size)) >= cells(recipe)


@pytest.mark.parametrize("size", [28, 64, 128, 224])
def test_no_ablation_asks_what_the_size_has_answered(size):
    profile = find_profile("paper").at(size)
    plain = [replace(profile.recipe(name), name="", title="") for name in profile.ablations]
    assert len({repr(recipe) for recipe in plain}) == len(plain)
    if size == 28:
        assert profile == PROFILES["paper"]
    else:
        assert "resnet18-scratch-held-out-64" not in profile.ablations
    for name in profile.ablations:
        assert ABLATIONS[name].baseline in profile.ablations
