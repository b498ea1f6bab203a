"""Probes: computed once, cached beside the runs, and never mixed up between runs or code versions."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from pneumo.base import npz
from pneumo.base.errors import PneumoError
from pneumo.study import questions
from pneumo.training.loop import predict


@pytest.fixture
def own(study, tmp_path):
    """A finished run in a store of its own, without its probes."""
    run = study.ran[0].run
    shutil.copytree(run.path, tmp_path / "runs" / run.path.name)
    return replace(run, path=tmp_path / "runs" / run.path.name)


def test_a_finished_study_has_every_probe_of_its_first_seeds(study):
    for model in study.ran:
        assert questions.missing(model.run, study.profile) == []
        for name in questions.PROBES:
            answer = questions.read(model.run, name, study.profile)
            assert len(answer["indices"]) == study.profile.probed_images


def test_the_same_network_answers_the_same_and_is_asked_once(own, study):
    with pytest.raises(PneumoError, match="no probe corruptions of simple-cnn-s0"):
        questions.read(own, "corruptions", study.profile)
    questions.make(own, "corruptions", study.data, study.profile)
    again = questions.read(own, "corruptions", study.profile)
    first = questions.read(study.ran[0].run, "corruptions", study.profile)
    for name in first:
        np.testing.assert_array_equal(again[name], first[name])
    file = questions.path(own, "corruptions", study.profile)
    before = file.stat().st_mtime_ns
    questions.make(own, "corruptions", study.data, study.profile)
    assert file.stat().st_mtime_ns == before


def test_a_profile_asks_about_a_stratified_few_or_all(study):
    few, labels = replace(study.profile, probed_images=16), study.data.test.labels
    assert set(questions.missing(study.ran[0].run, few)) == set(questions.PROBES)
    indices = questions._asked(study.data, few)
    assert len(indices) == 16
    assert labels[indices].mean() == pytest.approx(labels.mean(), abs=0.07)
    every = questions._asked(study.data, replace(study.profile, probed_images=None))
    np.testing.assert_array_equal(every, np.arange(len(labels)))


def test_crops_are_asked_for_as_soon_as_there_are_larger_films(own, study):
    alone = replace(study.data)
    vars(alone)["larger"] = None  # none is found
    assert set(questions.wanted(own, study.profile, alone)) == set(questions.PROBES) - {"framing"}
    assert set(questions.wanted(own, study.profile, study.data)) == set(questions.PROBES)
    # As earlier versions answered without them.
    file = questions.path(own, "framing", study.profile)
    file.parent.mkdir()
    npz.write_sealed(file, logits=np.empty((0, 8)), indices=np.arange(8))
    assert "framing" not in questions.wanted(own, study.profile, alone)
    assert set(questions.wanted(own, study.profile, study.data)) == set(questions.PROBES)


def test_the_network_that_is_loaded_is_the_one_that_was_trained(study):
    for model in study.ran:
        network = questions.load_network(model.run, "cpu")
        logits = predict(network, model.recipe, study.data.test.images)
        np.testing.assert_allclose(logits, model.run.predictions["test"].logits, atol=1e-4)
