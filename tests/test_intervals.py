"""Bootstrap intervals: what they bound, against formulas, other implementations and simulation."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pneumo.analysis import intervals
from pneumo.statistics import clusters, metrics
from pneumo.statistics.intervals import bootstrap, cut, measure
from pneumo.study.study import HALF, RULES, Model, evaluate

HALVES = np.array([[0.5]])


def first(values):
    return values[0]


def made(seed, positives=60, negatives=40, shift=1.5, seeds=1):
    """Labels and scores (S, N) in which pneumonia stands out by `shift`."""
    generator = np.random.default_rng(seed)
    labels = np.repeat([1, 0], (positives, negatives))
    scores = generator.normal(size=(seeds, len(labels))) + shift * labels
    return labels, metrics.probabilities(scores - shift / 2)


def whole(cases):
    """Every case drawn once."""
    return tuple(np.ones((1, count)) for count in cases.wins.shape[1:])


@given(st.integers(0, 1000), st.integers(1, 30), st.integers(1, 30))
def test_without_resampling_the_metrics_are_scikit_learns(seed, positives, negatives):
    labels, scores = made(seed, positives, negatives)
    cases = cut(labels, scores, HALVES)
    area, brier, accuracy, precision, recall, specificity, f1 = measure(cases, *whole(cases))[
        :, 0, 0
    ]
    expected = metrics.evaluate(labels, scores[0], 0.5)
    found = {
        "accuracy": accuracy, "auc": area, "precision": precision, "recall": recall,
        "specificity": specificity, "f1": f1, "brier": brier,
    }  # fmt: skip
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, nan_ok=True), name


@given(st.integers(0, 1000))
def test_a_drawn_case_counts_as_often_as_it_was_drawn(seed):
    labels, scores = made(seed, 8, 6)
    generator = np.random.default_rng(seed)
    drawn = [generator.integers(0, n, n) for n in (8, 6)]
    weights = [np.bincount(index, minlength=len(index))[None] * 1.0 for index in drawn]
    values = measure(cut(labels, scores, HALVES), *weights)[:, 0, 0]
    picked = np.concatenate([drawn[0], 8 + drawn[1]])
    expected = metrics.evaluate(labels[picked], scores[0, picked], 0.5)
    assert values[0] == pytest.approx(expected["auc"])
    assert values[2] == pytest.approx(expected["accuracy"])


def test_the_interval_of_a_share_is_close_to_the_binomials():
    labels, scores = made(0, 200, 200)
    found, low, high = bootstrap([cut(labels, scores, HALVES)], first)
    hits = int((scores[0, labels == 1] >= 0.5).sum())
    exact = stats.binomtest(hits, 200).proportion_ci(method="wilson")
    assert found[4] == pytest.approx(hits / 200)
    assert low[4] == pytest.approx(exact.low, abs=0.015)
    assert high[4] == pytest.approx(exact.high, abs=0.015)


def test_the_interval_of_the_auc_is_close_to_delongs():
    labels, scores = made(1, 300, 200)
    found, low, high = bootstrap([cut(labels, scores, HALVES)], first)
    # Against a constant the difference of AUCs is the AUC less one half.
    expected = clusters.delong(labels, scores[0], np.full(500, 0.5), np.arange(500))
    assert found[0] - 0.5 == pytest.approx(expected.difference)
    for bound, exact in zip((low[0], high[0]), expected.interval(), strict=True):
        assert bound - 0.5 == pytest.approx(exact, abs=0.01)


def test_the_interval_of_the_auc_is_scipys_own():
    labels, scores = made(2, 40, 30)
    _, low, high = bootstrap([cut(labels, scores, HALVES)], first)
    data = (scores[0, labels == 1], scores[0, labels == 0])

    def statistic(positive, negative):
        return stats.mannwhitneyu(positive, negative).statistic / (len(positive) * len(negative))

    plain = stats.bootstrap(
        data, statistic, n_resamples=2000, method="BCa", vectorized=False,
        rng=np.random.default_rng(5),
    ).confidence_interval  # fmt: skip
    assert (low[0], high[0]) == pytest.approx((plain.low, plain.high), abs=0.02)


def test_nine_in_ten_intervals_hold_the_truth():
    truth = stats.norm.cdf(1.5 / np.sqrt(2))
    held = 0
    for seed in range(100):
        labels, scores = made(seed, 60, 40)
        _, low, high = bootstrap([cut(labels, scores, HALVES)], first, resamples=400)
        held += low[0] <= truth <= high[0]
    assert 88 <= held <= 100


def test_seeds_that_differ_widen_the_interval():
    labels, scores = made(3, 200, 100)
    same = np.repeat(scores, 5, axis=0)
    shifts = np.linspace(-2, 2, 5)[:, None]
    apart = metrics.probabilities(np.log(scores / (1 - scores)) + shifts)
    thresholds = np.full((5, 1), 0.5)
    widths = []
    for each in (same, apart):
        _, low, high = bootstrap([cut(labels, each, thresholds)], first)
        widths.append((high - low)[2])
    assert widths[1] > 1.5 * widths[0]


def test_the_difference_of_a_model_from_itself_is_nothing():
    labels, scores = made(4)
    cases = cut(labels, scores, HALVES)
    found, low, high = bootstrap([cases, cases], lambda values: values[0] - values[1])
    for bound in (found, low, high):
        np.testing.assert_allclose(bound, 0, atol=1e-12)


def test_a_difference_turns_its_sign_with_its_models():
    labels, scores = made(5, seeds=2)
    cases = [cut(labels, scores[i : i + 1], HALVES) for i in range(2)]
    found, low, high = bootstrap(cases, lambda values: values[0] - values[1])
    turned, below, above = bootstrap(cases[::-1], lambda values: values[0] - values[1])
    np.testing.assert_allclose(found, -turned)
    np.testing.assert_allclose(low, -above, atol=0.02)
    np.testing.assert_allclose(high, -below, atol=0.02)


def test_a_share_that_never_varies_has_wilsons_interval():
    labels = np.repeat([1, 0], (30, 20))
    perfect = cut(labels, np.where(labels, 0.9, 0.1)[None], HALVES)
    found = intervals.of(perfect, (HALF,), np.arange(50))["half"]
    assert found["recall"] == pytest.approx([1, *metrics.wilson(30, 30)])
    assert found["specificity"] == pytest.approx([1, *metrics.wilson(20, 20)])
    assert found["accuracy"] == pytest.approx([1, *metrics.wilson(50, 50)])
    assert found["auc"] == [1, 1, 1]


def test_what_is_not_defined_has_no_interval():
    labels = np.repeat([1, 0], (30, 20))
    silent = cut(labels, np.full((1, 50), 0.1), HALVES)
    found = intervals.of(silent, (HALF,), np.arange(50))["half"]
    assert found["precision"] == [None, None, None]
    assert found["recall"][0] == 0
    assert found["auc"] == [0.5, 0.5, 0.5]


def test_every_metric_of_a_study_lies_in_its_interval(study):
    found = intervals.intervals(study)
    for model in study.ran:
        for rule in RULES:
            mean = model.mean(rule)
            for name, interval in found[model.name][rule.name].items():
                assert interval.value == pytest.approx(mean[name], nan_ok=True)
                if interval.value == interval.value:
                    assert interval.low <= interval.value + 1e-9
                    assert interval.high >= interval.value - 1e-9


def test_the_intervals_do_not_depend_on_the_order_of_seeds(study):
    model = study.ran[0]
    turned = replace(study, models=(Model(model.recipe, 1, model.runs[::-1]), *study.models[1:]))
    one, other = (
        intervals._computed.__wrapped__(each)[model.name]["half"]["auc"] for each in (study, turned)
    )
    assert one[0] == pytest.approx(other[0])
    assert one[1:] == pytest.approx(other[1:], abs=0.05)


def test_a_mean_over_seeds_is_the_mean_of_the_seeds(study):
    model = study.ran[0]
    values = [evaluate(run, HALF)["auc"] for run in model.runs]
    found = intervals.intervals(study)[model.name]["half"]["auc"]
    assert found.value == pytest.approx(np.mean(values))
