"""What the seed alone changes: each run's metrics and curve, and where the mean of new runs should lie.

And what the best seed would have been, had the test set chosen it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.special import logit

from pneumo.record import Frame, Part, frame
from pneumo.record.summaries import Hindsight
from pneumo.statistics import metrics
from pneumo.study import ensemble
from pneumo.study.study import HALF, YOUDEN, Model, Study, evaluate, threshold

RULES = (HALF, YOUDEN)
_EDGE = 1e-6


@dataclass(frozen=True)
class Scored:
    """What one run says of the test images."""

    model: str
    seed: int
    probabilities: NDArray[np.float64]  # (N,)
    thresholds: Mapping[str, float]  # by the ids of RULES
    run: str = ""  # its label


def part(study: Study) -> Part:
    """The numbers that another study is compared with, should this one become the reference."""
    return frames(study.data.test.labels, every_run(ensemble.compared(study)))


def hindsight(study: Study) -> Part:
    """What selecting on the test set would have given, and the numbers of `tbl-hindsight`.

    The best threshold, the best seed, and both together; none of it is a result. Test metrics are not kept by
    epoch, so the gain of the best epoch is not among them.
    """
    if not study.ran:
        return Part({"hindsight": None})
    labels = study.data.test.labels
    rows: list[dict[str, Any]] = []
    for model in ensemble.compared(study):
        best = [best_accuracy(labels, probabilities) for probabilities in model.probabilities()]
        areas, half = (
            [evaluate(run, HALF)[metric] for run in model.runs] for metric in ("auc", "accuracy")
        )
        rows.append(
            {
                "model": model.name,
                "seeds": len(model.runs),
                "accuracy, threshold by validation": model.mean(YOUDEN)["accuracy"],
                "accuracy at 0.5": np.mean(half),
                "accuracy at 0.5, best seed": max(half),
                "accuracy, best threshold": np.mean(best),
                "accuracy, best threshold and seed": max(best),
                "AUC": np.mean(areas),
                "AUC, best seed": max(areas),
            }
        )
    top = max(rows, key=lambda row: row["accuracy, best threshold and seed"])
    answer = Hindsight(
        top["model"],
        max(row["seeds"] for row in rows),
        float(top["accuracy, best threshold and seed"]),
        float(top["accuracy, threshold by validation"]),
    )
    numbers = frame(rows, runs=[run.label for model in study.ran for run in model.runs])
    return Part({"hindsight": answer}, tables={"tbl-hindsight": numbers})


def every_run(models: Sequence[Model]) -> list[Scored]:
    """Every run of these models."""
    return [
        Scored(
            model.name,
            run.seed,
            run.predictions["test"].probabilities,
            {rule.name: threshold(run, rule) for rule in RULES},
            run.label,
        )
        for model in models
        for run in model.runs
    ]


def frames(labels: NDArray[np.uint8], scored: Sequence[Scored]) -> Part:
    """Curves, every seed's metrics, and the prediction intervals, from predictions alone.

    Args:
        labels: the test images', (N,).
        scored: every run, model by model.
    """
    runs = [one.run for one in scored if one.run]
    return Part(
        figures={"fig-reference-curves": _curves(labels, scored, runs)},
        tables={
            "tbl-reference-seeds": (seeds := _seeds(labels, scored, runs)),
            "tbl-reference-expected": _expected(seeds, runs),
        },
    )


def expected(values: ArrayLike, runs: int = 1, confidence: float = 0.95) -> tuple[float, float]:
    """Where the mean of new runs should lie, judged by earlier ones (Meeker, Hahn & Escobar 2017).

    Student's prediction interval for the mean of `runs` further draws from the population of which
    `values` are a sample: mean ± t · s · √(1/runs + 1/n).

    Args:
        values: a metric of earlier runs, (n,).
        runs: how many new ones are averaged, at least 1.
        confidence: in (0, 1).

    Returns:
        Its ends; both NaN with fewer than two values, or where one is undefined.
    """
    sample = np.asarray(values, dtype=np.float64)
    if len(sample) < 2 or not np.isfinite(sample).all():
        return math.nan, math.nan
    reach = stats.t.ppf(0.5 + confidence / 2, len(sample) - 1) * np.std(sample, ddof=1)
    reach *= math.sqrt(1 / runs + 1 / len(sample))
    return float(sample.mean() - reach), float(sample.mean() + reach)


def detectable(
    values: ArrayLike, runs: int = 1, confidence: float = 0.95, power: float = 0.8
) -> float:
    """The change of a mean that lies outside :func:`expected` with this probability; NaN as there."""
    sample = np.asarray(values, dtype=np.float64)
    if len(sample) < 2:
        return math.nan
    tails = stats.t.ppf([0.5 + confidence / 2, power], len(sample) - 1).sum()
    return float(tails * np.std(sample, ddof=1) * math.sqrt(1 / runs + 1 / len(sample)))


def distances(
    runs: Mapping[int, NDArray[np.float64]], reference: Mapping[int, NDArray[np.float64]]
) -> list[float]:
    """How far each run lies, case by case, from the mean of the reference's other seeds.

    The root mean square of differences of logits. A run of the same seed is left out, so that a run trained
    again lies as far as the first time. NaN with fewer than two seeds.

    Args:
        runs: by seed, probabilities of the same cases, (N,).
        reference: likewise.
    """
    logits = {seed: _logits(found) for seed, found in reference.items()}
    found = []
    for seed, own in runs.items():
        others = [theirs for other, theirs in logits.items() if other != seed]
        centre = np.mean(others, axis=0) if others else np.nan
        found.append(float(np.sqrt(np.mean((_logits(own) - centre) ** 2))))
    return found


def best_accuracy(labels: NDArray[np.uint8], probabilities: NDArray[np.float64]) -> float:
    """The highest accuracy that any threshold gives on these cases, in [0, 1]."""
    false_positive_rate, sensitivity = metrics.roc(labels, probabilities)
    share = np.mean(labels == 1)
    return float(np.max(share * sensitivity + (1 - share) * (1 - false_positive_rate)))


def _logits(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of probabilities as a record keeps them, which may have been rounded to 0 or 1."""
    return np.asarray(logit(np.clip(probabilities, _EDGE, 1 - _EDGE)))


