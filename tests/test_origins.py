"""Where images came from is known by their bytes, for larger images by their thumbnails."""

from dataclasses import replace

import numpy as np
import torch

from pneumo import data
from pneumo.data import datasets, origins
from pneumo.data.origins import KINDS
from pneumo.training.augmentation import LEAST_SEEN, reframing
from pneumo.training.recipes import CONTROLS, RECIPES, find_recipe


def test_an_image_that_the_table_does_not_know_is_unknown():
    found = origins.look_up({"test": np.zeros((2, 28, 28), np.uint8)})["test"]
    assert not found.known.any()
    assert np.isnan(found.ratios).all()
    assert found.groups.tolist() == [1, 0]  # each a patient of its own


def test_the_table_has_one_row_for_each_published_image():
    rows = [row for by_split in origins._table().values() for row in by_split.items()]
    counts = {
        name: sum(len(found) for split, found in rows if split == name) for name in data.SPLITS
    }
    assert counts == {"train": 4708, "val": 524, "test": 624}
    assert {kind for _, found in rows for kind, _, _ in found} == set(KINDS)


def test_a_patient_is_one_group_and_groups_are_numbered_from_zero():
    found = origins.Origins(np.array(KINDS), np.array([7, -1, 7]), np.ones(3))
    assert found.groups.tolist() == [1, 0, 1]


def test_larger_images_are_known_through_the_thumbnails_beside_them(tmp_path, monkeypatch):
    phantom = datasets.phantom(56)
    small = {
        name: np.stack([image.reshape(28, 2, 28, 2).mean((1, 3)) for image in split.images])
        for name, split in phantom.splits.items()
    }
    arrays = {f"{name}_images": images.astype(np.uint8) for name, images in small.items()}
    arrays |= {f"{name}_labels": split.labels for name, split in phantom.splits.items()}
    np.savez(tmp_path / "pneumoniamnist.npz", **arrays)
    asked = {}
    monkeypatch.setattr(origins, "look_up", lambda images: asked.update(images) or {})
    beside = replace(phantom, source="file", location=str(tmp_path / "pneumoniamnist_64.npz"))
    assert (
        beside.origins is None
    )  # the table knows no phantom, but it was asked about the thumbnails
    assert np.array_equal(asked["val"], arrays["val_images"])
    asked.clear()
    other = replace(beside, val=replace(beside.val, images=beside.val.images[::-1].copy()))
    assert other.origins is None
    assert not asked


def test_the_phantoms_origins_look_like_real_ones():
    phantom = datasets.phantom()
    found = phantom.origins
    for name, split in phantom.splits.items():
        assert ((found[name].kinds == "normal") == (split.labels == 0)).all()
    shared = np.isin(found["val"].patients, found["train"].patients)
    assert 0.2 < shared.mean() < 0.8
    assert not np.isin(found["test"].patients, found["train"].patients).any()
    for patient in np.unique(found["train"].patients):
        assert len(set(phantom.train.labels[found["train"].patients == patient])) == 1


def test_framing_is_drawn_so_that_it_says_nothing_of_the_film():
    ratios = torch.cat([torch.full((500,), 1.1), torch.full((500,), 1.5), torch.tensor([np.nan])])
    batch = torch.arange(1001)
    seen = reframing(ratios, batch, torch.Generator().manual_seed(0))
    drawn = (ratios / seen)[:1000]  # the ratio as which each film is shown
    narrow, wide = drawn[:500], drawn[500:]
    assert abs(narrow.mean() - wide.mean()) < 0.03
    assert seen[-1] == 1
    assert seen.min() >= LEAST_SEEN


def test_a_recipe_without_the_added_fields_keeps_its_key():
    fields = RECIPES["simple-cnn"].to_dict()
    assert "unshared_patients" not in fields
    assert "framing" not in fields["augmentation"]
    assert CONTROLS["simple-cnn-unshared-patients"].to_dict()["unshared_patients"]
    assert find_recipe("simple-cnn-held-out-framing").to_dict()["augmentation"]["framing"]
