"""What is seen of a network: filters, Grad-CAM and augmented examples, in the record and drawn from it."""

from collections import OrderedDict
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from matplotlib.text import Text
from torch import nn

from pneumo.analysis import grad_cam as analysis
from pneumo.pages.figures import networks, pictures
from pneumo.training import grad_cam
from pneumo.training.augmentation import resize, to_unit
from pneumo.training.models import Classifier, build
from pneumo.training.recipes import RECIPES
from pneumo.training.runs import VARIANTS
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


def test_examples_come_in_every_variant(phantom):
    images, ranges = phantom.train.images[:2], RECIPES["simple-cnn"].augmentation
    shown = grad_cam.augmented_examples(images, ranges)
    assert shown.shape == (2, len(VARIANTS), 56, 56)
    assert shown.dtype == np.uint8
    original = dict(zip(VARIANTS, shown.swapaxes(0, 1), strict=True))["original"]
    expected = (resize(to_unit(images), 56) * 255).squeeze(1).numpy()
    np.testing.assert_allclose(original, expected, atol=1)
    for index, name in enumerate(VARIANTS[1:], start=1):
        assert (shown[:, index] != shown[:, 0]).any(axis=(1, 2)).all(), name


def test_the_record_holds_the_first_seeds_maps_and_filters(study, record):
    assert set(record.maps) == {
        f"{kind}/{m.name}" for kind in ("maps", "filters") for m in study.ran
    }
    for model in study.ran:
        explained = model.run.explanation
        maps = record.maps[f"maps/{model.name}"]
        assert maps.dtype == np.float16
        np.testing.assert_allclose(maps, explained.maps, rtol=2**-10, atol=1e-7)
        np.testing.assert_array_equal(record.maps[f"filters/{model.name}"], explained.filters)


def test_smooth_kernels_are_told_from_random_ones():
    ramps = np.arange(9.0).reshape(1, 3, 3) * np.array([1, -2, 3]).reshape(3, 1, 1)
    assert analysis.neighbour_correlation(ramps) > 0.8
    noise = np.random.default_rng(0).normal(size=(500, 3, 3))
    assert abs(analysis.neighbour_correlation(noise)) < 0.05
    assert np.isnan(analysis.neighbour_correlation(np.ones((2, 3, 3))))


def test_grad_cam_shows_maps_at_their_native_size_and_overlays_over_the_whole_image(record):
    canvas = networks.grad_cam(record).canvas
    cells = record.explained[record.best.name].cells
    native = [axes.images[0] for axes in canvas.axes[1::3] if axes.images]
    assert {image.get_array().shape for image in native} == {cells}
    assert {image.get_interpolation() for image in native} == {"none"}
    assert "map, {}×{}".format(*cells) in [text.get_text() for text in canvas.findobj(Text)]
    for axes in canvas.axes[2::3]:
        if axes.images:
            image, heat = axes.images
            np.testing.assert_allclose(heat.get_extent(), image.get_extent())


@given(arrays.arrays(np.float32, (3, 3), elements=st.floats(-1, 1, width=32)), st.booleans())
def test_evidence_is_what_speaks_for_the_call_that_was_made(signed, positive):
    shown = pictures.evidence(signed, positive)
    assert shown.min() >= 0
    for_call = signed if positive else -signed
    assert ((shown > 0) <= (for_call > 0)).all()
    assert shown.max() == (pytest.approx(1) if (for_call > 0).any() else 0)