def _curves(labels: NDArray[np.uint8], scored: Sequence[Scored], runs: Sequence[str]) -> Frame:
    rows = [
        {"model": one.model, "seed": one.seed, "false positive rate": x, "sensitivity": y}
        for one in scored
        for x, y in zip(*metrics.roc(labels, one.probabilities), strict=True)
    ]
    return frame(rows, runs=runs)


def _seeds(labels: NDArray[np.uint8], scored: Sequence[Scored], runs: Sequence[str]) -> Frame:
    rows = [
        {"model": one.model, "rule": rule.name, "metric": metric, "seed": one.seed, "value": value}
        for one in scored
        for rule in RULES
        for metric, value in metrics.evaluate(
            labels, one.probabilities, one.thresholds[rule.name]
        ).items()
    ]
    return frame(rows, runs=runs)


def _expected(seeds: Frame, runs: Sequence[str]) -> Frame:
    """95 % prediction intervals for the mean of as many new runs as there are, and of fewer."""
    values: dict[tuple[str, str, str], list[float]] = {}
    for row in seeds.rows():
        values.setdefault((row["model"], row["rule"], row["metric"]), []).append(row["value"])
    rows = []
    for (model, rule, metric), sample in values.items():
        for count in range(1, len(sample) + 1):
            low, high = expected(sample, count)
            row = {"model": model, "rule": rule, "metric": metric, "runs": count}
            rows.append(row | {"low": low, "high": high})
    return frame(rows, runs=runs)
