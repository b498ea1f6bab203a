"""A page on what changed between two records: verdicts, models, metrics, and figures side by side."""

import os
from pathlib import Path

from pneumo.base import storage
from pneumo.pages import beside, numbers
from pneumo.record.difference import Difference


def write(found: Difference, before: Path, after: Path, target: Path) -> None:
    """Write the page.

    Args:
        found: what changed.
        before: the folder of a record or a site; for two sites, changed figures are shown side by side.
        after: the folder of the other.
        target: the page's file.

    Raises:
        StorageError: it can't be written.
    """
    names = [folder.resolve().name for folder in (before, after)]
    pictures = [_pictures(folder, target) for folder in (before, after)]
    both = sorted(set(pictures[0]) & set(pictures[1]))
    figures = [
        (anchor, [(name, shown[anchor]) for name, shown in zip(names, pictures, strict=True)])
        for anchor in both
        # Files are named by their content.
        if Path(pictures[0][anchor]).name != Path(pictures[1][anchor]).name
    ]
    text = beside.template("difference").render(
        found=found, before=names[0], after=names[1], figures=figures, number=numbers.number,
        signed=numbers.signed,
    )  # fmt: skip
    storage.write(target, text.encode())


def _pictures(site: Path, target: Path) -> dict[str, str]:
    """The paths of a site's figures by anchor, relative to the page."""
    return {
        path.name.rsplit("-", 2)[0]: Path(os.path.relpath(path, target.parent)).as_posix()
        for path in sorted((site / "figures").glob("fig-*-light.svg"))
    }
