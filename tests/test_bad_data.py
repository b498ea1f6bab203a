"""Invalid image files: each is refused in one line, and no code in it runs."""

import io
import os
import pickle
import re
import struct
import tracemalloc
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from pneumo.commands.main import main
from pneumo.data import DataError, datasets


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
        (
            "val_labels",
            lambda a, _: np.full_like(a, 7),
            r"val_labels: expected 0 or 1, found \[7\]",
        ),
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
def test_a_directory_that_claims_more_than_the_file_can_hold_is_refused(
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
def test_a_changed_byte_anywhere_is_refused_or_changes_nothing(arrays, tmp_path, storm):
    path = _save(tmp_path / "changed.npz", {name: array[:40] for name, array in arrays.items()})
    sound, expected = path.read_bytes(), datasets.load(source=str(path)).fingerprint
    places = np.random.default_rng(0).integers(0, len(sound), 60).tolist()
    places += range(len(sound) - 400, len(sound), 4)  # the directory
    for place in storm(places, 30):
        changed = bytearray(sound)
        changed[place] ^= 0xFF
        path.write_bytes(changed)
        with suppress(DataError):
            assert datasets.load(source=str(path)).fingerprint == expected
