"""Every pair of models compared on the same test cases, with Holm's correction over all pairs."""

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from pneumo.analysis.intervals import area
from pneumo.record import Estimate
from pneumo.statistics import clusters, influence
from pneumo.statistics.comparison import holm
from pneumo.study.cache import once
from pneumo.study.study import HALF, YOUDEN, Model, Rule, Study, threshold

SIGNIFICANCE = 0.05


@dataclass(frozen=True)
class Pair:
    """Two models side by side: the difference of their mean AUCs, and what tests say of the first seeds."""

    first: str
    second: str
    difference: Estimate  # of AUC, first − second, mean over the seeds, over cases and seeds
    delong: float  # p-values, each corrected over all pairs
    # Of the exact test that exchanges both models' calls patient by patient; McNemar's without patients.
    mcnemar_half: float  # at a threshold of 0.5
    mcnemar_youden: float  # at each model's own threshold


@once
def pairs(study: Study) -> tuple[Pair, ...]:
    """All pairs of the models that ran, in the study's order."""
    groups = study.groups("test")
    found = [_compare(first, second, groups) for first, second in combinations(study.ran, 2)]
    columns = zip(
        *((one.delong, one.mcnemar_half, one.mcnemar_youden) for one in found), strict=True
    )
    adjusted = zip(*map(holm, columns), strict=True)
    return tuple(
        replace(one, delong=p, mcnemar_half=at_half, mcnemar_youden=at_youden)
        for one, (p, at_half, at_youden) in zip(found, adjusted, strict=True)
    )


def _compare(first: Model, second: Model, groups: NDArray[np.int64]) -> Pair:
    """One pair, p-values not yet corrected."""
    labels = first.run.predictions["test"].labels
    ours, theirs = (influence.auc(labels, model.logits()[:1]) for model in (first, second))

    def right(model: Model, rule: Rule) -> NDArray[np.bool_]:
        called = model.run.predictions["test"].probabilities >= threshold(model.run, rule)
        return np.asarray(called == labels)

    half, youden = (
        clusters.exchange_test(right(first, rule), right(second, rule), groups)
        for rule in (HALF, YOUDEN)
    )
    return Pair(
        first.name,
        second.name,
        area(first).apart(area(second)).estimate(groups),
        ours.apart(theirs).p_value(groups),
        half,
        youden,
    )
