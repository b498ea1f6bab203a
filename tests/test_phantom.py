"""The phantom's images: their content, and that models can learn from them."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from benchmarks import many
from pneumo.data import datasets
from pneumo.data.phantom import COUNTS, SEED, draw_phantom
from pneumo.statistics import metrics


def _pixels(images):
    return images.reshape(len(images), -1) / 255


@pytest.mark.parametrize("kind", COUNTS)
def test_the_same_seed_draws_the_same_images_and_another_draws_others(kind):
    first, again, other = (draw_phantom(seed=seed, kind=kind) for seed in (SEED, SEED, 1))
    for split in COUNTS[kind]:
        np.testing.assert_array_equal(first[split][0], again[split][0])
        np.testing.assert_array_equal(first[split][1], again[split][1])
    assert (first["test"][0] != other["test"][0]).any()


@pytest.mark.parametrize("kind", COUNTS)
def test_a_simple_classifier_does_well_but_not_perfectly(kind):
    splits = draw_phantom(kind=kind)
    if kind == "breast":  # in the real set 210 of 780 have a lesion
        assert all(abs(labels.mean() - 0.27) < 0.01 for _, labels in splits.values())
    (train, truth), (test, asked) = splits["train"], splits["test"]
    model = LogisticRegression(C=0.01, max_iter=500).fit(_pixels(train), truth)
    assert 0.6 < metrics.auc(asked, model.predict_proba(_pixels(test))[:, 1]) < 0.99


def test_any_number_of_images_is_drawn_a_batch_at_a_time(monkeypatch):
    monkeypatch.setattr(many, "DISTINCT", 40)
    monkeypatch.setattr(many, "BATCH", 16)
    labels = (np.arange(205) % 4 > 0).astype(np.uint8)
    batches = list(many.draw_batches(labels))
    assert {len(batch) for batch in batches[:-1]} <= {16, 8}
    images = np.concatenate(batches)
    assert images.shape == (205, 28, 28)
    assert len({image.tobytes() for image in images}) == 205
    again = np.concatenate(list(many.draw_batches(labels)))
    np.testing.assert_array_equal(images, again)


@pytest.mark.parametrize("size", [28, 64])
def test_a_drawn_set_is_written_as_one_in_medmnists_format(size, tmp_path):
    counts = {"train": 20, "val": 8, "test": 12}
    many.write(tmp_path / "many.npz", counts, size)
    loaded = datasets.load(size, str(tmp_path / "many.npz"))
    assert {name: len(split.labels) for name, split in loaded.splits.items()} == counts
    assert loaded.counts()["test"] == {"normal": 3, "pneumonia": 9}
