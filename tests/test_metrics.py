"""Metrics against slow, simple implementations; clustered cases against published examples and simulation."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats
from scipy.integrate import trapezoid
from sklearn import metrics as sklearn

from pneumo.base.confusion import Confusion
from pneumo.statistics import clusters, metrics
from pneumo.statistics.metrics import MetricError


@st.composite
def cases(draw, least_each=1):
    """Labels with both classes and probabilities on a grid coarse enough to have ties."""
    positives = draw(st.integers(least_each, 12))
    negatives = draw(st.integers(least_each, 12))
    count = positives + negatives
    labels = np.array(draw(st.permutations([1] * positives + [0] * negatives)))
    grid = draw(arrays.arrays(np.int64, count, elements=st.integers(0, 20)))
    return labels, grid / 20


def sensitivity_and_specificity(labels, scores, threshold):
    called = scores >= threshold
    return np.mean(called[labels == 1]), np.mean(~called[labels == 0])


def every_threshold(scores):
    """One threshold for every way in which these scores can be called."""
    distinct = np.unique(scores)
    return [0.0, *((distinct[:-1] + distinct[1:]) / 2), 1.1]


@given(cases(), st.floats(0, 1))
def test_every_metric_is_the_librarys(data, threshold):
    labels, scores = data
    called = scores >= threshold
    expected = {
        "accuracy": sklearn.accuracy_score(labels, called),
        "auc": sklearn.roc_auc_score(labels, scores),
        "precision": sklearn.precision_score(labels, called, zero_division=np.nan),
        "recall": sklearn.recall_score(labels, called),
        "specificity": sklearn.recall_score(labels, called, pos_label=0),
        "f1": sklearn.f1_score(labels, called),
        "brier": sklearn.brier_score_loss(labels, scores),
    }
    assert metrics.evaluate(labels, scores, threshold) == pytest.approx(expected, nan_ok=True)
    counts = metrics.confusion(labels, scores, threshold)
    cells = sklearn.confusion_matrix(labels, called, labels=[1, 0])
    assert tuple(vars(counts).values()) == tuple(cells.ravel())


@given(arrays.arrays(np.float64, 7, elements=st.floats(-1000, 1000)))
def test_probabilities_are_the_logistic_function_of_logits(logits):
    expected = [0.0 if x < -700 else 1 / (1 + math.exp(-x)) for x in logits]
    np.testing.assert_allclose(metrics.probabilities(logits), expected, atol=1e-300)


@given(cases())
def test_youdens_threshold_is_as_good_as_the_best_of_all(data):
    labels, scores = data
    points = [sensitivity_and_specificity(labels, scores, t) for t in every_threshold(scores)]
    best = max(sum(point) for point in points)
    chosen = metrics.youden_threshold(labels, scores)
    found = sensitivity_and_specificity(labels, scores, chosen)
    assert sum(found) == pytest.approx(best)
    # Of equally good ones, the one that misses least.
    assert found[0] == pytest.approx(max(p[0] for p in points if sum(p) > best - 1e-9))


@pytest.mark.parametrize(
    ("labels", "scores", "threshold"),
    [([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.9], 0.4), ([0, 1], [0.3, 0.3], 0.3)],
    ids=["in the middle of the gap", "where nothing is better, everything is called"],
)
def test_youdens_threshold_of_cases_told_by_hand(labels, scores, threshold):
    assert metrics.youden_threshold(labels, scores) == pytest.approx(threshold)


@given(cases(), st.floats(0.01, 1))
def test_a_sensitivity_threshold_is_the_highest_that_finds_enough(data, at_least):
    labels, scores = data
    chosen = metrics.sensitivity_threshold(labels, scores, at_least)
    found = sensitivity_and_specificity(labels, scores, chosen)[0]
    assert found >= at_least - 1e-9
    higher = scores[scores >= chosen].min() + 1e-6
    assert sensitivity_and_specificity(labels, scores, higher)[0] < at_least


@given(cases())
def test_the_roc_curve_rises_from_corner_to_corner_over_the_auc(data):
    across, up = metrics.roc(*data)
    assert (across[0], up[0], across[-1], up[-1]) == (0, 0, 1, 1)
    assert (np.diff(across) >= 0).all()
    assert (np.diff(up) >= 0).all()
    assert trapezoid(up, across) == pytest.approx(metrics.auc(*data))


@given(cases())
def test_the_precision_recall_curve_holds_every_threshold(data):
    labels, scores = data
    recall, precision = metrics.precision_recall(labels, scores)
    assert (recall[0], recall[-1]) == (1, 0)
    on_curve = set(zip(recall.round(9), precision.round(9), strict=True))
    for threshold in np.unique(scores):
        counts = metrics.confusion(labels, scores, threshold)
        assert (round(counts.sensitivity, 9), round(counts.precision, 9)) in on_curve


@pytest.mark.parametrize(
    ("successes", "total", "low", "high"),
    [  # Newcombe (1998), Statistics in Medicine 17, 857, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilsons_interval_is_the_published_one(successes, total, low, high):
    assert metrics.wilson(successes, total) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("metric", "arguments", "said"),
    [
        (metrics.confusion, ([], [], 0.5), "N ≥ 1"),
        (metrics.confusion, ([0, 1], [0.5], 0.5), r"found \(2,\) and \(1,\)"),
        (metrics.confusion, ([[0], [1]], [[0.5], [0.5]], 0.5), r"found \(2, 1\)"),
        (metrics.confusion, ([0, 2], [0.5, 0.5], 0.5), r"found \[2\]"),
        (metrics.confusion, ([0, 1], [0.5, 1.5], 0.5), "others, or NaN"),
        (metrics.confusion, ([0, 1], [0.5, math.nan], 0.5), "others, or NaN"),
        *((metrics.wilson, pair, "found {} of {}".format(*pair)) for pair in [(0, 0), (6, 5)]),
        (metrics.likelihood_ratio_intervals, (Confusion(3, 2, 0, 0),), "found 5 and 0 cases"),
        *((metrics.sensitivity_threshold, ([0, 1], [0.2, 0.8], s), "lies in") for s in (0, 1.01)),
    ],
)
def test_what_no_metric_can_be_computed_from_is_refused_by_name(metric, arguments, said):
    with pytest.raises(MetricError, match=said):
        metric(*arguments)


@pytest.mark.parametrize(
    ("metric", "more"),
    [(metrics.auc, ()), (metrics.roc, ()), (metrics.precision_recall, ()), (metrics.evaluate, (0.5,)),
     (metrics.youden_threshold, ()), (metrics.sensitivity_threshold, (0.9,))],
)  # fmt: skip
def test_what_compares_classes_refuses_a_single_class(metric, more):
    for label in (0, 1):
        with pytest.raises(MetricError, match=f"every label is {label}"):
            metric([label] * 3, [0.1, 0.5, 0.9], *more)


# Weil's (1970) litters of rats, as in Rao & Scott (1992, table 1): pups that survived, of all.
CONTROL = ((13, 12, 9, 9, 8, 8, 12, 11, 9, 9, 8, 11, 4, 5, 7, 7),
           (13, 12, 9, 9, 8, 8, 13, 12, 10, 10, 9, 13, 5, 7, 10, 10))  # fmt: skip
TREATED = ((12, 11, 10, 9, 10, 9, 9, 8, 8, 4, 7, 4, 5, 3, 3, 0),
           (12, 11, 10, 9, 11, 10, 10, 9, 9, 5, 9, 7, 10, 6, 10, 7))  # fmt: skip


def pups(litters):
    """Each pup's survival and litter."""
    hits = [np.arange(size) < alive for alive, size in zip(*litters, strict=True)]
    return np.concatenate(hits), np.repeat(np.arange(len(hits)), litters[1])


