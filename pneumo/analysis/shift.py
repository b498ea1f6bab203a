"""How far the test set lies from the images that a model was developed on: in pixels, in scores, in what
a threshold is worth.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import logit

from pneumo import data
from pneumo.analysis.evaluation import SIGNIFICANCE
from pneumo.analysis.rows import mean_image, pixels, unfold
from pneumo.data import SPLITS
from pneumo.data.thumbnails import thumbnails
from pneumo.record import Estimate, Frame, Part, frame
from pneumo.record.shift import Loss, Shift, TwoSample
from pneumo.statistics import adjusted_roc, clusters, influence, metrics
from pneumo.statistics.adjusted_roc import Floats
from pneumo.statistics.comparison import holm
from pneumo.study.cache import once
from pneumo.study.study import YOUDEN, Model, Study, calls, threshold
from pneumo.training.runs import Predictions, Run

FOLDS = 5
RESAMPLES = 999
SCORE_RESAMPLES = 4999  # of the permutation tests of scores, which are many and cheap
# The strength of the L2 penalty; between a tenth and ten times of it the AUCs move by a hundredth or two.
PENALTY = 1000.0
BINS = 24  # of a histogram of scores
# The groups that are compared: the shift itself, and a control that was divided at random.
COMPARISONS = {
    "development and test": (("train", "val"), ("test",)),
    "training and validation": (("train",), ("val",)),
}


def part(study: Study) -> Part:
    """The answers, and the numbers behind the figures and tables of the page on the shift."""
    runs = [model.run.label for model in study.ran]
    losses = {model.name: loss(model) for model in study.ran}
    lost = (
        {
            "model": name,
            "sensitivity, validation": found.promised.sensitivity,
            "specificity, validation": found.promised.specificity,
            "specificity, test": found.kept.specificity,
            "specificity, test, re-chosen": found.rechosen.specificity,
            "lost": found.total,
            "lost to the threshold": found.of_threshold,
            "lost to the ranking": found.of_ranking,
        }
        for name, found in losses.items()
    )
    scored = (
        row
        for model in study.ran
        for sets in [{split: model.run.predictions[split] for split in ("val", "test")}]
        for row in histograms(model, study.about.classes, sets)
    )
    compared, samples = scores(study), two_samples(study)
    apart, control = (samples[comparison] for comparison in COMPARISONS)
    differ = Counter(row["label"] for row in compared if row["p_value"] < SIGNIFICANCE)
    return Part(
        {
            "shift": Shift(
                losses=losses,
                significance=SIGNIFICANCE,
                pairs=len(compared),
                differ={name: differ[name] for name in study.about.classes},
                resamples=RESAMPLES,
                apart=apart,
                control=control,
            )
        },
        figures={
            "fig-shift-scores": frame(scored, runs=runs),
            "fig-shift-images": _mean_images(study),
        },
        tables={
            "tbl-shift-changes": frame(unfold(changes(study), "model", "metric"), runs=runs),
            "tbl-shift": frame(unfold(samples, "comparison", "class")),
            "tbl-shift-scores": frame(compared, runs=runs),
            "tbl-shift-threshold": frame(lost, runs=runs),
        },
    )


def two_sample(
    first: NDArray[np.uint8],
    second: NDArray[np.uint8],
    patients: NDArray[np.int64],
    resamples: int = RESAMPLES,
) -> TwoSample:
    """The classifier two-sample test (Lopez-Paz & Oquab 2017): can the groups be told apart?

    A linear classifier learns from four fifths of the images which group an image comes from, and ranks the
    last fifth by it; the mean AUC of the five turns is the statistic. It sees the means of two by two pixels
    and is fitted by penalised least squares, so that all dealings of the permutation test are fitted at
    once. A patient's images are in one fifth. Dealings exchange whole patients with as many images within a
    fifth (Winkler et al. 2015); p counts the true one too (Phipson & Smyth 2010). The interval is that of a
    cross-validated AUC (LeDell, Petersen & van der Laan 2015), with Obuchowski's (1997) variance.

    Args:
        first: images (N, H, W).
        second: images (M, H, W).
        patients: of each image, (N + M,).
        resamples: dealings of the permutation test.

    Raises:
        MetricError: a group has too few images, or patients, for each fifth to hold two.
    """
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import StratifiedGroupKFold
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
    division = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    folds = list(division.split(features, group, patients))
    for _, held_out in folds:
        for one in (0, 1):
            if len(np.unique(patients[held_out][group[held_out] == one])) < 2:
                raise metrics.MetricError(
                    f"a fifth of {counts[one]} images has fewer than two patients"
                )
    generator = np.random.default_rng(0)
    dealt = np.repeat(group[:, None], 1 + resamples, axis=1)  # (N + M, 1 + R), the truth first
    for _, held_out in folds:
        order = clusters.deal(patients[held_out], resamples, generator)  # (R, n)
        dealt[held_out, 1:] = group[held_out][order].T
    areas, variance = np.zeros(1 + resamples), 0.0
    for learned, held_out in folds:
        model = make_pipeline(StandardScaler(), Ridge(PENALTY))
        # Matrices this small are multiplied faster by one thread than by several that wait for one another.
        with threadpool_limits(1):
            scores = model.fit(features[learned], dealt[learned]).predict(features[held_out])
        areas += _aucs(dealt[held_out], scores) / FOLDS
        area = influence.auc(group[held_out], scores[:, :1].T)
        variance += area.variance(patients[held_out]) / FOLDS**2
    auc, reach = float(areas[0]), float(metrics.NORMAL * np.sqrt(variance))
    # Sums of the same numbers in another order differ in their last digit.
    as_far = int((areas[1:] >= auc - 1e-9).sum())
    low, high = max(0.0, auc - reach), min(1.0, auc + reach)
    return TwoSample(*counts, auc, low, high, (1 + as_far) / (1 + resamples))


@once
def two_samples(study: Study) -> dict[str, dict[str, TwoSample]]:
    """:func:`two_sample` by comparison and class; without those for which there are too few patients."""
    splits, patients = study.data.splits, study.groups(*SPLITS)
    images = np.concatenate([thumbnails(splits[split].images) for split in SPLITS])
    labels = np.concatenate([splits[split].labels for split in SPLITS])
    part_of = np.repeat(SPLITS, [len(splits[split].labels) for split in SPLITS])
    found: dict[str, dict[str, TwoSample]] = {comparison: {} for comparison in COMPARISONS}
    for comparison, sides in COMPARISONS.items():
        for label, name in enumerate(study.about.classes):
            first, second = (
                np.flatnonzero((labels == label) & np.isin(part_of, side)) for side in sides
            )
            with suppress(metrics.MetricError):
                found[comparison][name] = two_sample(
                    images[first], images[second], patients[np.r_[first, second]]
                )
    return found


def scores(study: Study) -> list[dict[str, Any]]:
    """Whether each model's scores of a class are distributed alike on validation and test, first seeds.

    A row a model and class (`label`): the median logits on both, Kolmogorov and Smirnov's distance of the
    logits (Smirnov 1948), in [0, 1], and the p-value of a permutation test that exchanges whole patients
    between the splits, adjusted over models and classes after Holm (1979).
    """
    rows, p_values, patients = [], [], study.groups("val", "test")
    for model in study.ran:
        val, test = (model.run.predictions[split] for split in ("val", "test"))
        classes = np.r_[val.labels, test.labels]
        for label, name in enumerate(study.about.classes):
            pair = val.logits[val.labels == label], test.logits[test.labels == label]
            medians = dict(zip(("val", "test"), map(float, map(np.median, pair)), strict=True))
            distance, p_value = _distance(*pair, patients[classes == label])
            rows.append({"model": model.name, "label": name, **medians, "distance": distance})
            p_values.append(p_value)
    return [row | {"p_value": p} for row, p in zip(rows, holm(p_values), strict=True)]


def changes(study: Study) -> dict[str, dict[str, Estimate]]:
    """By model, first seeds: AUC, and the rates at Youden's threshold, on test less on validation."""
    found = {}
    for model in study.ran:
        test, val = (
            influence.auc(model.run.predictions[split].labels, model.logits(split)[:1])
            for split in ("test", "val")
        )
        found[model.name] = {
            "AUC": test.less(val).estimate(study.groups("test", "val")),
            "sensitivity": _rate_change(study, model.run, 1),
            "specificity": _rate_change(study, model.run, 0),
        }
    return found


