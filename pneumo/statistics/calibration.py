"""Calibration of probabilities: reliability, parts of the Brier score, recalibration, temperature scaling.

Throughout, `labels` are integers (N,) with 1 for the positive class, and `logits` floats (N,), finite; their
logistic function is the probability of that class. `groups` are the cases' patients, integers (N,).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats
from scipy.special import logit

from pneumo.base.estimate import Estimate
from pneumo.statistics import clusters, metrics
from pneumo.statistics.metrics import MetricError

BINS = 10  # of equal count
# The range searched for a temperature. Without it, a validation split whose classes the logits separate
# perfectly would give 0, and one that they rank the wrong way round would give infinity.
TEMPERATURES = (0.05, 20.0)
# Draws of outcomes for the calibration error that chance alone produces.
DRAWS = 1000


@dataclass(frozen=True)
class Bin:
    """Cases with neighbouring probabilities."""

    count: int
    predicted: float  # their mean probability
    observed: float  # the share of positive cases among them
    low: float  # Wilson's 95 % interval of that share, for the effective number of cases
    high: float


@dataclass(frozen=True)
class Reading:
    """Calibration of one split's probabilities: brier = reliability − resolution + uncertainty, exactly."""

    brier: float
    reliability: float  # how far the bins' mean probabilities lie from their observed shares
    resolution: float  # how far the observed share varies between bins, and with the scores within
    uncertainty: float  # the outcome's variance, the same for every model
    ece: float  # expected calibration error
    intercept: float
    slope: Estimate
    predicted: float  # mean probability
    observed: float  # share of positive cases
    mean_error: Estimate  # observed − predicted


def reliability(labels: ArrayLike, logits: ArrayLike, groups: ArrayLike) -> tuple[Bin, ...]:
    """Bins of equal count, by rising probability, each with its mean probability and observed share.

    Equal probabilities share a bin, so the result does not depend on the order of cases; ties can leave
    fewer bins.

    Raises:
        MetricError: as :func:`recalibrate`, but one class is enough.
    """
    truth, scores = metrics.checked(labels, logits, "logits", both=False)
    chance = metrics.probabilities(scores)
    places, patients = _places(chance), np.asarray(groups)
    found = []
    for place in np.unique(places):
        members = places == place
        share = clusters.proportion(truth[members], patients[members])
        predicted = float(chance[members].mean())
        found.append(Bin(int(members.sum()), predicted, share.value, share.low, share.high))
    return tuple(found)


def calibration_error(labels: ArrayLike, logits: ArrayLike) -> float:
    """Expected calibration error: the bins' |observed − predicted|, averaged over cases, in [0, 1].

    It uses the probability of the positive class, as in Naeini et al. (2015), not that of the predicted class
    as in Guo et al. (2017). Its bins have equal counts, which reduces the bias (Roelofs et al. 2022).

    Raises:
        MetricError: as :func:`reliability`.
    """
    truth, scores = metrics.checked(labels, logits, "logits", both=False)
    chance = metrics.probabilities(scores)
    sums = np.bincount(_places(chance), weights=truth - chance)
    return float(np.abs(sums).sum() / len(truth))


def calibration_error_by_chance(logits: ArrayLike) -> float:
    """The expected calibration error of perfectly calibrated probabilities with these values.

    It is not 0, since a bin's observed share varies by chance. The outcomes are drawn with a fixed seed.
    """
    chance = metrics.probabilities(logits)
    places = _places(chance)
    drawn = np.random.default_rng(0).random((DRAWS, len(chance))) < chance  # (D, N)
    members = places[:, None] == np.unique(places)  # (N, B)
    sums = (drawn - chance) @ members  # (D, B)
    return float(np.abs(sums).sum(axis=1).mean() / len(chance))


def brier(labels: ArrayLike, logits: ArrayLike) -> dict[str, float]:
    """The Brier score with Murphy's (1973) parts over bins of equal count, by their names in a reading.

    Variation within bins is counted as resolution, as in Stephenson, Coelho & Jolliffe (2008); without their
    two terms the parts would not add up to the score.

    Raises:
        MetricError: as :func:`reliability`.
    """
    truth, scores = metrics.checked(labels, logits, "logits", both=False)
    chance = metrics.probabilities(scores)
    places = _places(chance)
    share, n = truth.mean(), len(truth)
    reliable = resolved = within = 0.0
    for place in np.unique(places):
        y, p = truth[places == place], chance[places == place]
        reliable += len(y) * (p.mean() - y.mean()) ** 2
        resolved += len(y) * (y.mean() - share) ** 2
        # Twice the covariance of outcome and probability in the bin, less the probability's variance.
        within += 2 * ((y - y.mean()) * (p - p.mean())).sum() - ((p - p.mean()) ** 2).sum()
    return {
        "brier": float(((chance - truth) ** 2).mean()),
        "reliability": float(reliable / n),
        "resolution": float((resolved + within) / n),
        "uncertainty": float(share * (1 - share)),
    }


