"""Files and folders are written atomically, checksums tell damage, and a host is asked over TLS alone."""

import io
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pneumo.base import checksums, storage
from pneumo.base.checksums import DamageError, OtherVersionError
from pneumo.base.network import NetworkError, answers, read
from pneumo.base.storage import StorageError


def killed(function):
    """Do it in a process that is killed at its end."""
    number = os.fork()
    if number == 0:
        try:
            function()
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]) == -signal.SIGKILL


def names(folder):
    """Everything below it."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.fixture
def site(tmp_path):
    """A folder that is to be renewed."""
    with storage.renewed(tmp_path / "site") as new:
        (new / "old").touch()
    return tmp_path / "site"


@pytest.mark.promise("killed", "survived")
def test_what_a_killed_writer_left_is_written_over(tmp_path):
    path = tmp_path / "file"
    storage.write(path, b"before")

    def die():
        sys.addaudithook(lambda event, _: event == "os.rename" and os.kill(os.getpid(), 9))
        storage.write(path, b"a long half")

    killed(die)
    assert path.read_bytes() == b"before"
    assert len(names(tmp_path)) == 2
    storage.write(path, b"after")
    assert path.read_bytes() == b"after"
    assert names(tmp_path) == ["file"]


@pytest.mark.promise("killed", "survived")
def test_the_old_folder_stands_until_the_new_one_does_and_what_was_killed_is_cleared(site):
    def die():
        with storage.renewed(site) as new:
            (new / "half").touch()
            assert names(site) == ["old"]
            os.kill(os.getpid(), signal.SIGKILL)

    killed(die)
    assert names(site) == ["old"]
    assert names(site.parent) == ["site", "site.being-made", "site.being-made/half", "site/old"]
    with storage.renewed(site) as new:
        assert names(new) == []
        (new / "new").touch()
    assert names(site.parent) == ["site", "site/new"]


@pytest.mark.promise("killed", "survived")
def test_where_folders_can_not_be_exchanged_the_next_call_puts_the_old_one_back(site, monkeypatch):
    monkeypatch.setattr(sys, "platform", "another system")
    with storage.renewed(site) as new:
        (new / "new").touch()
    assert names(site.parent) == ["site", "site/new"]
    # As it is where a process is killed between the two renamings.
    site.rename(site.with_name("site.replaced"))
    with storage.renewed(site) as new:
        assert names(site) == ["new"]
        (new / "newer").touch()
    assert names(site.parent) == ["site", "site/newer"]


@pytest.mark.promise("killed", "survived")
def test_a_temporary_folder_of_a_killed_process_is_cleared_by_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def die():
        with storage.scratch("test") as folder:
            (folder / "file").touch()
            os.kill(os.getpid(), signal.SIGKILL)

    (tmp_path / "pneumo-other-1").mkdir()
    with storage.scratch("test") as alive:
        killed(die)
        assert len(names(tmp_path)) == 4
        with storage.scratch("test") as mine:
            assert names(tmp_path) == sorted(["pneumo-other-1", alive.name, mine.name])
    assert names(tmp_path) == ["pneumo-other-1"]


@pytest.mark.promise("full", "found")
def test_a_file_where_a_folder_is_needed_is_named(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "new", tmp_path / "file" / "deep" / "new"):
        with pytest.raises(StorageError, match=f"{tmp_path / 'file'}.* a file is where a folder"):
            storage.write(path, b"")


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
def test_every_bit_counts_and_so_does_every_byte_that_is_missing(raw, read, sample):
    places = [(place, bit) for place in range(len(raw)) for bit in range(8)]
    for place, bit in sample(places, 50):
        changed = bytearray(raw)
        changed[place] ^= 1 << bit
        with pytest.raises(DamageError):
            read(bytes(changed), "here")
    for length in sample(range(len(raw)), 20):
        with pytest.raises(DamageError):
            read(raw[:length], "here")


@pytest.mark.promise("damage", "found")
@each_form
def test_a_file_that_goes_on_or_has_another_name_is_refused(raw, read, sample):
    for changed, about in sample([(raw + b"\n", "here"), (raw + b"{}", "here"), (raw, "there")]):
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


@pytest.mark.parametrize("status", [200, 403, 405, 500])
def test_a_refusal_is_an_answer(host, status):
    host.status = status
    assert answers(host.url)


@pytest.mark.promise("hostile", "found")
@pytest.mark.parametrize("ends", [True, False])
def test_a_host_that_sends_more_than_is_expected_is_cut_off(host, ends):
    host.bodies["/file"] = bytes(10_001)
    if not ends:
        host.endless.add("/file")
    with pytest.raises(NetworkError, match="sends more than the 10,000 bytes"):
        read(f"{host.url}/file", 10_000)
    if ends:
        assert read(f"{host.url}/file", 10_001) == bytes(10_001)


@pytest.mark.promise("hostile", "found")
@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9/", "ftp://127.0.0.1:9/", "file:///etc/hosts"]
)
def test_what_is_not_of_tls_is_not_asked(address, monkeypatch):
    for name in ("http_proxy", "ftp_proxy"):  # which must not be asked for it over TLS, either
        monkeypatch.setenv(name, "https://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(NetworkError, match="is not served over TLS"):
        read(address, 100)


@pytest.mark.promise("hostile", "found")
def test_nobody_is_sent_from_tls_to_plain_http(host):
    host.sent["/file"] = "http://127.0.0.1:9/"
    with pytest.raises(NetworkError, match="is not served over TLS"):
        read(f"{host.url}/file", 100)


@pytest.mark.promise("hostile", "found")
def test_a_host_with_a_certificate_that_nobody_signed_is_not_read(host, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    host.bodies["/file"] = b"content"
    with pytest.raises(NetworkError, match="CERTIFICATE_VERIFY_FAILED"):
        read(f"{host.url}/file", 100)


def test_the_reason_of_a_failure_is_its_first_error():
    with pytest.raises(NetworkError, match=r"^ConnectionRefusedError: \[Errno 111\]"):
        read("https://127.0.0.1:9/", 100)


def test_a_shell_gets_the_answer_as_an_exit_status(host):
    command = [sys.executable, "-m", "pneumo.base.network"]
    assert subprocess.run([*command, host.url], check=False).returncode == 0
    assert subprocess.run([*command, "http://127.0.0.1:9/"], check=False).returncode == 1
