"""The value of acting on a score: net benefit, and predictive values by prevalence.

A test set's prevalence is that of a collection, not of a ward, so both are also given for other prevalences,
by Bayes' rule and with sensitivity and specificity unchanged.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from pneumo.base.confusion import Confusion
from pneumo.base.estimate import Estimate
from pneumo.statistics import influence, metrics
from pneumo.statistics.influence import Measured
from pneumo.statistics.metrics import MetricError

# Threshold probabilities at which net benefit is computed.
THRESHOLDS = np.arange(1, 100) / 100
_ODDS = THRESHOLDS / (1 - THRESHOLDS)  # the cost of a false alarm, in missed cases


def net_benefit(
    labels: NDArray[np.integer],
    probabilities: NDArray[np.float64],
    prevalence: float | None = None,
) -> list[Measured]:
    """Net benefit of treating the cases called positive, by threshold probability (Vickers & Elkin 2006).

    Sensitivity · π − (1 − specificity) · (1 − π) · t / (1 − t), in true positives per case: at a threshold t,
    one miss weighs as much as (1 − t) / t false alarms. The prevalence is fixed; both rates vary with the
    cases and the networks.

    Args:
        labels: (N,).
        probabilities: (S, N), one row per seed; a case is called at or above the threshold.
        prevalence: π; None for the share of positive labels.

    Returns:
        One measure, at most π, for each of :data:`THRESHOLDS`.

    Raises:
        MetricError: a class has no cases, probabilities lie outside [0, 1], or the prevalence outside (0, 1).
    """
    for row in probabilities:
        metrics.checked(labels, row)
    share = _checked(float(labels.mean()) if prevalence is None else prevalence)
    found = []
    for level, cost in zip(THRESHOLDS, (1 - share) * _ODDS, strict=True):
        called = probabilities >= level  # (S, N)
        hits, alarms = (influence.share(called, labels == label) for label in (1, 0))
        values = share * hits.values[0] - cost * alarms.values[0]
        found.append(Measured((values,), share * hits.influence - cost * alarms.influence))
    return found


def treat_all(prevalence: float) -> NDArray[np.float64]:
    """Net benefit of treating everybody at :data:`THRESHOLDS`, (T,); that of treating nobody is 0.

    Raises:
        MetricError: the prevalence lies outside (0, 1).
    """
    return np.asarray(prevalence - (1 - _checked(prevalence)) * _ODDS)


def better_range(benefit: NDArray[np.float64], prevalence: float) -> tuple[float, float] | None:
    """The thresholds at which a model has more net benefit than treating all and treating none.

    Args:
        benefit: the model's net benefit at :data:`THRESHOLDS`, (T,).
        prevalence: in (0, 1).

    Returns:
        The first and last threshold of the longest unbroken stretch; None where there is none.
    """
    better = benefit > np.maximum(treat_all(prevalence), 0)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], better.astype(int), [0]])))
    stretches = edges.reshape(-1, 2)  # (S, 2): first, and one beyond the last
    if not len(stretches):
        return None
    first, beyond = max(stretches, key=lambda stretch: stretch[1] - stretch[0])
    return float(THRESHOLDS[first]), float(THRESHOLDS[beyond - 1])


def predictive_values(
    counts: Confusion, prevalence: float, effects: tuple[float, float] = (1.0, 1.0)
) -> tuple[Estimate, Estimate]:
    """Positive and negative predictive value at a prevalence, by Bayes' rule from the counts' two rates.

    The intervals are the logit intervals of Mercaldo, Lau & Zhou (2007) for a known prevalence. They do not
    exist where a rate is 0 or 1; there the same authors' adjusted intervals are used, widened to include the
    value.

    Args:
        counts: of calls.
        prevalence: in (0, 1).
        effects: the design effects of both rates, as `clusters.design_effects` gives them: counts are divided
            by them (Rao & Scott 1992).

    Raises:
        MetricError: a class has no cases, or the prevalence lies outside (0, 1).
    """
    sick, well = counts.positives, counts.negatives
    if not (sick and well):
        raise MetricError(f"both classes are needed; found {sick} and {well} cases")
    odds = _checked(prevalence) / (1 - prevalence)
    found, missed, of_sick = (
        n / effects[0] for n in (counts.true_positive, counts.false_negative, sick)
    )
    cleared, alarms, of_well = (
        n / effects[1] for n in (counts.true_negative, counts.false_positive, well)
    )
    called_sick = (found, of_sick, alarms, of_well)
    called_well = (cleared, of_well, missed, of_sick)
    return _predictive(*called_sick, odds), _predictive(*called_well, 1 / odds)


def frequencies(counts: Confusion, prevalence: float, among: int) -> Confusion:
    """What an operating point's rates mean for whole people (Gigerenzer & Hoffrage 1995).

    Of `among` people with that prevalence, in [0, 1].
    """
    sick = round(among * prevalence)
    found = round(sick * counts.sensitivity)
    alarms = round((among - sick) * (1 - counts.specificity))
    return Confusion(found, sick - found, alarms, among - sick - alarms)


def _checked(prevalence: float) -> float:
    if not 0 < prevalence < 1:
        raise MetricError(f"a prevalence lies in (0, 1); found {prevalence}")
    return prevalence


def _predictive(right: float, of: float, wrong: float, among: float, odds: float) -> Estimate:
    """The share of right calls among all, from rates `right` / `of` and `wrong` / `among` at prior odds.

    Its logit is the log of odds · (right / of) / (wrong / among).
    """
    if not right and not wrong:
        return Estimate(np.nan)
    first, second = of, among
    hits, slips = right / first, wrong / second
    value = hits * odds / (hits * odds + slips)
    z = metrics.NORMAL
    if right in (0, of) or wrong in (0, among):
        # Agresti & Coull's estimates add z²/2 successes and z²/2 failures.
        first, second = first + z**2, second + z**2
        hits, slips = (right + z**2 / 2) / first, (wrong + z**2 / 2) / second
    centre = np.log(odds * hits / slips)
    reach = z * np.sqrt((1 - hits) / (hits * first) + (1 - slips) / (slips * second))
    low, high = float(expit(centre - reach)), float(expit(centre + reach))
    return Estimate(value, min(low, value), max(high, value))
