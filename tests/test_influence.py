"""Means over seeds on clustered cases, against textbook forms, other libraries and simulation."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from sklearn.metrics import roc_auc_score

from pneumo.statistics import clusters, influence, metrics
from pneumo.statistics.metrics import MetricError


def drawn(seed, count=60, each=3, alike=1.0, skill=1.0, seeds=1):
    """Labels, scores (S, N) and patients, whose images are alike; one patient in five has both classes."""
    generator = np.random.default_rng(seed)
    numbers = np.repeat(np.arange(count), each)
    labels = generator.integers(0, 2, count)[numbers]
    mixed = numbers % 5 == 0
    labels[mixed] = generator.integers(0, 2, mixed.sum())
    own = alike * generator.normal(size=count)[numbers]
    noise = generator.normal(size=(seeds, len(numbers)))
    return labels.astype(np.uint8), skill * labels + own + noise, numbers


def variance_by_obuchowski(labels, scores, patients):
    """As written in the paper, patient by patient (Obuchowski 1997, equations 4 to 6)."""
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


def test_cases_of_their_own_give_delongs_error():
    labels, scores, _ = drawn(1, count=200, each=1)
    found = influence.auc(labels, scores).estimate(np.arange(200))
    chance = metrics.probabilities(scores[0])
    against = clusters.delong(labels, chance, np.full(200, 0.5), np.arange(200))
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * against.standard_error, rel=0.01)


def test_intervals_over_patients_cover_the_truth():
    """Of an AUC and a share, both classes in some patients: 95 % of intervals, within chance."""
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


def test_seeds_widen_an_interval_and_their_mean_narrows_it():
    labels, scores, patients = drawn(2, seeds=5)
    together = influence.auc(labels, scores)
    alone = influence.auc(labels, scores[:1])
    same = influence.auc(labels, np.repeat(scores[:1], 5, axis=0))
    assert same.variance(patients) == pytest.approx(alone.variance(patients))
    over_cases = influence.Measured((together.values[0][:1],), together.influence)
    assert together.variance(patients) == pytest.approx(
        over_cases.variance(patients) + together.values[0].var(ddof=1) / 5
    )


def test_a_difference_between_two_sets_adds_their_variances_and_pairs_their_seeds():
    (l1, s1, c1), (l2, s2, c2) = drawn(3, seeds=3), drawn(4, seeds=3)
    here, there = influence.auc(l1, s1), influence.auc(l2, s2)
    change = there.less(here)
    apart = np.concatenate([c2, c2.max() + 1 + c1])
    one, other = (
        influence.auc(*both).estimate(own) for both, own in (((l1, s1), c1), ((l2, s2), c2))
    )
    assert change.estimate(apart).value == pytest.approx(other.value - one.value)
    assert change.values[0] == pytest.approx(there.values[0] - here.values[0])
    alone = [influence.auc(labels, scores[:1]) for labels, scores in ((l1, s1), (l2, s2))]
    total = alone[0].variance(c1) + alone[1].variance(c2)
    assert alone[1].less(alone[0]).variance(apart) == pytest.approx(total, rel=0.02)


def test_within_strata_only_like_is_compared_with_like():
    labels, scores, _ = drawn(5, skill=0)
    view = (labels + (np.arange(len(labels)) % 4 == 0)) % 2  # which says much of the class
    biased = scores + 3 * view
    pairs = [(roc_auc_score(labels[view == v], biased[0, view == v]),
              np.prod(np.bincount(labels[view == v]))) for v in (0, 1)]  # fmt: skip
    areas, weights = np.array(pairs).T
    found = influence.auc(labels, biased, view)
    assert found.values[0] == pytest.approx([np.average(areas, weights=weights)])
    assert found.influence.sum() == pytest.approx(0)
    assert abs(found.value - 0.5) < abs(influence.auc(labels, biased).value - 0.5)
    with pytest.raises(MetricError, match="no two cases of different classes"):
        influence.auc(labels, biased, labels)


def test_shares_of_independent_cases_have_wilsons_interval():
    called = np.arange(50)[None] < 12
    found = influence.share(called, np.ones(50, bool)).bounded(np.arange(50))
    assert (found.low, found.high) == pytest.approx(metrics.wilson(12, 50), abs=0.006)
    nobody = influence.share(np.zeros((1, 50), bool), np.ones(50, bool)).bounded(np.arange(50) // 5)
    assert (nobody.value, nobody.high) == (0, pytest.approx(metrics.wilson(0, 10)[1]))


def test_the_slope_has_the_clustered_sandwich_of_statsmodels():
    labels, scores, patients = drawn(6, count=120)
    found = influence.slope(labels, scores).estimate(patients)
    model = sm.Logit(labels, sm.add_constant(scores[0]))
    fit = model.fit(disp=0, cov_type="cluster", cov_kwds={"groups": patients})
    assert found.value == pytest.approx(fit.params[1], rel=1e-4)
    assert found.high - found.value == pytest.approx(1.96 * fit.bse[1], rel=0.02)


def test_separated_classes_have_no_slope():
    labels = np.array([0, 0, 1, 1], np.uint8)
    assert not influence.slope(labels, np.array([[0.0, 1, 2, 3]])).estimate(np.arange(4)).known


def test_one_seed_has_the_intervals_of_clustered_cases():
    labels, scores, patients = drawn(7)
    ours = influence.auc(labels, scores).estimate(patients)
    assert vars(ours) == pytest.approx(vars(clusters.auc(labels, scores[0], patients)), abs=0.01)
    called, normal = scores > 0, labels == 0
    ours = influence.share(called, normal).bounded(patients)
    theirs = clusters.proportion(called[0, normal], patients[normal])
    assert vars(ours) == pytest.approx(vars(theirs), abs=0.005)
