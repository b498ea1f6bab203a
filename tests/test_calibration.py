"""Calibration, against scikit-learn, against hand-made cases, and as properties that hold for any."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats
from scipy.special import expit, logit
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss

from pneumo.analysis import calibration as analysis
from pneumo.pages.tables import TABLES
from pneumo.statistics import calibration, metrics
from pneumo.statistics.metrics import MetricError
from pneumo.study.study import Model
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
    """Outcomes drawn so that a logit x means intercept + slope · x."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0.5, 2, count)
    labels = (generator.random(count) < expit(intercept + slope * logits)).astype(int)
    return labels, logits


def single(function):
    """Asked of cases that are all patients of their own."""

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


def test_a_bins_interval_is_wilsons():
    labels, logits = drawn(count=100)
    for one in reliability(labels, logits, bins=4):
        expected = metrics.wilson(round(one.observed * one.count), one.count)
        assert (one.low, one.high) == pytest.approx(expected)


@given(cases(), st.integers(1, 12))
def test_every_case_is_in_one_bin_and_the_bins_rise(data, count):
    labels, logits = data
    bins = reliability(labels, logits, bins=count)
    assert sum(one.count for one in bins) == len(labels)
    assert sum(one.count * one.observed for one in bins) == pytest.approx(labels.sum())
    assert len(bins) <= count
    predicted = [one.predicted for one in bins]
    assert predicted == sorted(predicted)
    assert all(0 <= one.low <= one.observed <= one.high <= 1 for one in bins)


@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_cases_decides_nothing(data, random):
    labels, logits = data
    order = list(range(len(labels)))
    random.shuffle(order)
    before, after = (
        read(labels, logits),
        read(labels[order], logits[order]),
    )
    assert after.brier.reliability == pytest.approx(before.brier.reliability)
    assert after.calibration_error == pytest.approx(before.calibration_error)
    assert after.recalibration.p_value == pytest.approx(before.recalibration.p_value, abs=1e-6)


def test_equal_scores_share_one_bin():
    bins = reliability([0, 1, 1, 1], [0.0, 0.0, 0.0, 0.0])
    (only,) = bins
    assert (only.count, only.predicted, only.observed) == (4, 0.5, 0.75)


def test_the_calibration_error_is_the_bins_mean_distance():
    # Two bins: 0.2 is said where none has it, 0.6 where all have.
    labels, logits = [0, 0, 1, 1], logit([0.2, 0.2, 0.6, 0.6])
    assert calibration.calibration_error(labels, logits, 2) == pytest.approx((0.2 + 0.4) / 2)


def test_chance_alone_gives_true_probabilities_about_the_error_that_is_expected_of_it():
    found = [calibration.calibration_error(*drawn(count=600, seed=seed)[:2]) for seed in range(40)]
    expected = calibration.calibration_error_by_chance(drawn(count=600)[1])
    assert np.mean(found) == pytest.approx(expected, rel=0.1)


@given(cases(), st.integers(1, 12))
def test_the_parts_of_the_brier_score_add_up(data, count):
    labels, logits = data
    parts = calibration.brier(labels, logits, count)
    assert parts.score == pytest.approx(brier_score_loss(labels, expit(logits)))
    assert parts.reliability - parts.resolution + parts.uncertainty == pytest.approx(parts.score)
    assert parts.reliability >= 0
    assert parts.uncertainty == pytest.approx(labels.mean() * (1 - labels.mean()))


def test_the_parts_of_the_brier_score_are_murphys_where_a_bin_has_one_probability():
    # Murphy (1973): two forecasts, 0.25 for four cases with one event, 0.75 for four with two.
    labels = [1, 0, 0, 0, 1, 1, 0, 0]
    parts = calibration.brier(labels, logit([0.25] * 4 + [0.75] * 4), bins=2)
    assert parts.reliability == pytest.approx(0.25**2 / 2)
    assert parts.resolution == pytest.approx(0.125**2)
    assert parts.uncertainty == pytest.approx(3 / 8 * 5 / 8)


@pytest.mark.parametrize(("intercept", "slope"), [(0, 1), (-1.5, 0.6), (1, 2), (0.3, -0.5)])
def test_intercept_and_slope_are_those_of_an_unpenalised_logistic_regression(intercept, slope):
    labels, logits = drawn(intercept, slope)
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(logits[:, None], labels)
    ours = recalibrate(labels, logits)
    assert ours.intercept == pytest.approx(theirs.intercept_[0], abs=1e-4)
    assert ours.slope.value == pytest.approx(theirs.coef_[0, 0], abs=1e-4)


