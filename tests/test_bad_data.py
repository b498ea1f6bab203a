"""Files of images: invalid ones are refused in one line and run no code; large ones are mapped."""

import io
import os
import pickle
import re
import shutil
import struct
import tracemalloc
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pneumo.commands.main import main
from pneumo.data import DataError, datasets
from pneumo.data.phantom import draw_phantom


def _save(path: Path, content) -> Path:
    np.savez(path, **content)
    return path


@pytest.fixture
def refused(capsys):
    """Checks that `pneumo data` refuses a file in one line with its path and a reason."""

    def check(path, message, *options):
        assert main(["data", "--data", str(path), *options]) == 1
        written = capsys.readouterr()
        assert written.out == ""
        (line,) = written.err.splitlines()
        assert line.startswith("pneumo: ")
        assert str(path) in line
        assert re.search(message, line), line

    return check


@pytest.fixture
def trap(tmp_path):
    """An object that makes a folder when it is unpickled."""

    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "sprung"),))

    pickle.loads(pickle.dumps(Trap()))
    (tmp_path / "sprung").rmdir()  # the trap works
    yield Trap()
    assert not (tmp_path / "sprung").exists()


@pytest.mark.promise("data", "found")
@pytest.mark.parametrize(
    "given", ["~nobody-of-this-name/a.npz", f"{'long' * 99}.npz", "no/such/folder", "gone.npz"]
)
def test_a_path_that_can_be_no_file_is_refused(given, refused):
    refused(given, "no data at .*name a .npz file")


@pytest.mark.promise("data", "found")
@pytest.mark.parametrize(
    ("make", "told"),
    [
        (Path.mkdir, "no data at .*name a .npz file"),
        (os.mkfifo, "no data at .*name a .npz file"),
        (lambda path: path.symlink_to(path), "no data at"),
        (lambda path: path.write_bytes(b""), "not a readable .npz"),
        (lambda path: path.write_bytes(b"PK\x03\x04 nor this"), "not a readable .npz"),
    ],
    ids=["folder", "pipe", "loop", "empty", "no zip"],
)
def test_what_is_no_file_of_arrays_is_refused_and_not_waited_for(tmp_path, make, told, refused):
    make(tmp_path / "odd.npz")
    refused(tmp_path / "odd.npz", told)


@pytest.mark.promise("data", "found")
def test_a_truncated_file_and_a_pickle_are_refused(arrays, tmp_path, trap, refused):
    path = _save(tmp_path / "cut.npz", arrays)
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 10], whole[:-20], pickle.dumps(trap)):
        path.write_bytes(content)
        refused(path, "not a readable .npz")


@pytest.mark.promise("data", "found")
@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("train_images", lambda a, _: None, "lacks train_images"),
        ("test_labels", lambda a, _: None, "lacks test_labels"),
        ("val_images", lambda a, trap: np.array([trap], object), "objects, which are never unpick"),
        ("test_images", lambda a, _: a[:, :20, :20], r"test_images: expected shape \(N, 28, 28\)"),
        ("train_images", lambda a, _: a / 255, "train_images: expected uint8, found float64"),
        ("train_labels", lambda a, _: a.astype(float), "labels: expected integers, found float64"),
        ("test_labels", lambda a, _: a[:-1], r"test_labels: expected shape \(96, 1\)"),
        ("val_labels", lambda a, _: a * 0 + 7, r"val_labels: expected 0 or 1, found \[7\]"),
        ("val_labels", lambda a, _: a * 0 + 1, "expected both classes, found only pneumonia"),
    ],
)
def test_arrays_that_are_no_images_and_labels_are_refused_with_what_was_found(
    arrays, tmp_path, name, change, message, trap, refused
):
    array = change(arrays.pop(name), trap)
    arrays |= {} if array is None else {name: array}
    np.savez(tmp_path / "odd.npz", **arrays)
    refused(tmp_path / "odd.npz", message)


def _header(shape, descr="|u1", length=None):
    """The header of an array's ``.npy``; `length` is the stated length of its description."""
    written = io.BytesIO()
    np.lib.format.write_array_header_2_0(
        written, {"descr": descr, "fortran_order": False, "shape": shape}
    )
    found = bytearray(written.getvalue())
    if length is not None:
        found[8:12] = struct.pack("<I", length)
    return bytes(found)


