"""Several images of one patient: whom a study draws, and what validation is without shared patients."""

from dataclasses import replace

import numpy as np
import pytest

from pneumo.analysis import patients
from pneumo.data import held_out
from pneumo.pages import fragments
from pneumo.pages.tables import TABLES
from pneumo.record import read
from pneumo.record.patients import Patients
from pneumo.study.study import YOUDEN, Model
from pneumo.training.recipes import CONTROLS


def test_images_of_one_patient_are_in_one_group_in_every_split(study):
    train, val = (study.data.origins[split].patients for split in ("train", "val"))
    groups = study.groups("train", "val")
    assert (groups == np.r_[train, val]).all()
    held = held_out.divide(study.data.train)[1].images.places
    assert (study.groups("held") == train[held]).all()


def test_where_nobody_knows_the_patients_every_image_is_one(study):
    real_study = replace(study, data=replace(study.data, source="file"))
    groups = real_study.groups("train", "val", "test")
    assert len(np.unique(groups)) == len(groups)
    assert len(groups) == sum(len(split.labels) for split in real_study.data.splits.values())
    assert real_study.units == "cases"
    assert patients.part(real_study).answers == {"patients": None}
    assert not patients.part(real_study).tables


def test_both_halves_of_validation_make_the_whole(study):
    shared = patients.sharing(study)
    assert 0 < shared.sum() < len(shared)
    labels = study.data.val.labels
    for model in study.ran:
        found = patients.falls(study, model)
        assert found["auc"].validation.value == pytest.approx(model.mean(YOUDEN, "val")["auc"])
        assert found["auc"].test.value == pytest.approx(model.mean(YOUDEN)["auc"])
        for name, label in (("recall", 1), ("specificity", 0)):
            own = labels == label
            parts = [found[name].shared.value, found[name].unshared.value]
            weights = [(own & shared).sum(), (own & ~shared).sum()]
            whole = np.average(parts, weights=weights)
            assert found[name].validation.value == pytest.approx(whole)
        for fall in found.values():
            assert fall.whole - fall.left == pytest.approx(
                fall.validation.value - fall.unshared.value
            )


def test_the_control_stands_beside_simple_cnn(study):
    assert patients.control(replace(study, controls=())) is None
    own = study.model("simple-cnn")
    double = Model(CONTROLS["simple-cnn-unshared-patients"], 1, own.runs[::-1])
    found = patients.control(replace(study, controls=(double,)))
    train, val = study.groups("train"), study.groups("val")
    assert found.images - found.fewer == sum(patient not in val for patient in train)
    assert found.thresholds == pytest.approx([np.mean(own.thresholds(YOUDEN))] * 2)
    assert found.promised[0].value == pytest.approx(own.mean(YOUDEN, "val")["specificity"])
    assert found.kept[1].value == pytest.approx(own.mean(YOUDEN)["specificity"])


def test_tables_and_words_come_from_the_record(study, record):
    answer = read(record.path).answer("patients", Patients)
    assert answer.counts["test"] == len(np.unique(study.groups("test")))
    assert answer.testing == 0
    assert len(TABLES["tbl-clustering"](record).rows) == len(study.ran)
    assert len(TABLES["tbl-shared-patients"](record).rows) == 4 * len(study.ran)
    assert record.units == "patients"
    told = fragments.render(record, "shared-patients", patients=answer)
    assert f"{answer.sharing} of {len(study.data.val.labels)} validation images" in told
    assert "is not known" in fragments.render(record, "shared-patients", patients=None)
