"""Errors that a user reads: one sentence, without a traceback."""

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")


class PneumoError(Exception):
    """An error that the user can fix; its parts say what is wrong, where, and what to do."""

    def __str__(self) -> str:
        """Return the parts as one line that is safe to print, whatever file names it contains."""
        return printable("; ".join(map(str, self.args)))


def find(kind: str, known: Mapping[str, T], name: str) -> T:
    """Find what is called `name`.

    Raises:
        PneumoError: there is none; the message lists all.
    """
    if name not in known:
        raise PneumoError(f"no {kind} is called {name!r}; there are: {', '.join(known)}")
    return known[name]


def first_line(error: Exception) -> str:
    """The first line of an error of a library, or else its kind."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def printable(text: object) -> str:
    """Escape characters that could control a terminal or have no glyph, in text from outside."""
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii")
        for sign in str(text)
    )
