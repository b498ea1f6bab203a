"""The location of evidence: regions, and shares that add up."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import wilcoxon

from pneumo.analysis import evidence
from pneumo.study.study import YOUDEN, Model, Study, threshold
from pneumo.training.runs import Explanation


def test_the_regions_of_the_phantom_are_its_chest(study):
    masks = evidence.regions(study)
    assert masks["border"].sum() == 28 * 28 - 24 * 24
    assert masks["thorax"].mean() == pytest.approx(np.pi * evidence.RADIUS**2, abs=0.02)
    assert not (masks["lungs"] & ~masks["thorax"]).any()
    assert masks["lungs"][14, 8]
    assert masks["lungs"][14, 20]
    assert not masks["lungs"][14, 14]  # the mediastinum lies between
    assert not (masks["border"] & masks["lungs"]).any()


def test_an_even_map_has_the_regions_own_share_and_an_empty_one_none(study):
    for mask in evidence.regions(study).values():
        np.testing.assert_allclose(evidence.shares(np.ones((2, 8, 8)), mask), mask.mean())
        assert np.isnan(evidence.shares(np.zeros((1, 7, 7)), mask)).all()


def test_the_p_value_is_the_librarys_on_the_patients_mean_shares(study):
    model = study.model("simple-cnn")
    found = evidence.attention(study, model)
    for region, mask in evidence.regions(study).items():
        values = evidence.mean_shares(evidence.evidence(model), mask)
        finite = np.isfinite(values)
        known, groups = values[finite], study.groups("test")[finite]
        patients = [known[groups == one].mean() for one in np.unique(groups)]
        expected = wilcoxon(np.array(patients) - mask.mean()).pvalue
        assert found[region].p_value == pytest.approx(expected)
        assert found[region].low <= found[region].mean == known.mean() <= found[region].high
        assert found[region].blank == np.isnan(values).sum()


def _marking(study, cells):
    """The study, with its first model's maps changed to mark only these cells for any call."""
    model = study.model("simple-cnn")
    run = replace(model.run)
    called = run.predictions["test"].probabilities >= threshold(run, YOUDEN)
    noise = np.random.default_rng(0).random((len(called), 7, 7)) * 0.01
    maps = (noise + cells) * np.where(called, 1, -1)[:, None, None]
    run.__dict__["explanation"] = Explanation(*(np.zeros(0),), maps, np.zeros(0))
    alone = Model(model.recipe, (run,))
    return Study(study.profile, study.data, (alone,)), alone


def test_maps_that_mark_the_lungs_are_told_from_maps_that_mark_the_edge(study):
    lungs = evidence.coverage(evidence.regions(study)["lungs"], (7, 7))
    found = evidence.attention(*_marking(study, lungs > 0.9))["lungs"]
    assert found.low > found.uniform
    edge = evidence.coverage(evidence.regions(study)["border"], (7, 7))
    found = evidence.attention(*_marking(study, edge > 0.4))
    assert found["lungs"].high < found["lungs"].uniform
    assert found["border"].low > found["border"].uniform
