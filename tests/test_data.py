"""Where data come from, what is refused and how, and what the audit finds."""

import hashlib
import io
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pneumo.data import sets
from pneumo.data.sets import DataError, Dataset, Split


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
    loaded = sets.load(source=str(path))
    assert loaded.source == "file"
    assert loaded.location == str(path)
    for name, split in loaded.splits.items():
        np.testing.assert_array_equal(split.images, phantom.splits[name].images)
        np.testing.assert_array_equal(split.labels, phantom.splits[name].labels)


def test_a_folder_is_read_by_medmnists_file_name(arrays, tmp_path, phantom):
    _save(tmp_path / "pneumoniamnist.npz", arrays)
    assert sets.load(source=str(tmp_path)).fingerprint == phantom.fingerprint


def test_a_larger_size_has_a_file_of_its_own(tmp_path):
    larger = sets.phantom(64)
    content = {}
    for name, split in larger.splits.items():
        content |= {f"{name}_images": split.images, f"{name}_labels": split.labels[:, None]}
    _save(tmp_path / "pneumoniamnist_64.npz", content)
    assert sets.load(64, str(tmp_path)).size == 64


@pytest.mark.promise("data", "survived")
def test_a_path_with_spaces_and_umlauts_is_read(arrays, tmp_path):
    folder = tmp_path / "Röntgen bilder 肺"
    folder.mkdir()
    _save(folder / "pneumoniamnist.npz", arrays)
    assert sets.load(source=str(folder)).source == "file"


def test_the_environment_names_the_data(arrays, tmp_path, monkeypatch):
    path = _save(tmp_path / "named.npz", arrays)
    monkeypatch.setenv("PNEUMO_DATA", str(path))
    assert sets.load().location == str(path)


def test_the_environment_can_ask_for_the_phantom(monkeypatch):
    monkeypatch.setenv("PNEUMO_DATA", "phantom")
    assert sets.load().is_phantom


@pytest.mark.promise("data", "found")
@pytest.mark.parametrize("given", ["no/such/folder", "no/such/file.npz"])
def test_a_wrong_path_is_named_and_never_replaced(given):
    with pytest.raises(DataError, match=f"no data at {given}.*--data and PNEUMO_DATA"):
        sets.load(source=given)


@pytest.mark.promise("data", "found")
def test_an_empty_folder_is_refused_with_the_file_that_it_lacks(tmp_path):
    with pytest.raises(DataError, match=r"no data at .*pneumoniamnist\.npz"):
        sets.load(source=str(tmp_path))


@pytest.mark.promise("damage", "found")
def test_a_damaged_cache_is_refused_with_the_way_forward(arrays, no_home):
    (no_home / ".medmnist").mkdir()
    path = _save(no_home / ".medmnist" / "pneumoniamnist.npz", arrays)
    with pytest.raises(DataError, match=r"damaged: its MD5 is .*delete it") as raised:
        sets.load()
    assert str(path) in str(raised.value)


def test_a_sound_cache_is_used(arrays, no_home, monkeypatch):
    (no_home / ".medmnist").mkdir()
    path = _save(no_home / ".medmnist" / "pneumoniamnist.npz", arrays)
    published = dict(sets._medmnist_info())
    published["MD5"] = hashlib.md5(path.read_bytes()).hexdigest()
    monkeypatch.setattr(sets, "_medmnist_info", lambda: published)
    assert sets.load().source == "cache"


def test_without_data_and_network_the_phantom_is_drawn_and_said(no_home, capsys):
    loaded = sets.load()
    assert loaded.is_phantom
    assert capsys.readouterr().err == (
        "pneumo: no data given, and MedMNIST's host does not answer: phantom\n"
    )


def test_a_download_that_fails_ends_in_the_phantom_with_a_line(no_home, capsys, monkeypatch):
    monkeypatch.setattr(
        sets, "answers", lambda url: True
    )  # the host answers, the download does not
    assert sets.load().is_phantom
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("pneumo: MedMNIST's download failed (")
    assert line.endswith("): phantom")


