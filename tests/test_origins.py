"""Origins: found by the bytes of an image or its thumbnail; and effects of shared patients."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pneumo import data
from pneumo.analysis import origins as analysis
from pneumo.commands import main as cli
from pneumo.data import held_out, origins, radiographs
from pneumo.data.thumbnails import SIDE, thumbnails
from pneumo.study.study import YOUDEN, Model
from pneumo.training.augmentation import LEAST_SEEN, reframing
from pneumo.training.recipes import CONTROLS


def test_an_image_that_the_table_does_not_know_is_a_patient_of_its_own():
    found = origins.look_up("test", np.zeros((2, 28, 28), np.uint8))
    assert not found.known.any()
    assert np.isnan(found.ratios).all()
    assert len(set(origins.told_apart(found.patients))) == 2
    assert len(set(origins.told_apart(np.array([7, -1, 7])))) == 2


def test_framing_is_drawn_so_that_it_says_nothing_of_the_film():
    ratios = torch.cat([torch.full((500,), 1.1), torch.full((500,), 1.5), torch.tensor([np.nan])])
    batch = torch.arange(1001)
    seen = reframing(ratios, batch, torch.Generator().manual_seed(0))
    drawn = (ratios / seen)[:1000]  # the ratio as which each film is shown
    narrow, wide = drawn[:500], drawn[500:]
    assert abs(narrow.mean() - wide.mean()) < 0.03
    assert seen[-1] == 1
    assert seen.min() >= LEAST_SEEN


def test_the_published_origins_are_counted_as_the_readme_of_the_data_counts_them():
    """Built from the table itself without images: each row stands for an image."""
    rows = {name: [] for name in data.SPLITS}
    for found in origins._table().values():
        for name, facts in found:
            rows[name].append(facts)
    counted = origins.count(
        {
            name: origins.Origins(*(np.array(column) for column in zip(*own, strict=True)))
            for name, own in rows.items()
        }
    )
    assert counted.known == 5856
    assert counted.patients == {"train": 2502, "val": 465, "test": 431}
    assert list(counted.kinds["train"].values()) == [1214, 2273, 1221]
    assert list(counted.kinds["test"].values()) == [234, 242, 148]
    assert counted.validation_images_sharing == 372
    assert counted.validation_images_sharing_within_kind == 256
    assert counted.test_images_sharing == 0


def test_unknown_images_share_no_patient_and_are_no_patient():
    kinds, patients = np.array(["", "virus"]), np.array([-1, 3])
    split = origins.Origins(kinds, patients, np.ones(2))
    counted = origins.count(dict.fromkeys(data.SPLITS, split))
    assert counted.known == 3
    assert counted.patients == {"train": 1, "val": 1, "test": 1}
    assert counted.validation_images_sharing == counted.test_images_sharing == 1


def test_the_record_and_the_command_tell_the_same_origins(record, capsys):
    told = record.origins
    assert told.known == record.data.total()
    assert set(record.results["origins"]) >= {
        "known", "patients", "validation_images_sharing", "kinds"
    }  # fmt: skip
    assert cli.main(["data", "--data", "phantom", "--dataset", "breastmnist"]) == 0
    assert "the origins of these images are unknown" in capsys.readouterr().out
    assert cli.main(["data", "--data", "phantom"]) == 0
    printed = capsys.readouterr().out
    assert f"{told.validation_images_sharing} validation images share a patient" in printed
    assert f"{told.validation_images_sharing_within_kind} counted within one kind" in printed
    for name, kinds in told.kinds.items():
        numbers = [name, *map(str, kinds.values()), str(told.patients[name])]
        assert numbers in [line.split() for line in printed.splitlines()]


def test_the_steps_that_are_drawn_are_those_that_a_film_goes_through(tmp_path):
    drawn = analysis.steps()
    drawn["film"].save(tmp_path / "film.png")
    assert np.array_equal(radiographs.read(tmp_path / "film.png").image, drawn["stored"])
    assert not np.array_equal(drawn["resized"], drawn["stored"])


@pytest.mark.parametrize("side", [64, 128, 224])
def test_larger_images_become_means_over_what_a_pixel_covers(side):
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (3, side, side), dtype=np.uint8)
    small = thumbnails(images)
    assert (small.shape, small.dtype) == ((3, SIDE, SIDE), np.uint8)
    np.testing.assert_allclose(small.mean(axis=(1, 2)), images.mean(axis=(1, 2)), atol=0.5)
    if side % SIDE == 0:
        block = side // SIDE
        means = images.reshape(3, SIDE, block, SIDE, block).mean(axis=(2, 4))
        assert np.abs(means - small).max() <= 0.5 + 1e-6


def test_images_of_one_patient_are_in_one_group_in_every_split(study):
    train, val = (study.data.origins[split].patients for split in ("train", "val"))
    groups = study.groups("train", "val")
    assert (groups == np.r_[train, val]).all()
    held = held_out.divide(study.data.train)[1]
    assert (study.groups("held") == train[held]).all()


def test_where_nobody_knows_the_patients_every_image_is_one(real_study):
    groups = real_study.groups("train", "val", "test")
    assert len(np.unique(groups)) == len(groups)
    assert len(groups) == sum(len(split.labels) for split in real_study.data.splits.values())
    assert real_study.units == "cases"
    assert analysis.patients(real_study).answers == {"patients": None}
    assert not analysis.patients(real_study).tables


def test_both_halves_of_validation_make_the_whole(study):
    shared = analysis.sharing(study)
    assert 0 < shared.sum() < len(shared)
    labels = study.data.val.labels
    for model in study.ran:
        found = analysis.falls(study, model)
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
    assert analysis.control(replace(study, controls=())) is None
    own = study.model("simple-cnn")
    double = Model(CONTROLS["simple-cnn-unshared-patients"], own.runs[::-1])
    found = analysis.control(replace(study, controls=(double,)))
    train, val = study.groups("train"), study.groups("val")
    assert found.images - found.fewer == sum(patient not in val for patient in train)
    assert found.thresholds == pytest.approx([np.mean(own.thresholds(YOUDEN))] * 2)
    assert found.promised[0].value == pytest.approx(own.mean(YOUDEN, "val")["specificity"])
    assert found.kept[1].value == pytest.approx(own.mean(YOUDEN)["specificity"])
