"""Removing pixels: which go first, and what is put in their place."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pneumo.training.removal import impute, order


def ramp(side=12):
    """A plane: brighter to the right, and down."""
    down, right = np.indices((side, side))
    return (0.03 * right + 0.02 * down + 0.1)[None]


def hole(side=12, share=0.5, seed=0):
    """Missing pixels anywhere but at the edge."""
    missing = np.random.default_rng(seed).random((side, side)) < share
    missing[[0, -1]] = missing[:, [0, -1]] = False
    return missing


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_a_hole_in_a_linear_ramp_is_filled_with_the_ramp(share):
    missing = hole(share=share)
    spoiled = np.where(missing, 9.0, ramp())
    np.testing.assert_allclose(impute(spoiled, missing, None), ramp(), atol=1e-12)


def test_a_pixel_is_the_weighted_mean_of_its_neighbours():
    image = np.arange(9.0).reshape(1, 3, 3) ** 2
    missing = np.zeros((3, 3), bool)
    missing[1, 1] = True
    expected = (1 + 9 + 25 + 49) / 6 + (0 + 4 + 36 + 64) / 12
    assert impute(image, missing, None)[0, 1, 1] == pytest.approx(expected)
    corner = np.zeros((3, 3), bool)
    corner[0, 0] = True  # two neighbours over an edge, one over a corner: 2 : 2 : 1
    assert impute(image, corner, None)[0, 0, 0] == pytest.approx((2 * 1 + 2 * 9 + 16) / 5)


@given(st.integers(0, 10_000), st.floats(0.05, 0.95))
def test_what_is_filled_in_lies_between_what_is_known(seed, share):
    generator = np.random.default_rng(seed)
    images, missing = generator.random((2, 9, 9)), generator.random((9, 9)) < share
    if missing.all():
        return
    filled = impute(images, missing, None)
    for image, before in zip(filled, images, strict=True):
        known = before[~missing]
        assert known.min() - 1e-9 <= image.min()
        assert image.max() <= known.max() + 1e-9


def test_the_pixels_of_the_brightest_cell_go_first():
    maps = np.zeros((1, 7, 7))
    maps[0, 2, 5] = 1.0
    first = order(maps, 28)[0, :4]
    down, right = np.unravel_index(first, (28, 28))
    assert set(down) <= {9, 10}
    assert set(right) <= {21, 22}


def test_every_pixel_has_one_place_in_the_order():
    ranked = order(np.random.default_rng(0).normal(size=(3, 8, 8)), 28)
    np.testing.assert_array_equal(np.sort(ranked, axis=1), np.tile(np.arange(784), (3, 1)))