def _replaced(path, name, content, way=zipfile.ZIP_DEFLATED):
    """The file with other bytes for one of its arrays."""
    with zipfile.ZipFile(path) as old:
        members = {member: old.read(member) for member in old.namelist()}
    with zipfile.ZipFile(path, "w", way) as new:
        for member, own in (members | {f"{name}.npy": content}).items():
            new.writestr(member, own)
    return path


@pytest.fixture
def refused_at_once(refused):
    """Checks that a file is refused before 8 MB are allocated, whatever size it claims."""

    def check(*arguments):
        tracemalloc.start()
        refused(*arguments)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 8e6

    return check


@pytest.mark.promise("data", "found")
def test_a_header_of_gigabytes_is_not_read(arrays, tmp_path, refused_at_once):
    path = _save(tmp_path / "bomb.npz", arrays)
    content = _header((9, 28, 28), length=2**32 - 1) + b" " * 80_000_000
    refused_at_once(_replaced(path, "train_images", content), "not a readable .npz")
    text = b"(" * 4000 + b"1" + b")" * 4000 + b"\n"  # too deep for any parser
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text
    refused_at_once(_replaced(path, "train_images", content), "not a readable .npz")


@pytest.mark.promise("data", "found")
@pytest.mark.parametrize("way", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_directory_that_claims_more_than_its_file_is_refused(
    arrays, tmp_path, way, refused_at_once
):
    shape = (5_000_000, 28, 28)  # 3.9 GB
    path = _save(tmp_path / "bomb.npz", arrays)
    _replaced(path, "train_images", _header(shape) + bytes(28 * 28), way)
    with zipfile.ZipFile(path, "a") as archive:
        claimed = archive.getinfo("train_images.npy")
        claimed.file_size = len(_header(shape)) + int(np.prod(shape))
        if way == zipfile.ZIP_STORED:
            claimed.compress_size = claimed.file_size
        archive.writestr("comment", b"")  # rewrites the directory
    refused_at_once(path, r"train_images claims 3\.9 GB, which a file of .* can't hold")


@pytest.mark.promise("data", "found")
def test_a_bomb_of_zeros_is_refused_before_it_is_unpacked(tmp_path, monkeypatch, refused_at_once):
    monkeypatch.setenv("PNEUMO_HOME", str(tmp_path / "store"))
    monkeypatch.setattr(datasets, "LARGE", 2**24)
    path = tmp_path / "bomb.npz"
    labels = np.array([0, 1] * 20_000, np.uint8)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for split in datasets.SPLITS:
            with archive.open(f"{split}_images.npy", "w") as member:
                member.write(_header((40_000, 28, 28)))
                for _ in range(40):
                    member.write(bytes(1000 * 28 * 28))
            archive.writestr(f"{split}_labels.npy", _header((40_000,)) + labels.tobytes())
    refused_at_once(path, r"train_images would unpack \d+\.\d kB to 31\.4 MB, as no images do")
    assert not (tmp_path / "store").exists()


@pytest.mark.promise("hostile", "survived")
def test_names_in_a_file_can_not_steer_a_terminal(tmp_path, refused):
    path = tmp_path / "odd.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(200):
            archive.writestr(f"\x1b[2J\n{number}.npy", b"")
    refused(path, r"lacks train_images.*it holds \\x1b\[2J\\n0, .*, …")


@pytest.mark.promise("data", "survived")
def test_a_changed_byte_anywhere_is_refused_or_changes_nothing(arrays, tmp_path, sample):
    path = _save(tmp_path / "changed.npz", {name: array[:40] for name, array in arrays.items()})
    sound, expected = path.read_bytes(), datasets.load(source=str(path)).fingerprint
    places = np.random.default_rng(0).integers(0, len(sound), 60).tolist()
    places += range(len(sound) - 400, len(sound), 4)  # the directory
    for place in sample(places, 30):
        changed = bytearray(sound)
        changed[place] ^= 0xFF
        path.write_bytes(changed)
        with suppress(DataError):
            assert datasets.load(source=str(path)).fingerprint == expected


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
    calls, ask = [], shutil.disk_usage  # before every unpacking
    monkeypatch.setattr(shutil, "disk_usage", lambda path: (calls.append(path), ask(path))[1])
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(datasets.load, [28] * 4, [str(files / "compressed.npz")] * 4))
    assert len({dataset.fingerprint for dataset in found}) == 1
    assert len(calls) == 1


@pytest.mark.promise("full", "found")
def test_a_set_that_the_disk_has_no_room_for_is_not_begun(files, large, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
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
