"""What takes seconds to compute from finished runs: computed once, and kept beside them by content."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any, Literal, TypeVar

from filelock import FileLock

from pneumo.base import checksums, paths, provenance
from pneumo.base.files import StorageError
from pneumo.study import questions
from pneumo.study.study import Study
from pneumo.training import runs

T = TypeVar("T")

SCHEMA = 3
_BLOCK = 1024  # images that are copied at a time
# The result by the file's name, and the labels of the runs that were read for it.
_in_memory: dict[str, dict[str, Any]] = {}


def kept(
    *modules: str, reads: Literal["runs", "data", "ablations"] = "runs"
) -> Callable[[Callable[[Study], T]], Callable[[Study], T]]:
    """Keep what a function makes of a study, until the study or the function's source changes.

    What it gives is plain: dictionaries with text for keys, lists, numbers, text, booleans and None.

    Args:
        modules: names of modules of this package whose source decides the result, besides the function's own.
        reads: what of the study the function reads; of the rest nothing changes its result. "runs": the data,
            and the runs of models and controls; "data": images and labels; "ablations": the ablations' runs.
    """

    def decorate(compute: Callable[[Study], T]) -> Callable[[Study], T]:
        own = compute.__module__.removeprefix("pneumo.")
        deciding = tuple(sorted({own, "metrics", "study", *modules}))

        @wraps(compute)
        def look_up(study: Study) -> T:
            with provenance.unwatched():
                key = _key(_CONTENTS[reads], study, deciding)
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


def _key(
    contents: Callable[[Study], Iterator[bytes]], study: Study, modules: tuple[str, ...]
) -> str:
    """Sixteen hexadecimal digits that change with what is read of a study, and with the source."""
    digest = hashlib.sha256(f"{SCHEMA}\n".encode())
    for part in contents(study):
        digest.update(part)
    digest.update(runs.source_digest(modules).encode())
    return digest.hexdigest()[:16]


def _contents(study: Study) -> Iterator[bytes]:
    """Data, predictions, which models there are, and which answers of their networks."""
    yield f"{study.data.fingerprint} {study.profile}\n".encode()
    for model in study.models + study.controls:
        yield f"{model.name} {model.reason}\n".encode()
        for run in model.runs:
            yield f"{run.label} lacks {questions.missing(run, study.profile)}\n".encode()
            for split in ("val", "test"):
                yield run.predictions[split].logits.tobytes()


def _contents_of_data(study: Study) -> Iterator[bytes]:
    """Every image and label in order, which the fingerprint does not tell."""
    for name, split in study.data.splits.items():
        yield f"{name} {split.images.shape}\n".encode()
        for start in range(0, len(split.images), _BLOCK):
            yield split.images[start : start + _BLOCK].tobytes()
        yield split.labels.tobytes()


def _contents_of_ablations(study: Study) -> Iterator[bytes]:
    """Which runs there are: a run's name has a hash of all that decides it."""
    yield f"{study.data.fingerprint} {study.profile}\n".encode()
    for model in study.ablations:
        yield f"{model.name} {[run.label for run in model.runs]}\n".encode()


_CONTENTS = {"runs": _contents, "data": _contents_of_data, "ablations": _contents_of_ablations}
