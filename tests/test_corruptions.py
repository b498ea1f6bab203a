"""Corruptions: the kinds and severities of MedMNIST-C, each doing what its name says and more of it."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from skimage.util import random_noise
from torchvision.transforms import functional as vision

from pneumo.study.corruptions import CORRUPTIONS, SEVERITIES, corrupt


@pytest.fixture(scope="module")
def images(phantom):
    return phantom.test.images[:24]


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corrupted_image_is_an_image(name, images):
    for severity in range(1, SEVERITIES + 1):
        found = corrupt(images, name, severity)
        assert (found.shape, found.dtype) == (images.shape, np.uint8)
        assert (found != images).any()


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_higher_severity_is_further_from_the_image(name, images):
    def distance(severity):
        return np.abs(corrupt(images, name, severity).astype(float) - images).mean()

    distances = [distance(severity) for severity in range(1, SEVERITIES + 1)]
    # Compression goes in blocks: it may stand still between two severities, but not go back far.
    assert distances[-1] > distances[0]
    assert np.diff(distances).min() > -0.1 * distances[-1]


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_same_seed_corrupts_the_same(name, images):
    np.testing.assert_array_equal(corrupt(images, name, 3), corrupt(images, name, 3))
    if "noise" in name:
        assert (corrupt(images, name, 3, seed=1) != corrupt(images, name, 3)).any()


@pytest.mark.parametrize("name", [name for name in CORRUPTIONS if "noise" not in name])
def test_what_draws_nothing_treats_each_image_alone(name, images):
    np.testing.assert_array_equal(corrupt(images, name, 4)[3:5], corrupt(images[3:5], name, 4))


@pytest.mark.parametrize("severity", [0, 6, -1])
def test_there_is_no_other_severity(severity, images):
    with pytest.raises(IndexError, match=f"found {severity}"):
        corrupt(images, "pixelate", severity)


@pytest.mark.parametrize("severity", range(1, SEVERITIES + 1))
def test_blur_and_gamma_are_torchvisions(severity, images):
    kernel = int(CORRUPTIONS["gaussian blur"][1][severity - 1])
    expected = vision.gaussian_blur(torch.tensor(images), kernel).numpy()
    found = corrupt(images, "gaussian blur", severity)
    assert np.abs(found.astype(int) - expected).max() <= 1
    for name in ("gamma up", "gamma down"):
        exponent = CORRUPTIONS[name][1][severity - 1]
        expected = np.asarray(vision.adjust_gamma(Image.fromarray(images[0]), exponent))
        np.testing.assert_array_equal(corrupt(images, name, severity)[0], expected)


def test_noise_has_the_strength_that_it_is_given():
    grey = np.full((64, 28, 28), 128, np.uint8)
    for severity in (1, 5):
        deviation = CORRUPTIONS["gaussian noise"][1][severity - 1]
        assert corrupt(grey, "gaussian noise", severity).std() / 255 == pytest.approx(
            deviation, rel=0.05
        )
        speckled = CORRUPTIONS["speckle noise"][1][severity - 1] * 128 / 255
        assert corrupt(grey, "speckle noise", severity).std() / 255 == pytest.approx(
            speckled, rel=0.05
        )
        photons = CORRUPTIONS["shot noise"][1][severity - 1]
        shot = np.sqrt(128 / 255 / photons)
        assert corrupt(grey, "shot noise", severity).std() / 255 == pytest.approx(shot, rel=0.05)


def test_impulses_are_as_many_as_scikit_images():
    grey = np.full((256, 28, 28), 128, np.uint8)
    for severity in (1, 5):
        share = CORRUPTIONS["impulse noise"][1][severity - 1]
        found = corrupt(grey, "impulse noise", severity)
        assert set(np.unique(found)) == {0, 128, 255}
        reference = random_noise(grey / 255, mode="s&p", amount=share, rng=0)
        expected = (np.abs(reference - 128 / 255) > 0.1).mean()
        assert (found != 128).mean() == pytest.approx(expected, rel=0.1)
        assert (found == 255).sum() == pytest.approx((found == 0).sum(), rel=0.15)


@given(st.sampled_from(list(CORRUPTIONS)), st.integers(1, SEVERITIES), st.integers(1, 4))
def test_a_black_image_stays_in_range(name, severity, count):
    black = np.zeros((count, 28, 28), np.uint8)
    found = corrupt(black, name, severity)
    assert found.shape == black.shape
    if "noise" not in name:
        assert found.max() <= 2
