"""Whether a host answers, within seconds: asked before anything is downloaded.

``python -m pneumo.network URL`` asks from a shell: exit status 0 for yes.
"""

import socket
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.error import HTTPError

PATIENCE = 30.0  # seconds without a byte until a download is given up


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
def bounded(seconds: float = PATIENCE) -> Iterator[None]:
    """Let no socket that a library opens meanwhile wait longer for its next byte."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


if __name__ == "__main__":
    sys.exit(not answers(sys.argv[1]))
