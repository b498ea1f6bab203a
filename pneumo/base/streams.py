"""Standard output and error that take any text: a sign that the locale's encoding lacks stops no command."""

import io
import sys


def forgive() -> None:
    r"""Write a sign that standard output or error can't encode as its number, ``\xd7`` for ``×``.

    Without a UTF-8 locale, or for a path that is no valid text, printing would else end in a traceback.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
