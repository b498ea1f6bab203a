"""Sources of data, refusals with their messages, the audit, and the phantom."""

import hashlib
import io
import re
import runpy
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from pneumo import data
from pneumo.base.errors import PneumoError
from pneumo.data import DataError, Dataset, Split, descriptions, sources
from pneumo.data.audit import audit
from pneumo.data.datasets import fingerprint, phantom
from pneumo.data.descriptions import BREAST, DESCRIPTIONS, PNEUMONIA
from pneumo.data.phantom import COUNTS, draw_phantom
from pneumo.statistics import metrics
from pneumo.training.runs import run_key


@pytest.fixture
def no_home(tmp_path, monkeypatch):
    """A home with an empty MedMNIST cache; gives the cache's folder."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home" / ".medmnist").mkdir(parents=True)
    return tmp_path / "home" / ".medmnist"


def _content(about=PNEUMONIA, size=28):
    """A set's phantom in MedMNIST's format, with MedMNIST's labels."""
    arrays = {}
    for name, split in phantom(size, about).splits.items():
        labels = 1 - split.labels if about.swapped else split.labels
        arrays |= {f"{name}_images": split.images, f"{name}_labels": labels[:, None]}
    return arrays


def _file(folder: Path, about=PNEUMONIA, size=28) -> Path:
    path = folder / descriptions.file_name(about, size)
    np.savez(path, **_content(about, size))
    return path


def _publish(monkeypatch, content: bytes, about, size: int) -> None:
    """Make these bytes count as the file that MedMNIST publishes."""
    monkeypatch.setitem(about.md5, size, hashlib.md5(content).hexdigest())


def test_names_addresses_and_digests_are_medmnists():
    (folder,) = find_spec("medmnist").submodule_search_locations
    info = runpy.run_path(str(Path(folder) / "info.py"))["INFO"]
    binary = {
        name
        for name, one in info.items()
        if one["task"] == "binary-class" and not name.endswith("3d")
    }
    assert binary <= set(DESCRIPTIONS)
    for name in binary:
        about, known = DESCRIPTIONS[name], info[name]
        assert about.title == known["python_class"]
        assert about.images == sum(known["n_samples"].values())
        # Classes are matched by MedMNIST's names, not numbers.
        assert known["label"]["0" if about.swapped else "1"] == about.positive
        ends = {28: "", 64: "_64", 128: "_128", 224: "_224"}
        assert about.md5 == {size: known[f"MD5{end}"] for size, end in ends.items()}
        for size, end in ends.items():
            file_name = descriptions.file_name(about, size)
            assert sources.ADDRESS.format(file_name) == known[f"url{end}"]


@pytest.mark.parametrize(
    ("about", "size"),
    [(about, size) for about in DESCRIPTIONS.values() for size in about.md5 if size <= 64],
)
def test_a_named_file_or_its_folder_is_read_as_it_is(about, size, tmp_path):
    folder = tmp_path / "Röntgen bilder 肺"
    folder.mkdir()
    path, drawn = _file(folder, about, size), phantom(size, about)
    for given in (path, folder):
        loaded = data.load(size, str(given), about.name)
        assert (loaded.source, loaded.location, loaded.published) == ("file", str(path), False)
        assert (loaded.about, loaded.size, loaded.order) == (about, size, drawn.order)
        assert loaded.fingerprint == drawn.fingerprint
        assert loaded.counts() == drawn.counts()
        for name, split in loaded.splits.items():
            assert split.images.dtype == split.labels.dtype == np.uint8
            np.testing.assert_array_equal(split.labels, drawn.splits[name].labels)


def test_the_environment_names_data_set_and_size(tmp_path, monkeypatch):
    monkeypatch.setenv("PNEUMO_DATA", str(_file(tmp_path)))
    assert data.load().location == str(tmp_path / "pneumoniamnist.npz")
    monkeypatch.setenv("PNEUMO_DATA", "phantom")
    monkeypatch.setenv("PNEUMO_DATASET", "BreastMNIST")
    monkeypatch.setenv("PNEUMO_SIZE", "64")
    loaded = data.load()
    assert loaded.is_phantom
    assert (loaded.about, loaded.train.images.shape[1:]) == (BREAST, (64, 64))


@pytest.mark.parametrize(
    ("name", "size", "said"),
    [
        ("chestmnist", 28, "called 'chestmnist'; there are: pneumoniamnist, breastmnist"),
        ("breastmnist", 50, "BreastMNIST at 28, 64, 128, 224 pixels, not at 50"),
        (None, None, "a size is a number of pixels; found 'large'"),
    ],
)
def test_a_set_or_size_that_does_not_exist_is_refused(name, size, said, monkeypatch):
    monkeypatch.setenv("PNEUMO_SIZE", "large")
    with pytest.raises(PneumoError, match=said):
        data.load(size, "phantom", name)


def test_the_same_file_under_another_name_is_other_data_with_other_runs(tmp_path, study):
    path = str(_file(tmp_path, BREAST))
    right, wrong = data.load(28, path, "breastmnist"), data.load(28, path)
    recipe = study.models[0].recipe
    assert right.counts()["test"] == {"normal or benign": 70, "malignant": 26}
    assert right.fingerprint != wrong.fingerprint
    assert run_key(recipe, 0, right, None) != run_key(recipe, 0, wrong, None)


