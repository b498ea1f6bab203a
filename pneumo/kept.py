"""What takes seconds to compute from finished runs: computed once, and kept beside them by content."""

import hashlib
import json
from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from filelock import FileLock

from pneumo import paths, runs
from pneumo.study import Study

T = TypeVar("T")

SCHEMA = 1
_in_memory: dict[str, object] = {}


def kept(*modules: str) -> Callable[[Callable[[Study], T]], Callable[[Study], T]]:
    """Keep what a function makes of a study, until the study or the function's source changes.

    What it gives is plain: dictionaries with text for keys, lists, numbers, text, booleans and None.

    Args:
        modules: names of modules of this package whose source decides the result, besides the function's own.
    """

    def decorate(compute: Callable[[Study], T]) -> Callable[[Study], T]:
        own = compute.__module__.removeprefix("pneumo.")
        deciding = tuple(sorted({own, "metrics", "study", *modules}))

        @wraps(compute)
        def look_up(study: Study) -> T:
            name = f"{own}-{compute.__name__}-{_key(study, deciding)}"
            if name not in _in_memory:
                path = paths.home() / "kept" / f"{name}.json"
                path.parent.mkdir(parents=True, exist_ok=True)
                with FileLock(path.with_name(f".{name}.lock")):
                    if not path.is_file():
                        runs.write_json(path, compute(study))
                    # Read back also what was just written: the first call gives what later ones give.
                    _in_memory[name] = json.loads(path.read_text(encoding="utf-8"))
            return _in_memory[name]  # type: ignore[return-value]

        return look_up

    return decorate


def _key(study: Study, modules: tuple[str, ...]) -> str:
    """Sixteen hexadecimal digits that change with the data, any prediction or map, and the source."""
    digest = hashlib.sha256(f"{SCHEMA} {study.data.fingerprint} {study.profile}\n".encode())
    for model in study.models + study.controls:
        digest.update(f"{model.name} {model.reason}\n".encode())
        for run in model.runs:
            digest.update(f"{run.label}\n".encode())
            for split in ("val", "test"):
                digest.update(run.predictions[split].logits.tobytes())
    digest.update(runs.source_digest(modules).encode())
    return digest.hexdigest()[:16]
