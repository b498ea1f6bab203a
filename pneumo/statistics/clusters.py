"""Statistics of clustered cases: several images of one patient are not independent.

Throughout, `groups` are integers (N,), one number for each patient, and `hits` booleans (N,). If every
patient has one image, each function equals its textbook form for independent cases.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pneumo.base.estimate import Estimate
from pneumo.statistics import metrics


def design_effect(hits: ArrayLike, groups: ArrayLike) -> float:
    """The design effect of a proportion, at least 1: how many clustered images equal one independent case.

    The variance of the proportion as a ratio of patients' sums, over its variance with independent images
    (Rao & Scott 1992), and not below 1 (Korn & Graubard 1998). If all hits are equal, or all images are of
    one patient, the correlation within patients can't be estimated; it then counts as 1.
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
    """The :func:`design_effect` of sensitivity and of specificity, of labels (N,) and booleans (N,).

    Both classes are among the labels.
    """
    truth, calls, patients = map(np.asarray, (labels, called, groups))
    positive, negative = (
        design_effect(calls[truth == label], patients[truth == label]) for label in (1, 0)
    )
    return positive, negative


def proportion(hits: ArrayLike, groups: ArrayLike) -> Estimate:
    """The share of clustered cases that are hits, with Wilson's (1927) 95 % interval.

    The interval is that of hits and cases divided by the design effect (Rao & Scott 1992). NaN without cases.
    """
    found = np.asarray(hits, dtype=bool)
    if not found.size:
        return Estimate(float("nan"))
    effect = design_effect(found, groups)
    ends = metrics.wilson(float(found.sum() / effect), float(len(found) / effect))
    return Estimate(float(found.mean()), *ends)


def mean(values: NDArray[np.float64], groups: ArrayLike) -> Estimate:
    """The mean of clustered values (N,), with its normal 95 % interval."""
    value = float(values.mean())
    variance = spread((values - value)[None], groups)[0, 0]
    return Estimate.around(value, float(metrics.NORMAL * np.sqrt(variance) / len(values)))


def change(
    before: ArrayLike, before_groups: ArrayLike, after: ArrayLike, after_groups: ArrayLike
) -> Estimate:
    """The difference of two proportions, after minus before, of clustered cases of different patients.

    The interval is that of Newcombe (1998), method 10, from the interval of each :func:`proportion`. The two
    samples are hits and groups, (N,) and (M,).
    """
    first, second = proportion(after, after_groups), proportion(before, before_groups)
    value = first.value - second.value
    down = float(np.hypot(first.value - first.low, second.high - second.value))
    up = float(np.hypot(first.high - first.value, second.value - second.low))
    return Estimate(value, value - down, value + up)


def exchange_test(first: ArrayLike, second: ArrayLike, groups: ArrayLike) -> float:
    """The two-sided p-value of an exact test whether two models have equally many hits on the same cases.

    If the models do not differ, the sign of each patient's difference in hits is random (Fisher 1935). With
    one image per patient it is McNemar's exact test.
    """
    sums = np.bincount(_numbered(groups), np.asarray(first, int) - np.asarray(second, int))
    differences = sums.round().astype(int)
    sizes = np.abs(differences[differences != 0])
    chances = np.ones(1)  # of the sums from −Σ|d| to Σ|d|
    for size in sizes:
        chances = np.r_[chances, np.zeros(2 * size)]
        chances = (chances + np.roll(chances, 2 * size)) / 2
    possible = np.arange(-sizes.sum(), sizes.sum() + 1)
    return min(1.0, float(chances[np.abs(possible) >= abs(differences.sum())].sum()))


def means(values: NDArray[np.float64], groups: ArrayLike) -> NDArray[np.float64]:
    """Each patient's mean, (G,), of values (N,)."""
    patients = _numbered(groups)
    sizes = np.bincount(patients)
    return np.asarray(np.bincount(patients, values, len(sizes)) / sizes)


def spread(values: NDArray[np.float64], groups: ArrayLike) -> NDArray[np.float64]:
    """The covariance, (K, K), of K sums of clustered values (K, N) whose means are 0.

    It is the covariance of patients' sums times the number of patients (Liang & Zeger 1986).
    """
    patients = _numbered(groups)
    g = int(patients.max()) + 1
    sums = np.stack([np.bincount(patients, row, g).astype(np.float64) for row in values])
    return np.asarray(g / max(1, g - 1) * sums @ sums.T)


def draw(
    labels: ArrayLike, groups: ArrayLike, resamples: int, generator: np.random.Generator
) -> NDArray[np.float32]:
    """How often each image is in each resample of a bootstrap, (B, N).

    The cluster bootstrap (Davison & Hinkley 1997, section 3.8): it draws whole patients, in three strata:
    those with positive images only, with negative only, and with both.
    """
    truth, patients = np.asarray(labels), _numbered(groups)
    weights = np.empty((resamples, patients.max() + 1), np.float32)
    positive, negative = (
        np.bincount(patients[truth == label], minlength=weights.shape[1]) > 0 for label in (1, 0)
    )
    for members in (positive & ~negative, negative & ~positive, positive & negative):
        if n := int(members.sum()):
            weights[:, members] = generator.multinomial(n, np.full(n, 1 / n), resamples)
    return weights[:, patients]


def deal(groups: ArrayLike, resamples: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Permutations of images, (B, N), that exchange only whole patients with equally many images.

    A patient's images stay together and in order, which keeps their correlation (whole-block exchange,
    Winkler et al. 2015). Without clusters these are ordinary permutations.
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
    """Each image's patient, (N,), numbered 0 … G − 1 without gaps."""
    return np.unique(np.asarray(groups), return_inverse=True)[1].astype(np.int64)
