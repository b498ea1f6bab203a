"""Where data come from, what is refused and how, and what the audit finds."""

import hashlib
import io
import os
import pickle
import re
import struct
import subprocess
import sys
import tempfile
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from pneumo import data
from pneumo.cli import main
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


@pytest.mark.promise("data", "survived")
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


@pytest.mark.promise("data", "found")
@pytest.mark.parametrize("given", ["no/such/folder", "no/such/file.npz"])
def test_a_wrong_path_is_named_and_never_replaced(given):
    with pytest.raises(DataError, match=f"no data at {given}.*--data and PNEUMO_DATA"):
        data.load(source=given)


@pytest.mark.promise("data", "found")
def test_an_empty_folder_is_refused_with_the_file_that_it_lacks(tmp_path):
    with pytest.raises(DataError, match=r"no data at .*pneumoniamnist\.npz"):
        data.load(source=str(tmp_path))


@pytest.fixture
def refused(capsys):
    """Tells whether `pneumo data` refuses a file in one line, which has its path and a reason."""

    def check(path, message, *options):
        assert main(["data", "--data", str(path), *options]) == 1
        written = capsys.readouterr()
        assert written.out == ""
        (line,) = written.err.splitlines()
        assert line.startswith("pneumo: ")
        assert str(path) in line
        assert re.search(message, line), line

    return check


@pytest.mark.promise("data", "found")
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(arrays, tmp_path, share, refused):
    path = _save(tmp_path / "cut.npz", arrays)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    refused(path, "no readable .npz")


@pytest.mark.promise("data", "found")
def test_a_link_in_a_loop_is_refused(tmp_path, refused):
    (tmp_path / "loop.npz").symlink_to(tmp_path / "loop.npz")
    refused(tmp_path / "loop.npz", "no data at")


@pytest.mark.promise("data", "found")
@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path, make, refused):
    make(tmp_path / "odd.npz")
    refused(tmp_path / "odd.npz", "no data at .*name a .npz file")


@pytest.mark.promise("data", "found")
@pytest.mark.parametrize("given", ["~nobody-of-this-name/a.npz", f"{'long' * 99}.npz"])
def test_a_path_that_can_be_no_file_is_refused(given, refused):
    refused(given, "no data at .*name a .npz file")


@pytest.fixture
def nobody():
    """Who may read only what all may; root reads everything."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder():
    """A folder that everybody may enter."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.promise("data", "found")
def test_a_file_that_may_not_be_read_is_refused(arrays, open_folder, refused, request):
    path = _save(open_folder / "locked.npz", arrays)
    path.chmod(0)
    request.getfixturevalue("nobody")
    refused(path, r"cannot be read \(Permission denied\)")


@pytest.mark.promise("data", "found")
def test_a_file_in_a_folder_that_may_not_be_entered_is_refused(
    arrays, open_folder, refused, request
):
    (open_folder / "locked").mkdir()
    path = _save(open_folder / "locked" / "data.npz", arrays)
    path.parent.chmod(0)
    request.getfixturevalue("nobody")
    try:
        refused(path, r"\(Permission denied\)")
    finally:
        if os.getuid():
            path.parent.chmod(0o755)


@pytest.mark.promise("data", "found")
@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 nor this"])
def test_what_is_no_zip_is_refused(tmp_path, content, refused):
    (tmp_path / "odd.npz").write_bytes(content)
    refused(tmp_path / "odd.npz", "no readable .npz")


@pytest.mark.promise("data", "found")
@pytest.mark.parametrize("name", NAMES)
def test_a_missing_array_is_named(arrays, tmp_path, name, refused):
    del arrays[name]
    refused(_save(tmp_path / "less.npz", arrays), f"lacks {name}")


@pytest.fixture
def trap(tmp_path):
    """An object that makes a folder when it is unpickled."""

    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "sprung"),))

    pickle.loads(pickle.dumps(Trap()))
    (tmp_path / "sprung").rmdir()  # so it would
    yield Trap()
    assert not (tmp_path / "sprung").exists()


