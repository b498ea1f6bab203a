"""The bootstrap over test cases, and over seeds where there are several, of every metric at once.

Cases are drawn within their class, since the test set's class counts are its makers' choice, and whole
patients with all their images where patients are known; all seeds of a model see the same drawn cases.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from pneumo.statistics import clusters

RESAMPLES = 2000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Sample:
    """What metrics need of one model's test predictions, so that a resample is a matter of weights."""

    wins: NDArray[
        np.float64
    ]  # (S, P, Q), 1 where a positive case outscores a negative one, ½ for ties
    called: tuple[
        NDArray[np.float64], NDArray[np.float64]
    ]  # (S, R, P) and (S, R, Q), calls at each rule
    squares: tuple[NDArray[np.float64], NDArray[np.float64]]  # (S, P) and (S, Q), squared errors
    labels: NDArray[np.uint8]  # (N,), of all cases


def cut(
    labels: NDArray[np.uint8], scores: NDArray[np.float64], thresholds: NDArray[np.float64]
) -> Sample:
    """Scores (S, N) called at thresholds (S, R), cut into positive and negative cases."""
    positive, negative = scores[:, labels == 1], scores[:, labels == 0]
    difference = positive[:, :, None] - negative[:, None, :]
    return Sample(
        wins=(np.sign(difference) + 1) / 2,
        called=(
            (positive[:, None] >= thresholds[..., None]).astype(float),  # (S, R, P)
            (negative[:, None] >= thresholds[..., None]).astype(float),
        ),
        squares=((1 - positive) ** 2, negative**2),
        labels=labels,
    )


def measure(
    cases: Sample, positive: NDArray[np.float64], negative: NDArray[np.float64]
) -> NDArray[np.float64]:
    """AUC, Brier score, and at each rule accuracy, precision, recall, specificity and F1, seed by seed.

    Args:
        cases: of S seeds and R rules.
        positive: how often each positive case was drawn, (B, P).
        negative: how often each negative case was drawn, (B, Q).

    Returns:
        (2 + 5·R, S, B).
    """
    p, q = positive.sum(axis=1), negative.sum(axis=1)  # (B,)
    areas = np.einsum("bp,spq,bq->sb", positive, cases.wins, negative, optimize=True) / (p * q)
    squares = cases.squares[0] @ positive.T + cases.squares[1] @ negative.T  # (S, B)
    true_positive = np.moveaxis(cases.called[0] @ positive.T, 1, 0)  # (R, S, B)
    false_positive = np.moveaxis(cases.called[1] @ negative.T, 1, 0)
    right = true_positive + q - false_positive
    with np.errstate(invalid="ignore"):
        at_threshold = np.stack(
            [
                right / (p + q),
                true_positive / (true_positive + false_positive),
                true_positive / p,
                1 - false_positive / q,
                2 * true_positive / (p + true_positive + false_positive),
            ],
            axis=1,
        )  # (R, 5, S, B)
    both = np.stack([areas, squares / (p + q)])
    return np.concatenate([both, at_threshold.reshape(-1, *areas.shape)])


def bootstrap(
    samples: Sequence[Sample],
    combine: Callable[[list[NDArray[np.float64]]], NDArray[np.float64]],
    resamples: int = RESAMPLES,
    groups: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The stratified BCa bootstrap (Efron 1987) of what is made of several models' metrics.

    Whole patients are drawn, within `clusters.strata` (Davison & Hinkley 1997, section 3.8), and left out by
    the jackknife that BCa asks for.

    Args:
        samples: of one model, or of several on the same cases.
        combine: makes (K, B) of each model's metrics, (2 + 5·R, B), averaged over the drawn seeds.
        resamples: how many.
        groups: the patient of each case, (N,); None where each is a patient of its own.

    Returns:
        The statistic and the bounds of its 95 % interval, each (K,). Where BCa is not defined, the percentile
        interval stands in; where the statistic never varies, both bounds are its value.
    """
    labels = samples[0].labels
    if groups is None:
        groups = np.arange(len(labels))
    strata = clusters.strata(labels, groups)
    patients = np.unique(groups, return_inverse=True)[1]  # (N,)
    seeds = [len(each.wins) for each in samples]
    # A single seed, or a single patient of a kind, can't be drawn anew.
    drawn = [np.arange(n) for n in seeds if n > 1]
    drawn += [np.arange(len(members)) for members in strata if len(members) > 1]

    def statistic(*indices: NDArray[np.int64], axis: int = -1) -> NDArray[np.float64]:
        del axis  # SciPy names it; it is always the last
        flat = [index.reshape(-1, index.shape[-1]) for index in indices]
        weights = [_weights(index, len(whole)) for index, whole in zip(flat, drawn, strict=True)]
        of_seeds = [weights.pop(0).T for n in seeds if n > 1]  # (S, B) each
        of_patients = np.ones((len(flat[0]), patients.max() + 1))
        for members in strata:
            if len(members) > 1:
                of_patients[:, members] = weights.pop(0)
        positive, negative = (of_patients[:, patients[labels == label]] for label in (1, 0))
        found = []
        for each, n in zip(samples, seeds, strict=True):
            values = measure(each, positive, negative)  # (K, S, B)
            often = of_seeds.pop(0) if n > 1 else np.ones((1, 1))  # (S, B)
            found.append((values * often).sum(axis=1) / often.sum(axis=0))
        combined = combine(found)  # (K, B)
        return combined.reshape(-1, *indices[0].shape[:-1])

    with warnings.catch_warnings():
        # SciPy warns of what is put right below.
        warnings.simplefilter("ignore")
        result = stats.bootstrap(
            drawn,
            statistic,
            n_resamples=resamples,
            batch=250,
            method="BCa",
            confidence_level=CONFIDENCE,
            vectorized=True,
            rng=np.random.default_rng(0),
        )
        tails = [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)]
        low, high = np.nanpercentile(result.bootstrap_distribution, tails, axis=-1)
    found = statistic(*drawn)
    bounds = result.confidence_interval
    usable = np.isfinite(bounds.low) & np.isfinite(bounds.high)
    return found, np.where(usable, bounds.low, low), np.where(usable, bounds.high, high)


def _weights(indices: NDArray[np.int64], size: int) -> NDArray[np.float64]:
    """How often each of `size` things stands in each row of indices (B, n): (B, size)."""
    rows = np.arange(len(indices))[:, None] * size
    return (
        np.bincount((indices + rows).ravel(), minlength=len(indices) * size)
        .reshape(len(indices), size)
        .astype(float)
    )
