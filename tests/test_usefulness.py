"""Net benefit, predictive values and operating points: published examples, and properties of any."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats.contingency import relative_risk

from pneumo.analysis import decisions, evaluation
from pneumo.analysis.calibration import presumed_prevalence
from pneumo.base.confusion import Confusion
from pneumo.statistics import decision_curves, metrics
from pneumo.statistics.metrics import MetricError
from pneumo.study import operating_points, selection
from pneumo.study.study import HALF, RULES, SENSITIVITY_95, SENSITIVITY_99, YOUDEN
from pneumo.study.temperature import temperature

# The example of Vickers's tutorial on decision curves: cancer by family history in 750 men.
HISTORY = Confusion(true_positive=24, false_negative=81, false_positive=91, true_negative=554)
# Mercaldo, Lau & Zhou (2007), table VIII: Alzheimer's disease by the ApoE ε4 allele.
APOE = Confusion(true_positive=240, false_negative=178, false_positive=87, true_negative=288)
RATES = st.builds(Confusion, *(st.integers(1, 60) for _ in range(4)))
LABELS = st.lists(st.integers(0, 1), min_size=2, max_size=40).filter(lambda x: 0 < sum(x) < len(x))


def predictions(counts):
    """Labels and probabilities, 0 or 1, whose confusion has these counts."""
    cells = list(
        vars(counts).values()
    )  # true positive, false negative, false positive, true negative
    return np.repeat([1, 1, 0, 0], cells), np.repeat([1.0, 0.0, 1.0, 0.0], cells)


def net_benefit(labels, scores, prevalence=None):
    """One network's net benefit at each threshold, (T,)."""
    scores = np.asarray(scores, float)[None]
    found = decision_curves.net_benefit(np.array(labels), scores, prevalence)
    return np.array([one.value for one in found])


def test_net_benefit_and_its_range_are_those_of_a_published_example():
    benefit = net_benefit(*predictions(HISTORY))
    # Threshold 0.2: a false alarm weighs a quarter of a man found.
    assert benefit[19] == pytest.approx(24 / 750 - 91 / 750 / 4)
    # "The negative predictive value is 87%": below 13 % biopsy all, above the PPV biopsy nobody.
    first, last = decision_curves.better_range(benefit, 105 / 750)
    assert first == pytest.approx(1 - 554 / (554 + 81), abs=0.01)
    assert last == pytest.approx(HISTORY.precision, abs=0.01)


@settings(max_examples=25)
@given(LABELS, st.floats(0.02, 0.98), st.data())
def test_net_benefit_is_bounded_and_the_extremes_are_the_two_defaults(labels, prevalence, data):
    scores = data.draw(st.lists(st.floats(0, 1), min_size=len(labels), max_size=len(labels)))
    benefit = net_benefit(labels, scores, prevalence)
    odds = decision_curves.THRESHOLDS / (1 - decision_curves.THRESHOLDS)
    assert (benefit <= prevalence + 1e-12).all()
    assert (benefit >= -(1 - prevalence) * odds - 1e-12).all()
    everybody = net_benefit(labels, np.ones(len(labels)), prevalence)
    np.testing.assert_allclose(everybody, decision_curves.treat_all(prevalence), atol=1e-12)
    assert decision_curves.treat_all(0.3)[29] == pytest.approx(0)
    nobody = net_benefit(labels, np.zeros(len(labels)), prevalence)
    assert not nobody.any()


@settings(max_examples=25)
@given(LABELS, st.integers(2, 5), st.data())
def test_another_prevalence_is_the_same_as_more_cases_of_a_class(labels, times, data):
    scores = data.draw(st.lists(st.floats(0, 1), min_size=len(labels), max_size=len(labels)))
    more = [(y, p) for y, p in zip(labels, scores, strict=True) for _ in range(times if y else 1)]
    repeated = net_benefit(*zip(*more, strict=True))
    share = sum(y for y, _ in more) / len(more)
    np.testing.assert_allclose(repeated, net_benefit(labels, scores, share), atol=1e-9)


