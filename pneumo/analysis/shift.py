"""How far the test set lies from the images that a model was developed on: in pixels, in scores, in what
a threshold is worth.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from pneumo.analysis.cache import kept
from pneumo.base.estimate import Estimate
from pneumo.data import SPLITS, Split
from pneumo.data.thumbnails import thumbnails
from pneumo.statistics import metrics
from pneumo.statistics.comparison import holm, proportion_change
from pneumo.statistics.metrics import Confusion
from pneumo.study.study import YOUDEN, Study, threshold
from pneumo.training.runs import Run

FOLDS = 5
RESAMPLES = 999
# The strength of the L2 penalty; between a tenth and ten times of it the AUCs move by a hundredth or two.
PENALTY = 1000.0
# What is told from what: the shift itself, and a control that was dealt out at random.
COMPARISONS = ("development and test", "training and validation")


@dataclass(frozen=True)
class TwoSample:
    """Whether a classifier can tell two groups of images apart."""

    first: int  # images in the one group
    second: int  # and in the other
    auc: float  # 0.5: not at all
    low: float  # of the 95 % interval
    high: float
    p_value: float


@dataclass(frozen=True)
class ScoreShift:
    """One model's scores of one class, validation against test."""

    model: str  # as in tables
    label: str
    val: float  # the median logit
    test: float
    distance: float  # between the two distributions, in [0, 1]
    p_value: float  # adjusted for the number of tests


@dataclass(frozen=True)
class Loss:
    """A run's operating points, from which its loss of specificity can be told in two."""

    promised: Confusion  # on validation, at Youden's threshold
    kept: Confusion  # on test, at the same
    rechosen: Confusion  # on test, where sensitivity is at least what was promised

    @property
    def total(self) -> float:
        """The specificity that was promised and not kept."""
        return self.promised.specificity - self.kept.specificity

    @property
    def of_threshold(self) -> float:
        """What another threshold would give back."""
        return self.rechosen.specificity - self.kept.specificity

    @property
    def of_ranking(self) -> float:
        """What no threshold gives back, since normal images are ranked among the pneumonias."""
        return self.promised.specificity - self.rechosen.specificity


def two_sample(
    first: NDArray[np.uint8], second: NDArray[np.uint8], resamples: int = RESAMPLES
) -> TwoSample:
    """The classifier two-sample test (Lopez-Paz & Oquab 2017): can the groups be told apart?

    A linear classifier learns from four fifths of the images which group an image comes from, and ranks the
    last fifth by it; the mean AUC of the five turns is the statistic. It sees the means of two by two pixels
    and is fitted by penalised least squares, so that all dealings of the permutation test are fitted at
    once. They deal the groups out anew within each fifth; p counts the true one too (Phipson & Smyth 2010).
    The interval is that of a cross-validated AUC (LeDell, Petersen & van der Laan 2015).

    Args:
        first: images (N, H, W).
        second: images (M, H, W).
        resamples: dealings of the permutation test.

    Raises:
        MetricError: a group has too few images for each fifth to hold two.
    """
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    counts = len(first), len(second)
    if min(counts) < 2 * FOLDS:
        raise metrics.MetricError(
            f"telling groups apart needs {2 * FOLDS} images in each; found {counts[0]} and {counts[1]}"
        )
    features = _coarse(np.concatenate([first, second]))
    group = np.repeat([0, 1], counts)
    folds = list(StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(features, group))
    generator = np.random.default_rng(0)
    dealt = np.repeat(group[:, None], 1 + resamples, axis=1)  # (N + M, 1 + R), the truth first
    for _, held_out in folds:
        dealt[held_out, 1:] = generator.permuted(dealt[held_out, 1:], axis=0)
    areas, variance = np.zeros(1 + resamples), 0.0
    for learned, held_out in folds:
        model = make_pipeline(StandardScaler(), Ridge(PENALTY))
        # Matrices this small are multiplied faster by one thread than by several that wait for one another.
        with threadpool_limits(1):
            scores = model.fit(features[learned], dealt[learned]).predict(features[held_out])
        areas += _aucs(dealt[held_out], scores) / FOLDS
        own = metrics.probabilities(scores[:, 0])
        variance += _auc_error(group[held_out], own) ** 2 / FOLDS**2
    auc, reach = float(areas[0]), float(stats.norm.ppf(0.975) * np.sqrt(variance))
    # Sums of the same numbers in another order differ in their last digit.
    as_far = int((areas[1:] >= auc - 1e-9).sum())
    low, high = max(0.0, auc - reach), min(1.0, auc + reach)
    return TwoSample(*counts, auc, low, high, (1 + as_far) / (1 + resamples))


def two_samples(study: Study) -> dict[tuple[str, str], TwoSample]:
    """:func:`two_sample` by comparison and class; without those for which there are too few images."""
    found = _two_samples(study)
    return {
        (comparison, name): TwoSample(**found[comparison][name])
        for comparison in COMPARISONS
        for name in study.about.classes
        if name in found[comparison]
    }


