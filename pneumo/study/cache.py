"""Computes what several questions ask of a study once."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from pneumo.study.study import Study

T = TypeVar("T")


def once(compute: Callable[[Study], T]) -> Callable[[Study], T]:
    """Compute once for each study object; its later calls get the same answer."""
    name = f"{compute.__module__}.{compute.__name__}"

    @wraps(compute)
    def look_up(study: Study) -> T:
        known: dict[str, Any] = vars(study).setdefault("_answers", {})
        if name not in known:
            known[name] = compute(study)
        return known[name]  # type: ignore[no-any-return]

    return look_up
