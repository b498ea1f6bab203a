"""What is kept is what was computed, until what it was computed from changes."""

import json
from dataclasses import replace

import pytest

from pneumo.analysis import cache as module
from pneumo.analysis.cache import kept
from pneumo.base import paths


@pytest.fixture(autouse=True)
def _own_store(tmp_path, monkeypatch):
    monkeypatch.setenv("PNEUMO_HOME", str(tmp_path))
    monkeypatch.setattr(module, "_in_memory", {})


def counted(**options):
    """A function of a study that counts its calls."""
    calls = []

    def names(study):
        calls.append(study)
        return {"names": [model.name for model in study.models], "tuple": (1, 2)}

    names.__module__ = "pneumo.analysis.claims"
    return kept(**options)(names), calls


def test_a_second_call_computes_nothing_and_gives_the_same(study):
    look_up, calls = counted()
    first = look_up(study)
    assert look_up(study) == first
    module._in_memory.clear()
    assert look_up(study) == first
    assert len(calls) == 1
    assert first == {"names": [model.name for model in study.models], "tuple": [1, 2]}


def test_what_is_kept_lies_in_the_run_store(study):
    look_up, _ = counted()
    expected = look_up(study)
    (path,) = (paths.home() / "kept").glob("*.json")
    assert path.name.startswith("claims-names-")
    assert json.loads(path.read_text(encoding="utf-8"))["result"] == expected


def test_other_predictions_are_computed_anew(study):
    look_up, calls = counted()
    look_up(study)
    fewer = replace(study.model("simple-cnn"), runs=study.model("simple-cnn").runs[:1])
    look_up(replace(study, models=(fewer, *study.models[1:])))
    look_up(replace(study, data=replace(study.data, fingerprint="0" * 64)))
    assert len(calls) == 3


def test_an_answer_that_comes_later_is_taken_up(study, monkeypatch):
    look_up, calls = counted()
    look_up(study)
    monkeypatch.setattr(module.probes, "missing", lambda run, profile: [])
    look_up(study)
    assert len(calls) == 2


def test_another_version_of_the_analysis_computes_anew(study, monkeypatch):
    look_up, calls = counted()
    look_up(study)
    monkeypatch.setattr(module, "ANALYSIS_VERSION", module.ANALYSIS_VERSION + 1)
    look_up(study)
    assert len(calls) == 2


def test_what_only_reads_the_data_outlives_new_predictions(study):
    look_up, calls = counted(reads="data")
    look_up(study)
    fewer = replace(study.model("simple-cnn"), runs=study.model("simple-cnn").runs[:1])
    look_up(replace(study, models=(fewer, *study.models[1:])))
    assert len(calls) == 1


def test_what_only_reads_the_data_is_computed_anew_for_other_images_or_another_order(study):
    look_up, calls = counted(reads="data")
    look_up(study)
    test = study.data.test
    backwards = replace(test, images=test.images[::-1], labels=test.labels[::-1])
    inverted = replace(test, images=255 - test.images)
    for split in (backwards, inverted):
        look_up(replace(study, data=replace(study.data, test=split)))
    assert len(calls) == 3


def test_what_only_reads_the_ablations_outlives_new_predictions_but_no_new_ablation(study):
    look_up, calls = counted(reads="ablations")
    look_up(study)
    fewer = tuple(replace(model, runs=model.runs[:1]) for model in study.models)
    look_up(replace(study, models=fewer))
    assert len(calls) == 1
    shorter = tuple(replace(model, runs=model.runs[:1]) for model in study.ablations)
    look_up(replace(study, ablations=shorter))
    assert len(calls) == 2


@pytest.mark.promise("full", "survived")
def test_where_nothing_can_be_kept_it_is_computed_all_the_same(study, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("PNEUMO_HOME", str(tmp_path / "file"))
    look_up, calls = counted()
    assert (
        look_up(study)
        == look_up(study)
        == {"names": [m.name for m in study.models], "tuple": [1, 2]}
    )
    assert len(calls) == 1
