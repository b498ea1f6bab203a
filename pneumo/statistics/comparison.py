"""Differences with their intervals, and p-values corrected for being several."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from pneumo.base.estimate import Estimate
from pneumo.statistics import metrics


def mean_difference(
    labels: NDArray[np.uint8], first: NDArray[np.float64], second: NDArray[np.float64]
) -> Estimate:
    """How much higher the mean AUC of the first's runs is, with cases and seeds both a matter of chance.

    DeLong's variance of the seeds' mean placements (DeLong, DeLong & Clarke-Pearson 1988), for the cases,
    plus the variance of each mean over its seeds, as for readers in a study of many readers and many cases
    (Gallas 2006). The second part holds some of the first's, so the interval is too wide rather than too
    narrow.

    Args:
        labels: (N,), at least two of each class.
        first: scores of the one recipe, (S, N), a row a seed.
        second: scores of the other, (T, N).
    """
    ours, theirs = metrics.placements(labels, first), metrics.placements(labels, second)
    variance = 0.0
    for one, other in zip(ours, theirs, strict=True):  # by positive case, then by negative
        contrast = one.mean(axis=0) - other.mean(axis=0)
        variance += np.var(contrast, ddof=1) / len(contrast)
    for positive, _ in (ours, theirs):
        areas = positive.mean(axis=1)
        if len(areas) > 1:
            variance += np.var(areas, ddof=1) / len(areas)
    mean = float(ours[0].mean() - theirs[0].mean())
    reach = float(stats.norm.ppf(0.975) * np.sqrt(variance))
    return Estimate(mean, mean - reach, mean + reach)


def proportion_change(before: tuple[int, int], after: tuple[int, int]) -> Estimate:
    """The difference of two independent proportions, after less before (Newcombe 1998, method 10).

    Args:
        before: successes and failures.
        after: the same of the other sample.

    Raises:
        MetricError: a sample is empty.
    """
    p1, p2 = (count[0] / sum(count) if sum(count) else float("nan") for count in (before, after))
    (low1, high1), (low2, high2) = (metrics.wilson(c[0], sum(c)) for c in (before, after))
    difference = p2 - p1
    down = float(np.hypot(p2 - low2, high1 - p1))
    up = float(np.hypot(high2 - p2, p1 - low1))
    return Estimate(difference, difference - down, difference + up)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for being several, by Holm's step-down method (Holm 1979).

    Args:
        p_values: each in [0, 1].

    Returns:
        One for each, in the same order: the smallest of m is multiplied by m, the next by m − 1, and so on;
        none is smaller than the one before it, or larger than 1.
    """
    order = np.argsort(p_values)
    factors = np.arange(len(order), 0, -1)
    corrected = np.empty(len(order))
    corrected[order] = np.minimum(1, np.maximum.accumulate(factors * np.asarray(p_values)[order]))
    return corrected.tolist()
