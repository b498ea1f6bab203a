"""Measures of several networks on clustered cases, such as the films of one patient, with their intervals.

To first order each case moves a measure by its influence. The sums of influences within clusters give the
variance over clusters: for an AUC that of Obuchowski (1997), for a regression the sandwich of Liang & Zeger
(1986), and, if each case is its own cluster, DeLong's (1988) and Huber's. Networks are random, too: the
variance of their mean is added, like that of readers (Gallas 2006). It includes part of the first, so
intervals are too wide rather than too narrow.

Networks are few, so quantiles are those of Student's t, with the degrees of freedom of Satterthwaite (1946).
The makers of a test set choose its class counts, so these count as fixed.

Throughout, `labels` are (N,), and calls, `scores`, `probabilities` and `logits` (S, N), one row per seed.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from pneumo.base.estimate import Estimate
from pneumo.statistics import calibration, clusters, metrics

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Measured:
    """A measure on N cases, as the mean over the seeds of one model, or a difference of such means."""

    values: tuple[Floats, ...]  # (S,) for each model involved; their means add up to the measure
    influence: Floats  # (N,), one per case, mean over the seeds; they add up to 0
    among: tuple[Bools, ...] = ()  # (N,) each: a share's denominator; for an AUC, both classes

    @property
    def value(self) -> float:
        """The measure itself; NaN where it is not defined for a seed."""
        return float(sum(own.mean() for own in self.values))

    def __neg__(self) -> "Measured":
        return Measured(tuple(-own for own in self.values), -self.influence, self.among)

    def __sub__(self, other: "Measured") -> "Measured":
        """The difference of two measures of the same networks on the same cases, seed by seed."""
        values = zip(self.values, other.values, strict=True)
        return Measured(
            tuple(ours - theirs for ours, theirs in values), self.influence - other.influence
        )

    def less(self, other: "Measured") -> "Measured":
        """The difference from the same networks' measure on other cases, appended behind these."""
        values = zip(self.values, other.values, strict=True)
        both = np.concatenate([self.influence, -other.influence])
        return Measured(tuple(ours - theirs for ours, theirs in values), both)

    def apart(self, other: "Measured") -> "Measured":
        """The difference from other networks' measure on the same cases."""
        return Measured(self.values + (-other).values, self.influence - other.influence)

    def variance(self, groups: ArrayLike) -> float:
        """The variance over clusters, (N,), and networks; NaN if all cases are of one cluster."""
        return sum(variance for variance, _ in self._variances(groups))

    def quantile(self, groups: ArrayLike, confidence: float = CONFIDENCE) -> float:
        """The half-width of an interval in standard errors."""
        return float(stats.t.ppf(0.5 + confidence / 2, self._freedom(groups)))

    def estimate(self, groups: ArrayLike, confidence: float = CONFIDENCE) -> Estimate:
        """The measure with a symmetric interval, for differences."""
        reach = self.quantile(groups, confidence) * float(np.sqrt(self.variance(groups)))
        return Estimate.around(self.value, reach)

    def bounded(self, groups: ArrayLike) -> Estimate:
        """A share or an AUC with Wilson's (1927) interval, which stays in [0, 1] and has a width even there.

        Its count is the effective number of independent cases (Korn & Graubard 1998; for an AUC, Kottas,
        Kuss & Zapf 2014), at most the real one. Where nothing varies at 0 or 1, each cluster counts as one
        case; for an AUC, each cluster of the class with fewer. There is no interval where the class counts
        alone fix the value.
        """
        count, fixed = self.cases(groups)
        p = self.value
        if fixed or np.isnan(p):
            return Estimate(p)
        return Estimate(p, *metrics.wilson(p * count, count))

    def cases(self, groups: ArrayLike) -> tuple[float, bool]:
        """A share's effective number of independent cases, and whether class counts alone fix the share."""
        p, variance = self.value, self.variance(groups)
        if variance > 0 and 0 < p < 1:
            count = p * (1 - p) / variance
            if len(self.among) == 1:
                count = min(count, float(self.among[0].sum()))
            return count * (metrics.NORMAL / self.quantile(groups)) ** 2, False
        patients = np.asarray(groups)
        count = min((len(np.unique(patients[own])) for own in self.among), default=0)
        return float(count), p not in (0, 1) or not count

    def p_value(self, groups: ArrayLike, margin: float = 0.0) -> float:
        """The two-sided p-value of the measure being equal to the margin."""
        error = float(np.sqrt(self.variance(groups)))
        if not error:
            return float(self.value == margin)
        return float(2 * stats.t.sf(abs(self.value - margin) / error, self._freedom(groups)))

    def _variances(self, groups: ArrayLike) -> list[tuple[float, int]]:
        """The variance from the cases and from each model's seeds, each with its degrees of freedom."""
        patients = np.unique(np.asarray(groups), return_inverse=True)[1]
        of_cases = float(clusters.spread(self.influence[None], patients)[0, 0])
        freedom = int(patients.max())
        # Influences that cancel out leave a rounding error.
        found = [(of_cases if of_cases > 1e-24 else 0.0, freedom)] if freedom else [(np.nan, 1)]
        return found + [
            (float(np.var(own, ddof=1)) / len(own), len(own) - 1)
            for own in self.values
            if len(own) > 1
        ]

    def _freedom(self, groups: ArrayLike) -> float:
        found = [(variance, freedom) for variance, freedom in self._variances(groups) if variance]
        total = sum(variance for variance, _ in found)
        return total**2 / sum(v**2 / freedom for v, freedom in found) if found else np.inf


