"""Other sets and sizes: named, found, turned round, never taken for one another."""

import hashlib
import runpy
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from pneumo.data import descriptions, sets
from pneumo.data.descriptions import BREAST, PNEUMONIA
from pneumo.data.sets import DataError
from pneumo.training.runs import run_key


@pytest.fixture
def no_home(tmp_path, monkeypatch):
    """A home without MedMNIST's cache."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def _file(folder: Path, about=BREAST, size=28, swap=True) -> Path:
    """A set's phantom as MedMNIST would publish it: with its own labels."""
    arrays = {}
    for name, split in descriptions.phantom(about, size).splits.items():
        labels = 1 - split.labels if swap else split.labels
        arrays |= {f"{name}_images": split.images, f"{name}_labels": labels[:, None]}
    path = folder / descriptions._file_name(about, size)
    np.savez(path, **arrays)
    return path


def _publish(monkeypatch, path: Path, about, size: int) -> None:
    """As if a file were the one that MedMNIST publishes."""
    table = {name: dict(info) for name, info in descriptions._medmnist().items()}
    digest = hashlib.md5(path.read_bytes()).hexdigest()
    table[about.name]["MD5" + descriptions._suffix(size)] = digest
    monkeypatch.setattr(descriptions, "_medmnist", lambda: table)


def test_the_sets_are_all_the_binary_ones_of_2d_images_that_medmnist_has():
    (folder,) = find_spec("medmnist").submodule_search_locations
    info = runpy.run_path(str(Path(folder) / "info.py"))["INFO"]
    binary = {
        name: one
        for name, one in info.items()
        if one["task"] == "binary-class" and not name.endswith("3d")
    }
    assert set(descriptions.DESCRIPTIONS) == set(binary)
    for name, about in descriptions.DESCRIPTIONS.items():
        assert about.title == binary[name]["python_class"]
        assert binary[name]["n_channels"] == 1
        # What is looked for is the class that MedMNIST calls so, under whatever number.
        assert binary[name]["label"]["0" if about.swapped else "1"] == about.positive
        assert set(about.phrases) == set() or about.book


def test_without_a_word_the_set_is_pneumoniamnist_as_data_finds_it():
    loaded = descriptions.load(source="phantom")
    assert (type(loaded), loaded.fingerprint) == (sets.Dataset, sets.phantom().fingerprint)
    assert descriptions.describe(loaded) is PNEUMONIA
    assert descriptions.label(PNEUMONIA, 28) == descriptions.options(PNEUMONIA, 28) == ""


def test_the_environment_names_set_and_size(monkeypatch):
    monkeypatch.setenv("PNEUMO_DATASET", "BreastMNIST")
    monkeypatch.setenv("PNEUMO_SIZE", "64")
    loaded = descriptions.load(source="phantom")
    assert (descriptions.describe(loaded), loaded.size) == (BREAST, 64)
    assert loaded.train.images.shape[1:] == (64, 64)
    assert descriptions.options(BREAST, 64) == " --dataset breastmnist --size 64"


@pytest.mark.parametrize(
    ("name", "size", "said"),
    [
        (
            "chestmnist",
            28,
            "no data set is called 'chestmnist'; there are: pneumoniamnist, breastmnist",
        ),
        ("breastmnist", 50, "BreastMNIST at 28, 64, 128, 224 pixels, not at 50"),
    ],
)
def test_what_nobody_publishes_is_refused_with_what_there_is(name, size, said):
    with pytest.raises(DataError, match=said):
        descriptions.choose(name, size)


def test_a_size_that_is_no_number_is_refused(monkeypatch):
    monkeypatch.setenv("PNEUMO_SIZE", "large")
    with pytest.raises(DataError, match="a size is a number of pixels; found 'large'"):
        descriptions.choose()


