"""Differences with their intervals, and p-values corrected for being several."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from pneumo.base.estimate import Estimate
from pneumo.statistics import clusters, metrics


def mean_difference(
    labels: NDArray[np.uint8],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    groups: NDArray[np.int64],
) -> Estimate:
    """How much higher the mean AUC of the first's runs is, with cases and seeds both a matter of chance.

    For the cases, Obuchowski's (1997) variance of the seeds' mean placements, which is that of DeLong, DeLong
    & Clarke-Pearson (1988) where each case is a patient of its own; plus the variance of each mean over its
    seeds, as for readers in a study of many readers and many cases (Gallas 2006). The second part holds some
    of the first's, so the interval is too wide rather than too narrow.

    Args:
        labels: (N,), images of at least two patients of each class.
        first: scores of the one recipe, (S, N), a row a seed.
        second: scores of the other, (T, N).
        groups: the patient of each case, (N,).
    """
    ours, theirs = metrics.placements(labels, first), metrics.placements(labels, second)
    positive, negative = (
        one.mean(axis=0, keepdims=True) - other.mean(axis=0, keepdims=True)
        for one, other in zip(ours, theirs, strict=True)
    )
    variance = clusters.placement_covariance(labels, positive, negative, groups)[0, 0].clip(0)
    for by_positive, _ in (ours, theirs):
        areas = by_positive.mean(axis=1)
        if len(areas) > 1:
            variance += np.var(areas, ddof=1) / len(areas)
    mean = float(ours[0].mean() - theirs[0].mean())
    reach = float(stats.norm.ppf(0.975) * np.sqrt(variance))
    return Estimate(mean, mean - reach, mean + reach)


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
