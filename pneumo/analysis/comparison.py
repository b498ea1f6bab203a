"""Every pair of models compared on the same test cases, with Holm's correction over all pairs."""

from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from pneumo.analysis.cache import once
from pneumo.analysis.intervals import sample
from pneumo.record import Estimate
from pneumo.statistics import metrics
from pneumo.statistics.comparison import holm
from pneumo.statistics.intervals import bootstrap
from pneumo.study.study import HALF, YOUDEN, Model, Study, threshold

SIGNIFICANCE = 0.05


@dataclass(frozen=True)
class Pair:
    """Two models side by side: the difference of their mean AUCs, and what tests say of the first seeds."""

    first: str
    second: str
    difference: Estimate  # of AUC, first − second, mean over the seeds; cases and seeds drawn anew
    delong: float  # p-values, each corrected over all pairs
    mcnemar_half: float  # at a threshold of 0.5
    mcnemar_youden: float  # at each model's own threshold


def pairs(study: Study) -> tuple[Pair, ...]:
    """All pairs of the models that ran, in the study's order."""
    return tuple(
        Pair(**{**row, "difference": Estimate(*row["difference"])}) for row in _computed(study)
    )


def pair(study: Study, first: str, second: str) -> Pair:
    """The comparison of two models in the order asked for.

    Raises:
        KeyError: one of them did not run.
    """
    for found in pairs(study):
        if (found.first, found.second) == (first, second):
            return found
        if (found.second, found.first) == (first, second):
            return replace(found, first=first, second=second, difference=-found.difference)
    raise KeyError(f"no comparison of {first} and {second}")


@once
def _computed(study: Study) -> list[dict[str, Any]]:
    rows = [_compare(first, second) for first, second in combinations(study.ran, 2)]
    for name in ("delong", "mcnemar_half", "mcnemar_youden"):
        for row, corrected in zip(rows, holm([row[name] for row in rows]), strict=True):
            row[name] = corrected
    return rows


def _compare(first: Model, second: Model) -> dict[str, Any]:
    """One pair, p-values not yet corrected."""
    samples = [sample(model, (HALF,)) for model in (first, second)]
    found = bootstrap(samples, lambda values: (values[0] - values[1])[:1])
    ours, theirs = first.run.predictions["test"], second.run.predictions["test"]
    labels = ours.labels
    calls = {
        rule: [model.run.predictions["test"].probabilities >= threshold(model.run, rule)
               for model in (first, second)]
        for rule in (HALF, YOUDEN)
    }  # fmt: skip
    return {
        "first": first.name,
        "second": second.name,
        "difference": [float(np.squeeze(bound)) for bound in found],
        "delong": metrics.delong(labels, ours.probabilities, theirs.probabilities).p_value,
        "mcnemar_half": metrics.mcnemar(labels, *calls[HALF]),
        "mcnemar_youden": metrics.mcnemar(labels, *calls[YOUDEN]),
    }
