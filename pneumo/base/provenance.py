"""Which runs are behind a figure or a table: noted while it is made, from what of them is read.

A run notes itself when its predictions, its history, its explanation or its manifest are read; what is
computed once and kept notes the runs that it came from.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeAlias, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pneumo.training.runs import Run

    Source: TypeAlias = Run

P = ParamSpec("P")
F = TypeVar("F", bound="Figure")

_open: list[dict[str, "Source"]] = []
_figures: "WeakKeyDictionary[Figure, tuple[Source, ...]]" = WeakKeyDictionary()


@contextmanager
def watch() -> Iterator[dict[str, "Source"]]:
    """What is read inside, by label, in the order in which they are first read."""
    seen: dict[str, Source] = {}
    _open.append(seen)
    try:
        yield seen
    finally:
        _open.pop()


@contextmanager
def unwatched() -> Iterator[None]:
    """Reads that count for nothing: they decide which model is spoken of, and not what is said of it."""
    paused = _open[:]
    _open.clear()
    try:
        yield
    finally:
        _open[:] = paused


def note(source: "Source") -> None:
    """Take down that a run is read; nothing where nobody watches."""
    for seen in _open:
        seen.setdefault(source.label, source)


def drawn(draw: Callable[P, F]) -> Callable[P, F]:
    """A function that draws a figure, and whose figure :func:`behind` knows."""

    @wraps(draw)
    def watched(*arguments: P.args, **options: P.kwargs) -> F:
        with watch() as seen:
            figure = draw(*arguments, **options)
        _figures[figure] = tuple(seen.values())
        return figure

    return watched


def behind(figure: "Figure") -> tuple["Source", ...]:
    """What was read for a figure; nothing for one that shows no model."""
    return _figures.get(figure, ())
