"""Find what nobody needs in the run store: of old keys, of older versions, damaged, or never finished."""

import json
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pneumo.base import paths, storage
from pneumo.base.errors import PneumoError
from pneumo.study import external, outputs
from pneumo.study.study import WANTED
from pneumo.training import runs
from pneumo.training.recipes import PROFILES

_FORMER = ("kept", "probes")  # folders of earlier versions
# Suffixes of hidden names of what is being made, or was interrupted. Others, such as locks, are never listed.
_UNFINISHED = (".partial", ".new")


def find(home: Path | None = None) -> dict[Path, int]:
    """Find every folder or file that neither a record nor a running command needs, with its size in bytes.

    A record in ``.pneumo/records`` needs its runs, if this version can read them, and of their networks'
    outputs those that this version would use. Until its record is written, a study needs the same of all
    runs that it wants, also after an interruption. An unfinished training is needed as its run would be.

    Raises:
        PneumoError: a record cannot be read, so that the runs it needs are unknown.
    """
    store = home or paths.home()
    needed = set(_needed(store))
    found = {path: _size(path) for name in _FORMER if (path := store / name).is_dir()}
    for name in ("runs", outputs.FOLDER, external.FOLDER):
        for path in sorted((store / name).glob("*")):
            finished = path
            if path.name.startswith("."):
                if path.suffix not in _UNFINISHED:
                    continue
                finished = path.with_name(path.stem[1:])
            if _key(finished.name) not in needed and not storage.is_locked(finished):
                found[path] = _size(path)
    return found


def remove(found: Iterable[Path]) -> None:
    """Remove what :func:`find` listed."""
    for path in found:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _needed(store: Path) -> Iterator[str]:
    """Keys of all runs, outputs and predictions for external sets that are needed."""
    older = {
        path.name for path, schema in runs.of_other_versions(store).items() if schema < runs.SCHEMA
    }
    for path in (*store.glob("records/*/results.json"), *store.glob(f"{WANTED}/*.json")):
        try:
            with storage.refusals(path):
                content = json.loads(path.read_bytes())
            labels = set(_labels(content)) - older
            sets = (content.get("external") or {}).values()
            yield from [found["key"] for found in sets]
            profile = content["profile"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PneumoError(
                f"{path} is damaged ({type(error).__name__}); run its study again or delete it"
            ) from None
        yield from map(_key, labels)
        yield from _derived(store, labels, profile)


def _labels(content: dict[str, Any]) -> Iterator[str]:
    """Labels of the runs of a record, or of those that a study wants."""
    if "provenance" in content:
        return (run["run"] for run in content["provenance"]["runs"])
    return (f"{start}-{key}" for start, key in content["runs"].items())


def _derived(store: Path, labels: Iterable[str], profile: str) -> Iterator[str]:
    """Keys of what this version caches of finished runs for a profile; none if it has no such profile."""
    models = []
    for label in labels if profile in PROFILES else ():
        try:
            run = runs.load(store / "runs" / label)
        except runs.RunError:  # missing or damaged: a study will train it
            continue
        needed = outputs.needed(run, PROFILES[profile])
        if needed:
            models.append(run)
        yield from (_key(file.name) for file in needed.values())
    yield external.key(models)


def _key(name: str) -> str:
    """The key at the end of the name of a run, of outputs or of predictions for an external set."""
    return name.removesuffix(".npz").rpartition("-")[2]


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files if file.is_file())
