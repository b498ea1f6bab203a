"""How alike maps are: identical ones, inverted ones, and ones that know nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from pneumo.training.similarity import random_maps, rank_correlation, structural_similarity

MAPS = random_maps((6, 7, 7), seed=3)


@pytest.mark.parametrize("similarity", [rank_correlation, structural_similarity])
def test_a_map_is_wholly_like_itself_whatever_its_scale(similarity):
    np.testing.assert_allclose(similarity(MAPS, MAPS), 1)
    np.testing.assert_allclose(similarity(MAPS, 40 * MAPS), 1, atol=1e-6)


def test_an_inverted_map_ranks_the_other_way_round():
    np.testing.assert_allclose(rank_correlation(MAPS, -MAPS), -1)
    assert (structural_similarity(MAPS, -MAPS) < -0.3).all()


def test_random_maps_have_nothing_in_common():
    one, other = random_maps((500, 7, 7), 0), random_maps((500, 7, 7), 1)
    assert abs(rank_correlation(one, other).mean()) < 0.03
    assert abs(structural_similarity(one, other).mean()) < 0.03


@given(st.integers(0, 10_000), st.integers(1, 20))
def test_ranks_agree_with_the_library_ties_and_all(seed, levels):
    generator = np.random.default_rng(seed)
    one, other = generator.integers(0, levels + 1, (2, 1, 4, 5)).astype(float)
    if np.ptp(one) and np.ptp(other):
        expected = spearmanr(one.ravel(), other.ravel()).statistic
        assert rank_correlation(one, other)[0] == pytest.approx(expected, abs=1e-12)


@given(st.integers(0, 10_000))
def test_similarity_is_symmetric_and_bounded(seed):
    one, other = random_maps((2, 3, 8, 8), seed)
    for similarity in (rank_correlation, structural_similarity):
        found = similarity(one, other)
        np.testing.assert_allclose(found, similarity(other, one), atol=1e-12)
        assert (np.abs(found) <= 1).all()


def test_a_constant_map_ranks_nothing():
    np.testing.assert_array_equal(rank_correlation(MAPS, np.ones_like(MAPS)), 0)
    assert np.isfinite(structural_similarity(MAPS, np.zeros_like(MAPS))).all()
