"""Every pair of models compared on the same test cases, with Holm's correction over all pairs."""

from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pneumo.analysis.cache import once
from pneumo.analysis.intervals import sample
from pneumo.record import Estimate
from pneumo.statistics import clusters
from pneumo.statistics.comparison import holm
from pneumo.statistics.intervals import bootstrap
from pneumo.study.study import HALF, YOUDEN, Model, Rule, Study, threshold

SIGNIFICANCE = 0.05


@dataclass(frozen=True)
class Pair:
    """Two models side by side: the difference of their mean AUCs, and what tests say of the first seeds."""

    first: str
    second: str
    difference: Estimate  # of AUC, first − second, mean over the seeds; cases and seeds drawn anew
    delong: float  # p-values, each corrected over all pairs
    # Of the exact test that exchanges both models' calls patient by patient; McNemar's without patients.
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
    groups = study.groups("test")
    rows = [_compare(first, second, groups) for first, second in combinations(study.ran, 2)]
    for name in ("delong", "mcnemar_half", "mcnemar_youden"):
        for row, corrected in zip(rows, holm([row[name] for row in rows]), strict=True):
            row[name] = corrected
    return rows


def _compare(first: Model, second: Model, groups: NDArray[np.int64]) -> dict[str, Any]:
    """One pair, p-values not yet corrected."""
    samples = [sample(model, (HALF,)) for model in (first, second)]
    found = bootstrap(samples, lambda values: (values[0] - values[1])[:1], groups=groups)
    ours, theirs = first.run.predictions["test"], second.run.predictions["test"]
    labels = ours.labels

    def right(model: Model, rule: Rule) -> NDArray[np.bool_]:
        called = model.run.predictions["test"].probabilities >= threshold(model.run, rule)
        return np.asarray(called == labels)

    half, youden = (
        clusters.paired_change(right(first, rule), right(second, rule), groups).p_value
        for rule in (HALF, YOUDEN)
    )
    return {
        "first": first.name,
        "second": second.name,
        "difference": [float(np.squeeze(bound)) for bound in found],
        "delong": clusters.delong(labels, ours.probabilities, theirs.probabilities, groups).p_value,
        "mcnemar_half": half,
        "mcnemar_youden": youden,
    }
