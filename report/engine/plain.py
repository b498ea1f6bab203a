"""Reads text files and templates, with errors that name file and line."""

import re
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pneumo.base import paths
from report.engine.errors import at


def read_text(path: Path) -> str:
    """A file's text with LF line ends and without a byte order mark.

    Raises:
        RenderError: it can't be read, or is not UTF-8, or holds a NUL.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise at(path, None, f"can't be read ({error.strerror})") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = f"found the byte 0x{content[error.start]:02x}"
        raise at(path, line, f"not UTF-8: {found}; save the file as UTF-8") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise at(path, line, "contains a NUL character; save the file as UTF-8")
    return re.sub(r"\r\n?", "\n", text)


def is_file(path: Path) -> bool:
    """Whether a file exists; False for names that are not valid."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def frames() -> Path:
    """The folder of the page's and the PDF's template, and of the files that all pages share."""
    return paths.templates() / "site"


def templates(**options: Any) -> ImmutableSandboxedEnvironment:
    """The templates of :func:`frames`, sandboxed; undefined names are errors."""
    return ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(frames()), undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, **options,
    )  # fmt: skip
