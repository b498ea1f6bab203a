"""What classifiers on pixels are shown of larger images."""

import numpy as np
import pytest

from pneumo.data.thumbnails import SIDE, thumbnails


@pytest.mark.parametrize("side", [64, 128, 224])
def test_larger_images_become_means_over_what_a_pixel_covers(side):
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (3, side, side), dtype=np.uint8)
    small = thumbnails(images)
    assert (small.shape, small.dtype) == ((3, SIDE, SIDE), np.uint8)
    np.testing.assert_allclose(small.mean(axis=(1, 2)), images.mean(axis=(1, 2)), atol=0.5)
    if side % SIDE == 0:
        block = side // SIDE
        means = images.reshape(3, SIDE, block, SIDE, block).mean(axis=(2, 4))
        assert np.abs(means - small).max() <= 0.5 + 1e-6
