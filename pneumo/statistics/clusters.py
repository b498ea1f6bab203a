"""Cases that come in clusters: several images of one patient are not as many independent cases.

Throughout, `groups` are integers (N,), one number a patient. Where every image is a patient of its own, each
function gives what its textbook form for independent cases gives.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from pneumo.base.estimate import Estimate
from pneumo.statistics import metrics
from pneumo.statistics.metrics import MetricError

_CONFIDENCE = 0.95


@dataclass(frozen=True)
class DeLong:
    """Two correlated AUCs compared: their difference, its standard error and two-sided p-value."""

    difference: float
    standard_error: float
    p_value: float

    def interval(self) -> tuple[float, float]:
        """The normal 95 % interval of the difference."""
        reach = _reach(self.standard_error)
        return self.difference - reach, self.difference + reach


@dataclass(frozen=True)
class Change:
    """A difference of two proportions with its 95 % interval, and a test of whether there is none."""

    estimate: Estimate
    p_value: float


def placement_covariance(
    labels: ArrayLike,
    by_positive: NDArray[np.float64],
    by_negative: NDArray[np.float64],
    groups: ArrayLike,
) -> NDArray[np.float64]:
    """The covariance of K AUCs on the same clustered cases (Obuchowski 1997), (K, K).

    The placements of a patient's images are summed. A patient with images of both classes adds the
    covariance of both sums.

    Args:
        labels: (N,).
        by_positive: placements of the positive cases, (K, P), as `metrics.placements` gives them.
        by_negative: of the negative ones, (K, Q).
        groups: (N,).

    Raises:
        MetricError: a class has images of fewer than two patients.
    """
    truth, patients = np.asarray(labels), _numbered(groups)
    g = int(patients.max()) + 1
    sums, counts = [], []
    for label, placed in ((1, by_positive), (0, by_negative)):
        own = patients[truth == label]
        centred = placed - placed.mean(axis=1, keepdims=True)
        sums.append(_sums(centred, own, g) / placed.shape[1])
        counts.append(len(np.unique(own)))
    if min(counts) < 2:
        raise MetricError(
            f"an AUC's variance needs two patients of each class; found {counts[0]} and {counts[1]}"
        )
    (positive, negative), (p, q) = sums, counts
    both = positive @ negative.T
    within = p / (p - 1) * positive @ positive.T + q / (q - 1) * negative @ negative.T
    return np.asarray(within + g / (g - 1) * (both + both.T))


def auc_error(labels: ArrayLike, scores: ArrayLike, groups: ArrayLike) -> float:
    """The standard error of one AUC, from :func:`placement_covariance`."""
    truth, found = metrics.paired(labels, scores, "scores")
    metrics.need_both_classes(truth)
    placed = metrics.placements(truth, found[None])
    return float(np.sqrt(placement_covariance(truth, *placed, groups)[0, 0].clip(0)))


def auc(labels: ArrayLike, scores: ArrayLike, groups: ArrayLike) -> Estimate:
    """An AUC with its normal 95 % interval, cut to [0, 1]."""
    reach = _reach(auc_error(labels, scores, groups))
    value = float(metrics.placements(np.asarray(labels), np.asarray(scores)[None])[0].mean())
    return Estimate(value, max(0.0, value - reach), min(1.0, value + reach))


def delong(labels: ArrayLike, first: ArrayLike, second: ArrayLike, groups: ArrayLike) -> DeLong:
    """DeLong's test for two AUCs on the same clustered cases (DeLong et al. 1988; Obuchowski 1997).

    Args:
        labels: (N,), with images of two patients of each class.
        first: scores of the one model, (N,).
        second: of the other, (N,).
        groups: (N,).

    Returns:
        The difference first − second. Equal scores give a standard error of 0 and p = 1.

    Raises:
        MetricError: labels and scores do not fit together, or a class has too few patients.
    """
    truth, ours = metrics.paired(labels, first, "scores")
    truth, theirs = metrics.paired(labels, second, "scores")
    metrics.need_both_classes(truth)
    positive, negative = metrics.placements(truth, np.stack([ours, theirs]))
    contrasts = positive[:1] - positive[1:], negative[:1] - negative[1:]
    error = float(np.sqrt(placement_covariance(truth, *contrasts, groups)[0, 0].clip(0)))
    difference = float(contrasts[0].mean())
    if error == 0:
        return DeLong(difference, error, 1.0 if difference == 0 else 0.0)
    return DeLong(difference, error, float(2 * stats.norm.sf(abs(difference) / error)))


def design_effect(hits: ArrayLike, groups: ArrayLike) -> float:
    """How many images of clustered cases tell as much of a proportion as one independent case, at least 1.

    The variance of the proportion as a ratio of patients' sums, over that of as many patients with one image
    each (Rao & Scott 1992); below 1 it counts as 1 (Korn & Graubard 1998). Where all images are alike, or
    all are of one patient, nothing tells how alike a patient's images are: they then count as one.

    Args:
        hits: whether each image counts, booleans (N,).
        groups: (N,).
    """
    found, patients = np.asarray(hits, dtype=np.float64), _numbered(groups)
    n, sizes = len(found), np.bincount(patients)
    g = len(sizes)
    residuals = found - found.mean()
    if g == 1 or not residuals.any():
        return float((sizes**2).sum() / n)
    clustered, alone = (spread(residuals[None], own)[0, 0] for own in (patients, np.arange(n)))
    return max(1.0, float(clustered / alone))


def design_effects(labels: ArrayLike, called: ArrayLike, groups: ArrayLike) -> tuple[float, float]:
    """The :func:`design_effect` of sensitivity and of specificity.

    Args:
        labels: (N,), both classes among them.
        called: whether each image is called positive, booleans (N,).
        groups: (N,).
    """
    truth, calls, patients = map(np.asarray, (labels, called, groups))
    positive, negative = (
        design_effect(calls[truth == label], patients[truth == label]) for label in (1, 0)
    )
    return positive, negative


def proportion(hits: ArrayLike, groups: ArrayLike) -> Estimate:
    """The share of clustered cases that are hits, with Wilson's (1927) 95 % interval of as many as they tell.

    Hits and cases are both divided by the design effect (Rao & Scott 1992). NaN without cases.

    Args:
        hits: booleans (N,).
        groups: (N,).
    """
    found = np.asarray(hits, dtype=bool)
    if not found.size:
        return Estimate(float("nan"))
    share = float(found.mean())
    return Estimate(share, *metrics.wilson(*_effective(found, groups)))


def change(
    before: ArrayLike, before_groups: ArrayLike, after: ArrayLike, after_groups: ArrayLike
) -> Change:
    """The difference of two proportions of different patients' clustered cases, after less before.

    Both samples' counts are divided by their design effects; then the test is Pearson's χ² (Rao & Scott
    1992), and the interval that of Newcombe (1998), method 10.

    Args:
        before: hits of the one sample, booleans (N,).
        before_groups: (N,).
        after: hits of the other, (M,).
        after_groups: (M,).

    Raises:
        MetricError: a sample is empty.
    """
    samples = ((before, before_groups), (after, after_groups))
    (x1, n1), (x2, n2) = (_effective(np.asarray(hits, bool), groups) for hits, groups in samples)
    (low1, high1), (low2, high2) = metrics.wilson(x1, n1), metrics.wilson(x2, n2)
    p1, p2, pooled = x1 / n1, x2 / n2, (x1 + x2) / (n1 + n2)
    found = difference(Estimate(p2, low2, high2), Estimate(p1, low1, high1))
    error = np.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n2))
    p_value = float(2 * stats.norm.sf(abs(p2 - p1) / error)) if error else 1.0
    return Change(found, p_value)


def difference(first: Estimate, second: Estimate) -> Estimate:
    """The difference of two estimates, first less second, from the interval of each (Zou & Donner 2008).

    Of two proportions with Wilson's intervals it is Newcombe's. It takes the estimates for independent; where
    they rise and fall together, it is too wide rather than too narrow.
    """
    value = first.value - second.value
    down = float(np.hypot(first.value - first.low, second.high - second.value))
    up = float(np.hypot(first.high - first.value, second.value - second.low))
    return Estimate(value, value - down, value + up)


def paired_change(first: ArrayLike, second: ArrayLike, groups: ArrayLike) -> Change:
    """The difference of two proportions of the same clustered cases, first less second.

    The test is exact: were both alike, either could have had the other's hits on all images of a patient, so
    each patient's difference is as likely with the other sign (Fisher 1935). Of patients with one image it is
    McNemar's exact test. The interval is Obuchowski's (1998).

    Args:
        first: hits of the one, booleans (N,).
        second: of the other, (N,).
        groups: (N,).
    """
    differences = np.asarray(first, int) - np.asarray(second, int)
    patients = _numbered(groups)
    sums = _sums(differences[None].astype(float), patients, int(patients.max()) + 1)[0]
    mean = float(differences.mean())
    reach = _reach(np.sqrt(spread((differences - mean)[None], patients)[0, 0]) / len(differences))
    return Change(Estimate(mean, mean - reach, mean + reach), _flipped(sums.round().astype(int)))


def means(values: NDArray[np.float64], groups: ArrayLike) -> NDArray[np.float64]:
    """Each patient's mean, (G,), of values (N,)."""
    patients = _numbered(groups)
    sizes = np.bincount(patients)
    return np.asarray(np.bincount(patients, values, len(sizes)) / sizes)


