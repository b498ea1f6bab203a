"""The one family of errors that a user is meant to read: a sentence, and no traceback."""


class PneumoError(Exception):
    """Something that the user can put right; its text says what was wrong, where and what to do."""

    def __str__(self) -> str:
        """The text as one line that can be printed safely, whatever a file was called."""
        return printable(super().__str__())


def printable(text: object) -> str:
    """Text from outside with whatever could steer a terminal, or has no glyph, as backslash escapes."""
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii")
        for sign in str(text)
    )
