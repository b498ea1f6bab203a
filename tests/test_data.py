"""Where data come from, what is refused and how, and what the audit finds."""

import hashlib
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from pneumo import data
from pneumo.data import DataError, Dataset, Split

NAMES = [f"{split}_{part}" for split in data.SPLITS for part in ("images", "labels")]


@pytest.fixture
def arrays(phantom):
    """A valid file's content: the phantom's, in MedMNIST's format."""
    content = {}
    for name, split in phantom.splits.items():
        content[f"{name}_images"] = split.images.copy()
        content[f"{name}_labels"] = split.labels[:, None].copy()
    return content


@pytest.fixture
def no_home(tmp_path, monkeypatch):
    """A home without MedMNIST's cache."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def _save(path: Path, content) -> Path:
    np.savez(path, **content)
    return path


def test_a_named_file_is_read_as_it_is(arrays, tmp_path, phantom):
    path = _save(tmp_path / "mine.npz", arrays)
    loaded = data.load(source=str(path))
    assert loaded.source == "file"
    assert loaded.location == str(path)
    for name, split in loaded.splits.items():
        np.testing.assert_array_equal(split.images, phantom.splits[name].images)
        np.testing.assert_array_equal(split.labels, phantom.splits[name].labels)


def test_a_folder_is_read_by_medmnists_file_name(arrays, tmp_path, phantom):
    _save(tmp_path / "pneumoniamnist.npz", arrays)
    assert data.load(source=str(tmp_path)).fingerprint == phantom.fingerprint


def test_a_larger_size_has_a_file_of_its_own(tmp_path):
    larger = data.phantom(64)
    content = {}
    for name, split in larger.splits.items():
        content |= {f"{name}_images": split.images, f"{name}_labels": split.labels[:, None]}
    _save(tmp_path / "pneumoniamnist_64.npz", content)
    assert data.load(64, str(tmp_path)).size == 64


def test_a_path_with_spaces_and_umlauts_is_read(arrays, tmp_path):
    folder = tmp_path / "Röntgen bilder 肺"
    folder.mkdir()
    _save(folder / "pneumoniamnist.npz", arrays)
    assert data.load(source=str(folder)).source == "file"


def test_the_environment_names_the_data(arrays, tmp_path, monkeypatch):
    path = _save(tmp_path / "named.npz", arrays)
    monkeypatch.setenv("PNEUMO_DATA", str(path))
    assert data.load().location == str(path)


def test_the_environment_can_ask_for_the_phantom(monkeypatch):
    monkeypatch.setenv("PNEUMO_DATA", "phantom")
    assert data.load().is_phantom


@pytest.mark.parametrize("given", ["no/such/folder", "no/such/file.npz"])
def test_a_wrong_path_is_named_and_never_replaced(given):
    with pytest.raises(DataError, match=f"no data at {given}.*--data and PNEUMO_DATA"):
        data.load(source=given)


def test_an_empty_folder_is_refused_with_the_file_that_it_lacks(tmp_path):
    with pytest.raises(DataError, match=r"no data at .*pneumoniamnist\.npz"):
        data.load(source=str(tmp_path))


def test_a_link_in_a_loop_is_refused(tmp_path):
    (tmp_path / "loop.npz").symlink_to(tmp_path / "loop.npz")
    with pytest.raises(DataError, match="loop"):
        data.load(source=str(tmp_path / "loop.npz"))


def _refused(path, message):
    with pytest.raises(DataError, match=message) as raised:
        data.load(source=str(path))
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_truncated_file_is_refused(arrays, tmp_path):
    path = _save(tmp_path / "cut.npz", arrays)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    _refused(path, "no readable .npz")


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 nor this"])
def test_what_is_no_zip_is_refused(tmp_path, content):
    (tmp_path / "odd.npz").write_bytes(content)
    _refused(tmp_path / "odd.npz", "no readable .npz")


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_array_is_named(arrays, tmp_path, name):
    del arrays[name]
    _refused(_save(tmp_path / "less.npz", arrays), f"lacks {name}")


def test_a_pickle_is_never_opened(arrays, tmp_path):
    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "sprung"),))

    arrays["val_images"] = np.array([Trap()], dtype=object)
    _refused(_save(tmp_path / "trap.npz", arrays), "no readable .npz")
    assert not (tmp_path / "sprung").exists()


def test_images_of_another_size_are_refused_with_both_sizes(arrays, tmp_path):
    arrays["test_images"] = arrays["test_images"][:, :20, :20]
    _refused(_save(tmp_path / "a.npz", arrays), r"test_images: expected shape \(N, 28, 28\), found")


def test_colour_images_are_refused(arrays, tmp_path):
    arrays["val_images"] = np.stack([arrays["val_images"]] * 3, axis=-1)
    _refused(_save(tmp_path / "a.npz", arrays), "val_images: expected shape")


@pytest.mark.parametrize("fill", [np.nan, 0.5])
def test_images_of_another_type_are_refused(arrays, tmp_path, fill):
    arrays["train_images"] = np.full(arrays["train_images"].shape, fill)
    _refused(_save(tmp_path / "a.npz", arrays), "train_images: expected uint8, found float64")


def test_labels_that_are_no_integers_are_refused(arrays, tmp_path):
    arrays["train_labels"] = arrays["train_labels"].astype(float)
    _refused(_save(tmp_path / "a.npz", arrays), "train_labels: expected integers, found float64")


def test_labels_of_another_number_are_refused(arrays, tmp_path):
    arrays["test_labels"] = arrays["test_labels"][:-1]
    _refused(_save(tmp_path / "a.npz", arrays), r"test_labels: expected shape \(96, 1\)")


def test_labels_outside_zero_and_one_are_refused_by_value(arrays, tmp_path):
    arrays["val_labels"][0] = 7
    _refused(_save(tmp_path / "a.npz", arrays), r"val_labels: expected 0 or 1, found \[7\]")


def test_an_empty_split_is_refused(arrays, tmp_path):
    arrays["val_images"], arrays["val_labels"] = arrays["val_images"][:0], arrays["val_labels"][:0]
    _refused(_save(tmp_path / "a.npz", arrays), "val_images: expected at least one image")


def test_a_split_with_one_class_is_refused_by_its_name(arrays, tmp_path):
    arrays["val_labels"][:] = 1
    _refused(_save(tmp_path / "a.npz", arrays), "both classes, found only pneumonia")


def test_a_damaged_cache_is_refused_with_the_way_forward(arrays, no_home):
    (no_home / ".medmnist").mkdir()
    path = _save(no_home / ".medmnist" / "pneumoniamnist.npz", arrays)
    with pytest.raises(DataError, match=r"damaged: its MD5 is .*delete it") as raised:
        data.load()
    assert str(path) in str(raised.value)


def test_a_sound_cache_is_used(arrays, no_home, monkeypatch):
    (no_home / ".medmnist").mkdir()
    path = _save(no_home / ".medmnist" / "pneumoniamnist.npz", arrays)
    published = dict(data._medmnist_info())
    published["MD5"] = hashlib.md5(path.read_bytes()).hexdigest()
    monkeypatch.setattr(data, "_medmnist_info", lambda: published)
    assert data.load().source == "cache"


def test_without_data_and_network_the_phantom_is_drawn_and_said(no_home, capsys):
    loaded = data.load()
    assert loaded.is_phantom
    assert capsys.readouterr().err == (
        "pneumo: no data given, and MedMNIST's host does not answer: phantom\n"
    )


def test_a_download_that_fails_ends_in_the_phantom_with_a_line(no_home, capsys, monkeypatch):
    monkeypatch.setattr(
        data, "answers", lambda url: True
    )  # the host answers, the download does not
    assert data.load().is_phantom
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("pneumo: MedMNIST's download failed (")
    assert line.endswith("): phantom")


def test_medmnists_own_table_names_address_and_digest():
    info = data._medmnist_info()
    assert info["url"].startswith("https://")
    assert info["MD5"] == "28209eda62fecd6e6a2d98b1501bb15f"


def test_importing_the_module_imports_no_heavy_library():
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


def test_the_fingerprint_is_what_its_formula_says():
    digests = sorted(
        hashlib.sha256(name.encode() + bytes([label]) + bytes([value] * 4)).hexdigest()
        for name in data.SPLITS
        for label, value in ((0, 1), (1, 2), (1, 3))
    )
    expected = hashlib.sha256("\n".join(digests).encode()).hexdigest()
    assert data.fingerprint(dict.fromkeys(data.SPLITS, _tiny())) == expected


def test_the_fingerprint_does_not_depend_on_order(phantom):
    generator = np.random.default_rng(1)
    shuffled = {}
    for name, split in reversed(phantom.splits.items()):
        order = generator.permutation(len(split.labels))
        shuffled[name] = Split(split.images[order], split.labels[order])
    assert data.fingerprint(shuffled) == phantom.fingerprint


@pytest.mark.parametrize("change", ["pixel", "label", "split"])
def test_the_fingerprint_changes_with_every_change(phantom, change):
    splits = dict(phantom.splits)
    images, labels = splits["val"].images.copy(), splits["val"].labels.copy()
    if change == "pixel":
        images[0, 0, 0] ^= 1
    elif change == "label":
        labels[0] ^= 1
    else:
        splits["test"] = splits["val"]
    splits["val"] = Split(images, labels)
    assert data.fingerprint(splits) != phantom.fingerprint


def _dataset(**splits) -> Dataset:
    return Dataset(**splits, source="file", fingerprint="", size=2, location="")


def test_the_audit_counts_what_is_there():
    found = data.audit(
        _dataset(
            train=_tiny(
                (0, 0, 1, 1), (1, 1, 1, 9)
            ),  # one image three times, once with another label
            val=_tiny((0, 1), (1, 2)),  # stands in training
            test=_tiny((0, 1, 1), (5, 9, 2)),  # 9 in training, 2 in validation
        )
    )
    assert [(s.name, s.images, s.distinct, s.duplicates) for s in found.splits] == [
        ("train", 4, 2, 2),
        ("val", 2, 2, 0),
        ("test", 3, 3, 0),
    ]
    assert found.shared == {("train", "val"): 1, ("train", "test"): 1, ("val", "test"): 1}
    assert found.into_test == 2
    assert found.label_conflicts == 1


def test_the_report_says_all_of_it(phantom):
    text = "\n".join(data.report_lines(phantom))
    assert phantom.fingerprint in text
    assert "synthetic phantom, not medical data" in text
    for count in (len(split.labels) for split in phantom.splits.values()):
        assert f"{count:,}" in text
    assert "0 images stand in both train and test" in text


def test_the_published_set_is_known_by_its_fingerprint(phantom):
    assert not phantom.is_published
    assert _dataset(train=_tiny(), val=_tiny(), test=_tiny()).is_published is False
    known = Dataset(_tiny(), _tiny(), _tiny(), "file", data.PUBLISHED, 2, "")
    assert known.is_published


def test_a_member_that_claims_more_than_it_holds_is_refused(arrays, tmp_path):
    path = _save(tmp_path / "bomb.npz", arrays)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (10**6, 28, 28)}
    )
    with zipfile.ZipFile(path) as old:
        members = {name: old.read(name) for name in old.namelist()}
    members["train_images.npy"] = header.getvalue() + b"\0" * 1000
    with zipfile.ZipFile(path, "w") as new:
        for name, content in members.items():
            new.writestr(name, content)
    _refused(path, "no readable .npz")


def test_a_size_that_nobody_publishes_is_refused_with_those_there_are(no_home):
    with pytest.raises(DataError, match="no images of 50 pixels, only of 28, 64, 128, 224"):
        data.load(50)


def test_a_cache_that_is_no_file_is_named(no_home):
    path = no_home / ".medmnist" / "pneumoniamnist.npz"
    path.mkdir(parents=True)
    with pytest.raises(DataError, match=r"pneumoniamnist\.npz cannot be read .*delete it"):
        data.load()


def test_a_download_that_fails_leaves_nothing_that_looks_like_a_cache(no_home, monkeypatch):
    monkeypatch.setattr(data, "answers", lambda url: True)
    data.load()
    assert list((no_home / ".medmnist").iterdir()) == []
