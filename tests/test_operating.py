"""Operating points: fixed on validation, counted on test, with the intervals of the textbooks."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats.contingency import relative_risk

from pneumo.analysis import evaluation
from pneumo.base.confusion import Confusion
from pneumo.statistics import metrics
from pneumo.study import operating_points
from pneumo.study.study import HALF, RULES, SENSITIVITY_95, SENSITIVITY_99

# Liver scans against pathology, Altman & Bland, Diagnostic tests 1 and 2 (BMJ 308, 1994): 231 of 258 abnormal
# livers and 32 of 86 normal ones have an abnormal scan.
LIVER = Confusion(true_positive=231, false_negative=27, false_positive=32, true_negative=54)
COUNTS = st.integers(0, 60)


def counted(counts):
    """The rates of calls with these counts, with every case its own patient."""
    cells = [
        counts.true_positive, counts.false_negative, counts.false_positive, counts.true_negative
    ]  # fmt: skip
    labels, called = np.repeat([1, 1, 0, 0], cells), np.repeat([True, False, True, False], cells)
    return operating_points.rates(labels, called, np.arange(len(labels)))


def test_the_rates_of_a_published_example():
    rates = counted(LIVER)
    assert rates["sensitivity"].value == pytest.approx(0.90, abs=0.005)
    assert rates["specificity"].value == pytest.approx(0.63, abs=0.005)
    assert rates["ppv"].value == pytest.approx(0.88, abs=0.005)
    assert rates["npv"].value == pytest.approx(0.67, abs=0.005)
    # Deeks & Altman, Diagnostic tests 4 (BMJ 329, 2004), for the same scans.
    assert rates["lr_positive"].value == pytest.approx(2.4, abs=0.05)
    assert rates["lr_negative"].value == pytest.approx(0.2, abs=0.05)


@given(*[st.integers(1, 60)] * 4)
def test_the_intervals_of_likelihood_ratios_are_those_of_relative_risks(tp, fn, fp, tn):
    found = metrics.likelihood_ratio_intervals(Confusion(tp, fn, fp, tn))
    for (sick, well), interval in zip(((tp, fp), (fn, tn)), found, strict=True):
        expected = relative_risk(sick, tp + fn, well, fp + tn).confidence_interval()
        assert interval == pytest.approx((expected.low, expected.high))


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_every_rate_lies_in_its_interval(tp, fn, fp, tn):
    assume(tp + fn and fp + tn)
    for name, rate in counted(Confusion(tp, fn, fp, tn)).items():
        if math.isnan(rate.value):
            continue
        assert 0 <= rate.low <= rate.high
        if 0 not in (tp, fn, fp, tn):  # else half a case was added for the ratios
            assert rate.low <= rate.value <= rate.high, name


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