def recalibrate(labels: ArrayLike, logits: ArrayLike, groups: ArrayLike) -> tuple[float, Estimate]:
    """Calibration intercept and slope (Cox 1958; Miller, Hui & Tierney 1991).

    They are those of the logistic regression of the outcome on the logit: 0 and 1 need no correction, and a
    slope below 1 means probabilities that are too extreme. It is infinite where logits separate the classes,
    NaN where all are equal; the intercept and the slope's interval, which is Wald's, are then NaN. Several
    images of one patient are not independent, so estimates vary more than with as many patients (Liang &
    Zeger 1986). The slope's variance is multiplied by that ratio of variances, which is not below 1.

    Raises:
        MetricError: no cases, lengths differ, labels outside 0 and 1, logits that are not finite, or only
            one class.
    """
    truth, scores = metrics.checked(labels, logits, "logits")
    if scores.min() == scores.max():
        return np.nan, Estimate(np.nan)
    if sign := _separated(truth, scores):
        return np.nan, Estimate(sign * np.inf)

    # Standardising the logits gives both parameters curvatures of similar size.
    centre, scale = scores.mean(), scores.std()
    design = np.column_stack([np.ones(len(scores)), (scores - centre) / scale])  # (N, 2)

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        fitted = design @ parameters
        return -_log_likelihood(truth, fitted), design.T @ (metrics.probabilities(fitted) - truth)

    def curvature(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        chance = metrics.probabilities(design @ parameters)
        return np.asarray((design.T * (chance * (1 - chance))) @ design)

    found = optimize.minimize(loss, np.zeros(2), jac=True, hess=curvature, method="trust-exact")
    slope, inverse = float(found.x[1] / scale), np.linalg.inv(curvature(found.x))
    residuals = (design * (truth - metrics.probabilities(design @ found.x))[:, None]).T  # (2, N)
    alone, clustered = (
        inverse @ clusters.spread(residuals, patients) @ inverse
        for patients in (np.arange(len(truth)), groups)
    )
    error = float(np.sqrt(inverse[1, 1] * max(1.0, clustered[1, 1] / alone[1, 1])) / scale)
    interval = Estimate.around(slope, metrics.NORMAL * error)
    return float(found.x[0] - slope * centre), interval


def fit_temperature(labels: ArrayLike, logits: ArrayLike) -> float:
    """The temperature, the divisor of the logits that minimises their log loss (Guo et al. 2017).

    It lies within :data:`TEMPERATURES`; above 1 it moves probabilities towards one half.

    Raises:
        MetricError: as :func:`recalibrate`.
    """
    truth, scores = metrics.checked(labels, logits, "logits")
    low, high = np.log(TEMPERATURES)
    found = optimize.minimize_scalar(
        lambda log: -_log_likelihood(truth, scores / np.exp(log)),
        bounds=(low, high), method="bounded", options={"xatol": 1e-9},
    )  # fmt: skip
    return float(np.exp(found.x))


def to_prevalence(logits: ArrayLike, presumed: float, actual: float) -> NDArray[np.float64]:
    """Adjust logits from one prevalence to another (Elkan 2001; Saerens et al. 2002).

    By Bayes' rule the likelihood ratio of an image stays the same and the prior odds change, so every logit
    moves by the difference of the prevalences' log odds.

    Raises:
        MetricError: a prevalence lies outside (0, 1).
    """
    if not (0 < presumed < 1 and 0 < actual < 1):
        raise MetricError(f"a prevalence lies in (0, 1); found {presumed} and {actual}")
    return np.asarray(np.asarray(logits, float) + logit(actual) - logit(presumed))


def read(labels: ArrayLike, logits: ArrayLike, groups: ArrayLike) -> Reading:
    """All calibration results of one split.

    Raises:
        MetricError: as :func:`recalibrate`.
    """
    truth, scores = metrics.checked(labels, logits, "logits")
    errors = truth - metrics.probabilities(scores)
    intercept, slope = recalibrate(truth, scores, groups)
    return Reading(
        **brier(truth, scores),
        ece=calibration_error(truth, scores),
        intercept=intercept,
        slope=slope,
        predicted=float((truth - errors).mean()),
        observed=float(truth.mean()),
        mean_error=clusters.mean(errors, groups),
    )


def _places(chance: NDArray[np.float64]) -> NDArray[np.int64]:
    """Each case's bin, (N,) in 0 … BINS − 1, by the middle rank of its probability."""
    middle = (stats.rankdata(chance) - 0.5) / len(chance)  # (N,) in (0, 1)
    return np.asarray((BINS * middle).astype(np.int64))


def _log_likelihood(truth: NDArray[np.int64], logits: NDArray[np.float64]) -> float:
    """The log-likelihood of these outcomes."""
    return float((truth * logits - np.logaddexp(0, logits)).sum())


def _separated(truth: NDArray[np.int64], scores: NDArray[np.float64]) -> int:
    """1 if logits separate the classes, −1 if the wrong way round, else 0.

    If they do, logistic regression has no maximum (Albert & Anderson 1984). Cases of both classes may share
    the logit at the border.
    """
    positive, negative = scores[truth == 1], scores[truth == 0]
    if positive.min() >= negative.max():
        return 1
    return -1 if positive.max() <= negative.min() else 0
