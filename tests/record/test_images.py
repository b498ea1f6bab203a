"""Images of a record: found by their bytes in any order, and refused if they are different images."""

import numpy as np
import pytest

from pneumo.record import images, read


@pytest.fixture
def elsewhere(record, unseen, tmp_path, monkeypatch):
    """Reads the record on a machine that has these images, by split."""

    def put(**splits):
        arrays = {f"{name}_images": record.images.split(name) for name in images.SPLITS}
        np.savez(tmp_path / "images.npz", **(arrays | splits))
        monkeypatch.setenv("PNEUMO_DATA", str(tmp_path / "images.npz"))
        return read(unseen.path)

    return put


def test_an_image_is_found_by_its_bytes_wherever_it_lies(record, elsewhere, study):
    train = study.data.train.images
    found = elsewhere(train_images=train[::-1]).images
    for image in (train[3], study.data.val.images[0], study.data.test.images[5]):
        np.testing.assert_array_equal(found.find(images.digest(image)), image)
    assert found.find("0" * 64) is None


def test_other_test_images_are_refused(study, elsewhere):
    test = study.data.test.images
    assert elsewhere().images is not None
    for others in (test[::-1], test[:-1], test ^ (np.arange(len(test)) == 7)[:, None, None]):
        assert elsewhere(test_images=others.astype(np.uint8)).images is None


def test_without_images_there_are_none(unseen, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for place in ("", str(tmp_path), str(tmp_path / "nowhere.npz")):
        monkeypatch.setenv("PNEUMO_DATA", place)
        assert read(unseen.path).images is None


def test_a_record_beside_its_study_finds_the_images_and_examples_of_it(record, study):
    np.testing.assert_array_equal(record.images.split("test"), study.data.test.images)
    assert {"augmented", "corrupted"} <= set(record.images.examples)
