"""A record on disk: whole or not there, each file known by its checksum, and no image in it."""

import json
import subprocess
from dataclasses import dataclass

import numpy as np
import pytest

from pneumo.base import checksums, storage
from pneumo.base.storage import StorageError
from pneumo.record import Estimate, Part, RecordError, check, copy, frame, read, write
from pneumo.record.answers import Mean, Metrics
from pneumo.record.files import BESIDE, SCHEMA, SUMS
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
