"""What takes seconds to compute from finished runs: computed once, and kept beside them by content."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from functools import wraps
from pathlib import Path
from typing import Any, Literal, TypeVar

from filelock import FileLock

from pneumo.analysis import ANALYSIS_VERSION
from pneumo.base import checksums, keys, paths, provenance
from pneumo.base.storage import StorageError
from pneumo.study import questions
from pneumo.study.study import Study
from pneumo.training import runs

T = TypeVar("T")

SCHEMA = 3
# The result by the file's name, and the labels of the runs that were read for it.
_in_memory: dict[str, dict[str, Any]] = {}


def kept(
    reads: Literal["runs", "data", "ablations"] = "runs",
) -> Callable[[Callable[[Study], T]], Callable[[Study], T]]:
    """Keep what a function makes of a study, until the study or :data:`ANALYSIS_VERSION` changes.

    What it gives is plain: dictionaries with text for keys, lists, numbers, text, booleans and None.

    Args:
        reads: what of the study the function reads; of the rest nothing changes its result. "runs": the data,
            and the runs of models and controls; "data": images and labels; "ablations": the ablations' runs.
    """

    def decorate(compute: Callable[[Study], T]) -> Callable[[Study], T]:
        own = compute.__module__.removeprefix("pneumo.")

        @wraps(compute)
        def look_up(study: Study) -> T:
            with provenance.unwatched():
                key = keys.key(
                    16, schema=SCHEMA, version=ANALYSIS_VERSION, study=_PARTS[reads](study)
                )
            name = f"{own}-{compute.__name__}-{key}"
            if name not in _in_memory:
                path = paths.home() / "kept" / f"{name}.json"
                with _alone(path):
                    found = _read(path)
                    if found is None:
                        with provenance.unwatched(), provenance.watch() as seen:
                            result = compute(study)
                        made = {"schema": SCHEMA, "runs": list(seen), "result": result}
                        with suppress(StorageError):  # which costs the next call time, and no more
                            runs.write_sealed(path, made)
                        # Through JSON also what was just made: the first call gives what later ones give.
                        found = json.loads(json.dumps(made))
                    _in_memory[name] = found
            found = _in_memory[name]
            for run in study.runs:
                if run.label in found["runs"]:
                    provenance.note(run)
            return found["result"]  # type: ignore[no-any-return]

        return look_up

    return decorate


def _read(path: Path) -> dict[str, Any] | None:
    """What is kept in a file; None where there is none, or one that is damaged: it is computed anew."""
    try:
        return checksums.parse(path.read_bytes(), SCHEMA, path.name)
    except (OSError, ValueError, checksums.OtherVersionError):
        return None


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Wait for another process that computes the same; where nothing can be written, each for itself."""
    lock = FileLock(path.with_name(f".{path.stem}.lock"))
    with ExitStack() as stack:
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(lock)
        yield


def _of_runs(study: Study) -> dict[str, Any]:
    """Data, predictions, which models there are, and which answers of their networks."""
    return {
        "data": [study.data.fingerprint, study.data.order],
        "profile": asdict(study.profile),
        "models": [
            [
                model.name,
                model.reason,
                [
                    [run.label, questions.missing(run, study.profile)]
                    + [
                        checksums.digest(run.predictions[split].logits.tobytes())
                        for split in ("val", "test")
                    ]
                    for run in model.runs
                ],
            ]
            for model in study.models + study.controls
        ],
    }


def _of_data(study: Study) -> dict[str, Any]:
    return {"order": study.data.order}


def _of_ablations(study: Study) -> dict[str, Any]:
    """Which runs there are: a run's name has a hash of all that decides it."""
    return {
        "data": [study.data.fingerprint, study.data.order],
        "profile": asdict(study.profile),
        "models": [[model.name, [run.label for run in model.runs]] for model in study.ablations],
    }


_PARTS = {"runs": _of_runs, "data": _of_data, "ablations": _of_ablations}
