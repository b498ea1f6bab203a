"""Whether a host answers, asked before anything is downloaded; and what bounds a download.

``python -m pneumo.base.network URL`` asks from a shell: exit status 0 for yes.
"""

import socket
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from typing import Any
from urllib.error import HTTPError

from pneumo.base.errors import PneumoError

PATIENCE = 30.0  # seconds without a byte until a download is given up


class NetworkError(PneumoError):
    """A download that is not let go on."""


def answers(url: str, seconds: float = 5.0) -> bool:
    """Whether a request for the head of `url` is answered, if only by a refusal, within `seconds`.

    The request runs in a thread of its own, since nothing else bounds the look-up of a name.
    """
    answered = threading.Event()

    def ask() -> None:
        try:
            request = urllib.request.Request(url, method="HEAD")
            with urllib.request.urlopen(request, timeout=seconds):
                answered.set()
        except HTTPError:  # some hosts refuse a HEAD and serve a GET
            answered.set()
        except (OSError, ValueError):  # URLError and time-outs are OSErrors
            return

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return answered.is_set()


@contextmanager
def bounded(most: int, seconds: float = PATIENCE) -> Iterator[None]:
    """Hold what libraries download with urllib meanwhile to TLS, to a size and to a patience.

    Libraries fall back to plain HTTP, follow where they are sent, and read for as long as a host sends.

    Args:
        most: bytes that a response may have.
        seconds: how long a socket may wait for its next byte.

    Raises:
        NetworkError: inside, where an address is not one of TLS, or a host sends more.
    """
    patience, opener = socket.getdefaulttimeout(), getattr(urllib.request, "_opener", None)
    socket.setdefaulttimeout(seconds)
    urllib.request.install_opener(urllib.request.build_opener(_Guard(most)))
    try:
        yield
    finally:
        urllib.request.install_opener(opener)  # None: urllib's own
        socket.setdefaulttimeout(patience)


def cause(error: BaseException) -> str:
    """What a download failed by, in a line: the first of the errors that followed one another.

    Raises:
        BaseException: there was a Ctrl-C or the like among them, which a library took for a failure.
    """
    while True:
        if not isinstance(error, Exception):
            raise error
        if error.__context__ is None:
            lines = f"{type(error).__name__}: {error}".splitlines()
            return str(error) if isinstance(error, NetworkError) else lines[0]
        error = error.__context__


class _Guard(urllib.request.BaseHandler):
    """Lets nothing pass but TLS, and of a response no more than so many bytes."""

    handler_order = 0  # before all that opens something

    def __init__(self, most: int) -> None:
        self.most = most

    def default_open(self, request: urllib.request.Request) -> None:
        if request.type != "https":
            raise NetworkError(f"{request.full_url} is not served over TLS (https)")

    def https_response(self, request: urllib.request.Request, response: HTTPResponse) -> Any:
        read, left = response.read, self.most

        def counted(amount: int | None = None) -> bytes:
            nonlocal left
            found = read(left + 1 if amount is None else min(amount, left + 1))
            left -= len(found)
            if left < 0:
                raise NetworkError(
                    f"{request.full_url} sends more than the {self.most:,} bytes that are expected"
                )
            return found

        response.read = counted  # type: ignore[method-assign, assignment]
        return response


if __name__ == "__main__":
    sys.exit(not answers(sys.argv[1]))
