"""The metrics of a study, and the choice of operating points, from labels and probabilities.

Throughout, `labels` are integers (N,) with 1 for pneumonia, the positive class, and `probabilities` are
floats (N,) in [0, 1]. A case is called pneumonia when its probability is at or above the threshold.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, ndtri  # scipy.stats takes a second to import, and 45 MiB

from pneumo.base.confusion import Confusion
from pneumo.base.errors import PneumoError

HALF = 0.5
NORMAL = float(ndtri(0.975))  # half the width of a 95 % interval, in standard errors
# The columns of a table of results, in order, by their names in results.json.
NAMES = ("accuracy", "auc", "precision", "recall", "specificity", "f1", "brier")


class MetricError(PneumoError):
    """Labels or probabilities from which the metric can't be computed."""


def probabilities(logits: ArrayLike) -> NDArray[np.float64]:
    """The logistic function of logits (N,), in [0, 1]."""
    return np.asarray(expit(np.asarray(logits, dtype=np.float64)))


def confusion(labels: ArrayLike, probabilities: ArrayLike, threshold: float) -> Confusion:
    """Count calls at a threshold.

    Raises:
        MetricError: no cases, lengths differ, labels outside 0 and 1, or probabilities outside [0, 1].
    """
    truth, scores = checked(labels, probabilities, both=False)
    called = scores >= threshold
    # True and false positives have that call, false and true negatives the other.
    found = (
        (called == call) & (truth == label) for call, label in ((1, 1), (0, 1), (1, 0), (0, 0))
    )
    return Confusion(*(int(cases.sum()) for cases in found))