@pytest.fixture
def published(arrays, no_home, host, monkeypatch):
    """MedMNIST's host, here, with a file of its own; and the path of that."""
    medmnist = pytest.importorskip("medmnist")
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    table = medmnist.INFO["pneumoniamnist"]
    monkeypatch.setitem(table, "url", f"{host.url}/file")
    monkeypatch.setitem(table, "MD5", hashlib.md5(content.getvalue()).hexdigest())
    monkeypatch.setattr(sets, "_medmnist_info", lambda: table)
    host.bodies["/file"] = content.getvalue()
    return host


def test_a_set_is_downloaded_into_medmnists_cache(published, phantom, no_home):
    loaded = sets.load()
    assert (loaded.source, loaded.fingerprint) == ("download", phantom.fingerprint)
    assert [path.name for path in (no_home / ".medmnist").iterdir()] == ["pneumoniamnist.npz"]
    published.bodies.clear()
    assert sets.load().source == "cache"


@pytest.fixture
def given_up(no_home, capsys):
    """Tells whether a download is given up for a reason, in a line, and leaves nothing."""

    def check(reason):
        assert sets.load().is_phantom
        line = capsys.readouterr().err.strip().splitlines()[-1]
        assert re.fullmatch(rf"pneumo: MedMNIST's download failed \({reason}\): phantom", line), (
            line
        )
        assert list((no_home / ".medmnist").iterdir()) == []

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
    given_up("RuntimeError: File not found or corrupted.")


def test_medmnists_own_table_names_address_and_digest():
    info = sets._medmnist_info()
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
        for name in sets.SPLITS
        for label, value in ((0, 1), (1, 2), (1, 3))
    )
    expected = hashlib.sha256("\n".join(digests).encode()).hexdigest()
    assert sets.fingerprint(dict.fromkeys(sets.SPLITS, _tiny())) == expected


def test_the_fingerprint_does_not_depend_on_order(phantom):
    generator = np.random.default_rng(1)
    shuffled = {}
    for name, split in reversed(phantom.splits.items()):
        order = generator.permutation(len(split.labels))
        shuffled[name] = Split(split.images[order], split.labels[order])
    assert sets.fingerprint(shuffled) == phantom.fingerprint


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
    assert sets.fingerprint(splits) != phantom.fingerprint


def _dataset(**splits) -> Dataset:
    return Dataset(**splits, source="file", fingerprint="", size=2, location="")


def test_the_audit_counts_what_is_there():
    found = sets.audit(
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
    text = "\n".join(sets.report_lines(phantom))
    assert phantom.fingerprint in text
    assert "synthetic phantom, not medical data" in text
    for count in (len(split.labels) for split in phantom.splits.values()):
        assert f"{count:,}" in text
    assert "0 images stand in both train and test" in text


def test_the_published_set_is_known_by_its_fingerprint(phantom):
    assert not phantom.is_published
    assert _dataset(train=_tiny(), val=_tiny(), test=_tiny()).is_published is False
    known = Dataset(_tiny(), _tiny(), _tiny(), "file", sets.PUBLISHED, 2, "")
    assert known.is_published


def test_a_size_that_nobody_publishes_is_refused_with_those_there_are(no_home):
    with pytest.raises(DataError, match="no images of 50 pixels, only of 28, 64, 128, 224"):
        sets.load(50)


@pytest.mark.promise("data", "found")
def test_a_cache_that_is_no_file_is_named(no_home):
    path = no_home / ".medmnist" / "pneumoniamnist.npz"
    path.mkdir(parents=True)
    with pytest.raises(DataError, match=r"pneumoniamnist\.npz cannot be read .*delete it"):
        sets.load()


def test_a_download_that_fails_leaves_nothing_that_looks_like_a_cache(no_home, monkeypatch):
    monkeypatch.setattr(sets, "answers", lambda url: True)
    sets.load()
    assert list((no_home / ".medmnist").iterdir()) == []
