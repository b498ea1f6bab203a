"""The cascade of random weights and the removal of pixels, on networks that can be said by hand."""

from collections import OrderedDict
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from pneumo.analysis import sanity_checks
from pneumo.study import questions
from pneumo.training import saliency
from pneumo.training.models import Classifier, build
from pneumo.training.recipes import RECIPES

SIMPLE = RECIPES["simple-cnn"]
OF_EACH = {recipe.architecture: recipe for recipe in RECIPES.values()}


@pytest.mark.parametrize("architecture", saliency.STAGES)
def test_the_stages_hold_every_weight_once(architecture):
    network = build(OF_EACH[architecture]).network
    held = [
        f"{module}.{name}"
        for modules in saliency.STAGES[architecture].values()
        for module in modules
        for name in network.get_submodule(module).state_dict()
    ]
    assert sorted(held) == sorted(network.state_dict())


def _learned(recipe):
    """A network all of whose weights have moved, as training moves them."""
    model = build(recipe)
    with torch.no_grad():
        for value in model.network.state_dict().values():
            value.add_(1)
    return model


@pytest.mark.parametrize("architecture", saliency.STAGES)
def test_a_stage_loses_all_it_learned_and_none_below_it_anything(architecture):
    recipe = OF_EACH[architecture]
    model = _learned(recipe)
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    fresh = saliency.fresh_network(model, recipe, seed=1)
    gone: tuple[str, ...] = ()
    for stage, modules in saliency.STAGES[architecture].items():
        saliency.randomise(model, fresh, recipe, stage)
        gone += tuple(f"{module}." for module in modules)
        for name, value in model.network.state_dict().items():
            assert torch.equal(value, before[name]) != name.startswith(gone), (stage, name)


def test_a_draw_is_the_same_every_time_and_leaves_the_users_alone():
    model = build(SIMPLE)
    state = torch.random.get_rng_state()
    one, same, other = (saliency.fresh_network(model, SIMPLE, seed) for seed in (3, 3, 4))
    assert torch.equal(state, torch.random.get_rng_state())
    assert torch.equal(one.network.fc.weight, same.network.fc.weight)
    assert not torch.equal(one.network.fc.weight, other.network.fc.weight)


def test_the_cascade_starts_at_the_trained_network_and_leaves_it(phantom):
    model = _learned(SIMPLE)
    before = deepcopy(model.state_dict())
    found = saliency.cascade(model, SIMPLE, phantom.test.images[:5])
    stages = 1 + len(saliency.STAGES["simple-cnn"])
    assert found["stages"].tolist() == ["trained", *saliency.STAGES["simple-cnn"]]
    assert found["rank"].shape == found["structure"].shape == (saliency.DRAWS, stages, 5)
    assert found["maps"].shape == (stages, 5, 7, 7)
    np.testing.assert_allclose(found["rank"][:, 0], 1)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.fixture
def square():
    """A network whose call hangs on one square of four by four pixels, and the recipe to explain it."""
    network = nn.Sequential(
        OrderedDict(
            layer=nn.Conv2d(1, 49, 4, stride=4), flat=nn.Flatten(), fc=nn.Linear(49 * 49, 1)
        )
    )
    with torch.no_grad():
        network.layer.weight.fill_(1 / 16)
        network.layer.bias.zero_()
        network.fc.weight.zero_()
        # Channel k looks at cell k, so that Grad-CAM's mean gradient knows the cell's channel.
        network.fc.weight[0, 10 * 49 + 10] = 40.0
        network.fc.bias.fill_(-20.0)
        for channel in range(49):
            if channel != 10:
                network.layer.weight[channel].zero_()
    return Classifier(network, "fc", (0.0,), (1.0,)), replace(SIMPLE, explained_layer="layer")


def test_a_map_of_the_deciding_square_beats_a_random_one(square):
    model, recipe = square
    images = np.random.default_rng(0).integers(0, 60, (12, 28, 28)).astype(np.uint8)
    images[:, 4:8, 12:16] = 230  # cell 10: row 1, column 3
    curves = saliency.removal(model, recipe, images)
    removed = np.array((0.0, *saliency.REMOVED))
    own, chance, _ = (sanity_checks.gap(removed, each) for each in curves)
    assert (curves[:, :, 0] > 0.99).all()
    assert own.mean() > chance.mean() + 0.3
    assert curves[0, 0, 1].mean() < 0.5 < curves[0, 1, -1].mean()


def test_the_curves_start_at_the_call_of_the_whole_image(study):
    for model in study.ran:
        curves = questions.read(model.run, "saliency", study.profile)["curves"]
        assert (curves[:, :, 0] >= 0.5).all()
        assert (curves[:, :, 0] == curves[0, 0, 0]).all()
        assert ((curves >= 0) & (curves <= 1)).all()


def test_networks_are_asked_about_both_classes(study):
    found = questions.read(study.ran[0].run, "saliency", study.profile)
    assert set(study.data.test.labels[found["images"]]) == {0, 1}
