"""Find unused content of the run store: runs that belong to no finished study, or to older versions."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from pneumo.base import paths, storage
from pneumo.base.errors import PneumoError
from pneumo.training import runs

# Folders of the store whose entries are named after their run or external set.
_OF_RUNS = ("runs", "probes", "external")


def find(home: Path | None = None) -> dict[Path, int]:
    """Find every folder or file that no record needs, with its size in bytes.

    A run is needed while a record in ``.pneumo/records`` names it and this version can read it. A training
    that was interrupted is kept.

    Raises:
        PneumoError: a record cannot be read, so that the runs it needs are unknown.
    """
    store = home or paths.home()
    other = runs.of_other_versions(store).items()
    needed = _needed(store) - {path.name for path, schema in other if schema < runs.SCHEMA}
    found = {}
    for name in _OF_RUNS:
        for path in sorted((store / name).glob("[!.]*")):
            if not any(path.name.startswith(label) for label in needed):
                found[path] = _size(path)
    return found


def remove(found: Iterable[Path]) -> None:
    """Remove what :func:`find` listed."""
    for path in found:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _needed(store: Path) -> set[str]:
    """Labels of all runs that a record was made from, and names of its predictions for external sets."""
    labels: set[str] = set()
    for path in (store / "records").glob("*/results.json"):
        try:
            with storage.refusals(path):
                content = json.loads(path.read_bytes())
            labels.update(run["run"] for run in content["provenance"]["runs"])
            sets = content.get("external") or {}
            labels.update(f"{name}-{found['key']}" for name, found in sets.items())
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PneumoError(
                f"{path} is damaged ({type(error).__name__}); run its study again or delete it"
            ) from None
    return labels


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files if file.is_file())
