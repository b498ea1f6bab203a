"""`python -m report.engine.preview`: serves the site on loopback and rebuilds it when a source changes."""

import argparse
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pneumo.base import streams
from pneumo.base.errors import PneumoError, printable
from pneumo.base.storage import told
from report.engine import __main__ as command
from report.engine.config import read_book
from report.engine.errors import RenderError

HOST = "127.0.0.1"
SOURCES = ("report/**/*.qmd", "report/*.yml", "report/*.bib", "report/*.css", "report/*.js",
           "report/engine/*.py", "templates/**/*.j2", "templates/**/*.css", "templates/**/*.js",
           "pneumo/*.py")  # fmt: skip
_LOOPBACK = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?", re.IGNORECASE)
INTERVAL = 0.5  # seconds between two looks at the sources


class _Handler(SimpleHTTPRequestHandler):
    """Files below one folder, no lists of folders, nothing kept by the browser.

    GET and HEAD are all that it answers. A page of another host can have its own name lead to loopback, and
    read what is served here: the browser then says that name.
    """

    def send_head(self) -> Any:
        """What a GET and a HEAD begin with."""
        host = self.headers.get("Host")
        if host is not None and not _LOOPBACK.fullmatch(host.strip()):
            self.send_error(403, "Only for this machine")
            return None
        return super().send_head()

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def translate_path(self, path: str) -> str:
        """A file below the site, also where a link in it leads outside."""
        root = Path(self.directory).resolve()
        wanted = Path(super().translate_path(path))
        try:
            inside = wanted.resolve().is_relative_to(root)
        # A name longer than any file's, a NUL, a link to itself.
        except (OSError, ValueError, RuntimeError):
            inside = False
        return str(wanted if inside else root / "not-there")

    def list_directory(self, path: object) -> None:  # noqa: ARG002
        self.send_error(404, "No such page")

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet: the terminal is for rebuilds."""


def serve(site: Path, port: int) -> ThreadingHTTPServer:
    """A server of the site on loopback, not yet running; port 0 takes a free one.

    Raises:
        RenderError: the port is taken.
    """
    try:
        return ThreadingHTTPServer((HOST, port), partial(_Handler, directory=str(site)))
    except OSError as error:
        reason = error.strerror or str(error)
        raise RenderError(
            f"port {port} can't be used ({reason}); choose another with --port"
        ) from None


def changes(root: Path, stop: threading.Event) -> Iterator[Path]:
    """A changed source at a time, until `stop` is set."""
    seen = stamps(root)
    while not stop.wait(INTERVAL):
        now = stamps(root)
        changed = [path for path in now.keys() | seen.keys() if now.get(path) != seen.get(path)]
        seen = now
        if changed:
            yield min(changed)


def stamps(root: Path) -> dict[Path, int]:
    """When each source was last changed."""
    return {
        path: path.stat().st_mtime_ns
        for pattern in SOURCES
        for path in root.glob(pattern)
        if path.is_file()
    }


def main(arguments: Sequence[str] | None = None, stop: threading.Event | None = None) -> int:
    """Serve until interrupted; the exit status is 1 where the port is taken or there is no site."""
    streams.forgive()
    parser = argparse.ArgumentParser(prog="python -m report.engine.preview", description=__doc__)
    parser.add_argument("--port", type=int, default=4200)
    chosen, rest = parser.parse_known_args(arguments)
    options = command.build_parser().parse_args(rest)
    stop = stop or threading.Event()
    try:
        # The port first: one that is taken should not cost a build.
        server = serve((options.output or read_book(options.project).output).resolve(), chosen.port)
    except PneumoError as error:
        print(f"report.engine.preview: {error}", file=sys.stderr)
        return 1
    try:
        with told():
            command.build(options)
    except PneumoError as error:
        server.server_close()
        print(f"report.engine.preview: {error}", file=sys.stderr)
        return 1
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://{HOST}:{server.server_port}/ (Ctrl-C ends it)", flush=True)
    try:
        for path in changes(command.ROOT, stop):
            started = time.monotonic()
            # A process of its own, so that changed Python counts.
            failed = _rebuild(rest)
            seconds = time.monotonic() - started
            outcome = "failed, the old site stays" if failed else "rebuilt"
            print(f"{printable(path.name)} changed: {outcome} ({seconds:.1f} s)", flush=True)
    except KeyboardInterrupt:
        pass
    finally:
        server.shutdown()
        server.server_close()
    return 0


def _rebuild(options: Sequence[str]) -> bool:
    command_line = [sys.executable, "-m", "report.engine", *options]
    return bool(subprocess.run(command_line, cwd=command.ROOT, check=False).returncode)


if __name__ == "__main__":
    sys.exit(main())