@pytest.mark.parametrize("size", [28, 64, 128, 224])
def test_labels_are_1_for_what_is_looked_for_whatever_medmnist_calls_it(size, tmp_path):
    drawn = descriptions.phantom(BREAST, size)
    loaded = descriptions.load("breastmnist", size, str(_file(tmp_path, BREAST, size)))
    np.testing.assert_array_equal(loaded.test.labels, drawn.test.labels)
    assert loaded.fingerprint == drawn.fingerprint
    assert loaded.counts()["test"] == {"normal or benign": 70, "malignant": 26}
    assert (loaded.source, loaded.is_published, loaded.size) == ("file", False, size)
    assert loaded.train.images.dtype == np.uint8


def test_the_same_file_under_another_name_is_other_data_with_other_runs(tmp_path, study):
    path = str(_file(tmp_path))
    right, wrong = descriptions.load("breastmnist", 28, path), descriptions.load(None, 28, path)
    assert right.fingerprint != wrong.fingerprint
    recipe = study.models[0].recipe
    assert run_key(recipe, 0, right, None) != run_key(recipe, 0, wrong, None)


def test_no_two_phantoms_are_the_same_data():
    prints = {
        descriptions.load(name, size, "phantom").fingerprint
        for name in descriptions.DESCRIPTIONS
        for size in (28, 64)
    }
    assert len(prints) == 2 * len(descriptions.DESCRIPTIONS)


def test_a_folder_is_asked_for_the_file_of_the_set_and_size(tmp_path):
    _file(tmp_path, BREAST, 64)
    loaded = descriptions.load("breastmnist", 64, str(tmp_path))
    assert loaded.location == str(tmp_path / "breastmnist_64.npz")
    with pytest.raises(DataError, match=r"the folder that holds breastmnist\.npz"):
        descriptions.load("breastmnist", 28, str(tmp_path))


def test_a_published_file_is_known_by_its_digest(tmp_path, monkeypatch):
    path = _file(tmp_path, BREAST, 64)
    _publish(monkeypatch, path, BREAST, 64)
    assert descriptions.load("breastmnist", 64, str(path)).is_published


@pytest.mark.parametrize("asked", [("pneumoniamnist", 28), ("breastmnist", 28)])
def test_a_published_file_of_another_set_or_size_is_refused_by_name(asked, tmp_path, monkeypatch):
    path = _file(tmp_path, BREAST, 64)
    _publish(monkeypatch, path, BREAST, 64)
    with pytest.raises(
        DataError, match=r"is BreastMNIST at 64 pixels, not .*--dataset breastmnist --size 64"
    ):
        descriptions.load(*asked, str(path))


def test_a_sound_cache_is_used_and_a_damaged_one_refused(no_home, monkeypatch):
    (no_home / ".medmnist").mkdir()
    path = _file(no_home / ".medmnist")
    with pytest.raises(DataError, match=r"breastmnist\.npz is damaged.*delete it"):
        descriptions.load("breastmnist")
    _publish(monkeypatch, path, BREAST, 28)
    loaded = descriptions.load("breastmnist")
    assert (loaded.source, loaded.is_published) == ("cache", True)


def test_without_data_and_network_the_sets_own_phantom_is_drawn_and_said(no_home, capsys):
    loaded = descriptions.load("breastmnist", 64)
    assert loaded.is_phantom
    assert descriptions.describe(loaded) is BREAST
    assert "MedMNIST's host does not answer: phantom" in capsys.readouterr().err


def test_a_download_that_fails_leaves_nothing_that_looks_like_a_cache(no_home, capsys, monkeypatch):
    monkeypatch.setattr(sets, "answers", lambda url: True)
    assert descriptions.load("breastmnist").is_phantom
    assert "MedMNIST's download failed (" in capsys.readouterr().err
    assert list((no_home / ".medmnist").iterdir()) == []


def test_the_report_says_set_size_and_counts():
    text = "\n".join(descriptions.report_lines(descriptions.phantom(BREAST, 64)))
    for said in ("BreastMNIST", "64×64", "normal or benign", "malignant", "synthetic phantom"):
        assert said in text
    assert descriptions.report_lines(sets.phantom()) == sets.report_lines(sets.phantom())


def test_importing_the_module_imports_no_heavy_library():
    code = (
        "import sys, pneumo.datasets\n"
        "print([m for m in ('torch', 'medmnist', 'sklearn', 'matplotlib') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
