"""Asking a host before a download: an answer, a refusal, silence."""

import socket
import subprocess
import sys
import time

import pytest

from pneumo.base.network import NetworkError, answers, read


@pytest.mark.parametrize("status", [200, 403, 405, 500])
def test_a_refusal_is_an_answer(host, status):
    host.status = status
    assert answers(host.url)


def test_a_host_that_accepts_and_stays_silent_costs_the_time_allowed():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        assert not answers(f"http://127.0.0.1:{silent.getsockname()[1]}/", seconds=0.5)
        assert time.monotonic() - started < 5


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
