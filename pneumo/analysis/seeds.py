"""What the seed alone changes: each run's metrics and curve, and where the mean of new runs should lie.

And what the best seed would have been, had the test set chosen it.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.special import logit

from pneumo.record import Part, frame
from pneumo.record.summaries import Hindsight
from pneumo.statistics import metrics
from pneumo.study import ensemble
from pneumo.study.study import HALF, YOUDEN, Model, Study, evaluate, run_labels

RULES = (HALF, YOUDEN)
_EDGE = 1e-6


def part(study: Study) -> Part:
    """The numbers of :func:`frames`, and what selecting on the test set would have given, `tbl-hindsight`.

    The best threshold, the best seed, and both together; none of it is a result. Test metrics are not kept by
    epoch, so the gain of the best epoch is not among them.
    """
    models, truth = ensemble.compared(study), study.data.test.labels
    rows: list[dict[str, Any]] = []
    for model in models:
        best = [best_accuracy(truth, probabilities) for probabilities in model.probabilities()]
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
    found, numbers = frames(models), frame(rows, runs=run_labels(study.ran))
    return replace(
        found, answers={"hindsight": answer}, tables={**found.tables, "tbl-hindsight": numbers}
    )


def frames(models: Sequence[Model]) -> Part:
    """Each run's curve and metrics, and prediction intervals, with which another study can be compared."""
    runs = run_labels(models)
    curves = (
        {"model": model.name, "seed": run.seed, "false positive rate": x, "sensitivity": y}
        for model in models
        for run in model.runs
        for test in [run.predictions["test"]]
        for x, y in zip(*metrics.roc(test.labels, test.probabilities), strict=True)
    )
    values = (
        {"model": model.name, "rule": rule.name, "metric": metric, "seed": run.seed, "value": value}
        for model in models
        for run in model.runs
        for rule in RULES
        for metric, value in evaluate(run, rule).items()
    )
    return Part(
        figures={"fig-reference-curves": frame(curves, runs=runs)},
        tables={
            "tbl-reference-seeds": frame(values, runs=runs),
            "tbl-reference-expected": frame(_expected(models), runs=runs),
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


def detectable(values: ArrayLike, runs: int, confidence: float, power: float) -> float:
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


def _expected(models: Sequence[Model]) -> Iterator[dict[str, Any]]:
    """95 % prediction intervals for the mean of as many new runs as there are, and of fewer."""
    for model, rule, metric in product(models, RULES, metrics.NAMES):
        sample = [evaluate(run, rule)[metric] for run in model.runs]
        for count in range(1, len(sample) + 1):
            low, high = expected(sample, count)
            row = {"model": model.name, "rule": rule.name, "metric": metric}
            yield row | {"runs": count, "low": low, "high": high}
