"""Pairs of models: the tests against other implementations, the correction against a published example."""

from dataclasses import replace

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from pneumo.analysis import evaluation
from pneumo.statistics import clusters, influence
from pneumo.statistics.comparison import holm
from pneumo.study.study import HALF, threshold


def test_holm_is_statsmodels():
    # Few, since each call collects garbage, which takes long where torch is loaded.
    for p_values in ([0.3], [0.2, 0.2, 0.9, 0, 1, 0.2], np.random.default_rng(0).random(20) ** 3):
        assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


def test_p_values_are_those_of_the_first_seeds_corrected(study):
    raw, groups = [], study.groups("test")
    for pair in evaluation.pairs(study):
        first, second = (study.model(name).run for name in (pair.first, pair.second))
        ours, theirs = first.predictions["test"], second.predictions["test"]
        calls = [
            run.predictions["test"].probabilities >= threshold(run, HALF) for run in (first, second)
        ]
        areas = [influence.auc(ours.labels, run.logits[None]) for run in (ours, theirs)]
        raw.append(
            (
                areas[0].apart(areas[1]).p_value(groups),
                clusters.exchange_test(*(call == ours.labels for call in calls), groups),
            )
        )
    for column, name in enumerate(("p_delong", "p_mcnemar_at_half")):
        expected = holm([row[column] for row in raw])
        assert [getattr(pair, name) for pair in evaluation.pairs(study)] == pytest.approx(expected)


def test_a_model_does_not_differ_from_its_double(study):
    model = study.ran[0]
    double = replace(study, models=(model, replace(model, recipe=study.ran[1].recipe)))
    (pair,) = evaluation.pairs(double)
    # Seeds are drawn for each model alone, so the interval has a width; its middle has none.
    assert pair.auc_difference.value == 0
    assert (pair.p_delong, pair.p_mcnemar_at_half, pair.p_mcnemar_at_youden) == (1, 1, 1)
