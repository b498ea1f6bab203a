"""Whether a host answers, asked before anything is downloaded; and downloads, which are bounded.

``python -m pneumo.base.network URL`` asks from a shell: exit status 0 for yes.
"""

import sys
import threading
import urllib.request
from http.client import HTTPException
from urllib.error import HTTPError, URLError

from pneumo.base.errors import PneumoError

PATIENCE = 30.0  # seconds without a byte until a download is given up


class NetworkError(PneumoError):
    """A download that failed, or is not let go on."""


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


def read(url: str, most: int) -> bytes:
    """Download what a host serves over TLS, also where it sends one on.

    Args:
        url: its address.
        most: bytes that it may have.

    Raises:
        NetworkError: an address is not one of TLS, or the host fails, sends more or sends nothing for
            :data:`PATIENCE` seconds.
    """
    try:
        with urllib.request.build_opener(_OnlyTLS).open(url, timeout=PATIENCE) as response:
            found: bytes = response.read(most + 1)
    except (OSError, HTTPException) as error:
        first = error.reason if type(error) is URLError else error
        raise NetworkError(f"{type(first).__name__}: {first}") from None
    if len(found) > most:
        raise NetworkError(f"{url} sends more than the {most:,} bytes that are expected")
    return found


class _OnlyTLS(urllib.request.BaseHandler):
    """Refuses other addresses before a handler, such as that of a proxy, opens them or changes them."""

    def default_open(self, request: urllib.request.Request) -> None:
        if request.type != "https":
            raise NetworkError(f"{request.full_url} is not served over TLS (https)")


if __name__ == "__main__":
    sys.exit(not answers(sys.argv[1]))
