"""What the sanity checks find in a study."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pneumo.analysis import sanity_checks
from pneumo.study import questions
from pneumo.training.similarity import rank_correlation


def test_the_mean_has_the_librarys_interval():
    values = np.random.default_rng(0).gamma(2.0, size=300)
    mean, low, high = sanity_checks.mean_interval(values, np.arange(300))
    expected = stats.bootstrap(
        (values,), np.mean, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert mean == values.mean()
    assert low == pytest.approx(expected.low, abs=0.02)
    assert high == pytest.approx(expected.high, abs=0.02)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30))
def test_the_interval_holds_the_mean_and_what_is_unknown_is_left_out(values):
    mean, low, high = sanity_checks.mean_interval(np.array(values), np.arange(len(values)))
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9
    with_unknown = sanity_checks.mean_interval(
        np.array([*values, np.nan]), np.arange(len(values) + 1)
    )
    assert with_unknown == (mean, low, high)


def test_nothing_known_has_no_mean():
    assert np.isnan(sanity_checks.mean_interval(np.array([np.nan]), np.array([0]))).all()


def test_the_gap_of_curves_that_lie_apart_is_their_distance():
    removed = np.array([0.0, 0.2, 0.8])
    curves = np.stack([np.full((3, 4), 0.25), np.full((3, 4), 0.75)])
    np.testing.assert_allclose(sanity_checks.gap(removed, curves), 0.5)
    np.testing.assert_allclose(sanity_checks.gap(removed, curves[::-1]), -0.5)


def test_a_trained_map_is_wholly_like_itself_and_random_ones_are_not(study):
    for model in study.ran:
        found = sanity_checks.cascade(study, model)
        assert found.stages[0] == "trained"
        assert found.rank[0] == pytest.approx(1)
        assert found.structure[0] == pytest.approx(1)
        assert ((found.rank >= 0) & (found.rank <= 1)).all()
        assert found.chance < 0.3
        mean, low, high = found.left
        assert mean == pytest.approx(found.rank[-1])
        assert low <= mean <= high


def test_maps_are_held_against_seeds_the_control_and_chance(study):
    found = sanity_checks.agreements(study)
    assert list(found) == ["another seed", "shuffled labels", "random map"]
    model = study.model("simple-cnn")
    one, other = (run.explanation.maps for run in model.runs)
    assert found["another seed"].rank == pytest.approx(rank_correlation(one, other).mean())
    assert abs(found["random map"].rank) < 0.05


def test_a_run_that_was_not_asked_is_known(study):
    assert sanity_checks.asked(study, study.ran[0])
    assert not sanity_checks.asked(study, study.controls[0])
    assert questions.missing(study.ran[0].run, study.profile) == []
