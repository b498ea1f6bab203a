"""The preview: loopback only, nothing outside the site, a rebuild when a source changes."""

import http.client
import socket
import threading
import urllib.request

import pytest
from trainings import wait_until

from report.engine import preview, serve
from report.engine.errors import RenderError


@pytest.fixture
def site(tmp_path):
    """A served folder, and its address."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "index.html").write_text("front")
    (folder / "empty").mkdir()
    (tmp_path / "secret.txt").write_text("outside")
    with serve.serve(folder, 0) as address:
        yield folder, address


def _ask(address, method, path, **headers):
    """The status and body of the response to a request, which is sent unchanged."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=10)
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


OUTSIDE = [
    "/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/x/../../secret.txt", "/link.txt",
    "/folder/secret.txt", "/loop", "/gone", "/empty/", "//etc/passwd", "/%2fetc/passwd", "/%00",
    "/index.html%00.png", "/..\\secret.txt", "/C:/Windows/win.ini", "/file:///etc/passwd", "/" + "a" * 5000,
]  # fmt: skip


@pytest.mark.promise("hostile", "survived")
def test_nothing_outside_the_site_is_served_and_no_folder_is_listed(site):
    folder, address = site
    assert address.startswith("http://127.0.0.1:")
    (folder / "link.txt").symlink_to(folder.parent / "secret.txt")
    (folder / "folder").symlink_to(folder.parent)
    (folder / "loop").symlink_to("loop")
    for path in OUTSIDE:
        status, text = _ask(address, "GET", path)
        assert (status, "outside" in text, "root:" in text) == (404, False, False), path
    assert _ask(address, "GET", "/") == (200, "front")
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "get"):
        assert _ask(address, method, "/")[0] == 501
    with urllib.request.urlopen(f"{address}/", timeout=10) as answer:
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.promise("hostile", "survived")
@pytest.mark.parametrize(
    ("status", "hosts"),
    [
        (200, ["127.0.0.1", "127.0.0.1:4200", "localhost:4200", "LOCALHOST", "[::1]:80"]),
        (403, ["evil.example", "evil.example:4200", "127.0.0.1.evil.example", "localhost.evil.example",
               "127.0.0.1@evil.example", "10.0.0.1", "127.0.0.1:x", ""]),
    ],
)  # fmt: skip
def test_a_page_of_another_host_can_not_read_the_site_by_a_name_of_its_own(site, status, hosts):
    for host in hosts:
        assert _ask(site[1], "HEAD", "/", Host=host) == (status, "")
        found, text = _ask(site[1], "GET", "/", Host=host)
        assert (found, "front" in text) == (status, status == 200), host


def test_a_port_that_is_taken_is_named_before_anything_is_built(write, capsys, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        words = f"port {port} can't be used .*--port"
        with pytest.raises(RenderError, match=words), serve.serve(tmp_path, port):
            pass
        arguments = ["--port", str(port), "--no-study", str(write())]
        assert preview.main([*arguments, "--output", str(tmp_path / "new")]) == 1
    assert f"port {port}" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


SOURCES = [
    "pneumo/pages/topics/shift.py", "templates/fragments/recipe.md.j2", "docs/rendering.md", "pyproject.toml",
    ".zenodo.json",
    "templates/site/page.typ", "templates/site/site.css", "report/index.qmd", "report/_quarto.yml",
    "report/styles.css", "report/theme.scss", "report/references.bib", "report/guidelines/tripod.toml",
]  # fmt: skip
GENERATED = [
    "_site/index.html", "report/index.html", "report/index_files/figure-html/a.svg", "report/_freeze/key.txt",
    "pneumo/pages/__pycache__/style.pyc", "report/.quarto/x", "report/index.qmd~", "report/.index.qmd.swp",
]  # fmt: skip


@pytest.fixture
def watching(tmp_path):
    """A watched checkout, and its reported changes."""
    for name in SOURCES + GENERATED:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    stop = threading.Event()
    folders = [
        tmp_path / name
        for name in (
            "pneumo",
            "report",
            "templates",
            "docs",
            "pyproject.toml",
            ".zenodo.json",
            "_site",
        )
    ]
    seen = preview.changes(folders, tmp_path / "_site", stop)
    next(seen)
    yield tmp_path, seen
    stop.set()
    assert not any(seen)


def test_every_kind_of_source_is_watched_and_nothing_that_is_built(watching):
    root, seen = watching
    for name in GENERATED + SOURCES:
        (root / name).write_text("other")
    found = set()
    while len(found) < len(SOURCES):
        found |= set(next(seen))
    assert found == {root / name for name in SOURCES}


def test_a_named_file_is_watched_after_an_editor_has_replaced_it(watching):
    root, seen = watching
    for text in ("first", "second"):
        (root / "new").write_text(text)
        (root / "new").replace(root / "pyproject.toml")
        assert next(filter(None, seen)) == [root / "pyproject.toml"]


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Starts the preview of a book; gives the front page and a function that waits for printed words."""
    monkeypatch.setenv("PNEUMO_HOME", str(tmp_path / "home"))
    stop = threading.Event()
    threads = []

    def run(project, capfd):
        options = ["--port", "0", "--no-study", "--engine", "portable", "--output"]
        arguments = [*options, str(tmp_path / "out"), str(project)]
        threads.append(threading.Thread(target=preview.main, args=(arguments, stop), daemon=True))
        threads[0].start()
        printed = []

        def wait_for(words):
            printed.clear()
            wait_until(lambda: printed.append(capfd.readouterr().out) or words in "".join(printed))

        return tmp_path / "out" / "index.html", wait_for

    yield run
    stop.set()
    threads[0].join(60)
    assert not threads[0].is_alive()


@pytest.mark.promise("pages", "survived")
def test_the_preview_builds_what_was_saved_meanwhile_and_keeps_the_old_site_when_that_fails(
    write, start, tmp_path, capfd
):
    waiting = (
        "from pathlib import Path\nimport time\n"
        f"Path({str(tmp_path / 'there')!r}).touch()\n"
        f"while not Path({str(tmp_path / 'go')!r}).exists():\n    time.sleep(0.05)"
    )
    front = "# Front {.unnumbered}\n\n"
    project = write(index=f"{front}first words\n", one=f"# One\n\n```{{python}}\n{waiting}\n```\n")
    page, wait_for = start(project, capfd)
    wait_until((tmp_path / "there").exists)
    (project / "index.qmd").write_text(f"{front}second words\n")
    (tmp_path / "go").touch()
    wait_for("index.qmd changed: rebuilt")
    assert "second words" in page.read_text()
    (project / "index.qmd").write_text(f"{front}::: {{.callout-note}}\nthird words\n")
    wait_for("changed: failed, keeping the old site")
    assert "second words" in page.read_text()