def loss(model: Model) -> Loss:
    """What a first seed promised and kept, and what a threshold chosen with the test set in view would keep.

    That threshold keeps on test the sensitivity that validation promised. It is no result, since it is chosen
    on the cases that it is judged by; it tells what a threshold could mend at best.
    """
    test, promised = model.run.predictions["test"], model.confusion(YOUDEN, "val")
    mending = metrics.sensitivity_threshold(test.labels, test.probabilities, promised.sensitivity)
    rechosen = metrics.confusion(test.labels, test.probabilities, mending)
    return Loss(promised, model.confusion(YOUDEN), rechosen)


def mending_over_seeds(study: Study, model: Model) -> tuple[Floats, Floats]:
    """How much specificity is lost from validation to test, and what a threshold would leave of the loss.

    The latter is the specificity on test at the promised sensitivity, less the promised one. Patients of both
    splits are drawn, and the threshold is read off each drawn test set.

    Returns:
        (S, 1 + B) each, as :mod:`pneumo.statistics.adjusted_roc` has them.
    """
    weights = {
        split: adjusted_roc.resample(
            model.run.predictions[split].labels, study.groups(split), RESAMPLES, seed
        )
        for seed, split in enumerate(("val", "test"))
    }
    found, promised, kept = (
        _rates(model, split, label, weights[split])
        for split, label in (("val", 1), ("val", 0), ("test", 0))
    )
    labels, drawn, mended = model.run.predictions["test"].labels, weights["test"], []
    for probabilities, rate in zip(model.probabilities(), found, strict=True):
        falling = np.argsort(-probabilities, kind="stable")
        falling = falling[labels[falling] == 1]
        reached = np.cumsum(drawn[:, falling], axis=1)
        share = reached / reached[:, -1:]
        last = (share < rate[:, None] - 1e-9).sum(axis=1).clip(max=len(falling) - 1)
        limits = probabilities[falling[last]]  # (1 + B,)
        negative = drawn * (labels == 0)
        spared = (negative * (probabilities < limits[:, None])).sum(axis=1)
        mended.append(spared / negative.sum(axis=1))
    return promised - kept, np.array(mended) - promised


