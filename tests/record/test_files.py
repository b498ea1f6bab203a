"""A record on disk: whole or not there, each file known by its checksum; its frames and its images."""

import json
import math
import subprocess
from dataclasses import dataclass

import numpy as np
import pytest

from pneumo.base import checksums, storage
from pneumo.base.storage import StorageError
from pneumo.record import (
    Estimate,
    Frame,
    Part,
    RecordError,
    check,
    copy,
    frame,
    images,
    read,
    write,
)
from pneumo.record.answers import Mean, Metrics
from pneumo.record.files import BESIDE, SCHEMA, SUMS
from pneumo.record.frames import FrameError, from_csv, to_csv
from pneumo.record.plain import from_plain

ANSWERS = {
    "study": {"name": "tests"},
    "profile": "tests",
    "data": {"dataset": "pneumoniamnist", "size": 28, "fingerprint": "0" * 64},
    "provenance": {"pneumo": "0", "runs": []},
    "written": "2024-01-01",
}
SPEEDS = frame([{"model": "a", "speed": 2.5}], {"speed": "ms"}, ["a-s0-0123456789ab"])


@pytest.fixture
def small(tmp_path):
    """A record of one table, one array and one more file."""
    part = Part(ANSWERS, tables={"tbl-speeds": SPEEDS}, arrays={"maps/a": np.eye(3)})
    return write(tmp_path / "record", [part], {"labels.csv": b"split,index,label,sha256\n"})


def test_checksums_are_of_every_other_file_and_any_program_reads_them(record):
    files = {path for path in record.path.rglob("*") if path.is_file()} - {record.path / SUMS}
    assert set(record.sums) == {path.relative_to(record.path).as_posix() for path in files}
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", SUMS], cwd=record.path, capture_output=True
    )
    assert (done.returncode, done.stdout) == (0, b"")


def test_no_image_and_no_weights_are_in_a_record(record, study):
    stored = [record.maps[name].tobytes() for name in record.maps]
    stored += [path.read_bytes() for path in record.path.rglob("*.[!n]*") if path.is_file()]
    for split in study.data.splits.values():
        for image in split.images:
            assert not any(image.tobytes() in content for content in stored)
    assert not list(record.path.rglob("*.safetensors"))
    assert sum(path.stat().st_size for path in record.path.rglob("*")) < 2e6


@pytest.mark.promise("damage", "found")
def test_a_damaged_file_is_named_when_it_is_read(small):
    more = small.path / "tables" / "more.csv"
    more.touch()
    with pytest.raises(RecordError, match=r"more\.csv has no checksum"):
        check(small.path)
    more.unlink()
    (small.path / "tables" / "tbl-speeds.csv").write_text("model,speed [ms]\na,9.5\n")
    found = read(small.path)
    with pytest.raises(RecordError, match=r"tbl-speeds\.csv is damaged: its SHA-256"):
        found.table("tbl-speeds")
    for use in (check, lambda folder: copy(found, folder.with_name("copy"))):
        with pytest.raises(RecordError, match=r"tbl-speeds\.csv is damaged: its SHA-256"):
            use(small.path)
    assert not small.path.with_name("copy").exists()


@pytest.mark.promise("old", "found")
@pytest.mark.parametrize(
    ("schema", "told"),
    [(1, "an older version of pneumo .*; make the record again"), (99, "a newer .*; update")],
)
def test_a_record_of_another_version_is_refused(schema, told, small):
    file, sums = small.path / "results.json", small.path / SUMS
    assert small.results["schema"] == SCHEMA
    before = checksums.digest(file.read_bytes())
    file.write_text(json.dumps({**small.results, "schema": schema}))
    sums.write_text(sums.read_text().replace(before, checksums.digest(file.read_bytes())))
    with pytest.raises(RecordError, match=f"{file} was written by {told}"):
        read(small.path)


def test_a_record_is_replaced_whole_and_keeps_what_lies_beside_its_numbers(small):
    for name in BESIDE:
        (small.path / name).write_text(name)
    again = write(small.path, [Part(ANSWERS)], {})
    assert not (small.path / "tables").exists()
    assert {name for name in BESIDE if (small.path / name).read_text() == name} == set(BESIDE)
    assert not set(BESIDE) & set(again.sums)
    check(small.path)


@pytest.mark.promise("killed", "survived")
def test_an_error_while_it_is_written_leaves_the_old_record(small):
    before = {path: path.read_bytes() for path in small.path.rglob("*") if path.is_file()}
    with pytest.raises(StorageError, match="file is where a folder"), storage.reported():
        write(small.path, [Part(ANSWERS)], {"labels.csv": b"", "labels.csv/within": b""})
    assert {path: path.read_bytes() for path in small.path.rglob("*") if path.is_file()} == before
    assert [path.name for path in small.path.parent.iterdir()] == ["record"]


