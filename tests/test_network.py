"""Asking a host before a download: an answer, a refusal, silence."""

import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from pneumo.network import answers, bounded


@pytest.fixture
def server():
    """A server on loopback that answers with a status of one's choice."""

    class Handler(BaseHTTPRequestHandler):
        status = 200

        def do_HEAD(self):
            self.send_response(self.status)
            self.end_headers()

        def log_message(self, *args):
            pass

    served = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{served.server_port}/", Handler
    served.shutdown()
    served.server_close()


def test_a_host_that_answers_answers(server):
    assert answers(server[0])


@pytest.mark.parametrize("status", [403, 405, 500])
def test_a_refusal_is_an_answer(server, status):
    server[1].status = status
    assert answers(server[0])


def test_a_closed_port_is_no_answer():
    assert not answers("http://127.0.0.1:9/")


def test_what_is_no_address_is_no_answer():
    assert not answers("no address")


def test_a_host_that_accepts_and_stays_silent_costs_the_time_allowed():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        assert not answers(f"http://127.0.0.1:{silent.getsockname()[1]}/", seconds=0.5)
        assert time.monotonic() - started < 5


def test_waits_are_bounded_meanwhile_and_as_before_afterwards():
    before = socket.getdefaulttimeout()
    with bounded(100, 3.0):
        assert socket.getdefaulttimeout() == 3.0
    assert socket.getdefaulttimeout() == before


def test_a_shell_gets_the_answer_as_an_exit_status(server):
    command = [sys.executable, "-m", "pneumo.network"]
    assert subprocess.run([*command, server[0]], check=False).returncode == 0
    assert subprocess.run([*command, "http://127.0.0.1:9/"], check=False).returncode == 1