def scores(study: Study) -> list[ScoreShift]:
    """Whether each model's scores of a class are distributed alike on validation and test, first seeds.

    Kolmogorov and Smirnov's test on the logits (Smirnov 1948), adjusted over models and classes after
    Holm (1979).
    """
    return [ScoreShift(**row) for row in _scores(study)]


def auc_change(run: Run) -> Estimate:
    """AUC on test less AUC on validation, with the normal interval of two independent AUCs.

    Each has the standard error of DeLong, DeLong & Clarke-Pearson (1988).
    """
    (val, val_error), (test, test_error) = (
        (
            metrics.auc(found.labels, found.probabilities),
            _auc_error(found.labels, found.probabilities),
        )
        for found in (run.predictions["val"], run.predictions["test"])
    )
    reach = float(stats.norm.ppf(0.975)) * float(np.hypot(val_error, test_error))
    return Estimate(test - val, test - val - reach, test - val + reach)


def sensitivity_change(run: Run) -> Estimate:
    """Sensitivity at Youden's threshold, on test less on validation."""
    found = loss(run)
    return proportion_change(
        (found.promised.true_positive, found.promised.false_negative),
        (found.kept.true_positive, found.kept.false_negative),
    )


def specificity_change(run: Run) -> Estimate:
    """Specificity at Youden's threshold, on test less on validation."""
    found = loss(run)
    return proportion_change(
        (found.promised.true_negative, found.promised.false_positive),
        (found.kept.true_negative, found.kept.false_positive),
    )


def loss(run: Run) -> Loss:
    """What a run promised, what it kept, and what a threshold chosen with the test set in view would keep.

    The last is no result: it is chosen on the cases that it is judged by. It tells what a threshold could
    mend at best.
    """
    chosen = threshold(run, YOUDEN)
    val, test = (run.predictions[split] for split in ("val", "test"))
    promised = metrics.confusion(val.labels, val.probabilities, chosen)
    oracle = metrics.sensitivity_threshold(test.labels, test.probabilities, promised.sensitivity)
    return Loss(
        promised,
        metrics.confusion(test.labels, test.probabilities, chosen),
        metrics.confusion(test.labels, test.probabilities, oracle),
    )


@kept()
def _scores(study: Study) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for model in study.ran:
        val, test = (model.run.predictions[split] for split in ("val", "test"))
        for label, name in enumerate(study.about.classes):
            pair = val.logits[val.labels == label], test.logits[test.labels == label]
            found = stats.ks_2samp(*pair)
            medians = {"val": float(np.median(pair[0])), "test": float(np.median(pair[1]))}
            own = {"model": model.title, "label": name, "distance": float(found.statistic)}
            rows.append(own | medians | {"p_value": float(found.pvalue)})
    for row, p_value in zip(rows, holm([row["p_value"] for row in rows]), strict=True):
        row["p_value"] = p_value
    return rows


@kept(reads="data")
def _two_samples(study: Study) -> dict[str, dict[str, Any]]:
    # A comparison sees thumbnails: of larger images no class is copied whole.
    splits = {
        name: Split(thumbnails(split.images), split.labels)
        for name, split in study.data.splits.items()
    }
    found: dict[str, dict[str, Any]] = {comparison: {} for comparison in COMPARISONS}
    for label, name in enumerate(study.about.classes):
        train, val, test = (splits[s].images[splits[s].labels == label] for s in SPLITS)
        pairs = ((np.concatenate([train, val]), test), (train, val))
        for comparison, pair in zip(COMPARISONS, pairs, strict=True):
            if min(map(len, pair)) >= 2 * FOLDS:
                found[comparison][name] = vars(two_sample(*pair))
    return found


def _coarse(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Means of two by two pixels, of thumbnails: a quarter of the numbers, and grain averaged out."""
    small = thumbnails(images)
    count, height, width = small.shape
    even = small[:, : height // 2 * 2, : width // 2 * 2].astype(np.float64)
    blocks = even.reshape(count, height // 2, 2, width // 2, 2)
    return np.asarray(blocks.mean(axis=(2, 4)).reshape(count, -1))


def _aucs(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """The AUC of each column, (C,), from labels and scores (N, C); every column has as many ones."""
    ones = int(labels[:, 0].sum())
    ranks = (stats.rankdata(scores, axis=0) * labels).sum(axis=0)
    return np.asarray((ranks - ones * (ones + 1) / 2) / (ones * (len(labels) - ones)))


def _auc_error(labels: ArrayLike, probabilities: NDArray[np.float64]) -> float:
    """DeLong's standard error of one AUC: a classifier that knows nothing has none of its own."""
    return metrics.delong(labels, probabilities, np.full(len(probabilities), 0.5)).standard_error
