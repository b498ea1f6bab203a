"""Files with a checksum: each contains the SHA-256 of its other bytes, so that any change is detected.

The checksum also covers what the file is about, so that no file can replace another one of its kind. JSON
files also have a schema number, which tells the version of this package that wrote them.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from pneumo.base import storage
from pneumo.base.errors import PneumoError, first_line

_FIRST_LINES = re.compile(rb'\{\n "digest": "([0-9a-f]{64})",\n')
_DIGITS = 64  # of a SHA-256 in hexadecimal
# Errors of reading a damaged file.
DAMAGE = (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, BadZipFile)


class DamageError(ValueError):
    """The bytes are not those that were written."""


class OtherVersionError(Exception):
    """The file is intact, but another version of this package wrote it."""

    def __init__(self, found: int, schema: int) -> None:
        super().__init__(found, schema)
        self.found, self.schema = found, schema

    def message(self, renew: str) -> str:
        """Return which version wrote it, and what to do.

        Args:
            renew: what to do if an older version wrote it.
        """
        age, forward = (
            ("an older", renew) if self.found < self.schema else ("a newer", "update pneumo")
        )
        return (
            f"was written by {age} version of pneumo (schema {self.found}, this one reads {self.schema}); "
            f"{forward}"
        )


def digest(content: bytes) -> str:
    """SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def of_set(contents: Iterable[bytes]) -> str:
    """SHA-256 of some contents, whatever their order: of the sorted checksums of all, joined by newlines."""
    return digest("\n".join(sorted(map(digest, contents))).encode("ascii"))


@contextmanager
def reading(path: Path, kind: type[PneumoError], again: str) -> Iterator[None]:
    """Turn any error of reading a file into a message.

    Args:
        kind: the error to raise.
        again: what to do if the file is damaged, or an older version wrote it.

    Raises:
        PneumoError: of this kind; it says what is wrong with the file.
        StorageError: the file may be intact, but permission is denied, or a folder is in its place.
    """
    try:
        with storage.refusals(path):
            yield
    except OtherVersionError as error:
        raise kind(f"{path} {error.message(again)}") from None
    except KeyError as error:  # versions of one schema may differ in fields
        what = f"{path} is damaged or of another version of pneumo (it lacks {error})"
        raise kind(what, again) from None
    except DAMAGE as error:
        raise kind(f"{path} is damaged ({first_line(error)})", again) from None


def check_version(found: object, schema: int) -> None:
    """Compare the schema that a file names with the expected one.

    Raises:
        OtherVersionError: the schema is older or newer.
        DamageError: it is not a schema number.
    """
    if type(found) is not int:
        raise DamageError(f"its schema is {found!r}")
    if found != schema:
        raise OtherVersionError(found, schema)


def text(content: Mapping[str, Any], about: str = "") -> str:
    """Write content as JSON with its checksum in the first line.

    Args:
        content: with a `schema`, and without a `digest`.
        about: what the file is about, if another file of its kind could replace it.
    """
    written = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    rest = written.removeprefix("{\n")
    return f'{{\n "digest": "{seal(rest.encode(), about).decode()}",\n{rest}'


def parse(raw: bytes, schema: int, about: str = "") -> dict[str, Any]:
    """Read JSON that :func:`text` wrote, and verify its checksum.

    Args:
        raw: the bytes of the file.
        schema: the expected one.
        about: as when it was written.

    Raises:
        OtherVersionError: it has another schema; the first schemas had no checksum.
        DamageError: a byte has changed, or the file is about something else.
    """
    first = _FIRST_LINES.match(raw)
    whole = first is not None and first[1] == seal(raw[first.end() :], about)
    try:
        content = json.loads(raw)
    except ValueError as error:
        raise DamageError(str(error)) from None
    if not isinstance(content, dict):
        raise DamageError("it holds no JSON object")
    if whole or "digest" not in content:
        check_version(content.get("schema"), schema)
    if not whole:
        raise DamageError("its digest is not that of its content")
    del content["digest"]
    return content


def seal(body: bytes | memoryview, about: str = "") -> bytes:
    """The checksum to append to bytes; readers of archives ignore it."""
    found = hashlib.sha256(f"{about}\n".encode())
    found.update(body)  # without a copy of a checkpoint
    return found.hexdigest().encode()


def verify(raw: bytes, about: str = "") -> bytes:
    """Return bytes that end with the checksum of :func:`seal`.

    Raises:
        DamageError: a byte has changed, or the file is about something else.
    """
    if raw[-_DIGITS:] != seal(memoryview(raw)[:-_DIGITS], about):
        raise DamageError("its digest is not that of its content")
    return raw
