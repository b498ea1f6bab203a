"""What is seen of a network: filters, Grad-CAM and augmented examples, in the record and drawn from it."""

from collections import OrderedDict
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import nn

from pneumo.pages import pictures
from pneumo.training import grad_cam
from pneumo.training.augmentation import to_unit
from pneumo.training.models import Classifier, build
from pneumo.training.recipes import RECIPES
from pneumo.training.train import train
from pneumo.training.weights import find_weights


def trained(name, study, phantom, home):
    """A short training of a recipe; ResNet18 (ImageNet) starts from the weights at hand."""
    recipe = study.profile.recipe(name)
    carried = RECIPES["resnet18-tiny-imagenet"] if name == "resnet18-imagenet" else recipe
    return train(recipe, 0, phantom, find_weights(carried), home)


@pytest.fixture
def toy():
    """Three convolution channels, averaged, then weighed: Grad-CAM can be said by hand."""
    torch.manual_seed(5)
    network = nn.Sequential(
        OrderedDict(
            layer=nn.Conv2d(1, 3, 4, stride=4),
            pool=nn.AdaptiveAvgPool2d(1),
            flat=nn.Flatten(),
            fc=nn.Linear(3, 1),
        )
    )
    return Classifier(network, "fc", mean=(0.0,), deviation=(1.0,))


@pytest.fixture
def toy_recipe():
    return replace(RECIPES["simple-cnn"], explained_layer="layer")


@pytest.mark.parametrize("name", RECIPES)
def test_no_grad_cam_map_is_coarse_or_constant(name, study, phantom, home):
    run = trained(name, study, phantom, home)
    maps = run.explanation.maps
    assert len(maps) == len(phantom.test.images)
    assert min(maps.shape[1:]) >= 7
    spread = np.ptp(maps, axis=(1, 2))
    assert (spread > 0.05 * np.abs(maps).max(axis=(1, 2))).all()
    assert len(np.unique(maps.reshape(len(maps), -1), axis=0)) == len(maps)


def test_a_filter_is_what_grey_input_meets():
    model = build(
        RECIPES["resnet18-tiny-imagenet"], find_weights(RECIPES["resnet18-tiny-imagenet"])
    )
    filters = torch.from_numpy(grad_cam.first_filters(model))
    grey = torch.rand(1, 1, 16, 16)
    kernels = model.network.conv1.weight.detach()
    of_colour = nn.functional.conv2d(grey.expand(-1, 3, -1, -1), kernels)
    of_grey = nn.functional.conv2d(grey, filters.unsqueeze(1))
    torch.testing.assert_close(of_grey, of_colour, atol=1e-5, rtol=1e-4)


def test_the_signed_map_of_a_linear_head_is_the_one_worked_out_by_hand(toy, toy_recipe, phantom):
    images = phantom.test.images[:5]
    found = grad_cam.grad_cam(toy, toy_recipe, images)
    activations = toy.network.layer(to_unit(images)).detach()  # (5, 3, 7, 7)
    weights = toy.network.fc.weight.detach().view(1, 3, 1, 1) / 49  # the gradient of each cell
    np.testing.assert_allclose(found, (weights * activations).sum(1).numpy(), atol=1e-6)
    assert np.ptp(found) > 0


@given(arrays.arrays(np.float32, (3, 3), elements=st.floats(-1, 1, width=32)), st.booleans())
def test_evidence_is_what_speaks_for_the_call_that_was_made(signed, positive):
    shown = pictures.evidence(signed, positive)
    assert shown.min() >= 0
    for_call = signed if positive else -signed
    assert ((shown > 0) <= (for_call > 0)).all()
    assert shown.max() == (pytest.approx(1) if (for_call > 0).any() else 0)