@pytest.mark.promise("data", "found")
@pytest.mark.parametrize("name", ["val_images", "test_labels"])
def test_a_pickled_object_is_never_opened(arrays, tmp_path, name, trap, refused):
    arrays[name] = np.array([trap], dtype=object)
    path = tmp_path / "trap.npz"
    np.savez(path, **arrays)
    refused(path, f"{name} holds Python objects, which are never unpickled")


@pytest.mark.promise("data", "found")
def test_a_pickled_field_is_never_opened(arrays, tmp_path, trap, refused):
    arrays["test_labels"] = np.array([(1, trap)], dtype=[("label", "u1"), ("note", "O")])
    refused(_save(tmp_path / "trap.npz", arrays), "never unpickled")


@pytest.mark.promise("data", "found")
def test_a_file_that_is_a_pickle_is_never_opened(tmp_path, trap, refused):
    (tmp_path / "trap.npz").write_bytes(pickle.dumps(trap))
    refused(tmp_path / "trap.npz", "no readable .npz")


@pytest.mark.promise("data", "found")
def test_images_of_another_size_are_refused_with_both_sizes(arrays, tmp_path, refused):
    arrays["test_images"] = arrays["test_images"][:, :20, :20]
    refused(_save(tmp_path / "a.npz", arrays), r"test_images: expected shape \(N, 28, 28\), found")


@pytest.mark.promise("data", "found")
def test_colour_images_are_refused(arrays, tmp_path, refused):
    arrays["val_images"] = np.stack([arrays["val_images"]] * 3, axis=-1)
    refused(_save(tmp_path / "a.npz", arrays), "val_images: expected shape")


@pytest.mark.promise("data", "found")
@pytest.mark.parametrize("fill", [np.nan, 0.5])
def test_images_of_another_type_are_refused(arrays, tmp_path, fill, refused):
    arrays["train_images"] = np.full(arrays["train_images"].shape, fill)
    refused(_save(tmp_path / "a.npz", arrays), "train_images: expected uint8, found float64")


@pytest.mark.promise("data", "found")
def test_labels_that_are_no_integers_are_refused(arrays, tmp_path, refused):
    arrays["train_labels"] = arrays["train_labels"].astype(float)
    refused(_save(tmp_path / "a.npz", arrays), "train_labels: expected integers, found float64")


@pytest.mark.promise("data", "found")
def test_labels_of_another_number_are_refused(arrays, tmp_path, refused):
    arrays["test_labels"] = arrays["test_labels"][:-1]
    refused(_save(tmp_path / "a.npz", arrays), r"test_labels: expected shape \(96, 1\)")


@pytest.mark.promise("data", "found")
def test_labels_outside_zero_and_one_are_refused_by_value(arrays, tmp_path, refused):
    arrays["val_labels"][0] = 7
    refused(_save(tmp_path / "a.npz", arrays), r"val_labels: expected 0 or 1, found \[7\]")


@pytest.mark.promise("data", "found")
def test_an_empty_split_is_refused(arrays, tmp_path, refused):
    arrays["val_images"], arrays["val_labels"] = arrays["val_images"][:0], arrays["val_labels"][:0]
    refused(_save(tmp_path / "a.npz", arrays), "val_images: expected at least one image")


@pytest.mark.promise("data", "found")
def test_a_split_with_one_class_is_refused_by_its_name(arrays, tmp_path, refused):
    arrays["val_labels"][:] = 1
    refused(_save(tmp_path / "a.npz", arrays), "both classes, found only pneumonia")


@pytest.mark.promise("damage", "found")
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


@pytest.fixture
def published(arrays, no_home, host, monkeypatch):
    """MedMNIST's host, here, with a file of its own; and the path of that."""
    medmnist = pytest.importorskip("medmnist")
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    table = medmnist.INFO["pneumoniamnist"]
    monkeypatch.setitem(table, "url", f"{host.url}/file")
    monkeypatch.setitem(table, "MD5", hashlib.md5(content.getvalue()).hexdigest())
    monkeypatch.setattr(data, "_medmnist_info", lambda: table)
    host.bodies["/file"] = content.getvalue()
    return host


