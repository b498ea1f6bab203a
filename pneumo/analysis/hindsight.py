"""What selecting on the test set would have given: the best threshold, the best seed, and both together.

None of it is a result. Test metrics are not kept by epoch, so the gain of the best epoch is not among them.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pneumo.analysis.seeds import every_run
from pneumo.record import Part, frame
from pneumo.record.hindsight import Hindsight
from pneumo.statistics import metrics
from pneumo.study import ensemble
from pneumo.study.study import HALF, YOUDEN, Study


def part(study: Study) -> Part:
    """The answer, and the numbers of `tbl-hindsight`; nothing where no model ran."""
    if not study.ran:
        return Part({"hindsight": None})
    labels, runs = study.data.test.labels, every_run(ensemble.compared(study))
    rows: list[dict[str, Any]] = []
    for model in dict.fromkeys(one.model for one in runs):
        own = [one for one in runs if one.model == model]
        at_half, at_youden = (
            [metrics.evaluate(labels, one.probabilities, one.thresholds[rule.name]) for one in own]
            for rule in (HALF, YOUDEN)
        )
        best = [best_accuracy(labels, one.probabilities) for one in own]
        areas = [row["auc"] for row in at_half]
        half = [row["accuracy"] for row in at_half]
        rows.append(
            {
                "model": model,
                "seeds": len(own),
                "accuracy, threshold by validation": np.mean(
                    [row["accuracy"] for row in at_youden]
                ),
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


def best_accuracy(labels: NDArray[np.uint8], probabilities: NDArray[np.float64]) -> float:
    """The highest accuracy that any threshold gives on these cases, in [0, 1]."""
    false_positive_rate, sensitivity = metrics.roc(labels, probabilities)
    share = np.mean(labels == 1)
    return float(np.max(share * sensitivity + (1 - share) * (1 - false_positive_rate)))