def test_the_interval_and_the_test_are_those_of_statsmodels():
    labels, logits = drawn(-0.2, 0.9, count=600)
    theirs = sm.Logit(labels, sm.add_constant(logits)).fit(disp=0)
    ours = recalibrate(labels, logits)
    assert (ours.slope.low, ours.slope.high) == pytest.approx(theirs.conf_int()[1], rel=1e-4)
    at_face_value = -log_loss(labels, expit(logits), normalize=False)
    assert ours.p_value == pytest.approx(
        stats.chi2.sf(2 * (theirs.llf - at_face_value), 2), rel=1e-3
    )


def test_true_probabilities_are_rejected_as_often_as_the_level_says():
    p_values = [recalibrate(*drawn(count=300, seed=seed)).p_value for seed in range(200)]
    assert stats.kstest(p_values, "uniform").pvalue > 0.01


@given(cases(), st.floats(0.2, 5))
def test_a_temperature_scales_the_slope_and_leaves_the_intercept(data, temperature):
    labels, logits = data
    assume(logits.min() < logits.max())
    before = recalibrate(labels, logits)
    after = recalibrate(labels, logits / temperature)
    assume(math.isfinite(before.slope.value))
    assert after.slope.value == pytest.approx(before.slope.value * temperature, rel=1e-3, abs=1e-3)
    assert after.intercept == pytest.approx(before.intercept, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize(("labels", "sign"), [([0, 0, 1, 1], 1), ([1, 1, 0, 0], -1)])
def test_logits_that_separate_the_classes_have_an_infinite_slope(labels, sign):
    found = recalibrate(labels, [-2.0, -1.0, 1.0, 2.0])
    assert found.slope.value == sign * math.inf
    assert math.isnan(found.intercept)
    assert math.isnan(found.slope.low)
    # The likelihood that the slope nears is 1.
    likelihood = -log_loss(labels, expit([-2.0, -1.0, 1.0, 2.0]), normalize=False)
    assert found.p_value == pytest.approx(stats.chi2.sf(-2 * likelihood, 2))


def test_a_shared_border_counts_with_its_own_share():
    labels, logits = [0, 0, 1, 1], [-1.0, 0.5, 0.5, 2.0]
    found = recalibrate(labels, logits)
    steep = -log_loss(labels, [1e-12, 0.5, 0.5, 1 - 1e-12], normalize=False)
    given_ = -log_loss(labels, expit(logits), normalize=False)
    assert found.slope.value == math.inf
    assert found.p_value == pytest.approx(stats.chi2.sf(2 * (steep - given_), 2), rel=1e-4)


def test_logits_that_are_all_the_same_are_tested_as_one_probability():
    labels = [1] * 75 + [0] * 25
    right = recalibrate(labels, np.full(100, logit(0.75)))
    wrong = recalibrate(labels, np.zeros(100))
    assert math.isnan(right.slope.value)
    assert right.p_value == pytest.approx(1)
    assert wrong.p_value < 0.001


@given(cases(), st.floats(0.06, 19))
def test_no_other_temperature_has_a_lower_log_loss(data, other):
    labels, logits = data
    found = calibration.fit_temperature(labels, logits)
    assert calibration.TEMPERATURES[0] <= found <= calibration.TEMPERATURES[1]
    losses = [np.logaddexp(0, (1 - 2 * labels) * logits / t).mean() for t in (found, other)]
    assert losses[0] <= losses[1] + 1e-7


def test_a_temperature_without_a_minimum_ends_at_its_bound():
    separated, reversed_ = [0, 0, 1, 1], [1, 1, 0, 0]
    logits = [-2.0, -1.0, 1.0, 2.0]
    low, high = calibration.TEMPERATURES
    assert calibration.fit_temperature(separated, logits) == pytest.approx(low, rel=1e-3)
    assert calibration.fit_temperature(reversed_, logits) == pytest.approx(high, rel=1e-3)


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_a_shift_is_bayes_rule(probability, presumed, actual):
    ratio = probability / (1 - probability) / (presumed / (1 - presumed))
    odds = ratio * actual / (1 - actual)
    shifted = calibration.to_prevalence([logit(probability)], presumed, actual)
    assert expit(shifted[0]) == pytest.approx(odds / (1 + odds))
    assert calibration.to_prevalence(shifted, actual, presumed)[0] == pytest.approx(
        logit(probability)
    )


def test_copies_of_every_case_tell_no_more_than_one():
    labels, logits = drawn(0.4, 0.8, count=300)
    three = np.repeat(np.arange(300), 3)
    one = calibration.read(labels, logits, np.arange(300))
    copied = calibration.read(labels[three], logits[three], three)
    for ours, theirs in (
        (one.mean_error, copied.mean_error),
        (one.recalibration.slope, copied.recalibration.slope),
    ):
        assert (theirs.low, theirs.high) == pytest.approx((ours.low, ours.high), abs=0.003)
    assert copied.recalibration.p_value == pytest.approx(one.recalibration.p_value, rel=0.1)


def test_a_shift_to_the_true_prevalence_mends_what_only_the_prevalence_broke():
    labels, logits = drawn()
    # Half of the positive cases are left out, and nothing else is changed.
    kept = np.flatnonzero((labels == 0) | (np.arange(len(labels)) % 2 == 0))
    there = read(labels[kept], logits[kept])
    mended = calibration.to_prevalence(logits[kept], labels.mean(), labels[kept].mean())
    told = read(labels[kept], mended)
    assert there.recalibration.p_value < 0.001
    assert told.recalibration.p_value > 0.05
    assert told.mean_error.low < 0 < told.mean_error.high


@pytest.mark.parametrize(
    ("labels", "logits", "said"),
    [
        ([0, 1], [0.0], r"\(2,\) and \(1,\)"),
        ([], [], "N ≥ 1"),
        ([0, 2], [0.0, 1.0], r"\[2\]"),
        ([0, 1], [0.0, math.inf], "finite"),
        ([0, 1], [0.0, math.nan], "finite"),
    ],
)
@pytest.mark.parametrize(
    "function",
    [
        reliability,
        calibration.calibration_error,
        calibration.brier,
        recalibrate,
        calibration.fit_temperature,
        read,
    ],
)
def test_what_cannot_be_read_is_said(function, labels, logits, said):
    with pytest.raises(MetricError, match=said):
        function(labels, logits)


def test_one_class_alone_allows_no_slope_and_no_temperature():
    for function in (recalibrate, calibration.fit_temperature, read):
        with pytest.raises(MetricError, match="every label is 1"):
            function([1, 1], [0.0, 1.0])


def test_there_is_at_least_one_bin():
    with pytest.raises(MetricError, match="found 0"):
        reliability([0, 1], [0.0, 1.0], bins=0)


@pytest.mark.parametrize(("presumed", "actual"), [(0, 0.5), (0.5, 1)])
def test_a_prevalence_is_neither_none_nor_all(presumed, actual):
    with pytest.raises(MetricError, match="prevalence"):
        calibration.to_prevalence([0.0], presumed, actual)


def test_a_run_is_scaled_by_the_temperature_of_validation_alone(write_run):
    labels, logits = drawn(count=2000)
    test_labels, test_logits = drawn(1, 1, count=2000, seed=1)
    run = write_run(
        RECIPES["simple-cnn"], (labels, expit(2 * logits)), (test_labels, expit(2 * test_logits))
    )
    assert temperature(run) == pytest.approx(2, rel=0.1)
    np.testing.assert_allclose(logits_of(run), 2 * test_logits / temperature(run), rtol=1e-6)
    np.testing.assert_allclose(logits_of(run, scaled=False), 2 * test_logits, rtol=1e-6)


def test_the_summary_is_the_mean_of_the_seeds(study):
    for model in study.ran:
        found = analysis.summary(study, model)
        each = [analysis.reading(study, run, "val", scaled=False) for run in model.runs]
        assert found["bins"] == calibration.BINS
        assert found["val"]["before"]["brier"] == pytest.approx(
            np.mean([one.brier.score for one in each])
        )
        alone = analysis.summary(study, Model(model.recipe, 1, model.runs[:1]))
        assert alone["temperature"] == temperature(model.run)


def test_a_run_is_told_the_prevalence_of_the_test_set(study):
    model = study.ran[0]
    told = analysis.at_known_prevalence(study, model)
    share, presumed = study.data.test.labels.mean(), analysis.presumed_prevalence(study)
    moved = logits_of(model.run) + logit(share) - logit(presumed)
    assert told.observed == pytest.approx(share)
    assert told.predicted == pytest.approx(expit(moved).mean())


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [(0.1, 0.04, "most"), (0.1, 0.06, "part"), (0.1, 0.1003, "nothing"), (0.1, 0.11, "harm")],
)
def test_how_much_of_an_error_is_mended_has_a_word(before, after, said):
    assert analysis.mended(before, after) == said


def test_calibration_stands_by_split_before_and_after(study, record):
    made = TABLES["tbl-calibration"](record)
    assert len(made.rows) == 4 * len(study.ran)
    found = analysis.summary(study, study.ran[0])
    places = [(split, when) for split in ("val", "test") for when in ("before", "after")]
    for row, (split, when) in zip(made.rows, places, strict=False):
        shown = dict(zip(made.columns, row, strict=True))
        assert shown["Brier"] == f"{found[split][when]['brier']:.3f}"
        assert shown["ECE"] == f"{found[split][when]['ece']:.3f}"
    assert [row[2] for row in made.rows[:2]] == ["1.00", f"{found['temperature']:.2f}"]
    assert [row[0] for row in made.rows[:4]] == [study.ran[0].title, "", "", ""]
