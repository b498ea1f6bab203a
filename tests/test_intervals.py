"""Intervals of metrics over cases and seeds: against resampling and simulation."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pneumo.analysis import intervals
from pneumo.statistics import influence, metrics
from pneumo.study.study import HALF, RULES, Model

SHARES = ("accuracy", "precision", "recall", "specificity", "f1")


def made(seed, positives=60, negatives=40, shift=1.5, seeds=1, alike=0.0):
    """Labels and probabilities (S, N) in which the positive stand out by `shift`.

    `alike` is the part of a score that is the case's own, the same for every seed.
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


@given(st.integers(0, 1000), st.integers(1, 30), st.integers(1, 30))
def test_each_value_is_the_mean_of_the_seeds(seed, positives, negatives):
    labels, scores = made(seed, positives, negatives, seeds=3)
    each = [metrics.evaluate(labels, one, 0.5) for one in scores]
    for name, found in influence.evaluate(labels, scores, half(scores)).items():
        expected = np.mean([one[name] for one in each])
        assert found.value == pytest.approx(expected, nan_ok=True), name


def test_each_error_is_that_of_a_bootstrap_within_classes():
    labels, scores = made(0, 120, 80)
    generator = np.random.default_rng(5)
    drawn = []
    for _ in range(600):
        picked = np.r_[generator.integers(0, 120, 120), generator.integers(120, 200, 80)]
        drawn.append(list(metrics.evaluate(labels[picked], scores[0, picked], 0.5).values()))
    expected = np.std(drawn, axis=0)
    for error, found in zip(
        expected, influence.evaluate(labels, scores, [0.5]).values(), strict=True
    ):
        assert np.sqrt(found.variance(alone(labels))) == pytest.approx(error, rel=0.1)


def test_intervals_over_cases_and_seeds_hold_the_truth_as_often_as_they_say():
    """Both are drawn anew; a network's scores are shifted by chance, and a case is hard for all networks."""
    turns, seeds, spread = 300, 5, 0.3
    truth = {
        "auc": stats.norm.cdf(1.5 / np.sqrt(2)),
        # A score above its threshold: shifts and noise together are normal, too.
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
    """Two models as good as each other: their difference is called one in 5 % of the cases at most."""
    turns, called = 300, 0
    for turn in range(turns):
        labels, scores = made(turn, 150, 100, seeds=10, alike=0.5)
        areas = [influence.auc(labels, own) for own in (scores[:5], scores[5:])]
        difference = areas[0].apart(areas[1])
        p_value, ends = difference.p_value(alone(labels)), difference.estimate(alone(labels))
        assert (p_value < 0.05) == ends.excludes_zero
        called += p_value < 0.05
    assert called / turns <= 0.065


def test_seeds_that_differ_widen_the_interval():
    labels, scores = made(3, 200, 100)
    same = np.repeat(scores, 5, axis=0)
    shifts = np.linspace(-2, 2, 5)[:, None]
    apart = metrics.probabilities(np.log(scores / (1 - scores)) + shifts)
    ends = [
        influence.evaluate(labels, each, half(each))["accuracy"].bounded(alone(labels))
        for each in (same, apart)
    ]
    assert ends[1].high - ends[1].low > 1.5 * (ends[0].high - ends[0].low)


def test_at_their_edge_shares_and_areas_have_wilsons_interval_by_patient():
    labels = np.repeat([1, 0], (30, 20))
    perfect = np.where(labels, 0.9, 0.1)[None]
    found = influence.evaluate(labels, perfect, [0.5])
    expected = {
        "recall": 30,
        "specificity": 20,
        "accuracy": 50,
        "precision": 30,
        "f1": 30,
        "auc": 20,
    }
    for name, count in expected.items():
        ends = found[name].bounded(alone(labels))
        assert (ends.value, ends.low, ends.high) == pytest.approx(
            (1, *metrics.wilson(count, count))
        )
    in_pairs = found["recall"].bounded(alone(labels) // 2)
    assert in_pairs.low == pytest.approx(metrics.wilson(15, 15)[0])


def test_what_class_counts_fix_or_nothing_defines_has_no_interval():
    labels = np.repeat([1, 0], (30, 20))
    silent = influence.evaluate(labels, np.full((1, 50), 0.1), [0.5])
    assert not silent["precision"].bounded(alone(labels)).known
    for name in ("accuracy", "auc"):
        ends = silent[name].bounded(alone(labels))
        assert ends.known
        assert np.isnan(ends.low)
    assert silent["recall"].bounded(alone(labels)).high > 0


def test_every_metric_of_a_study_lies_in_its_interval(study):
    found = intervals.intervals(study)
    for model in study.ran:
        for rule in RULES:
            mean = model.mean(rule)
            for name, interval in found[model.name][rule.name].items():
                assert interval.value == pytest.approx(mean[name], nan_ok=True)
                if interval.low == interval.low:
                    assert 0 <= interval.low <= interval.value + 1e-9
                    assert interval.value - 1e-9 <= interval.high <= 1


def test_the_intervals_do_not_depend_on_the_order_of_seeds(study):
    model = study.ran[0]
    turned = replace(study, models=(Model(model.recipe, 1, model.runs[::-1]), *study.models[1:]))
    one, other = (intervals.intervals(each)[model.name][HALF.name] for each in (study, turned))
    for name in ("auc", *SHARES):
        assert vars(one[name]) == pytest.approx(vars(other[name]), nan_ok=True)
