"""The one family of errors that a user is meant to read: a sentence, and no traceback."""


class PneumoError(Exception):
    """Something that the user can put right; its text says what was wrong, where and what to do."""