def auc(labels: NDArray[np.integer], scores: Floats, strata: ArrayLike = 0) -> Measured:
    """The AUC; with strata (N,), the share of pairs within strata that are ranked right.

    Raises:
        MetricError: no stratum holds both classes.
    """
    of = np.broadcast_to(np.asarray(strata), labels.shape)
    right, influences, pairs = np.zeros(len(scores)), np.zeros(scores.shape), 0
    weights = np.zeros(len(labels))  # of a case: the pairs that it is in
    for one in np.unique(of):
        positive, negative = (np.flatnonzero((of == one) & (labels == label)) for label in (1, 0))
        m, n = len(positive), len(negative)
        if m and n:
            # Each case's share of right pairs with the other class, by ranks; ties count half.
            ours, theirs = scores[:, positive], scores[:, negative]
            ranks = stats.rankdata(np.concatenate([ours, theirs], axis=1), axis=1)
            beaten = (ranks[:, :m] - stats.rankdata(ours, axis=1)) / n
            influences[:, positive] = beaten
            influences[:, negative] = 1 - (ranks[:, m:] - stats.rankdata(theirs, axis=1)) / m
            weights[positive], weights[negative] = n, m
            pairs += m * n
            right += n * beaten.sum(axis=1)
    if not pairs:
        raise metrics.MetricError("no stratum holds cases of both classes")
    areas = right / pairs
    influence = (weights * (influences - areas[:, None])).mean(axis=0) / pairs
    return Measured((areas,), influence, (labels == 1, labels == 0))


def ratio(part: NDArray[np.generic], whole: NDArray[np.generic], labels: ArrayLike = 0) -> Measured:
    """The ratio of two sums over cases, numbers or booleans (S, N); NaN where the denominator is 0.

    Labels are given if the class counts are fixed.
    """
    tops, bottoms = part.astype(np.float64), whole.astype(np.float64)
    with np.errstate(invalid="ignore"):
        values = tops.sum(axis=1) / bottoms.sum(axis=1)
        each = (tops - values[:, None] * bottoms) / bottoms.sum(axis=1, keepdims=True)
    influence = each.mean(axis=0)
    classes = np.broadcast_to(np.asarray(labels), influence.shape)
    for one in np.unique(classes):
        influence[classes == one] -= influence[classes == one].mean()
    return Measured((values,), influence, (np.asarray(bottoms.any(axis=0)),))


def share(called: Bools, among: Bools) -> Measured:
    """The share of cases among (N,) called positive: sensitivity, or the rate of false alarms."""
    return ratio(called & among, np.broadcast_to(among, called.shape))


def evaluate(
    labels: NDArray[np.integer], probabilities: Floats, thresholds: ArrayLike
) -> dict[str, Measured]:
    """Each metric of `metrics.NAMES`, mean over the seeds; both classes are among the labels.

    A case is called positive at or above its seed's threshold, (S,).
    """
    positive = labels == 1
    called = probabilities >= np.asarray(thresholds)[:, None]  # (S, N)
    every, found = np.ones_like(called), called & positive
    squares = ratio((probabilities - labels) ** 2, every, labels)
    return {
        "accuracy": ratio(called == positive, every, labels),
        "auc": auc(labels, probabilities),
        "precision": ratio(found, called, labels),
        "recall": share(called, positive),
        "specificity": share(~called, ~positive),
        "f1": ratio(2 * found, 1 * called + positive, labels),
        # A mean of squares varies less than a share, so the number of cases does not bound it.
        "brier": Measured(squares.values, squares.influence),
    }


def slope(labels: NDArray[np.integer], logits: Floats) -> Measured:
    """The slope of the logistic regression of the outcome on the logit; NaN where it is not finite."""
    values, influences = [], []
    for scores in logits:
        intercept, fitted = calibration.recalibrate(labels, scores, np.arange(len(labels)))
        value = fitted.value if np.isfinite(fitted.value) else np.nan
        chance = metrics.probabilities(intercept + value * scores)
        design = np.stack([np.ones(len(scores)), scores])  # (2, N)
        curvature = (design * chance * (1 - chance)) @ design.T
        pull = design * (labels - chance)
        known = np.isfinite(value)
        values.append(value)
        influences.append(
            np.linalg.solve(curvature, pull)[1] if known else np.full(len(scores), np.nan)
        )
    return Measured((np.array(values),), np.mean(influences, axis=0))
