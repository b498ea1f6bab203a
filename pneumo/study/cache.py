"""Remembers what was computed from a study, a run or data, as long as that object exists."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

S = TypeVar("S")
T = TypeVar("T")


def remember(owner: object, name: object, compute: Callable[[], T]) -> T:
    """Return what was computed from `owner` under this name; compute it the first time."""
    known: dict[Any, T] = vars(owner).setdefault("_remembered", {})
    if name not in known:
        known[name] = compute()
    return known[name]


def once(compute: Callable[[S], T]) -> Callable[[S], T]:
    """Compute once for each study; its later calls get the same answer."""

    @wraps(compute)
    def look_up(study: S) -> T:
        return remember(study, compute, lambda: compute(study))

    return look_up
