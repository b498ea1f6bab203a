"""Files that tell when a byte of them has changed: each carries the SHA-256 of all else that it holds.

A seal is also of what the file is about, so that no file can stand in for another of its kind. JSON says
besides by the number of its schema which version of this package wrote it.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import RawIOBase
from typing import IO, Any, cast

_FIRST_LINES = re.compile(rb'\{\n "digest": "([0-9a-f]{64})",\n')
_DIGITS = 64  # of a SHA-256 in hexadecimal


class DamageError(ValueError):
    """Bytes that are not those that were written."""


class OtherVersionError(Exception):
    """What was read is whole, but another version of this package wrote it."""

    def __init__(self, found: int, schema: int) -> None:
        super().__init__(found, schema)
        self.found, self.schema = found, schema

    def told(self, renew: str) -> str:
        """Which version it was, and the way forward.

        Args:
            renew: how what an older version wrote is made anew.
        """
        age, forward = (
            ("an older", renew) if self.found < self.schema else ("a newer", "update pneumo")
        )
        return (
            f"was written by {age} version of pneumo (schema {self.found}, this one reads {self.schema}); "
            f"{forward}"
        )


def digest(content: bytes) -> str:
    """The SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def check_version(found: object, schema: int) -> None:
    """Hold the schema that a file names against the one that is read.

    Raises:
        OtherVersionError: it is an older or a newer one.
        DamageError: it is no schema at all.
    """
    if type(found) is not int:
        raise DamageError(f"its schema is {found!r}")
    if found != schema:
        raise OtherVersionError(found, schema)


def text(content: Mapping[str, Any], about: str = "") -> str:
    """Content as JSON with its digest in the first line.

    Args:
        content: with a `schema`, and nothing called `digest`.
        about: what the file is of, where one of the same kind might be put in its place.
    """
    written = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    rest = written.removeprefix("{\n")
    return f'{{\n "digest": "{_seal(rest.encode(), about)}",\n{rest}'


def parse(raw: bytes, schema: int, about: str = "") -> dict[str, Any]:
    """The content of sealed JSON, if every byte is as :func:`text` gave it.

    Args:
        raw: the file's bytes.
        schema: which is read.
        about: as when it was written.

    Raises:
        OtherVersionError: it is of another schema; the first ones had no seal.
        DamageError: a byte of it has changed, or it is about something else.
    """
    first = _FIRST_LINES.match(raw)
    whole = first is not None and first[1].decode() == _seal(raw[first.end() :], about)
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


def seal(body: bytes, about: str = "") -> bytes:
    """Any bytes with their digest behind them; what reads archives does not mind it."""
    return body + _seal(body, about).encode()


class Sealing(RawIOBase):
    """A file that passes on what is written, and knows its digest."""

    def __init__(self, file: IO[bytes], about: str) -> None:
        self._file, self.digest = file, hashlib.sha256(f"{about}\n".encode())

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, content: Any) -> int:
        """Pass it on."""
        self.digest.update(content)
        return self._file.write(content)


@contextmanager
def sealing(file: IO[bytes], about: str = "") -> Iterator[IO[bytes]]:
    """A file that puts the digest of what is written behind it at the end, as :func:`seal` does.

    Args:
        file: where it goes; it is only written to, from its beginning to its end.
        about: as for :func:`seal`.
    """
    writing = Sealing(file, about)
    yield cast(IO[bytes], writing)
    file.write(writing.digest.hexdigest().encode())


def body(raw: bytes, about: str = "") -> bytes:
    """What :func:`seal` was given.

    Raises:
        DamageError: a byte of it has changed, or it is about something else.
    """
    found = raw[:-_DIGITS]
    if raw[-_DIGITS:] != _seal(found, about).encode():
        raise DamageError("its digest is not that of its content")
    return found


def _seal(content: bytes, about: str) -> str:
    return digest(f"{about}\n".encode() + content)
