"""Measurements of `nox -s bench`, stored beside the reference record."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pneumo.base import checksums, paths, storage
from pneumo.base.errors import PneumoError

FILE, SCHEMA = "bench.json", 1


class BenchError(PneumoError):
    """A file of measurements that cannot be read."""


def read(path: Path | None = None) -> dict[str, Any] | None:
    """Read the measurements, `rows` and `machine`; None if there are none.

    Args:
        path: the file; None for the one beside the reference record.

    Raises:
        BenchError: the file is damaged, or a newer version wrote it.
    """
    path = path or paths.reference() / FILE
    if not path.is_file():
        return None
    with checksums.reading(path, BenchError, "delete it and run `nox -s bench` again"):
        content = checksums.parse(path.read_bytes(), SCHEMA, FILE)
        return {"rows": content["rows"], "machine": content["machine"]}


def write(path: Path, rows: Sequence[Mapping[str, Any]], machine: Mapping[str, Any]) -> None:
    """Write what :func:`read` reads."""
    content = {"schema": SCHEMA, "rows": list(rows), "machine": machine}
    storage.write(path, checksums.text(content, FILE).encode())