def test_the_interval_of_net_benefit_is_a_bootstraps_within_classes():
    generator = np.random.default_rng(0)
    labels = np.repeat([1, 0], (120, 80))
    scores = metrics.probabilities(generator.normal(size=200) + 1.5 * labels - 0.7)
    found = decision_curves.net_benefit(labels, scores[None], 0.25)[59]
    interval = found.estimate(np.arange(200))
    called = scores >= 0.6
    sick, well = (
        generator.choice(called[labels == one], (2000, n)) for one, n in ((1, 120), (0, 80))
    )
    again = 0.25 * sick.mean(axis=1) - 0.75 * 0.6 / 0.4 * well.mean(axis=1)
    ends = np.percentile(again, [2.5, 97.5])
    assert (interval.low, interval.high) == pytest.approx(ends, abs=0.01)


def test_the_longest_stretch_is_found():
    benefit = np.full(99, -1.0)
    assert decision_curves.better_range(benefit, 0.5) is None
    benefit[9], benefit[39:50] = 0.9, 0.5
    assert decision_curves.better_range(benefit, 0.5) == (0.4, 0.5)


@pytest.mark.parametrize("prevalence", [0.03, 0.5])
def test_predictive_values_have_the_intervals_of_counts_drawn_anew(prevalence):
    # The published example's counts, drawn again from their own rates: a bootstrap by another name.
    generator = np.random.default_rng(0)
    sensitivity = generator.binomial(418, APOE.sensitivity, 40000) / 418
    specificity = generator.binomial(375, APOE.specificity, 40000) / 375
    called = prevalence * sensitivity + (1 - prevalence) * (1 - specificity)
    own, _ = decision_curves.predictive_values(APOE, 418 / 793)
    assert own.value == pytest.approx(APOE.precision)
    positive, negative = decision_curves.predictive_values(APOE, prevalence)
    for found, values in (
        (positive, prevalence * sensitivity / called),
        (negative, (1 - prevalence) * specificity / (1 - called)),
    ):
        expected = np.quantile(values, [0.025, 0.975])
        assert (found.low, found.high) == pytest.approx(tuple(expected), abs=0.003)


def test_predictive_values_at_the_edge_have_intervals_that_hold_them_or_none():
    positive, negative = decision_curves.predictive_values(Confusion(50, 0, 5, 45), 0.1)
    assert negative.value == negative.high == 1
    assert 0.9 < negative.low < 1
    assert positive.low < positive.value < positive.high
    positive, negative = decision_curves.predictive_values(Confusion(0, 10, 0, 20), 0.3)
    assert math.isnan(positive.value)
    assert negative.value == pytest.approx(0.7)
    assert negative.low <= 0.7 <= negative.high


@given(RATES, st.floats(0.01, 0.99), st.integers(1, 5000))
def test_people_are_whole_and_none_is_lost(counts, prevalence, people):
    found = decision_curves.frequencies(counts, prevalence, people)
    assert min(vars(found).values()) >= 0
    assert sum(vars(found).values()) == people


@pytest.mark.parametrize("share", [0, 1, math.nan])
def test_a_prevalence_is_neither_none_nor_all_and_both_classes_are_needed(share):
    for ask, told in (
        (lambda: decision_curves.predictive_values(APOE, share), "prevalence"),
        (lambda: decision_curves.treat_all(share), "prevalence"),
        (lambda: net_benefit([0, 1], [0.1, 0.9], prevalence=share), "prevalence"),
        (lambda: net_benefit([1, 1], [0.1, 0.9]), "both classes"),
        (lambda: decision_curves.predictive_values(Confusion(1, 2, 0, 0), 0.5), "3 and 0"),
    ):
        with pytest.raises(MetricError, match=told):
            ask()


