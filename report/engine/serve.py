"""Serves a site on loopback, and nothing outside it."""

import re
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from report.engine.errors import RenderError

HOST = "127.0.0.1"
_LOOPBACK = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?", re.IGNORECASE)


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tell what went wrong, but not that a browser left a page before it had all of it."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


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
        return _Server((HOST, port), partial(_Handler, directory=str(site)))
    except OSError as error:
        reason = error.strerror or str(error)
        raise RenderError(
            f"port {port} can't be used ({reason}); choose another with --port"
        ) from None
