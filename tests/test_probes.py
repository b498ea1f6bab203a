"""Probes: asked once, kept beside the runs, and never confused with another run's or another code's."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from pneumo.study import questions
from pneumo.study import study as studies
from pneumo.study.questions import ProbeError
from pneumo.study.study import StudyError
from pneumo.training import recipes


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


def test_the_same_network_answers_the_same(own, study):
    questions.make(own, "corruptions", study.data, study.profile)
    again = questions.read(own, "corruptions", study.profile)
    first = questions.read(study.ran[0].run, "corruptions", study.profile)
    for name in first:
        np.testing.assert_array_equal(again[name], first[name])


def test_a_probe_that_is_there_is_not_asked_again(own, study):
    questions.make(own, "corruptions", study.data, study.profile)
    file = questions.path(own, "corruptions", study.profile)
    before = file.stat().st_mtime_ns
    questions.make(own, "corruptions", study.data, study.profile)
    assert file.stat().st_mtime_ns == before


def test_a_profile_may_ask_about_a_stratified_few(own, study):
    few = replace(study.profile, probed_images=16)
    assert "corruptions" in questions.missing(own, few)
    questions.make(own, "corruptions", study.data, few)
    indices = questions.read(own, "corruptions", few)["indices"]
    share = study.data.test.labels.mean()
    assert len(indices) == 16
    assert study.data.test.labels[indices].mean() == pytest.approx(share, abs=0.07)
    # Another number of images is another question.
    assert "corruptions" in questions.missing(own, study.profile)


def test_without_a_number_all_test_images_are_asked_about(study):
    every = replace(study.profile, probed_images=None)
    indices = questions._asked(study.data, every)
    np.testing.assert_array_equal(indices, np.arange(len(study.data.test.labels)))


def test_another_version_asks_anew(own, study, monkeypatch):
    before = questions.path(own, "corruptions", study.profile)
    monkeypatch.setattr(questions, "PROBES_VERSION", questions.PROBES_VERSION + 1)
    assert questions.path(own, "corruptions", study.profile) != before


@pytest.mark.promise("damage", "found")
def test_a_probe_that_is_missing_or_damaged_is_named(own, study):
    with pytest.raises(ProbeError, match="no probe corruptions of simple-cnn-s0"):
        questions.read(own, "corruptions", study.profile)
    file = questions.path(own, "corruptions", study.profile)
    file.parent.mkdir()
    file.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(ProbeError, match=r"is damaged .* delete it and run `pneumo study`"):
        questions.read(own, "corruptions", study.profile)


def test_the_network_that_is_loaded_is_the_one_that_was_trained(study):
    from pneumo.training.loop import predict

    for model in study.ran:
        network = questions.load_network(model.run, "cpu")
        logits = predict(network, model.recipe, study.data.test.images)
        np.testing.assert_allclose(logits, model.run.predictions["test"].logits, atol=1e-4)


def test_a_study_that_lacks_a_probe_says_so(study, home, monkeypatch):
    monkeypatch.setitem(recipes.PROFILES, study.profile.name, study.profile)
    monkeypatch.setattr(questions, "PROBES", (*questions.PROBES, "another"))
    with pytest.raises(StudyError, match="lacks its probe another"):
        studies.load(study.profile.name, "phantom", home)
