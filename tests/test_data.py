"""Where data come from, what is refused and how, and what the audit finds."""

import hashlib
import io
import re
import runpy
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from pneumo import data
from pneumo.data import DataError, Dataset, Split, descriptions, sources
from pneumo.data.audit import audit, report_lines
from pneumo.data.datasets import PUBLISHED, fingerprint, phantom
from pneumo.data.descriptions import BREAST, DESCRIPTIONS, PNEUMONIA
from pneumo.training.runs import run_key


@pytest.fixture
def no_home(tmp_path, monkeypatch):
    """A home with an empty MedMNIST cache; the folder of that."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home" / ".medmnist").mkdir(parents=True)
    return tmp_path / "home" / ".medmnist"


def _content(about=PNEUMONIA, size=28):
    """A set's phantom as MedMNIST would publish it: with its own labels."""
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
    """As if these were the bytes of the file that MedMNIST publishes."""
    monkeypatch.setitem(about.md5, size, hashlib.md5(content).hexdigest())


def test_names_addresses_and_digests_are_medmnists():
    (folder,) = find_spec("medmnist").submodule_search_locations
    info = runpy.run_path(str(Path(folder) / "info.py"))["INFO"]
    binary = {
        name
        for name, one in info.items()
        if one["task"] == "binary-class" and not name.endswith("3d")
    }
    assert set(DESCRIPTIONS) == binary
    for name, about in DESCRIPTIONS.items():
        known = info[name]
        assert about.title == known["python_class"]
        assert about.images == sum(known["n_samples"].values())
        # What is looked for is the class that MedMNIST calls so, under whatever number.
        assert known["label"]["0" if about.swapped else "1"] == about.positive
        ends = {28: "", 64: "_64", 128: "_128", 224: "_224"}
        assert about.md5 == {size: known[f"MD5{end}"] for size, end in ends.items()}
        for size, end in ends.items():
            file_name = descriptions.file_name(about, size)
            assert sources.ADDRESS.format(file_name) == known[f"url{end}"]


@pytest.mark.parametrize("about", DESCRIPTIONS.values(), ids=list(DESCRIPTIONS))
@pytest.mark.parametrize("size", [28, 64])
def test_a_named_file_or_its_folder_is_read_as_it_is(about, size, tmp_path):
    path, drawn = _file(tmp_path, about, size), phantom(size, about)
    for given in (path, tmp_path):
        loaded = data.load(size, str(given), about.name)
        assert (loaded.source, loaded.location, loaded.published) == ("file", str(path), False)
        assert (loaded.about, loaded.size, loaded.order) == (about, size, drawn.order)
        assert loaded.fingerprint == drawn.fingerprint
        assert loaded.counts() == drawn.counts()
        for name, split in loaded.splits.items():
            assert split.images.dtype == split.labels.dtype == np.uint8
            np.testing.assert_array_equal(split.labels, drawn.splits[name].labels)


def test_labels_are_1_for_what_is_looked_for_whatever_medmnist_calls_it(tmp_path):
    loaded = data.load(28, str(_file(tmp_path, BREAST)), "breastmnist")
    assert loaded.counts()["test"] == {"normal or benign": 70, "malignant": 26}


@pytest.mark.promise("data", "survived")
def test_a_path_with_spaces_and_umlauts_is_read(tmp_path):
    folder = tmp_path / "Röntgen bilder 肺"
    folder.mkdir()
    _file(folder)
    assert data.load(source=str(folder)).source == "file"


def test_the_environment_names_data_set_and_size(tmp_path, monkeypatch):
    monkeypatch.setenv("PNEUMO_DATA", str(_file(tmp_path)))
    assert data.load().location == str(tmp_path / "pneumoniamnist.npz")
    monkeypatch.setenv("PNEUMO_DATA", "phantom")
    monkeypatch.setenv("PNEUMO_DATASET", "BreastMNIST")
    monkeypatch.setenv("PNEUMO_SIZE", "64")
    loaded = data.load()
    assert loaded.is_phantom
    assert (loaded.about, loaded.train.images.shape[1:]) == (BREAST, (64, 64))


def test_only_another_set_or_size_has_a_label_and_options():
    assert descriptions.label(PNEUMONIA, 28) == descriptions.options(PNEUMONIA, 28) == ""
    assert descriptions.options(BREAST, 64) == " --dataset breastmnist --size 64"


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
    with pytest.raises(DataError, match=said):
        data.load(size, "phantom", name)


def test_the_same_file_under_another_name_is_other_data_with_other_runs(tmp_path, study):
    path = str(_file(tmp_path, BREAST))
    right, wrong = data.load(28, path, "breastmnist"), data.load(28, path)
    recipe = study.models[0].recipe
    assert right.fingerprint != wrong.fingerprint
    assert run_key(recipe, 0, right, None) != run_key(recipe, 0, wrong, None)


def test_no_two_phantoms_are_the_same_data():
    drawn = {
        phantom(size, about).fingerprint for about in DESCRIPTIONS.values() for size in (28, 64)
    }
    assert len(drawn) == 4


@pytest.mark.promise("data", "found")
@pytest.mark.parametrize("given", ["no/such/folder", "no/such/file.npz"])
def test_a_wrong_path_is_named_and_never_replaced(given):
    with pytest.raises(DataError, match=f"no data at {given}.*--data and PNEUMO_DATA"):
        data.load(source=given)


@pytest.mark.promise("data", "found")
def test_a_folder_without_the_file_of_the_set_and_size_is_refused(tmp_path):
    _file(tmp_path, BREAST, 64)
    with pytest.raises(DataError, match=r"no data at .*the folder that holds breastmnist\.npz"):
        data.load(28, str(tmp_path), "breastmnist")


