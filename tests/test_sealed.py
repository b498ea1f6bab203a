"""Seals: whatever becomes of a sealed file, it gives what was put into it or nothing."""

import io
import json
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pneumo.base import checksums
from pneumo.base.checksums import DamageError, OtherVersionError

CONTENT = {"schema": 3, "name": "é", "numbers": [0.1, 1e-17, None, True], "none": {}}
JSON = checksums.text(CONTENT, "here").encode()
BODY = b"any bytes \x00\xff"
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)


@given(st.dictionaries(st.text().filter(lambda name: name != "digest"), PLAIN), st.text())
def test_sealed_json_comes_back_as_it_was_written(content, about):
    told = {**content, "schema": 3}
    assert checksums.parse(checksums.text(told, about).encode(), 3, about) == told


def test_sealed_json_is_json_with_one_line_more():
    assert json.loads(JSON) == {"digest": json.loads(JSON)["digest"], **CONTENT}
    plain = json.dumps(CONTENT, indent=1, ensure_ascii=False).splitlines()
    assert JSON.decode().splitlines()[2:] == plain[1:]


@pytest.mark.promise("damage", "found")
def test_every_bit_of_sealed_json_counts(faults):
    faults(8 * len(JSON))
    for place in range(len(JSON)):
        for bit in range(8):
            changed = bytearray(JSON)
            changed[place] ^= 1 << bit
            with pytest.raises(DamageError):
                checksums.parse(bytes(changed), 3, "here")


@pytest.mark.promise("damage", "found")
def test_every_bit_of_sealed_bytes_counts(faults):
    raw = checksums.seal(BODY, "here")
    assert checksums.body(raw, "here") == BODY
    faults(8 * len(raw))
    for place in range(len(raw)):
        for bit in range(8):
            changed = bytearray(raw)
            changed[place] ^= 1 << bit
            with pytest.raises(DamageError, match="digest"):
                checksums.body(bytes(changed), "here")


@pytest.mark.promise("damage", "found")
def test_a_file_that_was_cut_off_or_goes_on_is_found(faults):
    raw = checksums.seal(BODY, "here")
    faults(len(JSON) + len(raw) + 2)
    for length in range(len(JSON)):
        with pytest.raises(DamageError):
            checksums.parse(JSON[:length], 3, "here")
    for length in range(len(raw)):
        with pytest.raises(DamageError):
            checksums.body(raw[:length], "here")
    for longer in (JSON + b"\n", JSON + b"{}"):
        with pytest.raises(DamageError):
            checksums.parse(longer, 3, "here")


@pytest.mark.promise("damage", "found")
def test_one_file_can_not_stand_in_for_another(faults):
    faults(2)
    with pytest.raises(DamageError, match="digest"):
        checksums.parse(JSON, 3, "there")
    with pytest.raises(DamageError, match="digest"):
        checksums.body(checksums.seal(BODY, "here"), "there")


def test_what_is_written_piece_by_piece_is_sealed_as_a_whole(tmp_path):
    path = tmp_path / "large"
    with path.open("wb") as file, checksums.sealing(file, "here") as writing:
        for _ in range(1000):
            writing.write(BODY)
    assert path.read_bytes() == checksums.seal(BODY * 1000, "here")


def test_sealed_arrays_are_arrays_to_any_reader(tmp_path):
    path = tmp_path / "arrays.npz"
    buffer = io.BytesIO()
    np.savez_compressed(buffer, one=np.arange(3))
    path.write_bytes(checksums.seal(buffer.getvalue()))
    assert np.load(path)["one"].tolist() == [0, 1, 2]
    assert zipfile.ZipFile(path).testzip() is None


@pytest.mark.promise("old", "found")
@pytest.mark.parametrize("write", [json.dumps, checksums.text], ids=["without a seal", "sealed"])
@pytest.mark.parametrize(
    ("schema", "told"),
    [
        (2, "was written by an older version of pneumo (schema 2, this one reads 3); do this"),
        (4, "was written by a newer version of pneumo (schema 4, this one reads 3); update pneumo"),
    ],
)
def test_another_versions_file_is_told_from_a_damaged_one(write, schema, told):
    with pytest.raises(OtherVersionError) as raised:
        checksums.parse(write({**CONTENT, "schema": schema}).encode(), 3)
    assert raised.value.told("do this") == told


@pytest.mark.promise("damage", "found")
@pytest.mark.parametrize("schema", [None, True, "3", 3.0, [3], 3])
def test_what_has_no_seal_and_no_other_schema_is_damaged(schema):
    with pytest.raises(DamageError):
        checksums.parse(json.dumps({"schema": schema}).encode(), 3)
