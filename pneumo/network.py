"""Whether a host answers, within seconds: asked before anything is downloaded."""

import threading
import urllib.request


def answers(url: str, seconds: float = 5.0) -> bool:
    """Whether a request for the head of `url` is answered within `seconds`.

    The request runs in a thread of its own, since nothing else bounds the look-up of a name.
    """
    answered = threading.Event()

    def ask() -> None:
        try:
            request = urllib.request.Request(url, method="HEAD")
            with urllib.request.urlopen(request, timeout=seconds):
                answered.set()
        except (OSError, ValueError):  # URLError and time-outs are OSErrors
            return

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return answered.is_set()
