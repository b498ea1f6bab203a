"""The phantom's images: their content, and that models can learn from them."""

import pytest
from sklearn.linear_model import LogisticRegression

from benchmarks import many
from pneumo.data import datasets
from pneumo.data.phantom import COUNTS, draw_phantom
from pneumo.statistics import metrics


def _pixels(images):
    return images.reshape(len(images), -1) / 255


@pytest.mark.parametrize("kind", COUNTS)
def test_a_simple_classifier_does_well_but_not_perfectly(kind):
    splits = draw_phantom(kind=kind)
    if kind == "breast":  # in the real set 210 of 780 have a lesion
        assert all(abs(labels.mean() - 0.27) < 0.01 for _, labels in splits.values())
    (train, truth), (test, asked) = splits["train"], splits["test"]
    model = LogisticRegression(C=0.01, max_iter=500).fit(_pixels(train), truth)
    assert 0.6 < metrics.auc(asked, model.predict_proba(_pixels(test))[:, 1]) < 0.99


@pytest.mark.parametrize("size", [28, 64])
def test_a_drawn_set_is_written_as_one_in_medmnists_format(size, tmp_path):
    counts = {"train": 20, "val": 8, "test": 12}
    many.write(tmp_path / "many.npz", counts, size)
    loaded = datasets.load(size, str(tmp_path / "many.npz"))
    assert {name: len(split.labels) for name, split in loaded.splits.items()} == counts
    assert loaded.counts()["test"] == {"normal": 3, "pneumonia": 9}
