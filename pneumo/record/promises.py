"""Guarantees of the software, and in how many scenarios tests tried to break each one.

This module defines the guarantees; ``nox -s promises`` counts the scenarios, and the report shows the table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pneumo.base import checksums, paths
from pneumo.base.errors import PneumoError

SCHEMA = 3
FILE = "promises.json"
# Outcomes of a fault: nothing finished is damaged, or one sentence reports it.
OUTCOMES = ("survived", "found")
COUNTED = ("tried", *OUTCOMES)


class PromisesError(PneumoError):
    """A file of counts that cannot be read."""


@dataclass(frozen=True)
class Promise:
    """A guarantee in words for users, with the outcomes of the scenarios in which tests injected faults."""

    name: str
    title: str
    text: str
    tried: int = 0
    survived: int = 0  # nothing was damaged
    found: int = 0  # reported, and nothing was damaged

    @property
    def broken(self) -> int:
        """Scenarios whose fault was neither survived nor reported."""
        return self.tried - self.survived - self.found


PROMISES = (
    Promise(
        "killed",
        "Killed at any moment",
        "No run is ever incomplete. The next call resumes where the last one stopped, and ends with the "
        "same predictions, to the bit. The old site stays until the new one is complete.",
    ),
    Promise(
        "full",
        "Disk full, folder read-only",
        "One line names the path and the room that is needed; nothing finished is damaged.",
    ),
    Promise(
        "together",
        "Several at once",
        "Processes that share a study train each run once; the lock of a dead process is released.",
    ),
    Promise(
        "damage",
        "Damaged files",
        "A changed byte in a run, in the data or in weights is detected by checksum and reported; no page "
        "shows a number from it.",
    ),
    Promise(
        "data",
        "Bad data",
        "One line says what is wrong with a file of images; nothing in it is ever unpickled.",
    ),
    Promise(
        "pages",
        "Bad pages",
        "The error names file, line and what to do; no incomplete site is left, and nothing hangs.",
    ),
    Promise(
        "hostile",
        "Hostile input",
        "Text from outside is never executed; weights are only numbers; the preview serves only the site.",
    ),
    Promise(
        "same",
        "The same everywhere",
        "The same seed on the same machine gives the same bits, for any process, hash seed, locale, "
        "time zone and folder.",
    ),
    Promise(
        "old",
        "Old state",
        "Files of an older or a newer version are recognised, and the message says what to do.",
    ),
    Promise(
        "supply",
        "What is installed",
        "Wheel and source are complete, and work in an empty environment; the packages of the reference "
        "study are pinned.",
    ),
)


def file() -> Path:
    """File of the counts, beside the reference record."""
    return paths.reference() / FILE


def read(path: Path | None = None) -> tuple[Promise, ...]:
    """Read every guarantee with its counts, in order; empty if none were counted.

    Args:
        path: a file that :func:`to_json` wrote; None for that of the project.

    Raises:
        PromisesError: the file is damaged, has another schema, or other guarantees.
    """
    path = path or file()
    if not path.is_file():
        return ()
    again = "run `nox -s promises`"
    with checksums.reading(path, PromisesError, again):
        content = checksums.parse(path.read_bytes(), SCHEMA, FILE)
        counts: Mapping[str, Mapping[str, Any]] = content["promises"]
        if set(counts) != {promise.name for promise in PROMISES}:
            raise PromisesError(f"{path} speaks of other promises than this version; {again}")
        return tuple(replace(one, **counts[one.name]) for one in PROMISES)


def to_json(counts: Mapping[str, Mapping[str, int]]) -> str:
    """Write the counts of each guarantee, `tried`, `survived` and `found`, for :func:`read`."""
    ordered = {
        promise.name: {name: counts.get(promise.name, {}).get(name, 0) for name in COUNTED}
        for promise in PROMISES
    }
    return checksums.text({"schema": SCHEMA, "promises": ordered}, FILE)