@pytest.mark.parametrize("asked", ["pneumoniamnist", "breastmnist"])
def test_a_published_file_is_known_by_its_digest_and_refused_under_another_name(
    asked, tmp_path, monkeypatch
):
    path = _file(tmp_path, BREAST, 64)
    _publish(monkeypatch, path.read_bytes(), BREAST, 64)
    assert data.load(64, str(path), "breastmnist").published
    with pytest.raises(DataError, match=r"is BreastMNIST at 64 pixels, not .*--size 64"):
        data.load(28, str(path), asked)


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
def test_a_cache_that_is_no_file_is_named(no_home):
    (no_home / "pneumoniamnist.npz").mkdir()
    with pytest.raises(DataError, match=r"pneumoniamnist\.npz cannot be read .*delete it"):
        data.load()


def test_without_data_and_network_the_ways_to_go_on_are_named(no_home):
    with pytest.raises(DataError, match=r"host does not answer.*--data PATH.*--data phantom"):
        data.load()


@pytest.fixture
def published(no_home, host, monkeypatch):
    """MedMNIST's host, here, with a file of its own."""
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


@pytest.fixture
def given_up(no_home):
    """Checks that a download is given up for a reason, and leaves nothing that looks like a cache."""

    def check(reason):
        with pytest.raises(DataError) as raised:
            data.load()
        assert re.search(rf"was not downloaded \({reason}\); name a file", str(raised.value))
        assert list(no_home.iterdir()) == []

    return check


@pytest.mark.promise("hostile", "found")
def test_a_download_that_does_not_end_is_cut_off_where_the_images_would(published, given_up):
    published.endless.add("/file")
    given_up(r"https://localhost.* sends more than the 4,708,465 bytes that are expected")


@pytest.mark.promise("hostile", "found")
@pytest.mark.parametrize("address", ["http://127.0.0.1:9/file", "ftp://127.0.0.1:9/file"])
def test_a_download_that_leads_away_from_tls_is_refused(published, given_up, address):
    published.sent["/file"] = address
    given_up(f"{address} is not served over TLS .*")


@pytest.mark.promise("hostile", "found")
def test_a_download_of_other_content_is_refused(published, given_up):
    published.bodies["/file"] = b"something else"
    given_up("the MD5 of https://localhost.* is not the published one")


def test_a_download_that_breaks_off_says_why(published, given_up):
    published.bodies.clear()
    given_up("HTTPError: HTTP Error 503: Service Unavailable")


def test_importing_the_package_imports_no_heavy_library():
    code = (
        "import sys, pneumo.data\n"
        "print([m for m in ('torch', 'medmnist', 'sklearn', 'matplotlib') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def _tiny(labels=(0, 1, 1), values=(1, 2, 3)):
    images = np.array(values, np.uint8)[:, None, None] * np.ones((1, 2, 2), np.uint8)
    return Split(images, np.array(labels, np.uint8))


def test_the_fingerprint_does_not_depend_on_order():
    generator = np.random.default_rng(1)
    shuffled = {}
    for name, split in reversed(phantom().splits.items()):
        order = generator.permutation(len(split.labels))
        shuffled[name] = Split(split.images[order], split.labels[order])
    assert fingerprint(shuffled) == phantom().fingerprint


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


def _dataset(**splits) -> Dataset:
    return Dataset(**splits, source="file", fingerprint="", size=2, location="")


def test_the_audit_counts_what_is_there():
    found = audit(
        _dataset(
            # One image three times, once with another label; 1 is in validation, 9 in the test set.
            train=_tiny((0, 0, 1, 1), (1, 1, 1, 9)),
            val=_tiny((0, 1), (1, 2)),
            test=_tiny((0, 1, 1), (5, 9, 2)),
        )
    )
    assert [(s.name, s.images, s.distinct, s.duplicates) for s in found.splits] == [
        ("train", 4, 2, 2),
        ("val", 2, 2, 0),
        ("test", 3, 3, 0),
    ]
    assert found.shared == {("train", "val"): 1, ("train", "test"): 1, ("val", "test"): 1}
    assert (found.across, found.across_with_test, found.label_conflicts) == (3, 2, 1)


def test_an_image_that_is_in_all_three_splits_is_counted_once():
    found = audit(
        _dataset(train=_tiny((0, 1), (1, 2)), val=_tiny((0, 1), (1, 3)), test=_tiny((0, 1), (1, 4)))
    )
    assert set(found.shared.values()) == {1}
    assert (found.across, found.across_with_test) == (1, 1)


@pytest.mark.parametrize("about", DESCRIPTIONS.values(), ids=list(DESCRIPTIONS))
def test_the_report_says_all_of_it(about):
    drawn = phantom(64, about)
    text = "\n".join(report_lines(drawn))
    counts = [str(n) for split in drawn.counts().values() for n in split.values()]
    for said in (about.title, *about.classes, drawn.fingerprint, "64×64", *counts):
        assert said in text
    assert "0 images are in both train and test" in text
    assert text.endswith("synthetic phantom, not medical data")


def test_the_published_images_are_known_in_any_file(tmp_path, monkeypatch):
    path = str(_file(tmp_path))
    assert not data.load(source=path).published
    monkeypatch.setattr("pneumo.data.datasets.PUBLISHED", phantom().fingerprint)
    assert data.load(source=path).published
    assert PUBLISHED.startswith("b735afb1651573a5f917fbbd")
