"""Intervals over cases and seeds: against textbook forms, other libraries, resampling and simulation."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from sklearn.metrics import roc_auc_score

from pneumo.statistics import influence, metrics
from pneumo.statistics.metrics import MetricError


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
    for error, found in zip(
        expected, influence.evaluate(labels, scores, [0.5]).values(), strict=True
    ):
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


def variance_by_obuchowski(labels, scores, patients):
    """The variance as in the paper, patient by patient (Obuchowski 1997, equations 4 to 6)."""
    x, y = scores[labels == 1], scores[labels == 0]
    won = (x[:, None] > y) + 0.5 * (x[:, None] == y)
    area, m, n = won.mean(), len(x), len(y)
    names = np.unique(patients)
    v10, v01 = won.mean(axis=1) - area, won.mean(axis=0) - area
    by_x = [v10[patients[labels == 1] == name].sum() for name in names]
    by_y = [v01[patients[labels == 0] == name].sum() for name in names]
    k = len(names)
    s10, s01, s11 = (
        k / (k - 1) * np.dot(*pair) for pair in ((by_x, by_x), (by_y, by_y), (by_x, by_y))
    )
    return s10 / m**2 + s01 / n**2 + 2 * s11 / (m * n)


def test_the_variance_of_an_auc_is_obuchowskis():
    labels, scores, patients = drawn(0)
    found = influence.auc(labels, scores)
    assert found.values[0] == pytest.approx([roc_auc_score(labels, scores[0])])
    expected = variance_by_obuchowski(labels, scores[0], patients)
    assert found.variance(patients) == pytest.approx(expected)
    assert found.variance(patients) > 1.5 * found.variance(np.arange(len(labels)))


def pairwise_delong(labels, first, second):
    """DeLong's variance of an AUC difference, from the paper's placement matrix."""
    areas, placements = [], []
    for scores in (first, second):
        positive, negative = scores[labels == 1], scores[labels == 0]
        wins = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
        areas.append(wins.mean())
        placements.append((wins.mean(axis=1), wins.mean(axis=0)))
    by_positive = np.cov([placements[0][0], placements[1][0]])
    by_negative = np.cov([placements[0][1], placements[1][1]])
    covariance = by_positive / np.sum(labels == 1) + by_negative / np.sum(labels == 0)
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    return areas[0] - areas[1], np.sqrt(max(variance, 0))


def test_cases_of_their_own_give_delongs_error():
    labels, first, _ = drawn(1, count=200, each=1)
    second = first + np.random.default_rng(0).normal(size=first.shape)
    difference, error = pairwise_delong(labels, first[0], second[0])
    found = influence.auc(labels, first).apart(influence.auc(labels, second))
    groups = np.arange(len(labels))
    assert found.value == pytest.approx(difference)
    assert np.sqrt(found.variance(groups)) == pytest.approx(error, rel=0.01)
    expected = 2 * stats.norm.sf(abs(difference) / error)
    assert found.p_value(groups) == pytest.approx(expected, abs=0.01)


def test_intervals_over_patients_cover_the_truth():
    """Intervals of AUC and share, with both classes in some patients, cover the truth in 95 % of cases."""
    truth = stats.norm.cdf(
        1 / 2
    )  # scores differ by 1, with a standard deviation of 2 of the difference
    covered = np.zeros(2)
    for seed in range(400):
        labels, scores, patients = drawn(seed)
        area = influence.auc(labels, scores).estimate(patients)
        share = influence.share(scores > 0, labels == 0).bounded(patients)
        covered += area.low < truth < area.high, share.low < 0.5 < share.high
    assert (np.abs(covered / 400 - 0.95) < 0.03).all()


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