def spread(values: NDArray[np.float64], groups: ArrayLike) -> NDArray[np.float64]:
    """The covariance of K sums of clustered values whose means are 0: (K, N) to (K, K).

    That of patients' sums (Liang & Zeger 1986), as many times as there are patients.
    """
    patients = _numbered(groups)
    g = int(patients.max()) + 1
    sums = _sums(values, patients, g)
    return np.asarray(g / max(1, g - 1) * sums @ sums.T)


def strata(labels: ArrayLike, groups: ArrayLike) -> list[NDArray[np.int64]]:
    """Patients with positive images alone, with negative ones alone, and with both: their numbers, each (G,).

    Numbers are those of the patients in rising order, from 0 on. What a bootstrap draws within; without those
    that are empty.
    """
    truth, patients = np.asarray(labels), _numbered(groups)
    has = [np.bincount(patients[truth == label], minlength=patients.max() + 1) > 0
           for label in (1, 0)]  # fmt: skip
    found = (has[0] & ~has[1], has[1] & ~has[0], has[0] & has[1])
    return [np.flatnonzero(members) for members in found if members.any()]


def draw(
    labels: ArrayLike, groups: ArrayLike, resamples: int, generator: np.random.Generator
) -> NDArray[np.float32]:
    """How often each image is in each resample of a bootstrap, (B, N): whole patients, within :func:`strata`.

    The cluster bootstrap (Davison & Hinkley 1997, section 3.8).
    """
    patients = _numbered(groups)
    weights = np.empty((resamples, patients.max() + 1), np.float32)
    for members in strata(labels, groups):
        n = len(members)
        weights[:, members] = generator.multinomial(n, np.full(n, 1 / n), resamples)
    return weights[:, patients]


