"""Sets too large for memory are mapped, or unpacked once, and give the same numbers."""

import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from ears import assert_same_bits

from pneumo.base import npz
from pneumo.commands.main import main
from pneumo.data import DataError, datasets
from pneumo.data.phantom import draw_phantom
from pneumo.training.recipes import RECIPES
from pneumo.training.train import train


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """One drawn set, stored and compressed."""
    folder = tmp_path_factory.mktemp("sets")
    arrays = {
        f"{split}_{what}": array
        for split, (images, labels) in draw_phantom().items()
        for what, array in (("images", images), ("labels", labels[:, None]))
    }
    np.savez(folder / "stored.npz", **arrays)
    np.savez_compressed(folder / "compressed.npz", **arrays)
    return folder


@pytest.fixture
def large(tmp_path, monkeypatch):
    """As if every set were a large one; the run store."""
    monkeypatch.setenv("PNEUMO_HOME", str(tmp_path / "store"))
    monkeypatch.setattr(datasets, "LARGE", 0)
    return tmp_path / "store"


def _is_mapped(array):
    while array is not None and not isinstance(array, np.memmap):
        array = getattr(array, "base", None)
    return array is not None


def _folders(store):
    return [path for path in (store / "data").glob("*") if path.is_dir()]


@pytest.mark.parametrize("name", ["stored.npz", "compressed.npz"])
def test_a_large_set_is_mapped_and_has_the_same_images(files, name, large, monkeypatch):
    mapped = datasets.load(source=str(files / name))
    monkeypatch.setattr(datasets, "LARGE", 2**28)
    read = datasets.load(source=str(files / name))
    for split in datasets.SPLITS:
        assert _is_mapped(mapped.splits[split].images)
        assert not _is_mapped(read.splits[split].images)
        assert type(mapped.splits[split].images) is np.ndarray
        assert mapped.splits[split].images.dtype == np.uint8
        np.testing.assert_array_equal(mapped.splits[split].images, read.splits[split].images)
        np.testing.assert_array_equal(mapped.splits[split].labels, read.splits[split].labels)
    assert mapped.fingerprint == read.fingerprint


@pytest.mark.promise("damage", "survived")
@pytest.mark.parametrize("damage", ["byte", "end", "file"])
def test_an_unpacked_copy_that_is_damaged_is_made_anew(files, large, damage):
    path = str(files / "compressed.npz")
    expected = datasets.load(source=path).fingerprint
    (folder,) = _folders(large)
    copy = folder / "val_images.npy"
    content = bytearray(copy.read_bytes())
    if damage == "file":
        copy.unlink()
    else:
        content[-100] ^= 1
        copy.write_bytes(content if damage == "byte" else content[:-1])
    assert datasets.load(source=path).fingerprint == expected


@pytest.mark.promise("damage", "found")
@pytest.mark.parametrize("name", ["stored.npz", "compressed.npz"])
def test_a_changed_byte_in_a_large_set_is_found(files, name, large, tmp_path, capsys):
    content = bytearray((files / name).read_bytes())
    with zipfile.ZipFile(files / name) as archive:
        member = archive.getinfo("test_images.npy")
    content[member.header_offset + member.compress_size // 2] ^= 4
    (tmp_path / name).write_bytes(content)
    assert main(["data", "--data", str(tmp_path / name)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert str(tmp_path / name) in line
    assert not _folders(large)  # nor a half of it


@pytest.mark.promise("killed", "survived")
def test_what_a_killed_process_unpacked_by_half_is_never_read(files, large):
    path = str(files / "compressed.npz")
    expected = datasets.load(source=path).fingerprint
    (folder,) = _folders(large)
    partial = folder.rename(folder.with_name(f"{folder.name}.being-made"))
    (partial / "test_images.npy").unlink()
    (partial / "val_images.npy").write_bytes(b"half")
    assert datasets.load(source=path).fingerprint == expected


@pytest.mark.promise("together", "survived")
def test_several_that_want_a_set_unpack_it_once(files, large, monkeypatch):
    calls, unpack = [], npz._unpack
    monkeypatch.setattr(npz, "_unpack", lambda *given: (calls.append(1), unpack(*given)))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(datasets.load, [28] * 4, [str(files / "compressed.npz")] * 4))
    assert len({dataset.fingerprint for dataset in found}) == 1
    assert len(calls) == 1


@pytest.mark.promise("full", "found")
def test_a_set_that_the_disk_has_no_room_for_is_not_begun(files, large, monkeypatch):
    monkeypatch.setattr(npz.shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    told = r"unpacks to 376\.\d kB in .*, where 1\.0 kB are free.*PNEUMO_HOME"
    with pytest.raises(DataError, match=told):
        datasets.load(source=str(files / "compressed.npz"))
    assert not _folders(large)


@pytest.mark.promise("full", "found")
def test_a_run_store_that_can_not_be_written_is_named(files, large):
    large.write_text("no folder")
    with pytest.raises(DataError, match=r"unpacked into .*: Not a directory; PNEUMO_HOME"):
        datasets.load(source=str(files / "compressed.npz"))


@pytest.mark.promise("data", "found")
def test_large_images_stored_by_columns_are_refused_with_what_to_do(files, large, tmp_path):
    with np.load(files / "stored.npz") as arrays:
        content = dict(arrays)
    content["train_images"] = np.asfortranarray(content["train_images"])
    np.savez(tmp_path / "columns.npz", **content)
    with pytest.raises(DataError, match=r"by columns; save numpy\.ascontiguousarray of it"):
        datasets.load(source=str(tmp_path / "columns.npz"))


def test_a_training_on_mapped_images_ends_with_the_same_numbers(
    files, large, monkeypatch, tmp_path
):
    recipe = replace(RECIPES["simple-cnn"], epochs=1, held_out=True, train_images=100)
    mapped = datasets.load(source=str(files / "compressed.npz"))
    monkeypatch.setattr(datasets, "LARGE", 2**28)
    read = datasets.load(source=str(files / "stored.npz"))
    one = train(recipe, 0, mapped, home=tmp_path / "one")
    other = train(recipe, 0, read, home=tmp_path / "other")
    assert one.key == other.key
    assert_same_bits(one, other)
    np.testing.assert_array_equal(one.explanation.maps, other.explanation.maps)
    np.testing.assert_array_equal(one.explanation.augmented, other.explanation.augmented)