def patients(seed, count=100, alike=0.6, shift=1.0, mixed=0.0):
    """Labels, scores and groups of patients with one to four images each; `alike` is their correlation."""
    generator = np.random.default_rng(seed)
    groups = np.repeat(np.arange(count), generator.integers(1, 5, count))
    labels = (groups % 2).astype(np.uint8)
    turned = generator.random(len(groups)) < mixed
    labels[turned] = 1 - labels[turned]
    own = generator.normal(size=count)[groups] * np.sqrt(alike)
    rest = generator.normal(size=(2, len(groups))) * np.sqrt(1 - alike)
    return labels, own + rest + shift * labels, groups


def alone(groups):
    return np.arange(len(groups))


def test_the_design_effects_of_weils_litters_are_the_published_ones():
    for litters, published in ((CONTROL, 1.232495), (TREATED, 3.952861)):
        hits, groups = pups(litters)
        # Rao & Scott divide by p(1 − p) / n, and here n − 1 is in the place of n.
        n = len(hits)
        assert clusters.design_effect(hits, groups) == pytest.approx(published * (n - 1) / n)


HITS = st.lists(st.booleans(), min_size=2, max_size=40)


@given(HITS, HITS)
def test_proportions_of_single_images_are_the_textbooks(first, second):
    from statsmodels.stats.proportion import confint_proportions_2indep

    one, other = np.array(first), np.array(second)
    share = clusters.proportion(one, alone(one))
    assert (share.low, share.high) == pytest.approx(metrics.wilson(one.sum(), len(one)))
    found = clusters.change(one, alone(one), other, alone(other))
    ends = confint_proportions_2indep(
        other.sum(), len(other), one.sum(), len(one), method="newcomb", compare="diff"
    )
    assert (found.low, found.high) == pytest.approx(ends, abs=1e-9)


