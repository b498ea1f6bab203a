"""Means over seeds of what is measured on cases that come in clusters, as the films of one patient do.

To first order each case moves a measure by its influence. Added up within clusters, influences give the
variance over clusters: for an AUC that of Obuchowski (1997), for a regression the sandwich of Liang & Zeger
(1986), and, where each case is a cluster of its own, DeLong's (1988) and Huber's. Seeds add the variance of
their mean, as readers do (Gallas 2006).

Unlike the bootstrap of :mod:`pneumo.statistics.intervals`, this needs no table of all pairs of cases, so that
a set can be large.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from pneumo.base.estimate import Estimate
from pneumo.statistics import calibration, metrics

_REACH = float(stats.norm.ppf(0.975))


@dataclass(frozen=True)
class Measured:
    """A measure of S seeds on N cases."""

    values: NDArray[np.float64]  # (S,)
    influences: NDArray[np.float64]  # (S, N), which add up to 0 over the cases

    def __sub__(self, other: "Measured") -> "Measured":
        """The difference on the same cases, seed by seed."""
        return Measured(self.values - other.values, self.influences - other.influences)

    def less(self, other: "Measured") -> "Measured":
        """The difference from the same seeds' measure on other cases, which follow those of this one."""
        both = np.concatenate([self.influences, -other.influences], axis=1)
        return Measured(self.values - other.values, both)

    def estimate(self, clusters: ArrayLike) -> Estimate:
        """The mean over seeds with its normal 95 % interval.

        Args:
            clusters: the number of each case's cluster, (N,).
        """
        mean, reach = float(self.values.mean()), _REACH * float(np.sqrt(self.variance(clusters)))
        return Estimate(mean, mean - reach, mean + reach)

    def variance(self, clusters: ArrayLike) -> float:
        """The variance of the mean over seeds; NaN where all cases are of one cluster."""
        sums = _sums(self.influences.mean(axis=0), clusters)
        seeds = len(self.values)
        between = float(np.var(self.values, ddof=1)) / seeds if seeds > 1 else 0.0
        return (
            float((sums**2).sum()) * len(sums) / (len(sums) - 1) + between
            if len(sums) > 1
            else np.nan
        )


def auc(labels: NDArray[np.uint8], scores: NDArray[np.float64], strata: ArrayLike = 0) -> Measured:
    """The AUC; with strata, the share of pairs of one stratum that are ranked right.

    Args:
        labels: (N,).
        scores: (S, N), a row a seed.
        strata: (N,) of what can be compared.

    Raises:
        MetricError: no stratum holds both classes.
    """
    of = np.broadcast_to(np.asarray(strata), labels.shape)
    right, influences, pairs = np.zeros(len(scores)), np.zeros(scores.shape), 0
    weights = np.zeros(len(labels))  # of a case: the pairs that it is in
    for one in np.unique(of):
        positive, negative = (np.flatnonzero((of == one) & (labels == label)) for label in (1, 0))
        if len(positive) and len(negative):
            own = np.concatenate([positive, negative])
            beaten, beating = metrics.placements(labels[own], scores[:, own])
            influences[:, positive], influences[:, negative] = beaten, beating
            weights[positive], weights[negative] = len(negative), len(positive)
            pairs += len(positive) * len(negative)
            right += len(negative) * beaten.sum(axis=1)
    if not pairs:
        raise metrics.MetricError("no two cases of different classes are in one stratum")
    areas = right / pairs
    return Measured(areas, weights * (influences - areas[:, None]) / pairs)


def share(called: NDArray[np.bool_], among: NDArray[np.bool_]) -> Measured:
    """The share of cases that are called: sensitivity among the positive, false alarms among the negative.

    Args:
        called: (S, N).
        among: (N,), the cases that count.
    """
    shares = called[:, among].mean(axis=1)
    return Measured(shares, among * (called - shares[:, None]) / among.sum())


def proportion(
    called: NDArray[np.bool_], among: NDArray[np.bool_], clusters: ArrayLike
) -> Estimate:
    """:func:`share` with Wilson's interval for as many cases as the variance says are independent.

    After Korn & Graubard (1998), who put the effective sample size into an interval for shares near 0 and 1.
    Where nothing varies, each cluster counts as one case.
    """
    found = share(called, among)
    p, variance = float(found.values.mean()), found.variance(clusters)
    count = len(np.unique(np.asarray(clusters)[among]))
    effective = min(p * (1 - p) / variance, float(among.sum())) if variance > 0 else count
    return Estimate(p, *metrics.wilson(p * effective, effective))


def slope(labels: NDArray[np.uint8], logits: NDArray[np.float64]) -> Measured:
    """The calibration slope: of the logistic regression of the outcome on the logit; NaN where there is none.

    Args:
        labels: (N,).
        logits: (S, N), a row a seed.
    """
    values, influences = [], []
    for scores in logits:
        fit = calibration.recalibrate(labels, scores, np.arange(len(labels)))
        value = fit.slope.value if np.isfinite(fit.slope.value) else np.nan
        chance = metrics.probabilities(fit.intercept + value * scores)
        design = np.stack([np.ones(len(scores)), scores])  # (2, N)
        curvature = (design * chance * (1 - chance)) @ design.T
        pull = design * (labels - chance)
        known = np.isfinite(value)
        values.append(value)
        influences.append(
            np.linalg.solve(curvature, pull)[1] if known else np.full(len(scores), np.nan)
        )
    return Measured(np.array(values), np.array(influences))


def _sums(influences: NDArray[np.float64], clusters: ArrayLike) -> NDArray[np.float64]:
    """Each cluster's influence, (K,)."""
    _, places = np.unique(np.asarray(clusters), return_inverse=True)
    return np.asarray(np.bincount(places.ravel(), weights=influences), float)