@pytest.mark.parametrize("asked", ["pneumoniamnist", "breastmnist"])
def test_a_published_file_is_known_by_digest_and_refused_under_others(asked, tmp_path, monkeypatch):
    path = _file(tmp_path, BREAST, 64)
    _publish(monkeypatch, path.read_bytes(), BREAST, 64)
    assert data.load(64, str(path), "breastmnist").published
    with pytest.raises(DataError, match=r"is BreastMNIST at 64 pixels, not .*--size 64"):
        data.load(28, str(path), asked)
    with pytest.raises(DataError, match=rf"no data at .*the folder that holds {asked}\.npz"):
        data.load(28, str(tmp_path), asked)


@pytest.mark.promise("damage", "found")
@pytest.mark.parametrize("about", DESCRIPTIONS.values(), ids=list(DESCRIPTIONS))
def test_a_cache_is_used_when_sound_and_refused_when_damaged(about, no_home, monkeypatch):
    path = _file(no_home, about)
    with pytest.raises(DataError, match=r"damaged: its MD5 is .*delete it") as raised:
        data.load(28, name=about.name)
    assert str(path) in str(raised.value)
    _publish(monkeypatch, path.read_bytes(), about, 28)
    loaded = data.load(28, name=about.name)
    assert (loaded.source, loaded.published) == ("cache", True)


@pytest.mark.promise("data", "found")
def test_a_cache_that_is_no_file_is_named_and_without_any_the_ways_to_go_on(no_home):
    with pytest.raises(DataError, match=r"host does not answer.*--data PATH.*--data phantom"):
        data.load()
    (no_home / "pneumoniamnist.npz").mkdir()
    with pytest.raises(DataError, match=r"pneumoniamnist\.npz cannot be read .*delete it"):
        data.load()


@pytest.fixture
def published(no_home, host, monkeypatch):
    """A local host in place of MedMNIST's, with its own file."""
    content = io.BytesIO()
    np.savez_compressed(content, **_content())
    _publish(monkeypatch, content.getvalue(), PNEUMONIA, 28)
    monkeypatch.setattr(sources, "ADDRESS", f"{host.url}/file")
    host.bodies["/file"] = content.getvalue()
    return host


def test_a_set_is_downloaded_into_medmnists_cache(published, no_home):
    loaded = data.load()
    assert (loaded.source, loaded.fingerprint) == ("download", phantom().fingerprint)
    assert [path.name for path in no_home.iterdir()] == ["pneumoniamnist.npz"]
    published.bodies.clear()
    assert data.load().source == "cache"


@pytest.mark.promise("hostile", "found")
@pytest.mark.parametrize(
    ("turn", "reason"),
    [
        (
            lambda host: host.bodies.update({"/file": b"x"}),
            "the MD5 of .* is not the published one",
        ),
        (lambda host: host.bodies.clear(), "HTTPError: HTTP Error 503: Service Unavailable"),
    ],
    ids=["other content", "breaks off"],
)
def test_a_download_is_given_up_for_a_reason_and_leaves_nothing(published, no_home, turn, reason):
    turn(published)
    with pytest.raises(DataError) as raised:
        data.load()
    assert re.search(rf"was not downloaded \({reason}\); name a file", str(raised.value))
    assert list(no_home.iterdir()) == []


def _tiny(labels, values):
    images = np.array(values, np.uint8)[:, None, None] * np.ones((1, 2, 2), np.uint8)
    return Split(images, np.array(labels, np.uint8))


@pytest.mark.parametrize("change", ["pixel", "label", "split"])
def test_the_fingerprint_changes_with_every_change(change):
    splits = dict(phantom().splits)
    images, labels = splits["val"].images.copy(), splits["val"].labels.copy()
    if change == "pixel":
        images[0, 0, 0] ^= 1
    elif change == "label":
        labels[0] ^= 1
    else:
        splits["test"] = splits["val"]
    splits["val"] = Split(images, labels)
    assert fingerprint(splits) != phantom().fingerprint


def test_the_fingerprint_does_not_depend_on_order():
    generator = np.random.default_rng(1)
    shuffled = {}
    for name, split in reversed(phantom().splits.items()):
        order = generator.permutation(len(split.labels))
        shuffled[name] = Split(split.images[order], split.labels[order])
    assert fingerprint(shuffled) == phantom().fingerprint


def test_the_audit_counts_what_is_there():
    # One image three times in training, once with another label; it is in the other splits, too.
    splits = {
        "train": _tiny((0, 0, 1, 1), (1, 1, 1, 9)),
        "val": _tiny((0, 1), (1, 2)),
        "test": _tiny((0, 1, 1, 0), (5, 9, 2, 1)),
    }
    found = audit(Dataset(**splits, source="file", fingerprint="", size=2, location=""))
    assert [(s.name, s.images, s.distinct, s.duplicates) for s in found.splits] == [
        ("train", 4, 2, 2),
        ("val", 2, 2, 0),
        ("test", 4, 4, 0),
    ]
    assert found.shared == {("train", "val"): 1, ("train", "test"): 2, ("val", "test"): 2}
    # An image in three splits counts once.
    assert (found.across, found.across_with_test, found.label_conflicts) == (3, 3, 1)


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