def test_intervals_of_clustered_proportions_hold_the_truth_as_often_as_they_say():
    cutoff, shares, changes, false = stats.norm.ppf(0.8), 0, 0, 0
    for seed in range(1000):
        _, scores, groups = patients(seed, 100, shift=0)
        _, others, strangers = patients(5000 + seed, 60, shift=0)
        found = clusters.proportion(scores[0] < cutoff, groups)
        shares += found.low <= 0.8 <= found.high
        found = clusters.change(scores[0] < cutoff, groups, others[0] < cutoff, strangers)
        changes += found.low <= 0 <= found.high
        false += clusters.exchange_test(*(scores < cutoff), groups) < 0.05
    for held in (shares, changes):
        assert 930 <= held <= 970
    assert 20 <= false <= 60


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_the_paired_test_of_single_images_is_mcnemars(cases):
    from statsmodels.stats.contingency_tables import mcnemar

    one, other = (np.array(column) for column in zip(*cases, strict=True))
    table = [
        [(one & other).sum(), (one & ~other).sum()],
        [(~one & other).sum(), (~one & ~other).sum()],
    ]
    expected = min(1.0, mcnemar(table, exact=True).pvalue)
    for pair in ((one, other), (other, one)):
        assert clusters.exchange_test(*pair, alone(one)) == pytest.approx(expected)


@given(st.integers(0, 1000))
def test_the_paired_test_counts_every_way_to_exchange_the_two(seed):
    generator = np.random.default_rng(seed)
    groups = np.sort(generator.integers(0, 8, 20))
    first, second = generator.random((2, 20)) < 0.6
    sums = np.bincount(groups, first.astype(int) - second)
    ways = [abs(np.dot(signs, sums)) for signs in itertools.product((1, -1), repeat=len(sums))]
    expected = np.mean(np.array(ways) >= abs(sums.sum()) - 1e-9)
    assert clusters.exchange_test(first, second, groups) == pytest.approx(expected)


def test_dealing_exchanges_whole_patients():
    groups = np.array([3, 3, 0, 1, 1, 2, 5, 5, 5])
    dealt = clusters.deal(groups, 200, np.random.default_rng(0))
    assert (np.sort(dealt, axis=1) == np.arange(9)).all()
    # The two patients with two images change places, as do the two with one; the third has no partner.
    assert {tuple(row) for row in dealt[:, [0, 1, 3, 4]]} == {(0, 1, 3, 4), (3, 4, 0, 1)}
    assert {tuple(row) for row in dealt[:, [2, 5]]} == {(2, 5), (5, 2)}
    assert (dealt[:, 6:] == [6, 7, 8]).all()


def test_whole_patients_are_drawn_within_their_kind():
    labels, _, groups = patients(5, 40, mixed=0.3)
    weights = clusters.draw(labels, groups, 50, np.random.default_rng(0))
    kinds = [set(labels[groups == one]) for one in range(40)]
    for kind in ({0}, {1}, {0, 1}):
        members = [one for one in range(40) if kinds[one] == kind]
        drawn = np.array([weights[:, groups == one].T for one in members], dtype=object)
        assert all((own == own[:1]).all() for own in drawn)
        assert (sum(own[0] for own in drawn) == len(members)).all()
