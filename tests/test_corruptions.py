"""Corruptions: the kinds and severities of MedMNIST-C, each doing what its name says and more of it."""

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.util import random_noise
from torchvision.transforms import functional as vision

from pneumo.study.corruptions import CORRUPTIONS, SEVERITIES, corrupt


@pytest.fixture(scope="module")
def images(phantom):
    return phantom.test.images[:24]


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


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_higher_severity_is_further_from_the_image_and_the_same_seed_gives_the_same(name, images):
    found = [corrupt(images, name, severity) for severity in range(1, SEVERITIES + 1)]
    assert {(one.shape, one.dtype) for one in found} == {(images.shape, images.dtype)}
    distances = [np.abs(one.astype(float) - images).mean() for one in found]
    # Compression goes in blocks: it may stand still between two severities, but not go back far.
    assert 0 < distances[0] < distances[-1]
    assert np.diff(distances).min() > -0.1 * distances[-1]
    np.testing.assert_array_equal(corrupt(images, name, 3), found[2])
    if "noise" in name:
        assert (corrupt(images, name, 3, seed=1) != found[2]).any()
    else:
        np.testing.assert_array_equal(found[3][3:5], corrupt(images[3:5], name, 4))


@pytest.mark.parametrize("severity", [1, 5])
def test_noise_has_the_strength_that_it_is_given(severity):
    grey, level = np.full((256, 28, 28), 128, np.uint8), 128 / 255

    def of(name):
        return corrupt(grey, f"{name} noise", severity), CORRUPTIONS[f"{name} noise"][1][
            severity - 1
        ]

    for name, deviation in (
        ("gaussian", lambda strength: strength),
        ("speckle", lambda strength: strength * level),
        ("shot", lambda photons: np.sqrt(level / photons)),
    ):
        found, strength = of(name)
        assert found.std() / 255 == pytest.approx(deviation(strength), rel=0.05), name
    found, share = of("impulse")
    assert set(np.unique(found)) == {0, 128, 255}
    reference = random_noise(grey / 255, mode="s&p", amount=share, rng=0)
    expected = (np.abs(reference - level) > 0.1).mean()
    assert (found != 128).mean() == pytest.approx(expected, rel=0.1)
    assert (found == 255).sum() == pytest.approx((found == 0).sum(), rel=0.15)
