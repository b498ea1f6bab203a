"""Standard output and error: any text can be printed in any locale, and lines on standard error."""

import io
import sys

from pneumo.base.errors import printable


def forgive() -> None:
    r"""Escape characters that standard output or error cannot encode, such as ``\xd7`` for ``×``.

    Otherwise printing ends in a traceback without a UTF-8 locale, or for a path that is not valid text.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def tell(line: str) -> None:
    """Print a line on standard error: a warning, an error, or what is waited for."""
    print(f"pneumo: {printable(line)}", file=sys.stderr, flush=True)