def test_a_models_curve_is_the_mean_over_its_seeds_at_any_prevalence(study):
    model, share = study.ran[0], presumed_prevalence(study)
    found = [(run.predictions["test"], temperature(run)) for run in model.runs]
    each = [net_benefit(p.labels, metrics.probabilities(p.logits / t)) for p, t in found]
    value, low, high = decisions.decision_curve(study, model)
    np.testing.assert_allclose(value, np.mean(each, axis=0), atol=1e-12)
    assert (low <= value).all()
    assert (value <= high).all()
    each = [net_benefit(p.labels, p.probabilities, prevalence=share) for p, _ in found]
    value, _, _ = decisions.decision_curve(study, model, share, scaled=False)
    np.testing.assert_allclose(value, np.mean(each, axis=0), atol=1e-9)


def test_the_example_counts_people_at_validations_threshold(study, record):
    back = record.decisions
    counts = selection.best(study).confusion(YOUDEN)
    example = back.example
    assert example.sick == round(example.among * example.prevalence)
    assert example.found == round(example.sick * counts.sensitivity)
    assert example.called + example.missed == example.alarms + example.sick
    assert example.ppv_here == pytest.approx(counts.precision, nan_ok=True)


# Liver scans against pathology, Altman & Bland, Diagnostic tests 1 and 2 (BMJ 308, 1994): 231 of 258 abnormal
# livers and 32 of 86 normal ones have an abnormal scan.
LIVER = Confusion(true_positive=231, false_negative=27, false_positive=32, true_negative=54)
COUNTS = st.integers(0, 60)


def counted(counts):
    """The rates of calls with these counts, with every case its own patient."""
    labels, scores = predictions(counts)
    return operating_points.rates(labels, scores == 1, np.arange(len(labels)))


def test_the_rates_of_a_published_example():
    found = {name: rate.value for name, rate in counted(LIVER).items()}
    published = {"sensitivity": 0.90, "specificity": 0.63, "ppv": 0.88, "npv": 0.67}
    assert {name: found[name] for name in published} == pytest.approx(published, abs=0.005)
    # Deeks & Altman, Diagnostic tests 4 (BMJ 329, 2004), for the same scans.
    ratios = {"lr_positive": 2.4, "lr_negative": 0.2}
    assert {name: found[name] for name in ratios} == pytest.approx(ratios, abs=0.05)


@given(*[st.integers(1, 60)] * 4)
def test_the_intervals_of_likelihood_ratios_are_those_of_relative_risks(tp, fn, fp, tn):
    found = metrics.likelihood_ratio_intervals(Confusion(tp, fn, fp, tn))
    for (sick, well), interval in zip(((tp, fp), (fn, tn)), found, strict=True):
        expected = relative_risk(sick, tp + fn, well, fp + tn).confidence_interval()
        assert interval == pytest.approx((expected.low, expected.high))


def test_an_empty_cell_leaves_finite_bounds():
    for counts in (Confusion(30, 0, 5, 20), Confusion(30, 5, 0, 20), Confusion(0, 9, 0, 9)):
        for low, high in metrics.likelihood_ratio_intervals(counts):
            assert 0 < low < high < math.inf
    assert Confusion(30, 5, 0, 20).likelihood_ratio_positive == math.inf
    assert math.isnan(Confusion(0, 9, 0, 9).likelihood_ratio_positive)


def test_points_are_promised_by_validation_and_kept_on_test(study):
    for model in study.ran:
        points = dict(zip(RULES, evaluation.points(study)[model.name], strict=True))
        for rule, point in points.items():
            assert point.id == rule.name
            assert point.counts == model.confusion(rule)
            assert point.promised_counts == model.confusion(rule, "val")
        assert points[HALF].thresholds == [0.5] * len(model.runs)
        for rule in (SENSITIVITY_95, SENSITIVITY_99):
            assert points[rule].promised_counts.sensitivity >= rule.sensitivity
