"""Which record pages are about, by the environment."""

import os
from pathlib import Path

from pneumo.base import paths
from pneumo.record.files import RecordError

DEFAULT_PROFILE = "standard"


def folder() -> Path:
    """The folder of the record that pages are drawn from.

    ``PNEUMO_RECORD`` names it. Without it, it is the record of the finished study that ``PNEUMO_PROFILE``,
    ``PNEUMO_DATASET`` and ``PNEUMO_SIZE`` choose; where no profile is named and none was trained, the
    reference record, and the front page says so.

    Raises:
        RecordError: there is none.
    """
    given = os.environ.get("PNEUMO_RECORD")
    if given:
        return Path(given).expanduser()
    profile, dataset, size = (
        os.environ.get(f"PNEUMO_{name}") for name in ("PROFILE", "DATASET", "SIZE")
    )
    label = paths.label(dataset, size)
    found = paths.record(profile or DEFAULT_PROFILE, label)
    if found.is_dir():
        return found
    reference = paths.reference(label)
    if not profile and reference.is_dir():
        return reference
    options = "".join(
        f" --{name} {value}"
        for name, value in (("profile", profile), ("dataset", dataset), ("size", size))
        if value
    )
    raise RecordError(f"no finished study in {found}; run `pneumo study{options}`")
