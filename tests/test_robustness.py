"""Robustness: AUC under corruption against its plain definition, and falls that mean what they say."""

import numpy as np
import pytest

from pneumo.analysis import robustness
from pneumo.statistics import influence, metrics
from pneumo.study import questions


def fall_of(labels, clean, corrupted):
    """Of the AUCs of scores (S, n), and of scores under each corruption, (S, K, n)."""
    whole = [influence.auc(labels, scores[None]) for scores in clean]
    return robustness.relative_fall(whole, [influence.auc(labels, rows) for rows in corrupted])


def test_its_numbers_are_those_of_the_metrics(study):
    for model in study.ran:
        found = robustness.robustness(study)[model.name]
        answers = [questions.read(run, "corruptions", study.profile) for run in model.runs]
        asked = answers[0]["indices"]
        labels = study.data.test.labels[asked]
        scores = [metrics.probabilities(answer["logits"][3, 2]) for answer in answers]
        areas = [metrics.auc(labels, one) for one in scores]
        assert found.auc[3, 2] == pytest.approx(np.mean(areas))
        right = [metrics.confusion(labels, one, 0.5).accuracy for one in scores]
        assert found.accuracy[3, 2] == pytest.approx(np.mean(right))
        clean = [run.predictions["test"].probabilities[asked] for run in model.runs]
        assert found.clean_auc == pytest.approx(np.mean([metrics.auc(labels, c) for c in clean]))


def test_the_variance_of_a_fall_is_that_of_leaving_cases_out():
    generator = np.random.default_rng(0)
    labels = np.repeat([1, 0], [60, 40])
    logits = (labels + generator.normal(size=(2, 100))).round(1)  # with ties
    clean = metrics.probabilities(logits)
    corrupted = metrics.probabilities(logits[:, None] + generator.normal(size=(2, 3, 100)))
    found = fall_of(labels, clean, corrupted)

    def fall(kept):
        areas = [
            [metrics.auc(labels[kept], row[kept]) for row in (whole, *rows)]
            for whole, rows in zip(clean, corrupted, strict=True)
        ]
        return np.mean([1 - np.mean(left) / whole for whole, *left in areas])

    assert found.value == pytest.approx(fall(np.arange(100)))
    left_out = np.array([fall(np.delete(np.arange(100), case)) for case in range(100)])
    jackknife = sum((n - 1) * np.var(left_out[labels == label]) for label, n in ((1, 60), (0, 40)))
    assert np.sum(found.influence**2) == pytest.approx(jackknife, rel=0.1)


def test_nothing_falls_from_an_auc_of_zero():
    labels, clean = np.array([1, 1, 0, 0]), np.array([[0.1, 0.2, 0.3, 0.4]])
    found = fall_of(labels, clean, 1 - clean[:, None])
    assert not found.estimate(np.arange(4)).known
