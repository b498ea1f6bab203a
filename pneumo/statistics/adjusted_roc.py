"""Skill and shares adjusted for a covariate, with intervals over clustered cases and over seeds.

Every statistic takes `weights` (B, N), the number of times each case is in a resample, and gives one value
for each run and resample, (S, B). The first row of weights is the sample itself: all ones. Of the N cases,
`labels` are (N,), `scores` (S, N), and the `covariate` (N,). What is made of such values has them as
(S, 1 + B), the sample's in the first column.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from pneumo.base.estimate import Estimate
from pneumo.statistics import clusters

Floats = NDArray[np.float64]
_LEAST_SCALE = 0.1  # of the mean: a line through absolute residuals may fall below zero at its end


def resample(
    labels: NDArray[np.uint8], groups: NDArray[np.int64], resamples: int, seed: int = 0
) -> Floats:
    """The sample's weights (all ones), then those of a bootstrap by patient (`clusters.draw`), (1 + B, N)."""
    drawn = clusters.draw(labels, groups, resamples, np.random.default_rng(seed))
    return np.concatenate([np.ones((1, len(labels))), drawn])


def weighted_auc(
    labels: NDArray[np.uint8],
    scores: Floats,
    weights: Floats,
    covariate: Floats | None = None,
    caliper: float = np.inf,
) -> Floats:
    """The AUC, (S, B); with a covariate, only over pairs that differ by at most the caliper, in its units."""
    positive, negative = labels == 1, labels == 0
    like = np.ones((positive.sum(), negative.sum()))
    if covariate is not None:
        apart = np.abs(covariate[positive][:, None] - covariate[negative])
        like = (apart <= caliper).astype(float)
    ours, theirs = weights[:, positive], weights[:, negative]
    pairs = ((ours @ like) * theirs).sum(axis=1)  # (B,)
    found = np.empty((len(scores), len(weights)))
    for place, row in enumerate(scores):
        wins = (np.sign(row[positive, None] - row[negative]) + 1) / 2 * like
        with np.errstate(invalid="ignore"):
            found[place] = ((ours @ wins) * theirs).sum(axis=1) / pairs
    return found


def adjusted_auc(
    labels: NDArray[np.uint8], scores: Floats, covariate: Floats, weights: Floats
) -> Floats:
    """The covariate-adjusted AUC of Janes & Pepe (2009), (S, B).

    It is the mean over cases of the share of controls with the same covariate that a case outscores. The
    controls' scores follow a location-scale model (Heagerty & Pepe 1999): mean and scale are linear in the
    covariate, and the standardised residuals have their empirical distribution. The model is refitted in
    each resample. Scores are on a scale where a linear model makes sense, such as logits.
    """
    case, control = labels == 1, labels == 0
    found = np.empty((len(scores), len(weights)))
    own, theirs = weights[:, case], weights[:, control]
    for place, row in enumerate(scores):
        centre = _line(covariate[control], np.broadcast_to(row[control], theirs.shape), theirs)
        residuals = row[control] - _at(centre, covariate[control])  # (B, Q)
        sizes = _line(covariate[control], np.abs(residuals), theirs)
        mean = np.average(np.abs(residuals), axis=1, weights=theirs)[:, None]
        least = np.maximum(_LEAST_SCALE * mean, np.finfo(float).tiny)
        residuals /= np.maximum(_at(sizes, covariate[control]), least)
        standing = row[case] - _at(centre, covariate[case])  # (B, P)
        standing /= np.maximum(_at(sizes, covariate[case]), least)
        for draw in range(len(weights)):
            order = np.argsort(residuals[draw])
            below = np.r_[0, np.cumsum(theirs[draw, order])]
            ends = (
                np.searchsorted(residuals[draw, order], standing[draw], side)
                for side in ("left", "right")
            )
            placed = sum(below[end] for end in ends) / 2 / below[-1]  # (P,)
            found[place, draw] = np.average(placed, weights=own[draw])
    return found


def bandwidth(covariate: Floats) -> float:
    """The width of a Gaussian kernel by Silverman's rule (1986, equation 3.28)."""
    return float(1.06 * covariate.std(ddof=1) * len(covariate) ** -0.2)


