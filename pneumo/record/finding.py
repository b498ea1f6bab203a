"""Find the record of the pages, and the profile of their book, from the environment."""

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pneumo.base import paths
from pneumo.record.files import Record, RecordError, read

LARGER = 64  # the side of the images that thumbnails are compared with, in pixels


def folder() -> Path:
    """Return the folder of the record that pages are drawn from.

    ``PNEUMO_RECORD`` names it. Otherwise it is the record of the finished study that ``PNEUMO_PROFILE``,
    ``PNEUMO_DATASET`` and ``PNEUMO_SIZE`` choose. If no profile is named and none was trained, it is the
    reference record, and the front page says so.

    Raises:
        RecordError: there is none.
    """
    if given := os.environ.get("PNEUMO_RECORD"):
        return Path(given).expanduser()
    profile, dataset, size = (
        os.environ.get(f"PNEUMO_{name}") for name in ("PROFILE", "DATASET", "SIZE")
    )
    label = paths.label(dataset, size)
    found = paths.record(profile or paths.PROFILE, label)
    if found.is_dir():
        return found
    reference = paths.reference(label)
    if not profile and reference.is_dir():
        return reference
    given_options = {"profile": profile, "dataset": dataset, "size": size}
    options = "".join(f" --{name} {value}" for name, value in given_options.items() if value)
    raise RecordError(f"no finished study in {found}; run `pneumo study{options}`")


def larger(profile: str, dataset: str, films: Sequence[str]) -> Record | None:
    """Find the record of the same profile and test films at 64 pixels: the user's own, or the reference.

    Args:
        profile: its name.
        dataset: as MedMNIST calls it.
        films: SHA-256 of every test image at 28 pixels, in order.
    """
    label = paths.label(dataset, LARGER)
    for path in (paths.record(profile, label), paths.reference(label)):
        with suppress(RecordError):
            found = read(path)
            if found.profile.name == profile and found.films() == list(films):
                return found
    return None


def profiles() -> list[str]:
    """Project profiles that ``QUARTO_PROFILE`` names, in order."""
    return [name for name in re.split(r"[,\s]+", os.environ.get("QUARTO_PROFILE", "")) if name]


def titled() -> str:
    """Data set in the title of the book: the one among :func:`profiles`, or PneumoniaMNIST."""
    return next((name for name in profiles() if name.endswith("mnist")), paths.DATASET)


def choose_title(dataset: str) -> None:
    """Set the data set in the title of the book, for this process and its children."""
    others = [name for name in profiles() if not name.endswith("mnist")]
    os.environ["QUARTO_PROFILE"] = ",".join([dataset, *others])
