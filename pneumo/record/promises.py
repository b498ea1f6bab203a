"""What the software promises its users, and how many of the faults that tests tried each promise has stood.

The promises are named here and nowhere else; ``nox -s promises`` counts, and the report shows the table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pneumo.base import checksums, paths
from pneumo.base.errors import PneumoError

SCHEMA = 2
FILE = "promises.json"
# What may become of a fault: nothing that is finished suffers by it, or it is told in one sentence.
OUTCOMES = ("survived", "found")


class PromisesError(PneumoError):
    """A file of promises that can't be read."""


@dataclass(frozen=True)
class Promise:
    """One promise, in words for users."""

    name: str
    title: str
    text: str


PROMISES = (
    Promise(
        "killed",
        "Killed at any moment",
        "No run is ever half there. The next call goes on where the last one stopped, and ends with the "
        "same predictions, to the bit. The old site stays whole until the new one is.",
    ),
    Promise(
        "full",
        "Disk full, folder read-only",
        "One line names the path and what is needed; nothing that is finished is damaged.",
    ),
    Promise(
        "together",
        "Several at once",
        "Processes that ask for one study do each run once; a lock that a dead process left is free.",
    ),
    Promise(
        "damage",
        "Damaged files",
        "A changed byte in a run, in the data or in weights is found by digest and named; no page "
        "shows a number from it.",
    ),
    Promise(
        "data",
        "Bad data",
        "Whatever is wrong with a file of images is said in one line; nothing in it is ever unpickled.",
    ),
    Promise(
        "pages",
        "Bad pages",
        "File, line and what to do; no site that looks finished, and no hanging.",
    ),
    Promise(
        "hostile",
        "Hostile input",
        "Text from outside is only ever text; weights are only numbers; the preview shows the site alone.",
    ),
    Promise(
        "same",
        "The same everywhere",
        "The same seed on the same machine gives the same bits, whatever the process, its hash seed, "
        "locale, time zone and folder.",
    ),
    Promise(
        "old",
        "Old state",
        "What an older or a newer version wrote is said to be so, with the way forward.",
    ),
    Promise(
        "supply",
        "What is installed",
        "Wheel and source hold what they should and work in an empty environment; what the reference "
        "study used is pinned.",
    ),
)


@dataclass(frozen=True)
class Kept:
    """A promise, and what became of the faults by which tests tried to break it."""

    promise: Promise
    tried: int
    survived: int  # nothing suffered
    found: int  # told, and nothing suffered

    @property
    def broken(self) -> int:
        """Faults that neither was survived nor found."""
        return self.tried - self.survived - self.found


def file() -> Path:
    """Where the counts lie, beside the reference study's numbers."""
    return paths.reference() / FILE


def read(path: Path | None = None) -> tuple[Kept, ...]:
    """Every promise with its counts, in order; empty where none were counted.

    Args:
        path: a file that :func:`to_json` gave; None for the project's.

    Raises:
        PromisesError: the file is damaged, of another schema, or speaks of other promises.
    """
    path = path or file()
    if not path.is_file():
        return ()
    again = "run `nox -s promises`"
    try:
        content = checksums.parse(path.read_bytes(), SCHEMA, FILE)
        counts: Mapping[str, Mapping[str, int]] = content["promises"]
        if set(counts) != {promise.name for promise in PROMISES}:
            raise PromisesError(f"{path} speaks of other promises than this version; {again}")
        return tuple(
            Kept(
                promise,
                *(int(counts[promise.name][name]) for name in ("tried", "survived", "found")),
            )
            for promise in PROMISES
        )
    except checksums.OtherVersionError as error:
        raise PromisesError(f"{path} {error.told(again)}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PromisesError(f"{path} is damaged ({type(error).__name__}); {again}") from None


def to_json(counts: Mapping[str, Mapping[str, int]]) -> str:
    """Counts by promise, each of `tried`, `survived` and `found`, as :func:`read` reads them."""
    ordered = {
        promise.name: {
            name: counts.get(promise.name, {}).get(name, 0) for name in ("tried", *OUTCOMES)
        }
        for promise in PROMISES
    }
    return checksums.text({"schema": SCHEMA, "promises": ordered}, FILE)