def histograms(
    model: Model, classes: Sequence[str], sets: Mapping[str, Predictions]
) -> Iterator[dict[str, Any]]:
    """A model's scores by class and set: how many cases lie in each of :data:`BINS` bins, first seed."""
    every = np.concatenate([found.logits for found in sets.values()])
    edges = np.linspace(every.min() - 1e-6, every.max() + 1e-6, BINS + 1)
    chosen = float(logit(threshold(model.run, YOUDEN)))
    for label, name in enumerate(classes):
        for split, found in sets.items():
            own = found.logits[found.labels == label]
            counts = np.histogram(own, edges)[0]
            for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True):
                yield {
                    "model": model.name, "class": name, "split": split, "low": low, "high": high,
                    "cases": int(count), "share": count / max(1, len(own)), "threshold": chosen,
                }  # fmt: skip


def _rates(model: Model, split: str, label: int, weights: Floats) -> Floats:
    """Sensitivity (label 1) or specificity (label 0) at Youden's threshold, (S, B), of weights (B, N)."""
    own = model.run.predictions[split].labels == label
    hits = (model.calls(YOUDEN, split)[:, own] == bool(label)).astype(np.float64)
    return np.asarray(hits @ weights[:, own].T / weights[:, own].sum(axis=1))


def _rate_change(study: Study, run: Run, label: int) -> Estimate:
    """Sensitivity (label 1) or specificity (label 0)."""
    samples: list[NDArray[Any]] = []
    for split in ("val", "test"):
        own = run.predictions[split].labels == label
        samples += [calls(run, YOUDEN, split)[own] == bool(label), study.groups(split)[own]]
    return clusters.change(*samples)


def _mean_images(study: Study) -> Frame:
    """Mean images by class and set, a row a pixel, in shares of the grey scale."""
    pictures = {}
    for label, name in enumerate(study.about.classes):
        train, val, test = (
            data.part(split, np.flatnonzero(split.labels == label))
            for split in study.data.splits.values()
        )
        development, tested = mean_image(train, val) / 255, mean_image(test) / 255
        pictures[f"{name}, development"] = development
        pictures[f"{name}, test"] = tested
        pictures[f"{name}, difference"] = tested - development
    return Frame(pixels({name: picture.round(5) for name, picture in pictures.items()}))


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


def _distance(
    first: NDArray[np.float64], second: NDArray[np.float64], patients: NDArray[np.int64]
) -> tuple[float, float]:
    """The largest gap between two distribution functions, and its p-value by exchange of whole patients."""
    every = np.r_[first, second]
    order = np.argsort(every, kind="stable")
    last = np.r_[np.diff(every[order]) > 0, True]  # of each run of equal scores
    steps = np.repeat([1 / len(first), -1 / len(second)], [len(first), len(second)])
    dealt = clusters.deal(patients, SCORE_RESAMPLES, np.random.default_rng(0))
    gaps = np.abs(np.cumsum(np.vstack([steps, steps[dealt]])[:, order], axis=1)[:, last]).max(
        axis=1
    )
    as_far = int((gaps[1:] >= gaps[0] - 1e-9).sum())
    return float(gaps[0]), (1 + as_far) / (1 + SCORE_RESAMPLES)
