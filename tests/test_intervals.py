"""Intervals over cases and seeds, and calibration: against other libraries, resampling and simulation."""

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
from sklearn.metrics import brier_score_loss, roc_auc_score

from pneumo.statistics import calibration, influence, metrics
from pneumo.statistics.metrics import MetricError
from pneumo.study.temperature import logits_of, temperature
from pneumo.training.recipes import RECIPES


def made(seed, positives=60, negatives=40, shift=1.5, seeds=1, alike=0.0):
    """Labels and probabilities (S, N), with positive scores higher by `shift`.

    `alike` is the part of a score that all seeds share.
    """
    generator = np.random.default_rng(seed)
    labels = np.repeat([1, 0], (positives, negatives))
    own = generator.normal(size=len(labels)) * np.sqrt(alike)
    noise = generator.normal(size=(seeds, len(labels))) * np.sqrt(1 - alike)
    return labels, metrics.probabilities(own + noise + shift * labels - shift / 2)


def alone(labels):
    return np.arange(len(labels))


def half(scores):
    return np.full(len(scores), 0.5)


def test_each_error_is_that_of_a_bootstrap_within_classes():
    labels, scores = made(0, 120, 80)
    generator = np.random.default_rng(5)
    drawn = []
    for _ in range(600):
        picked = np.r_[generator.integers(0, 120, 120), generator.integers(120, 200, 80)]
        drawn.append(list(metrics.evaluate(labels[picked], scores[0, picked], 0.5).values()))
    expected = np.std(drawn, axis=0)
    metric = influence.evaluate(labels, scores, [0.5])
    for error, found in zip(expected, metric.values(), strict=True):
        assert np.sqrt(found.variance(alone(labels))) == pytest.approx(error, rel=0.1)


def test_intervals_over_cases_and_seeds_hold_the_truth_as_often_as_they_say():
    """Coverage over redrawn cases and networks: networks have random shifts, and cases are hard for all."""
    turns, seeds, spread = 300, 5, 0.3
    truth = {
        "auc": stats.norm.cdf(1.5 / np.sqrt(2)),
        # The sum of shift and noise is normal, too.
        "recall": stats.norm.cdf(0.75 / np.sqrt(1 + spread**2)),
    }
    held = dict.fromkeys(truth, 0)
    for turn in range(turns):
        labels, scores = made(turn, 150, 100, seeds=seeds, alike=0.5)
        moved = np.random.default_rng(9000 + turn).normal(size=(seeds, 1)) * spread
        shifted = metrics.probabilities(np.log(scores / (1 - scores)) + moved)
        found = influence.evaluate(labels, shifted, half(scores))
        for name, value in truth.items():
            ends = found[name].bounded(alone(labels))
            held[name] += ends.low <= value <= ends.high
    for name, count in held.items():
        assert 0.93 <= count / turns <= 0.985, name


def test_tests_against_a_margin_err_as_seldom_as_they_say():
    """Two equally good models are called different in at most 5 % of cases."""
    turns, called = 300, 0
    for turn in range(turns):
        labels, scores = made(turn, 150, 100, seeds=10, alike=0.5)
        areas = [influence.auc(labels, own) for own in (scores[:5], scores[5:])]
        difference = areas[0].apart(areas[1])
        p_value, ends = difference.p_value(alone(labels)), difference.estimate(alone(labels))
        assert (p_value < 0.05) == ends.excludes_zero
        called += p_value < 0.05
    assert called / turns <= 0.065


