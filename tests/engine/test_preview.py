"""The preview: loopback only, nothing outside the site, a rebuild when a source changes."""

import http.client
import socket
import threading
import time
import urllib.error
import urllib.request

import pytest
from conftest import TEMPLATES

from report.engine import preview
from report.engine.errors import RenderError


@pytest.fixture
def site(tmp_path):
    """A served folder, and its address."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "index.html").write_text("front")
    (folder / "empty").mkdir()
    (tmp_path / "secret.txt").write_text("outside")
    server = preview.serve(folder, 0)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield folder, f"http://{preview.HOST}:{server.server_port}"
    server.shutdown()
    server.server_close()


def _get(address):
    with urllib.request.urlopen(address, timeout=10) as answer:
        return answer.read().decode(), answer.headers


def test_pages_are_served_and_never_kept_by_the_browser(site):
    text, headers = _get(f"{site[1]}/")
    assert text == "front"
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.promise("hostile", "survived")
def test_it_listens_on_loopback_alone():
    assert preview.HOST == "127.0.0.1"
    server = preview.serve(preview.Path("."), 0)
    assert server.server_address[0] == "127.0.0.1"
    server.server_close()


def _ask(address, method, path, **headers):
    """The status and the body of an answer to a request that is written as it is given."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=10)
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


OUTSIDE = [
    "/../secret.txt", "/%2e%2e/secret.txt", "/%2E%2E%2Fsecret.txt", "/..%2fsecret.txt", "/x/../../secret.txt",
    "/link.txt", "/folder/secret.txt", "/loop", "/gone", "//etc/passwd", "/%2fetc/passwd", "/etc/passwd",
    "/%00", "/index.html%00.png", "/..\\secret.txt", "/%5c..%5csecret.txt", "/C:/Windows/win.ini",
    "/C:%5cWindows%5cwin.ini", "//server/share", "/file:///etc/passwd", "/" + "a" * 5000, "/%c0%ae%c0%ae/x",
]  # fmt: skip


@pytest.mark.promise("hostile", "survived")
@pytest.mark.parametrize("path", OUTSIDE, ids=lambda path: path[:30])
def test_nothing_outside_the_site_is_served(site, path):
    folder, address = site
    (folder / "link.txt").symlink_to(folder.parent / "secret.txt")
    (folder / "folder").symlink_to(folder.parent)
    (folder / "loop").symlink_to("loop")
    status, text = _ask(address, "GET", path)
    assert status == 404
    assert "outside" not in text
    assert "root:" not in text
    assert _ask(address, "GET", "/") == (200, "front")


@pytest.mark.promise("hostile", "survived")
@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200), ("127.0.0.1:4200", 200), ("localhost:4200", 200), ("LOCALHOST", 200),
        ("[::1]:80", 200),
        ("evil.example", 403), ("evil.example:4200", 403), ("127.0.0.1.evil.example", 403), ("", 403),
        ("localhost.evil.example", 403), ("127.0.0.1@evil.example", 403), ("10.0.0.1", 403),
        ("127.0.0.1:x", 403),
    ],
)  # fmt: skip
def test_a_page_of_another_host_can_not_read_the_site_by_a_name_of_its_own(site, host, status):
    for method in ("GET", "HEAD"):
        found, text = _ask(site[1], method, "/", Host=host)
        assert found == status
        assert ("front" in text) == (method == "GET" and status == 200)


@pytest.mark.promise("hostile", "survived")
@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get"]
)
def test_the_preview_answers_those_who_look_alone(site, method):
    assert _ask(site[1], method, "/")[0] == 501
    assert sorted(path.name for path in site[0].iterdir()) == ["empty", "index.html"]


@pytest.mark.promise("hostile", "survived")
def test_folders_are_not_listed(site):
    with pytest.raises(urllib.error.HTTPError) as refused:
        _get(f"{site[1]}/empty/")
    assert refused.value.code == 404


def test_a_port_that_is_taken_is_named_before_anything_is_built(write, capsys, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(RenderError, match=f"port {port} can't be used .*--port"):
            preview.serve(tmp_path, port)
        arguments = ["--port", str(port), "--no-study", str(write())]
        assert preview.main([*arguments, "--output", str(tmp_path / "new")]) == 1
    assert f"port {port}" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


@pytest.mark.promise("pages", "found")
def test_a_book_that_cannot_be_built_ends_the_preview_with_its_reason(write, capsys, tmp_path):
    project = write(index="# Front\n\n::: {.callout-note}\nnever closed\n")
    output = ["--output", str(tmp_path / "new")]
    assert preview.main(["--port", "0", "--no-study", str(project), *output]) == 1
    assert "never closed" in capsys.readouterr().err


def test_a_changed_source_is_noticed(tmp_path):
    (tmp_path / "report").mkdir()
    page = tmp_path / "report" / "index.qmd"
    page.write_text("one")
    stop = threading.Event()
    watching = preview.changes(tmp_path, stop)
    threading.Timer(1.0, page.write_text, ["two"]).start()
    assert next(watching) == page
    stop.set()
    assert list(watching) == []


def test_what_is_no_source_is_not_watched(tmp_path):
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "index.qmd").touch()
    (tmp_path / "notes.txt").touch()
    assert [path.name for path in preview.stamps(tmp_path)] == ["index.qmd"]


@pytest.mark.promise("pages", "survived")
def test_the_preview_builds_again_and_keeps_the_old_site_when_that_fails(
    write, tmp_path, capfd, monkeypatch
):
    project = write(index="# Front {.unnumbered}\n\nfirst words\n")
    root = tmp_path / "root"  # what is watched
    (root / "report").mkdir(parents=True)
    source = root / "report" / "index.qmd"
    source.touch()
    monkeypatch.setattr(preview.command, "ROOT", root)
    monkeypatch.setenv("PYTHONPATH", str(TEMPLATES.parents[1]))
    stop, output = threading.Event(), tmp_path / "out"
    options = ["--no-study", "--engine", "portable", "--templates", str(TEMPLATES)]
    arguments = ["--port", "0", *options, "--output", str(output), str(project)]
    thread = threading.Thread(target=preview.main, args=(arguments, stop), daemon=True)
    thread.start()
    printed = []

    def said(words):
        printed.append(capfd.readouterr().out)
        return words in "".join(printed)

    _wait(lambda: said("http://127.0.0.1:"))
    assert "first words" in (output / "index.html").read_text()
    write(index="# Front {.unnumbered}\n\nsecond words\n")
    _wait(lambda: _touched(source) and said("index.qmd changed: rebuilt"))
    assert "second words" in (output / "index.html").read_text()
    write(index="# Front {.unnumbered}\n\n::: {.callout-note}\nthird words\n")
    _wait(lambda: _touched(source) and said("index.qmd changed: failed, the old site stays"))
    assert "second words" in (output / "index.html").read_text()
    stop.set()
    thread.join(20)
    assert not thread.is_alive()


def _touched(path):
    path.write_text(str(time.monotonic_ns()))
    return True


def _wait(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.3)