def smooth_share(
    hits: Floats, covariate: Floats, at: Floats, width: float, weights: Floats
) -> Floats:
    """The share of hits as a smooth function of the covariate (Nadaraya 1964; Watson 1964), (S, B, X).

    Args:
        hits: (S, N), in [0, 1].
        covariate: of each case.
        at: the covariate's values at which to estimate, (X,).
        width: of the Gaussian kernel.
        weights: of resamples.
    """
    squares = ((covariate[:, None] - at) / width) ** 2  # (N, X)
    kernel = np.exp(-(squares - squares.min(axis=0)) / 2)  # the nearest case has weight 1
    sums = np.array([weights @ (own[:, None] * kernel) for own in hits])
    return np.asarray(sums / (weights @ kernel))


def over_cases_and_seeds(values: Floats, confidence: float = 0.95) -> Estimate:
    """The mean over runs, with an interval that treats both cases and seeds as random.

    The variance is the bootstrap's plus that of a mean over the seeds (Gallas 2006). The second includes part
    of the first, so the interval is too wide rather than too narrow. Seeds are few, so the interval uses
    Student's t with the degrees of freedom of Satterthwaite (1946).
    """
    mean, variance, freedom = _moments(values)
    reach = float(stats.t.ppf(0.5 + confidence / 2, freedom) * np.sqrt(variance))
    return Estimate.around(mean, reach)


def p_value(values: Floats, margin: float) -> float:
    """The two-sided p-value of the mean over runs being equal to the margin, in their units."""
    mean, variance, freedom = _moments(values)
    if not variance:
        return float(mean == margin)
    return float(2 * stats.t.sf(abs(mean - margin) / np.sqrt(variance), freedom))


def ratio(part: Floats, whole: Floats) -> Estimate:
    """One mean over runs as a share of another, with the interval of Fieller (1954).

    The interval contains every share r for which `part − r · whole` may be 0. So it excludes a margin exactly
    if the interval of that contrast excludes 0. Both ends are NaN where the whole may be 0. Both come from
    the same resamples.
    """
    (a, v, _), (b, w, _) = _moments(part), _moments(whole)
    covariance = (_moments(part + whole)[1] - v - w) / 2
    if not b:
        return Estimate(float("nan"))
    square = stats.t.ppf(0.975, _moments(part - a / b * whole)[2]) ** 2
    # (a - r·b)² = square · variance of it, a quadratic in r.
    leading, half, last = b * b - square * w, a * b - square * covariance, a * a - square * v
    if leading <= 0:
        return Estimate(a / b)
    reach = np.sqrt(max(0.0, half * half - leading * last))
    return Estimate(a / b, float((half - reach) / leading), float((half + reach) / leading))


def _moments(values: Floats) -> tuple[float, float, float]:
    """The mean over runs, its variance, and the variance's degrees of freedom."""
    of_cases = float(np.nanvar(values[:, 1:].mean(axis=0), ddof=1))
    runs = len(values)
    of_seeds = float(np.var(values[:, 0], ddof=1) / runs) if runs > 1 else 0.0
    freedom = (of_cases + of_seeds) ** 2 / of_seeds**2 * (runs - 1) if of_seeds else np.inf
    return float(values[:, 0].mean()), of_cases + of_seeds, freedom


def _line(x: Floats, y: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Intercepts and slopes of weighted least squares of rows y (B, Q) on x (Q,), each (B, 1)."""
    total = weights.sum(axis=1, keepdims=True)
    centre = weights @ x[:, None] / total  # (B, 1)
    middle = (weights * y).sum(axis=1, keepdims=True) / total
    spread = (weights * (x - centre) ** 2).sum(axis=1, keepdims=True)
    slope = (weights * (x - centre) * y).sum(axis=1, keepdims=True) / spread
    return middle - slope * centre, slope


def _at(line: tuple[Floats, Floats], x: Floats) -> Floats:
    """A line's values at x (Q,), (B, Q)."""
    return line[0] + line[1] * x
