"""Errors that a user reads: one sentence, without a traceback."""


class PneumoError(Exception):
    """An error that the user can fix; its text says what is wrong, where, and what to do."""

    def __str__(self) -> str:
        """Return the text as one line that is safe to print, whatever file names it contains."""
        return printable(super().__str__())


def printable(text: object) -> str:
    """Escape characters that could control a terminal or have no glyph, in text from outside."""
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii")
        for sign in str(text)
    )
