"""Robustness: AUC under corruption against its plain definition, and falls that mean what they say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pneumo.analysis import robustness
from pneumo.statistics import metrics
from pneumo.study import questions


def test_its_numbers_are_those_of_the_metrics(study):
    for model in study.ran:
        found = robustness.robustness(study)[model.name]
        answer = questions.read(model.run, "corruptions", study.profile)
        labels = study.data.test.labels[answer["indices"]]
        scores = metrics.probabilities(answer["logits"][3, 2])
        assert found.auc[3, 2] == pytest.approx(metrics.auc(labels, scores))
        expected = metrics.confusion(labels, scores, 0.5).accuracy
        assert found.accuracy[3, 2] == pytest.approx(expected)
        clean = model.run.predictions["test"].probabilities[answer["indices"]]
        assert found.clean_auc == pytest.approx(metrics.auc(labels, clean))
        fall = np.mean((found.clean_auc - found.auc) / found.clean_auc)
        assert found.degradation.value == pytest.approx(fall)


@given(st.integers(0, 500))
def test_a_drawn_case_counts_as_often_as_it_was_drawn(seed):
    generator = np.random.default_rng(seed)
    labels = np.array([1, 1, 1, 0, 0, 0, 0])
    logits = generator.normal(size=(2, 7)).round(1)  # with ties
    drawn = [generator.multinomial(n, np.full(n, 1 / n), 1) for n in (3, 4)]
    found = robustness._areas(logits, labels, [d.astype(np.float32) for d in drawn])
    picked = np.concatenate(
        [np.repeat(np.arange(3), drawn[0][0]), 3 + np.repeat(np.arange(4), drawn[1][0])]
    )
    for row, values in zip(logits, found, strict=True):
        scores = metrics.probabilities(row)
        assert values[0] == pytest.approx(metrics.auc(labels, scores))
        assert values[1] == pytest.approx(metrics.auc(labels[picked], scores[picked]))


def test_a_model_does_not_fall_less_than_itself_and_signs_turn(study):
    first, second = (model.name for model in study.ran[:2])
    one = robustness.less_degraded(study, first, second)
    other = robustness.less_degraded(study, second, first)
    assert one.value == pytest.approx(-other.value)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
    assert robustness.less_degraded(study, first, "resnet18-imagenet") is None


def test_the_order_names_the_leaders(study):
    found = robustness.robustness(study)
    order = robustness.order(study)
    leader = max(found, key=lambda name: found[name].clean_auc)
    assert order.clean == study.model(leader).title
    shaken = max(found, key=lambda name: found[name].auc.mean())
    assert order.corrupted == study.model(shaken).title
