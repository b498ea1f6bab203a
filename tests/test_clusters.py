"""Clustered cases: the plain forms where every case is alone, published examples, and simulation."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pneumo.statistics import clusters, metrics

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