def auc(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Area under the ROC curve (Hanley & McNeil 1982); ties count half.

    Raises:
        MetricError: as :func:`confusion`, or there is only one class.
    """
    truth, scores = checked(labels, probabilities)
    positives, negatives = scores[truth == 1], np.sort(scores[truth == 0])
    # Mann & Whitney's statistic: the negative cases below each positive one.
    below, up_to = (np.searchsorted(negatives, positives, side) for side in ("left", "right"))
    return float((below + up_to).sum() / 2 / (len(positives) * len(negatives)))


def evaluate(labels: ArrayLike, probabilities: ArrayLike, threshold: float) -> dict[str, float]:
    """All of :data:`NAMES` at a threshold.

    Raises:
        MetricError: as :func:`auc`.
    """
    truth, scores = checked(labels, probabilities)
    counts = confusion(truth, scores, threshold)
    return {
        "accuracy": counts.accuracy,
        "auc": auc(truth, scores),
        "precision": counts.precision,
        "recall": counts.sensitivity,
        "specificity": counts.specificity,
        "f1": counts.f1,
        "brier": float(((scores - truth) ** 2).mean()),
    }


def youden_threshold(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """The threshold with the largest sensitivity + specificity − 1 (Youden 1950).

    All thresholds between the chosen score and the next lower one call the same cases; the result is the
    middle of that gap, since new cases fall on either side of it. Of equal maxima the one with the higher
    sensitivity is chosen: a missed pneumonia costs more than a second look.

    Raises:
        MetricError: as :func:`auc`.
    """
    truth, scores = checked(labels, probabilities)
    thresholds, true_positives, false_positives = _counts_by_threshold(truth, scores)
    advantage = true_positives / true_positives[-1] - false_positives / false_positives[-1]
    best = np.flatnonzero(np.isclose(advantage, advantage.max(), rtol=0, atol=1e-12))[-1]
    return _middle_of_gap(scores, float(thresholds[best]))


def sensitivity_threshold(labels: ArrayLike, probabilities: ArrayLike, at_least: float) -> float:
    """The highest threshold with a sensitivity of at least `at_least`, in the middle of its gap.

    Raises:
        MetricError: as :func:`auc`, or `at_least` is outside (0, 1].
    """
    if not 0 < at_least <= 1:
        raise MetricError(f"a sensitivity lies in (0, 1]; found {at_least}")
    truth, scores = checked(labels, probabilities)
    positives = np.sort(scores[truth == 1])[::-1]
    needed = int(np.ceil(at_least * len(positives) - 1e-9))
    return _middle_of_gap(scores, float(positives[needed - 1]))


def roc(labels: ArrayLike, probabilities: ArrayLike) -> tuple[NDArray[np.float64], ...]:
    """False positive rates and sensitivities, each (T,), from (0, 0) to (1, 1), at the curve's corners."""
    truth, scores = checked(labels, probabilities)
    _, true_positives, false_positives = _counts_by_threshold(truth, scores)
    corners = np.r_[True, np.diff(true_positives, 2) != 0, True]
    corners[1:-1] |= np.diff(false_positives, 2) != 0
    return tuple(
        np.asarray(counts[corners] / counts[-1]) for counts in (false_positives, true_positives)
    )


def precision_recall(
    labels: ArrayLike, probabilities: ArrayLike
) -> tuple[NDArray[np.float64], ...]:
    """Recalls and precisions of every threshold, each (T,), recall falling to 0."""
    truth, scores = checked(labels, probabilities)
    _, true_positives, false_positives = _counts_by_threshold(truth, scores)
    found, alarms = true_positives[:0:-1], false_positives[:0:-1]
    return np.r_[found / found[0], 0.0], np.r_[found / (found + alarms), 1.0]


def wilson(successes: float, total: float) -> tuple[float, float]:
    """The 95 % score interval of a proportion (Wilson 1927); counts need not be whole.

    Raises:
        MetricError: `total` is not positive, or `successes` is not between 0 and `total`.
    """
    if not (total > 0 and 0 <= successes <= total):
        raise MetricError(f"a proportion needs 0 ≤ successes ≤ total; found {successes} of {total}")
    missed, z = total - successes, NORMAL
    centre = (successes + z**2 / 2) / (total + z**2)
    reach = z / (total + z**2) * float(np.sqrt(successes * missed / total + z**2 / 4))
    # At 0 and 1 the end is exact; the formula would round it.
    return (centre - reach if successes else 0.0), (centre + reach if missed else 1.0)


def likelihood_ratio_intervals(
    counts: Confusion, effects: tuple[float, float] = (1.0, 1.0)
) -> tuple[tuple[float, float], tuple[float, float]]:
    """95 % intervals of the positive and negative likelihood ratio, by the log method (Simel et al. 1991).

    If a cell of the table is empty, half a case is added to each (Haldane 1956, Anscombe 1956), since the
    logarithm of 0 is not defined.

    Args:
        counts: of calls.
        effects: the design effects of sensitivity and specificity, as `clusters.design_effects` gives them:
            counts are divided by them (Rao & Scott 1992).

    Raises:
        MetricError: a class has no cases.
    """
    # Called pneumonia, called normal × sick, well.
    cells = np.array([*vars(counts).values()], dtype=float).reshape(2, 2).T
    if not cells.sum(axis=0).all():
        positives, negatives = cells.sum(axis=0).astype(int)
        raise MetricError(f"both classes are needed; found {positives} and {negatives} cases")
    if not cells.all():
        cells += 0.5
    cells /= effects
    totals = cells.sum(axis=0)
    found = []
    for sick, well in cells:
        centre = np.log((sick / totals[0]) / (well / totals[1]))
        reach = NORMAL * np.sqrt(1 / sick - 1 / totals[0] + 1 / well - 1 / totals[1])
        found.append((float(np.exp(centre - reach)), float(np.exp(centre + reach))))
    return found[0], found[1]


def _counts_by_threshold(
    truth: NDArray[np.int64], scores: NDArray[np.float64]
) -> tuple[NDArray[np.float64], ...]:
    """Falling thresholds, infinity and then every distinct score, with their true and false positives."""
    order = np.argsort(-scores, kind="stable")
    # Of each run of equal scores:
    last = np.r_[np.flatnonzero(np.diff(scores[order])), len(scores) - 1]
    true_positives = np.cumsum(truth[order])[last]
    counts = (true_positives, last + 1 - true_positives)
    return np.r_[np.inf, scores[order][last]], *(np.r_[0.0, found] for found in counts)


def _middle_of_gap(scores: NDArray[np.float64], threshold: float) -> float:
    """The middle between the lowest score that is called positive and the highest that is not."""
    called, left = scores[scores >= threshold], scores[scores < threshold]
    if not len(left):
        return float(called.min())
    middle = (called.min() + left.max()) / 2
    # Neighbouring floats have no middle.
    return float(middle if middle > left.max() else called.min())


def checked(
    labels: ArrayLike, scores: ArrayLike, kind: str = "probabilities", both: bool = True
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Labels and scores as arrays, (N,) each.

    Args:
        labels: 0 or 1.
        scores: a number for each label.
        kind: "probabilities", in [0, 1], or "logits", finite.
        both: whether both classes are needed.

    Raises:
        MetricError: lengths differ, there are no cases, a label or score is none of these, or `both` classes
            are needed and only one is there.
    """
    truth, found = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    if truth.ndim != 1 or truth.shape != found.shape or not truth.size:
        raise MetricError(
            f"labels and {kind} are (N,) with N ≥ 1; found {truth.shape} and {found.shape}"
        )
    if not np.isin(truth, (0, 1)).all():
        raise MetricError(f"labels are 0 or 1; found {sorted(set(truth.tolist()) - {0, 1})[:5]}")
    if kind == "logits" and not np.isfinite(found).all():
        raise MetricError("logits are finite; found others, or NaN")
    if kind != "logits" and not ((found >= 0) & (found <= 1)).all():  # NaN fails both
        raise MetricError("probabilities lie in [0, 1]; found others, or NaN")
    if both and truth.min() == truth.max():
        raise MetricError(f"both classes are needed; every label is {truth[0]}")
    return truth.astype(np.int64), found