@pytest.mark.promise("damage", "found")
def test_a_folder_where_a_file_is_needed_is_named(small):
    path = small.path / "results.json"
    path.unlink()
    path.mkdir()
    words = f"^{path} can't be used: a folder is where"
    with pytest.raises(StorageError, match=words):
        storage.write(path, b"")
    with pytest.raises(StorageError, match=words), checksums.reading(path, RecordError, "again"):
        path.read_bytes()


def test_what_a_record_lacks_or_cannot_take_is_named(small, tmp_path):
    (tmp_path / "thesis.txt").touch()
    for ask, told in (
        (lambda: write(tmp_path, [Part(ANSWERS)], {}), "holds something else than a record"),
        (
            lambda: write(small.path, [Part(ANSWERS), Part({"data": {}})], {}),
            "two parts of a record have answers called data",
        ),
        (lambda: small.claims, "has no claims; make the record again"),
        (lambda: small.profile, "study cannot be read"),
        (lambda: small.figure("fig-none"), r"has no figures/fig-none\.csv"),
        (lambda: read(tmp_path / "nowhere"), "no record in .*nowhere"),
    ):
        with pytest.raises(RecordError, match=told):
            ask()


@dataclass(frozen=True)
class Inner:
    """Numbers as a record holds them."""

    metrics: Metrics
    shares: tuple[float, ...]
    best: Mean | None = None


@dataclass(frozen=True)
class Outer:
    """A dataclass in a dataclass."""

    inner: dict[str, Inner]
    lowest: float
    notes: list[str]


def test_dataclasses_come_back_as_they_were_with_numbers_that_are_not_defined(tmp_path):
    inner = Inner({"auc": Estimate(0.5, 0.25, 0.75), "f1": Estimate(float("nan"))}, (0.1, 1e-17))
    asked = Outer({"a": inner}, float("nan"), ["é"])
    part = Part(
        {**ANSWERS, "asked": asked}, tables={"tbl-speeds": SPEEDS}, arrays={"maps/a": np.eye(3)}
    )
    found = write(tmp_path / "record", [part], {})
    table = found.table("tbl-speeds")
    assert (table["speed"].tolist(), table.units, table.runs) == ([2.5], SPEEDS.units, SPEEDS.runs)
    np.testing.assert_array_equal(found.maps["maps/a"], np.eye(3))
    told = json.loads((found.path / "results.json").read_text())["asked"]
    assert told["inner"]["a"]["metrics"]["auc"] == {"mean": 0.5, "low": 0.25, "high": 0.75}
    assert told["inner"]["a"]["metrics"]["f1"] == {"mean": None, "low": None, "high": None}
    assert told["lowest"] is None
    assert repr(from_plain(Outer, found.results["asked"])) == repr(asked)


def test_a_frame_comes_back_from_its_csv():
    rows = [
        {"model": "a", "auc": 0.1 + 0.2, "count": 3, "low": math.nan, "key": "0123", "commit": ""},
        {"model": "b, c", "auc": 1e-17, "count": 12, "low": -math.inf, "key": "45", "commit": ""},
    ]
    written = to_csv(frame(rows, {"auc": "share"}, ["run"]))
    assert written.splitlines()[0] == "model,auc [share],count,low,key [text],commit [text]"
    found = from_csv(written, ["run"])
    assert found["model"].tolist() == ["a", "b, c"]
    assert found["auc"].tolist() == [0.1 + 0.2, 1e-17]
    assert found["count"].tolist() == [3.0, 12.0]
    assert math.isnan(found["low"][0])
    assert found["low"][1] == -math.inf
    assert found["key"].tolist() == ["0123", "45"]  # text stays text
    assert found["commit"].tolist() == ["", ""]
    assert found.units == {"auc": "share", "key": "text", "commit": "text"}
    assert found.runs == ("run",)
    assert to_csv(found) == written


def test_rows_are_chosen_by_their_values():
    found = Frame({"model": ["a", "b", "a"], "seed": np.array([0, 0, 1])})
    assert found.where(model="a", seed=1)["seed"].tolist() == [1.0]
    assert found.distinct("model") == ["a", "b"]
    assert [row["seed"] for row in found.where(model="a").rows()] == [0.0, 1.0]


@pytest.mark.parametrize("make", [lambda: Frame({"a": [1], "b": []}), lambda: from_csv("a,b\n1\n")])
def test_columns_of_different_lengths_are_refused(make):
    with pytest.raises(FrameError):
        make()


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