def test_a_set_is_downloaded_into_medmnists_cache(published, phantom, no_home):
    loaded = data.load()
    assert (loaded.source, loaded.fingerprint) == ("download", phantom.fingerprint)
    assert [path.name for path in (no_home / ".medmnist").iterdir()] == ["pneumoniamnist.npz"]
    published.bodies.clear()
    assert data.load().source == "cache"


@pytest.fixture
def given_up(no_home, capsys):
    """Tells whether a download is given up for a reason, in a line, and leaves nothing."""

    def check(reason):
        assert data.load().is_phantom
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


def _header(shape, descr="|u1", length=None):
    """How an array's ``.npy`` begins; `length` is what it says of the length of its own description."""
    written = io.BytesIO()
    np.lib.format.write_array_header_2_0(
        written, {"descr": descr, "fortran_order": False, "shape": shape}
    )
    found = bytearray(written.getvalue())
    if length is not None:
        found[8:12] = struct.pack("<I", length)
    return bytes(found)


def _replaced(path, name, content):
    """The file with other bytes for one of its arrays, all compressed."""
    with zipfile.ZipFile(path) as old:
        members = {member: old.read(member) for member in old.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for member, own in (members | {f"{name}.npy": content}).items():
            new.writestr(member, own)
    return path


@pytest.fixture
def refused_at_once(refused):
    """Tells whether a file is refused before 8 MB are asked for, however much it claims."""

    def check(*arguments):
        tracemalloc.start()
        refused(*arguments)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 8e6

    return check


@pytest.mark.promise("data", "found")
def test_an_array_that_claims_more_than_its_member_holds_is_refused(
    arrays, tmp_path, refused_at_once
):
    path = _save(tmp_path / "bomb.npz", arrays)
    content = _header((10**9, 28, 28)) + bytes(1000)
    refused_at_once(
        _replaced(path, "train_images", content), "train_images claims 784.0 GB in its header"
    )


@pytest.mark.promise("data", "found")
def test_an_array_with_fewer_numbers_than_its_member_has_is_refused(arrays, tmp_path, refused):
    path = _save(tmp_path / "odd.npz", arrays)
    content = _header((5, 28, 28)) + bytes(6 * 28 * 28)
    refused(_replaced(path, "train_images", content), "train_images claims 3.9 kB in its header")


@pytest.mark.promise("data", "found")
def test_a_header_of_gigabytes_is_not_read(arrays, tmp_path, refused_at_once):
    path = _save(tmp_path / "bomb.npz", arrays)
    content = _header((9, 28, 28), length=2**32 - 1) + b" " * 80_000_000
    refused_at_once(_replaced(path, "train_images", content), "no readable .npz")


@pytest.mark.promise("data", "found")
@pytest.mark.parametrize("depth", [100, 4000])
def test_a_header_that_no_parser_stands_is_refused(arrays, tmp_path, depth, refused):
    path = _save(tmp_path / "deep.npz", arrays)
    text = b"(" * depth + b"1" + b")" * depth + b"\n"
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text
    refused(_replaced(path, "train_images", content), "no readable .npz")


@pytest.mark.promise("data", "found")
@pytest.mark.parametrize("way", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_directory_that_claims_more_than_the_file_can_hold_is_refused(
    arrays, tmp_path, way, refused_at_once
):
    path, shape = tmp_path / "bomb.npz", (5_000_000, 28, 28)  # 3.9 GB
    _save(path, arrays)
    with zipfile.ZipFile(path) as old:
        members = {member: old.read(member) for member in old.namelist()}
    members["train_images.npy"] = _header(shape) + bytes(28 * 28)
    with zipfile.ZipFile(path, "w", way) as new:
        for member, content in members.items():
            new.writestr(member, content)
        claimed = new.getinfo("train_images.npy")
        claimed.file_size = len(_header(shape)) + int(np.prod(shape))
        if way == zipfile.ZIP_STORED:
            claimed.compress_size = claimed.file_size
    refused_at_once(path, r"train_images claims 3\.9 GB, which a file of .* can't hold")


@pytest.mark.promise("data", "found")
def test_a_bomb_of_zeros_is_refused_before_it_is_unpacked(tmp_path, monkeypatch, refused_at_once):
    monkeypatch.setenv("PNEUMO_HOME", str(tmp_path / "store"))
    monkeypatch.setattr(data, "LARGE", 2**24)
    path = tmp_path / "bomb.npz"
    labels = np.array([0, 1] * 20_000, np.uint8)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for split in data.SPLITS:
            with archive.open(f"{split}_images.npy", "w") as member:
                member.write(_header((40_000, 28, 28)))
                for _ in range(40):
                    member.write(bytes(1000 * 28 * 28))
            archive.writestr(f"{split}_labels.npy", _header((40_000,)) + labels.tobytes())
    refused_at_once(path, r"train_images would unpack \d+\.\d kB to 31\.4 MB, as no images do")
    assert not (tmp_path / "store").exists()


@pytest.mark.promise("data", "found")
def test_an_encrypted_member_is_refused(arrays, tmp_path, refused):
    path = _save(tmp_path / "locked.npz", arrays)
    content = bytearray(path.read_bytes())
    entry = content.rindex(b"PK\x01\x02", 0, content.rindex(b"test_labels.npy"))
    content[entry + 8] |= 1
    path.write_bytes(content)
    refused(path, "test_labels is encrypted")


@pytest.mark.promise("hostile", "survived")
def test_names_in_a_file_can_not_steer_a_terminal(tmp_path, refused):
    path = tmp_path / "odd.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(200):
            archive.writestr(f"\x1b[2J\n{number}.npy", b"")
    refused(path, r"lacks train_images.*it holds \\x1b\[2J\\n0, .*, …")


@pytest.mark.promise("damage", "found")
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_changed_byte_of_any_array_is_found(arrays, tmp_path, save, refused, faults):
    path = tmp_path / "changed.npz"
    save(path, **arrays)
    sound = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        places = [
            info.header_offset + 60 + int(share * (info.compress_size - 20))
            for info in archive.infolist()
            for share in (0.1, 0.9)
        ]
    faults(len(places))
    for place in places:
        changed = bytearray(sound)
        changed[place] ^= 16
        path.write_bytes(changed)
        refused(path, "no readable .npz")


@pytest.mark.promise("data", "survived")
def test_a_changed_byte_anywhere_is_refused_or_changes_nothing(arrays, tmp_path, faults):
    path = _save(tmp_path / "changed.npz", {name: array[:40] for name, array in arrays.items()})
    sound, expected = path.read_bytes(), data.load(source=str(path)).fingerprint
    places = np.random.default_rng(0).integers(0, len(sound), 60).tolist()
    places += range(len(sound) - 400, len(sound), 4)  # the directory
    faults(len(places))
    for place in places:
        changed = bytearray(sound)
        changed[place] ^= 0xFF
        path.write_bytes(changed)
        try:
            found = data.load(source=str(path)).fingerprint
        except DataError as error:
            found = expected if len(str(error).splitlines()) == 1 else error
        assert found == expected


def test_a_size_that_nobody_publishes_is_refused_with_those_there_are(no_home):
    with pytest.raises(DataError, match="no images of 50 pixels, only of 28, 64, 128, 224"):
        data.load(50)


@pytest.mark.promise("data", "found")
def test_a_cache_that_is_no_file_is_named(no_home):
    path = no_home / ".medmnist" / "pneumoniamnist.npz"
    path.mkdir(parents=True)
    with pytest.raises(DataError, match=r"pneumoniamnist\.npz cannot be read .*delete it"):
        data.load()


def test_a_download_that_fails_leaves_nothing_that_looks_like_a_cache(no_home, monkeypatch):
    monkeypatch.setattr(data, "answers", lambda url: True)
    data.load()
    assert list((no_home / ".medmnist").iterdir()) == []
