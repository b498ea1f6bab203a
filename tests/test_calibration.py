"""Calibration, against scikit-learn, against hand-made cases, and as properties that hold for any."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.special import expit, logit
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from pneumo.statistics import calibration
from pneumo.statistics.metrics import MetricError
from pneumo.study.temperature import logits_of, temperature
from pneumo.training.recipes import RECIPES


@st.composite
def cases(draw, least=4):
    """Labels with both classes in them, and logits with ties."""
    count = draw(st.integers(least, 60))
    labels = draw(arrays.arrays(np.int64, count, elements=st.integers(0, 1)))
    assume(0 < labels.sum() < count)
    logits = draw(arrays.arrays(np.float64, count, elements=st.integers(-30, 30))) / 4
    return labels, logits


def drawn(intercept=0.0, slope=1.0, count=4000, seed=0):
    """Logits x, and outcomes drawn with logit intercept + slope · x."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0.5, 2, count)
    labels = (generator.random(count) < expit(intercept + slope * logits)).astype(int)
    return labels, logits


def single(function):
    """The function with every case as its own patient."""

    def ask(labels, logits, **more):
        return function(labels, logits, np.arange(len(labels)), **more)

    return ask


reliability, recalibrate, read = map(
    single, (calibration.reliability, calibration.recalibrate, calibration.read)
)


def test_the_bins_are_those_of_scikit_learn_where_no_scores_tie():
    labels, logits = drawn(count=500)
    observed, predicted = calibration_curve(labels, expit(logits), n_bins=10, strategy="quantile")
    bins = reliability(labels, logits)
    assert [one.count for one in bins] == [50] * 10
    np.testing.assert_allclose([one.observed for one in bins], observed)
    np.testing.assert_allclose([one.predicted for one in bins], predicted)


@given(cases())
def test_every_case_is_in_one_bin_and_the_bins_rise(data):
    labels, logits = data
    bins = reliability(labels, logits)
    assert sum(one.count for one in bins) == len(labels)
    assert sum(one.count * one.observed for one in bins) == pytest.approx(labels.sum())
    assert len(bins) <= calibration.BINS
    predicted = [one.predicted for one in bins]
    assert predicted == sorted(predicted)
    assert all(0 <= one.low <= one.observed <= one.high <= 1 for one in bins)


def test_chance_alone_gives_true_probabilities_about_the_error_that_is_expected_of_it():
    found = [calibration.calibration_error(*drawn(count=600, seed=seed)[:2]) for seed in range(40)]
    expected = calibration.calibration_error_by_chance(drawn(count=600)[1])
    assert np.mean(found) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize(("intercept", "slope"), [(0, 1), (-1.5, 0.6), (1, 2), (0.3, -0.5)])
def test_intercept_and_slope_are_those_of_an_unpenalised_logistic_regression(intercept, slope):
    labels, logits = drawn(intercept, slope)
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(logits[:, None], labels)
    intercept, slope = recalibrate(labels, logits)
    assert intercept == pytest.approx(theirs.intercept_[0], abs=1e-4)
    assert slope.value == pytest.approx(theirs.coef_[0, 0], abs=1e-4)


def test_the_interval_is_that_of_statsmodels():
    labels, logits = drawn(-0.2, 0.9, count=600)
    theirs = sm.Logit(labels, sm.add_constant(logits)).fit(disp=0)
    _, slope = recalibrate(labels, logits)
    assert (slope.low, slope.high) == pytest.approx(theirs.conf_int()[1], rel=1e-4)


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_a_shift_is_bayes_rule(probability, presumed, actual):
    ratio = probability / (1 - probability) / (presumed / (1 - presumed))
    odds = ratio * actual / (1 - actual)
    shifted = calibration.to_prevalence([logit(probability)], presumed, actual)
    assert expit(shifted[0]) == pytest.approx(odds / (1 + odds))
    assert calibration.to_prevalence(shifted, actual, presumed)[0] == pytest.approx(
        logit(probability)
    )


def test_copies_of_every_case_do_not_narrow_the_interval():
    labels, logits = drawn(0.4, 0.8, count=300)
    three = np.repeat(np.arange(300), 3)
    one = calibration.read(labels, logits, np.arange(300))
    copied = calibration.read(labels[three], logits[three], three)
    for ours, theirs in (
        (one.mean_error, copied.mean_error),
        (one.slope, copied.slope),
    ):
        assert (theirs.low, theirs.high) == pytest.approx((ours.low, ours.high), abs=0.003)


def test_a_run_is_scaled_by_the_temperature_of_validation_alone(write_run):
    labels, logits = drawn(count=2000)
    test_labels, test_logits = drawn(1, 1, count=2000, seed=1)
    run = write_run(
        RECIPES["simple-cnn"], (labels, expit(2 * logits)), (test_labels, expit(2 * test_logits))
    )
    assert temperature(run) == pytest.approx(2, rel=0.1)
    np.testing.assert_allclose(logits_of(run), 2 * test_logits / temperature(run), rtol=1e-6)
    np.testing.assert_allclose(logits_of(run, scaled=False), 2 * test_logits, rtol=1e-6)


def test_the_parts_of_the_brier_score_are_murphys_and_add_up():
    # Murphy (1973): two forecasts, 0.25 for four cases with one event, 0.75 for four with two.
    labels, logits = [1, 0, 0, 0, 1, 1, 0, 0], logit([0.25] * 4 + [0.75] * 4)
    parts = calibration.brier(labels, logits)
    score, reliable, resolved, uncertain = parts.values()
    assert (reliable, resolved, uncertain) == pytest.approx((0.25**2 / 2, 0.125**2, 3 / 8 * 5 / 8))
    assert score == pytest.approx(brier_score_loss(labels, expit(logits)))
    assert reliable - resolved + uncertain == pytest.approx(score)
    # Where 0.25 is said a quarter has it; where 0.75 is said, half.
    assert calibration.calibration_error(labels, logits) == pytest.approx(0.125)


@pytest.mark.parametrize(("labels", "sign"), [([0, 0, 1, 1], 1), ([1, 1, 0, 0], -1)])
def test_separated_classes_have_an_infinite_slope_and_the_last_temperature(labels, sign):
    logits = np.array([-2.0, -1.0, 1.0, 2.0])
    intercept, slope = recalibrate(labels, logits)
    assert slope.value == sign * math.inf
    assert np.isnan([intercept, slope.low]).all()
    bound = calibration.TEMPERATURES[0 if sign > 0 else 1]
    assert calibration.fit_temperature(labels, logits) == pytest.approx(bound, rel=1e-3)


@given(cases(), st.floats(0.06, 19))
def test_no_other_temperature_has_a_lower_log_loss(data, other):
    labels, logits = data
    found = calibration.fit_temperature(labels, logits)
    losses = [np.logaddexp(0, (1 - 2 * labels) * logits / t).mean() for t in (found, other)]
    assert losses[0] <= losses[1] + 1e-7


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: read([0, 1], [0.0]), r"\(2,\) and \(1,\)"),
        (lambda: calibration.brier([], []), "N ≥ 1"),
        (lambda: calibration.calibration_error([0, 2], [0.0, 1.0]), r"\[2\]"),
        (lambda: calibration.fit_temperature([0, 1], [0.0, math.nan]), "finite"),
        (lambda: recalibrate([1, 1], [0.0, 1.0]), "every label is 1"),
        (lambda: calibration.to_prevalence([0.0], 0, 0.5), "prevalence"),
    ],
)
def test_invalid_arguments_are_refused_with_a_reason(ask, said):
    with pytest.raises(MetricError, match=said):
        ask()
