"""Every pair of models compared on the same test cases, with Holm's correction over all pairs."""

from dataclasses import replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from pneumo.analysis.intervals import area
from pneumo.record.answers import Pair
from pneumo.statistics import clusters, influence
from pneumo.statistics.comparison import holm
from pneumo.study.cache import once
from pneumo.study.study import HALF, YOUDEN, Model, Rule, Study, threshold

SIGNIFICANCE = 0.05


@once
def pairs(study: Study) -> list[Pair]:
    """All pairs of the models that ran, in the study's order.

    The difference is of mean AUCs, over cases and seeds; the tests are of the first seeds: whether their AUCs
    differ, and the exact test that exchanges both models' calls patient by patient.
    """
    groups = study.groups("test")
    found = [_compare(first, second, groups) for first, second in combinations(study.ran, 2)]
    delong = holm([one.p_delong for one in found])
    half = holm([one.p_mcnemar_at_half for one in found])
    youden = holm([one.p_mcnemar_at_youden for one in found])
    return [
        replace(one, p_delong=first, p_mcnemar_at_half=second, p_mcnemar_at_youden=third)
        for one, first, second, third in zip(found, delong, half, youden, strict=True)
    ]


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