def test_at_their_edge_shares_and_areas_have_wilsons_interval_by_patient():
    labels = np.repeat([1, 0], (30, 20))
    perfect = np.where(labels, 0.9, 0.1)[None]
    found = influence.evaluate(labels, perfect, [0.5])
    counts = {"recall": 30, "specificity": 20, "accuracy": 50, "precision": 30, "f1": 30, "auc": 20}
    for name, count in counts.items():
        ends = found[name].bounded(alone(labels))
        expected = 1, *metrics.wilson(count, count)
        assert (ends.value, ends.low, ends.high) == pytest.approx(expected)
    in_pairs = found["recall"].bounded(alone(labels) // 2)
    assert in_pairs.low == pytest.approx(metrics.wilson(15, 15)[0])


def drawn(seed, count=60, each=3, alike=1.0, skill=1.0, seeds=1):
    """Labels, scores (S, N) and patients with correlated images; one patient in five has both classes."""
    generator = np.random.default_rng(seed)
    numbers = np.repeat(np.arange(count), each)
    labels = generator.integers(0, 2, count)[numbers]
    mixed = numbers % 5 == 0
    labels[mixed] = generator.integers(0, 2, mixed.sum())
    own = alike * generator.normal(size=count)[numbers]
    noise = generator.normal(size=(seeds, len(numbers)))
    return labels.astype(np.uint8), skill * labels + own + noise, numbers


def placements(labels, scores):
    """The share of negatives below each positive, and of positives above each negative."""
    x, y = scores[labels == 1], scores[labels == 0]
    won = (x[:, None] > y) + 0.5 * (x[:, None] == y)
    return won.mean(axis=1), won.mean(axis=0)


def variance_by_obuchowski(labels, scores, patients):
    """The variance as in the paper, patient by patient (Obuchowski 1997, equations 4 to 6)."""
    of_x, of_y = placements(labels, scores)
    area, m, n = of_x.mean(), len(of_x), len(of_y)
    names = np.unique(patients)
    by_x = [(of_x - area)[patients[labels == 1] == name].sum() for name in names]
    by_y = [(of_y - area)[patients[labels == 0] == name].sum() for name in names]
    pairs, k = ((by_x, by_x), (by_y, by_y), (by_x, by_y)), len(names)
    s10, s01, s11 = (k / (k - 1) * np.dot(*pair) for pair in pairs)
    return s10 / m**2 + s01 / n**2 + 2 * s11 / (m * n)


def test_the_variance_of_an_auc_is_obuchowskis():
    labels, scores, patients = drawn(0)
    found = influence.auc(labels, scores)
    assert found.values[0] == pytest.approx([roc_auc_score(labels, scores[0])])
    expected = variance_by_obuchowski(labels, scores[0], patients)
    assert found.variance(patients) == pytest.approx(expected)
    assert found.variance(patients) > 1.5 * found.variance(np.arange(len(labels)))


def test_cases_of_their_own_give_delongs_error():
    labels, first, groups = drawn(1, count=200, each=1)
    second = first + np.random.default_rng(0).normal(size=first.shape)
    pairs = zip(placements(labels, first[0]), placements(labels, second[0]), strict=True)
    apart = [one - other for one, other in pairs]
    difference = apart[0].mean()
    error = np.sqrt(sum(own.var(ddof=1) / len(own) for own in apart))
    found = influence.auc(labels, first).apart(influence.auc(labels, second))
    assert found.value == pytest.approx(difference)
    assert np.sqrt(found.variance(groups)) == pytest.approx(error, rel=0.01)
    expected = 2 * stats.norm.sf(abs(difference) / error)
    assert found.p_value(groups) == pytest.approx(expected, abs=0.01)


def test_within_strata_only_like_is_compared_with_like():
    labels, scores, _ = drawn(5, skill=0)
    view = (labels + (np.arange(len(labels)) % 4 == 0)) % 2  # correlated with the class
    biased = scores + 3 * view
    pairs = [(roc_auc_score(labels[view == v], biased[0, view == v]),
              np.prod(np.bincount(labels[view == v]))) for v in (0, 1)]  # fmt: skip
    areas, weights = np.array(pairs).T
    found = influence.auc(labels, biased, view)
    assert found.values[0] == pytest.approx([np.average(areas, weights=weights)])
    assert found.influence.sum() == pytest.approx(0)
    assert abs(found.value - 0.5) < abs(influence.auc(labels, biased).value - 0.5)
    with pytest.raises(MetricError, match="no stratum holds cases of both classes"):
        influence.auc(labels, biased, labels)


def test_the_slope_has_the_clustered_sandwich_of_statsmodels():
    labels, scores, patients = drawn(6, count=120)
    found = influence.slope(labels, scores).estimate(patients)
    model = sm.Logit(labels, sm.add_constant(scores[0]))
    fit = model.fit(disp=0, cov_type="cluster", cov_kwds={"groups": patients})
    assert found.value == pytest.approx(fit.params[1], rel=1e-4)
    assert found.high - found.value == pytest.approx(1.96 * fit.bse[1], rel=0.02)


def test_a_difference_between_two_sets_adds_their_variances():
    (labels, scores, patients), (others, theirs, strangers) = drawn(3), drawn(4)
    here, there = influence.auc(labels, scores), influence.auc(others, theirs)
    change = there.less(here)
    assert change.value == pytest.approx(there.value - here.value)
    total = here.variance(patients) + there.variance(strangers)
    apart = np.concatenate([strangers, strangers.max() + 1 + patients])
    assert change.variance(apart) == pytest.approx(total, rel=0.02)


@st.composite
def cases(draw, least=4):
    """Labels with both classes in them, and logits with ties."""
    count = draw(st.integers(least, 60))
    labels = draw(arrays.arrays(np.int64, count, elements=st.integers(0, 1)))
    assume(0 < labels.sum() < count)
    logits = draw(arrays.arrays(np.float64, count, elements=st.integers(-30, 30))) / 4
    return labels, logits


def outcomes(intercept=0.0, slope=1.0, count=4000, seed=0):
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
    labels, logits = outcomes(count=500)
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
    found = [
        calibration.calibration_error(*outcomes(count=600, seed=seed)[:2]) for seed in range(40)
    ]
    expected = calibration.calibration_error_by_chance(outcomes(count=600)[1])
    assert np.mean(found) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize(("intercept", "slope"), [(0, 1), (-1.5, 0.6), (1, 2), (0.3, -0.5)])
def test_intercept_slope_and_its_interval_are_those_of_statsmodels(intercept, slope):
    labels, logits = outcomes(intercept, slope)
    theirs = sm.Logit(labels, sm.add_constant(logits)).fit(disp=0)
    intercept, slope = recalibrate(labels, logits)
    assert (intercept, slope.value) == pytest.approx(tuple(theirs.params), abs=1e-4)
    assert (slope.low, slope.high) == pytest.approx(theirs.conf_int()[1], rel=2e-3)


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_a_shift_is_bayes_rule(probability, presumed, actual):
    ratio = probability / (1 - probability) / (presumed / (1 - presumed))
    odds = ratio * actual / (1 - actual)
    shifted = calibration.to_prevalence([logit(probability)], presumed, actual)
    assert expit(shifted[0]) == pytest.approx(odds / (1 + odds))
    back = calibration.to_prevalence(shifted, actual, presumed)
    assert back[0] == pytest.approx(logit(probability))


def test_copies_of_every_case_do_not_narrow_the_interval():
    labels, logits = outcomes(0.4, 0.8, count=300)
    three = np.repeat(np.arange(300), 3)
    one = calibration.read(labels, logits, np.arange(300))
    copied = calibration.read(labels[three], logits[three], three)
    for ours, theirs in (
        (one.mean_error, copied.mean_error),
        (one.slope, copied.slope),
    ):
        assert (theirs.low, theirs.high) == pytest.approx((ours.low, ours.high), abs=0.003)


def test_a_run_is_scaled_by_the_temperature_of_validation_alone(write_run):
    labels, logits = outcomes(count=2000)
    test_labels, test_logits = outcomes(1, 1, count=2000, seed=1)
    cases = (labels, expit(2 * logits)), (test_labels, expit(2 * test_logits))
    run = write_run(RECIPES["simple-cnn"], *cases)
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
