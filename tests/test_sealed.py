"""Files with a checksum give their original content or an error."""

import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pneumo.base import checksums
from pneumo.base.checksums import DamageError, OtherVersionError

CONTENT = {"schema": 3, "name": "é", "numbers": [0.1, 1e-17, None, True], "none": {}}
JSON = checksums.text(CONTENT, "here").encode()
BODY = b"any bytes \x00\xff"
BYTES = BODY + checksums.seal(BODY, "here")
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)
READERS = {
    "JSON": (JSON, lambda raw, about: checksums.parse(raw, 3, about)),
    "bytes": (BYTES, checksums.verify),
}

each_form = pytest.mark.parametrize(("raw", "read"), READERS.values(), ids=READERS)


@given(st.dictionaries(st.text().filter(lambda name: name != "digest"), PLAIN), st.text())
def test_json_with_a_checksum_comes_back_as_it_was_written(content, about):
    told = {**content, "schema": 3}
    assert checksums.parse(checksums.text(told, about).encode(), 3, about) == told


def test_json_with_a_checksum_is_json_with_one_line_more():
    assert json.loads(JSON) == {"digest": json.loads(JSON)["digest"], **CONTENT}


@pytest.mark.promise("damage", "found")
@each_form
def test_every_bit_counts_and_so_does_every_byte_that_is_missing(raw, read, storm):
    places = [(place, bit) for place in range(len(raw)) for bit in range(8)]
    for place, bit in storm(places, 50):
        changed = bytearray(raw)
        changed[place] ^= 1 << bit
        with pytest.raises(DamageError):
            read(bytes(changed), "here")
    for length in storm(range(len(raw)), 20):
        with pytest.raises(DamageError):
            read(raw[:length], "here")


@pytest.mark.promise("damage", "found")
@each_form
def test_a_file_that_goes_on_or_has_another_name_is_refused(raw, read, storm):
    for changed, about in storm([(raw + b"\n", "here"), (raw + b"{}", "here"), (raw, "there")]):
        with pytest.raises(DamageError):
            read(changed, about)


def test_arrays_with_a_checksum_are_arrays_to_any_reader(tmp_path):
    path = tmp_path / "arrays.npz"
    buffer = io.BytesIO()
    np.savez_compressed(buffer, one=np.arange(3))
    path.write_bytes(buffer.getvalue() + checksums.seal(buffer.getbuffer()))
    assert np.load(path)["one"].tolist() == [0, 1, 2]


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
    assert raised.value.message("do this") == told


@pytest.mark.promise("damage", "found")
@pytest.mark.parametrize("schema", [None, True, "3", 3.0, [3], 3])
def test_what_has_no_checksum_and_no_other_schema_is_damaged(schema):
    with pytest.raises(DamageError):
        checksums.parse(json.dumps({"schema": schema}).encode(), 3)