def deal(groups: ArrayLike, resamples: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Permutations of images that exchange whole patients with as many images, (B, N).

    A patient's images stay together, in their order, so what is alike in them stays alike (Winkler et al.
    2015, whole-block exchange). Without clusters, ordinary permutations.
    """
    patients = _numbered(groups)
    order, sizes = np.argsort(patients, kind="stable"), np.bincount(patients)
    first = np.cumsum(sizes) - sizes
    found = np.empty((resamples, len(patients)), np.int64)
    for size in np.unique(sizes):
        blocks = order[first[sizes == size][:, None] + np.arange(size)]  # (G, size)
        dealt = generator.permuted(np.tile(np.arange(len(blocks)), (resamples, 1)), axis=1)
        found[:, blocks.ravel()] = blocks[dealt].reshape(resamples, -1)
    return found


def _numbered(groups: ArrayLike) -> NDArray[np.int64]:
    """Patients by 0 … G − 1, (N,), every number taken."""
    return np.unique(np.asarray(groups), return_inverse=True)[1].astype(np.int64)


def _sums(
    values: NDArray[np.float64], patients: NDArray[np.int64], count: int
) -> NDArray[np.float64]:
    """The sum of each row's values over each patient's images: (K, N) to (K, G)."""
    return np.stack([np.bincount(patients, row, count).astype(np.float64) for row in values])


def _effective(hits: NDArray[np.bool_], groups: ArrayLike) -> tuple[float, float]:
    """Hits and cases, each divided by the design effect."""
    if not hits.size:
        raise MetricError("a proportion needs cases; there are none")
    effect = design_effect(hits, groups)
    return float(hits.sum() / effect), float(len(hits) / effect)


def _flipped(differences: NDArray[np.int64]) -> float:
    """How often random signs give a sum at least as far from 0, exactly; two-sided."""
    sizes = np.abs(differences[differences != 0])
    chances = np.ones(1)  # of the sums from −Σ|d| to Σ|d|
    for size in sizes:
        chances = np.r_[chances, np.zeros(2 * size)]
        chances = (chances + np.roll(chances, 2 * size)) / 2
    sums = np.arange(-sizes.sum(), sizes.sum() + 1)
    return min(1.0, float(chances[np.abs(sums) >= abs(differences.sum())].sum()))


def _reach(error: float) -> float:
    """How far a normal 95 % interval reaches to either side."""
    return float(stats.norm.ppf(0.5 + _CONFIDENCE / 2) * error)
