"""Serves a site, and nothing else, on loopback."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from report.engine.errors import RenderError

_HOST = "127.0.0.1"
_LOOPBACK = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?", re.IGNORECASE)


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report errors, except for connections that a browser closed early."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(SimpleHTTPRequestHandler):
    """Serves files below one folder, without directory listings and without caching.

    It answers only GET and HEAD. It refuses requests for other host names: a page of another host could point
    its own name to loopback and read the site (DNS rebinding).
    """

    def send_head(self) -> Any:
        """Send the head of a response to GET or HEAD."""
        host = self.headers.get("Host")
        if host is not None and not _LOOPBACK.fullmatch(host.strip()):
            self.send_error(403, "Only for this machine")
            return None
        return super().send_head()

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def translate_path(self, path: str) -> str:
        """The file of a path; a symbolic link can't lead outside the site."""
        root = Path(self.directory).resolve()
        wanted = Path(super().translate_path(path))
        try:
            inside = wanted.resolve().is_relative_to(root)
        # The name is too long, has a NUL, or is a link to itself.
        except (OSError, ValueError, RuntimeError):
            inside = False
        return str(wanted if inside else root / "not-there")

    def list_directory(self, path: object) -> None:  # noqa: ARG002
        self.send_error(404, "No such page")

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the terminal is for rebuilds."""


@contextmanager
def serve(site: Path, port: int) -> Iterator[str]:
    """Serve a site on loopback; gives its address. Port 0 means any free port.

    Raises:
        RenderError: the port is taken.
    """
    try:
        server = _Server((_HOST, port), partial(_Handler, directory=str(site)))
    except OSError as error:
        reason = error.strerror or str(error)
        problem = f"port {port} can't be used ({reason}); choose another with --port"
        raise RenderError(problem) from None
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://{_HOST}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
